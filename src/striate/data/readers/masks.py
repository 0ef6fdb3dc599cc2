"""A folder of pictures and one of masks, pictures of class numbers with the same names, as CamVid has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from striate.data.dataset import Dataset, Splits
from striate.data.readers.assemble import Options, assemble, reader
from striate.data.readers.files import folders_in, listing, subfolder
from striate.data.readers.name_lists import check_ignored, names_beside, void_among
from striate.data.readers.names import PARTS, class_name, part_of
from striate.data.readers.survey import Item, Survey
from striate.doors.reading import need_folder
from striate.errors import DataError

_PICTURES = ("images", "image", "imgs", "JPEGImages")
_MASKS = ("masks", "mask", "labels", "annotations", "SegmentationClass")
_ENDS = ("", "_mask", "_label", "_labels", "_L", "-mask")


@reader
def read_masks(
    path: str | Path,
    image_size: Any = None,
    channels: int | None = 3,
    *,
    ignored: int | None = None,
    **options: Unpack[Options],
) -> Dataset | Splits:
    """Pictures in images/ with masks in masks/ as a Dataset with label maps; train/images, val/masks, … as Splits.

    A mask is a grey or palette picture of the picture's size; its values are class numbers, put at the size of the pictures
    by the nearest pixel.  A palette of greys says these values; in one of colours the indices are they, as in Pascal VOC.
    Programs that write GIF number colours anew, so a GIF of colours is noted.  A mask has the picture's name, also with
    _mask, _label or _L at the end.

    What the values mean is decided once, over the masks of all parts.  Where there are only 0 and 255, these are the
    classes 0 and 1, also in masks in a format that blurs, whose values are only nearly so: JPEG, AVIF, HEIC, WebP and JPEG
    2000 with losses, TIFF with JPEG inside.  Other masks in such a format are left out, those with a third grey too.  255
    beside other labels counts for nothing, as in Pascal VOC.  Pixels with a label beyond the classes count for nothing,
    too, with a note; a mask most of which is such is left out.  Labels beyond 255 that lie far apart, such as 0, 20000 and
    40000, are no numbers of classes: where there are as many as classes they are these in their order, with a note; where
    nobody says the classes they are refused.  The classes' names are `classes`, or stand in
    classes.txt, names.txt, labels.txt, codes.txt or CamVid's label_colors.txt in the folder or beside the masks, one a line.
    A mask drawn on a photo as it is stored is turned with it where EXIF turns the photo.

    path           of the folder
    ignored        the label of pixels that count for nothing, such as 11 in CamVid; None: the one that is named void or
                   unlabelled, else 255 where it stands apart from the classes.  With resize="pad" it is also that of the
                   padding, which is 0 without it
    """
    survey = scan_masks(path, options.get("classes"), ignored)
    return assemble(survey, image_size, channels, Path(path).resolve().name, options)


def scan_masks(path: str | Path, classes: Sequence[str] | None = None, ignored: int | None = None) -> Survey:
    """The survey of a folder of pictures and masks.

    Raises DataError where there are no such folders, ArgumentError for an `ignored` that no mask can have.
    """
    check_ignored(ignored)
    root = need_folder(path)
    parts = mask_folders(root)
    if not parts:
        raise DataError(f"{root}: expected the folders images and masks in it, or in train, val and test in it.")
    survey = Survey(str(root), "masks")
    beside = dict.fromkeys(folder for _, masks in parts.values() for folder in (masks.parent, masks))
    listed = names_beside(root, *beside) if classes is None else tuple(class_name(str(name)) for name in classes)
    survey.classes, survey.ignored = void_among(listed, ignored)
    for part, (pictures, masks) in parts.items():
        survey.places[part] = str(pictures)
        where = {str(file.relative_to(masks).with_suffix("")): file for file in reversed(listing(masks))}
        used = set()
        for picture in listing(pictures):
            stem = str(picture.relative_to(pictures).with_suffix(""))
            mask = next((where[stem + end] for end in _ENDS if stem + end in where), None)
            if mask is None:
                survey.add("annotation", str(picture), f"no mask of this name in {masks.name}", "skip", part)
            else:
                used.add(mask)
                survey.items.append(Item(str(picture), part, mask=str(mask)))
        for mask in listing(masks):
            if mask not in used:
                survey.add("annotation", str(mask), "there is no picture that it belongs to", "skip", part)
    return survey


def mask_folders(root: Path) -> dict[str, tuple[Path, Path]]:
    """{part: (folder of pictures, folder of masks)}; the part "" where there are none; {} where there are no masks."""
    parts: dict[str, tuple[Path, Path]] = {}
    for name in folders_in(root):
        part = part_of(name)
        pair = _pair(root / name) if part else None
        if part and pair:
            parts[part] = pair
    top = _pair(root)
    if not parts and top:
        for name in folders_in(top[0]):
            part, beside = part_of(name), subfolder(top[1], name)
            if part and beside:
                parts[part] = (top[0] / name, beside)
    ordered = {part: parts[part] for part in PARTS if part in parts}
    return ordered or ({"": top} if top else {})


def _pair(folder: Path) -> tuple[Path, Path] | None:
    pictures, masks = subfolder(folder, *_PICTURES), subfolder(folder, *_MASKS)
    return (pictures, masks) if pictures and masks else None
