"""The doors: the only modules that open what comes from outside, and that write.

reading     bytes and texts of files, within a budget
parsing     JSON, YAML, XML and tables
packed      zip, tar and gzip
pickles     whether a pickle is a plain tree
arrays      torch files, safetensors, HDF5 and npz
onnx_files  ONNX, looked at before it runs
databases   SQLite
writing     files and folders that are whole or not there
locks       one writer a folder
downloads   files from the web
processes   Python in a process of its own
places      where what can be made again is kept
libraries   what other packages must not do when they are imported

Everything is a stranger's: a file may be cut, damaged, endless or made to do harm.  A door gives whole content within its
budget (``budgets``), or raises one StriateError.  Pictures have a door of their own on top of these,
``data.pictures.decode``, and films ``tasks.video``.  docs/security.md says what is promised; tests/test_doors.py that no
other module opens a file.
"""
