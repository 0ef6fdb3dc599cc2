"""How much one input may take, in one place.  Each is far above what real files hold, and far below what harms a machine."""

from __future__ import annotations

FILE = 1 << 30  # bytes of a file that is read into memory
TEXT = 1 << 29  # bytes of a list, a table or a JSON file of annotations; COCO's largest has 470 million
ANNOTATION = 1 << 24  # bytes of one picture's annotation; a picture with a thousand boxes has 300 kB
SETTINGS = 1 << 22  # bytes of a file of settings: YAML, a run's or a model's description has its own
PIXELS = 1 << 27  # of a picture, 400 MB as RGB: above any camera, far below what a 100 kB "bomb" unpacks to
UNPACKED = 1 << 28  # bytes that one file in a zip may unpack to
ARCHIVE = 1 << 36  # bytes that an archive that is unpacked to disk may hold in all
DOWNLOAD = 1 << 36  # bytes of a file from the web; of weights 4 GiB, and the largest published are 1 GiB
WEIGHTS = 1 << 32  # bytes of a file of published weights
ENTRIES = 5_000_000  # files in an archive
LISTED = 5_000_000  # files and folders that are looked through; ImageNet has 1.4 million pictures
ELSEWHERE = 1_000_000  # at a place outside of its own folder that a file of a stranger names
DEPTH = 100  # brackets in brackets
DIGITS = 4_000  # of one number; Python itself reads no more than 4,300
ROWS = 2_000_000  # of a table; ImageNet's lists have 1.3 million
NAME = 500  # letters of the name of a class or a layer
LABELS = 100_000  # classes of a data set; ImageNet's whole tree has 21,841
NUMBERS = 1 << 30  # that all results of a stranger's network may hold for one picture; VGG-16's hold 3e7
RESULT = 1 << 27  # that one of them may hold
NODES = 100_000  # operations of a network; Inception-ResNet has some 1,500
CALLS = 20_000  # of layers in a network, each time that a nested one is called; NASNet-A large has some 1,300
DEEPEST = 16  # networks nested in networks
AXES = 32  # of an array; NumPy ends at 64
SIZE = 1 << 40  # numbers along one axis
INPUTS = 4_096  # tensors that one call takes
PERIOD = 1 << 17  # cells after which what a cell sees repeats; an upsampling by 32 has 32
