"""Tasks that users bring: what is in this picture, where is it, which pixels are it, how many are there?"""

from striate.guard import guard
from striate.tasks import (
    average_precision,
    boxes,
    detection_loss,
    detection_metric,
    detection_recipe,
    detector,
    found,
    label_map,
    localizer,
    rcnn,
    segmentation,
    segmenter,
    video,
    writing,
    yolo,
    yolo_loss,
)
from striate.tasks.answering import PictureAnswer, answer_files
from striate.tasks.classification import Guess, classify
from striate.tasks.detection import Detection, detect
from striate.tasks.ensemble import Ensemble
from striate.tasks.files import FileAnswer, classify_files, write_answers
from striate.tasks.kinds import task_for, task_named, task_of
from striate.tasks.label_map import LabelMap
from striate.tasks.localizer import Localized, localize
from striate.tasks.rcnn import RCNN
from striate.tasks.segmentation import segment
from striate.tasks.task import Judged
from striate.tasks.video import AnnotatedVideo, annotate_video

__all__ = [
    "AnnotatedVideo",
    "Detection",
    "Ensemble",
    "FileAnswer",
    "Guess",
    "Judged",
    "LabelMap",
    "Localized",
    "PictureAnswer",
    "RCNN",
    "annotate_video",
    "answer_files",
    "classify",
    "classify_files",
    "detect",
    "localize",
    "segment",
    "task_for",
    "task_named",
    "task_of",
    "write_answers",
]

guard(__name__)
for _room in (average_precision, boxes, detection_loss, detection_metric, detection_recipe, detector, found, label_map):
    guard(_room.__name__)
for _room in (localizer, rcnn, segmentation, segmenter, video, writing, yolo, yolo_loss):
    guard(_room.__name__)
