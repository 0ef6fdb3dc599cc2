"""A technique's section of a page, or why it is left out."""

from __future__ import annotations

from collections.abc import Callable

from striate.errors import StriateError
from striate.look import Look
from striate.report.html import Section


def attempted(name: str, job: Callable[[], Look]) -> Section:
    """The section of what `job` gives; where it does not apply to the network or the picture, the reason in its place."""
    try:
        return job().section()
    except StriateError as error:
        return Section(name.replace(" ", "-"), name.capitalize(), f"Left out: {error}")
