"""Answers as files of other tools, so that they can be corrected in any of them and come back as a data set.

Of boxes (`Detection`, `Localized`): COCO, Pascal VOC, YOLO, CSV, JSON lines.  Of label maps: pictures of class numbers, or
the share of each class as CSV.  ``data.write`` does the same with a data set.
"""

from striate.data.writers.boxes import BoxFormat, write_boxes
from striate.data.writers.label_maps import write_label_maps
from striate.data.writers.records import Pictures

__all__ = ["BoxFormat", "Pictures", "write_boxes", "write_label_maps"]
