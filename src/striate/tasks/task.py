"""What a network is for.  A task is a head, a loss, answers in the photo's own pixels, and figures that judge them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from striate.data import Dataset
from striate.errors import ArgumentError
from striate.model import Model
from striate.tasks.detection_recipe import DetectionRecipe, freeze_below

__all__ = ["Judged", "Task", "check_task"]

NAMES = ("classify", "localize", "segment", "detect")


class Judged(NamedTuple):
    """How good a model is on pictures that it did not learn from.

    figures   by name, plain values
    answers   of each picture, in pixels of the data set
    off       (N,) how far off each is, the higher the worse; 0 where all is right
    heads     of the table of classes
    rows      of that table: a class, then figures as text
    judged    the pictures that were judged, where those are not all; None: all
    curves    of each class (recall, precision), for tasks that have them
    """

    figures: dict[str, Any]
    answers: list[Any]
    off: np.ndarray
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    judged: Dataset | None = None
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None


class Task(ABC):
    """Base of the four.  What commands, runs and reports ask of a task, and nothing else.

    name     on the command line
    line     what it answers, for help texts
    figure   the figure that says how good a model is, the higher the better, as ``evaluate`` names it
    epochs   passes over the data where none are asked for
    batch    pictures a step where none are asked for
    """

    name: ClassVar[str] = ""
    line: ClassVar[str] = ""
    figure: ClassVar[str] = ""
    epochs: ClassVar[int] = 30
    batch: ClassVar[int] = 8

    @abstractmethod
    def check(self, data: Dataset) -> None:
        """Raise DataError where the data set has nothing that this task learns.

        data    what is to be learnt from
        """

    @abstractmethod
    def network(self, base: Model, data: Dataset) -> Model:
        """The head of the task on a base.

        base    a network of pictures without its classifier; its layers are shared, not copied
        data    what is to be learnt from

        Raises ArgumentError for a base that the head does not fit.
        """

    @abstractmethod
    def learning(self, model: Model, data: Dataset, *, learnt: bool = False) -> dict[str, Any]:
        """The losses and metrics, as ``Model.compile`` takes them.

        model    what is trained or judged
        data     with the targets
        learnt   whether its base has weights already
        """

    def recipe(self, model: Model, base: Model | None, steps: int) -> dict[str, Any]:
        """The rest of what ``Model.compile`` takes where a user asks for nothing else: optimizer, rates, augmentation.

        model   to be trained
        base    the network with weights that it stands on, whose lowest layers are frozen; None: all learns from nothing
        steps   of the whole training

        Raises ArgumentError for a base that takes no picture.
        """
        if base is not None:
            freeze_below(base)
        return DetectionRecipe().arguments(model, base, steps)

    def settle(self, model: Model, data: Dataset) -> None:  # noqa: B027 (most have nothing to choose)
        """Choose what is left to be chosen once a model is trained, on pictures that it did not learn from.

        model   trained
        data    with targets; nothing is chosen on those that judge the model
        """

    @abstractmethod
    def answers(self, model: Model, pictures: Any, *, engine: str = "auto") -> list[Any]:
        """What the network says of each picture, in the photo's own pixels.

        model      of this task
        pictures   files, bytes, PIL images, uint8 arrays or a Dataset, as ``Model.predict`` takes them
        engine     as for ``Model.predict``
        """

    @abstractmethod
    def judge(self, model: Model, data: Dataset, *, engine: str = "auto") -> Judged:
        """How good a model is on a data set.

        model    of this task
        data     prepared as the model wants it
        engine   as for ``Model.predict``
        """

    @abstractmethod
    def truth(self, data: Dataset, number: int, names: Sequence[str]) -> Any:
        """What should have been answered of a picture, as an answer.

        data     pictures with targets
        number   of the picture
        names    of the classes
        """

    @abstractmethod
    def drawn(
        self, picture: np.ndarray, answer: Any, names: Sequence[str], *, truth: bool = False, times: int = 1
    ) -> np.ndarray:
        """An answer on its picture, uint8 (H · times, W · times, 3).

        picture   uint8 (H, W, 1 or 3), of the size that the answer speaks of
        answer    as ``answers`` gives it
        names     of the classes
        truth     whether it is what should have been answered
        times     a whole factor by which small pictures are enlarged first, so that words can be read
        """

    @abstractmethod
    def facts(self, answer: Any) -> dict[str, Any]:
        """An answer as plain values for JSON.

        answer    as ``answers`` gives it
        """

    @abstractmethod
    def labels(self, answer: Any) -> list[str]:
        """The classes that an answer names, one for each thing in it; of label maps and of guesses each class once.

        answer    as ``answers`` gives it
        """

    @abstractmethod
    def told(self, answer: Any, *, truth: bool = False) -> str:
        """An answer in a line of words.

        answer    as ``answers`` gives it
        truth     whether it is what should have been answered
        """


def check_task(name: str | None) -> None:
    """Raise ArgumentError for a task that is none.

    name    of the task, or None
    """
    if name is not None and name not in NAMES:
        raise ArgumentError(f'there is no task "{name}"; there are {", ".join(NAMES)}.')


def plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as JSON takes them: NumPy's numbers as Python's, rounded to six digits.

    figures   by name
    """

    def value(one: Any) -> Any:
        if isinstance(one, Mapping):
            return {str(key): value(part) for key, part in one.items()}
        if isinstance(one, list | tuple):
            return [value(part) for part in one]
        if isinstance(one, float | np.floating):
            return float(f"{float(one):.6g}")
        return int(one) if isinstance(one, np.integer) else one

    return {key: value(one) for key, one in figures.items()}
