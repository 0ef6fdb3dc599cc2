"""What keeps a reader from reading a data set: one answer, which the readers raise and the check reports."""

from __future__ import annotations

from collections.abc import Container, Sequence

from striate.data.dataset import Skipped
from striate.data.readers.survey import Item, Remark, Survey
from striate.wording import inner, plural

_WHAT = {
    "classes": "picture in a class's folder",
    "csv": "picture with a label",
    "masks": "picture with a mask",
}  # the others have boxes


def refusals(survey: Survey, kept: Sequence[Item]) -> list[Remark]:
    """Why a reader refuses the data set; empty where it reads it.

    kept   the pictures of all parts that can be learned from
    """
    return refusals_unopened(survey) or [
        refusal
        for part in survey.parts
        if (refusal := refusal_of_part(survey, part, [item for item in kept if item.part == part]))
    ]


def refusals_unopened(survey: Survey) -> list[Remark]:
    """What is known before a picture is opened: no classes, no part to train on, a remark that says stop, no picture."""
    if survey.kind == "pictures":
        count = len(survey.items) + sum(each.effect == "skip" for each in survey.remarks)
        what = f"{plural(count, 'file')} but no folder with a class's" if count else "no"
        return [_refusal(survey.root, f"has {what} pictures. Expected <class>/<picture> in it.")]
    if survey.lacking:
        return [_refusal(survey.root, survey.lacking)]
    stops = [each for each in survey.remarks if each.effect == "stop"]
    if stops or survey.items:
        return stops
    skips = [Skipped(each.files[0], each.detail) for each in survey.remarks if each.effect == "skip"]
    return [_refusal(survey.root, _nothing(survey, skips))]


def refusal_of_part(
    survey: Survey,
    part: str,
    kept: Sequence[Item],
    classes: Sequence[str] | None = None,
    skipped: Sequence[Skipped] = (),
) -> Remark | None:
    """Why a reader refuses a part of which these pictures are kept: there is none, or they are all of one class.

    classes   the classes' names where they are given; None: those of the pictures of the first part
    skipped   what is left out of the part, the first of which is named
    """
    where = survey.places.get(part, survey.root)
    if not kept:
        return _refusal(where, _nothing(survey, skipped), part)
    if survey.kind != "classes" or part != survey.parts[0]:
        return None
    names = sorted({str(item.label) for item in kept}) if classes is None else classes
    if len(names) > 1:
        return None
    bare = bare_folders(survey, part, kept)
    left_out = f" ({', '.join(bare)} has no readable picture)" if bare else ""
    return _refusal(
        where,
        f'one class only, "{names[0]}"{left_out}. A classifier needs two; give the folder that holds the class folders.',
        part,
    )


def lacks_class(item: Item, classes: Container[str | None]) -> str:
    """Why a picture is left out, whose class is none of these, the ones that can be learned; "" where it is one."""
    return "" if item.label in classes else f'its class "{item.label}" has no readable picture in train'


def bare_folders(survey: Survey, part: str, kept: Sequence[Item]) -> list[str]:
    """The folders of classes of a part of which no picture is kept, sorted."""
    where = survey.places.get(part, survey.root)
    every = {item.label: item.name for item in survey.of(part)}
    names = [every[label] for label in every.keys() - {item.label for item in kept}]
    return sorted(f"{where}/{name.removeprefix(f'{where}/').split('/')[0]}" for name in names)


def _nothing(survey: Survey, skipped: Sequence[Skipped]) -> str:
    first = f" The first, {skipped[0].path}: {inner(skipped[0].reason)}." if skipped else ""
    return f"has no {_WHAT.get(survey.kind, 'picture with boxes')} that can be read.{first}"


def _refusal(where: str, detail: str, part: str = "") -> Remark:
    return Remark("unusable", (where,), detail, "stop", part)
