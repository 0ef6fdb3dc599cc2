"""The explorer: a network as one HTML file that opens by a double click and computes its maps in the browser.

explorer.py puts the file together; told.py says what the page is told of the network; blocks.py and placing.py how its
picture folds and where its boxes stand; weights.py the network that runs in it; samples.py the pictures that travel along.
workshop.py is what becomes of a network that a reader changes, by striate's own rules in the reader's browser; editing.py
and python.py are what the page carries for that.  ``web`` holds the page itself: plain modules of JavaScript, which nothing
builds, and ``web/vendored`` what others wrote.
"""
