"""R-CNN: regions are proposed, each is warped to one size and looked at by a network on its own.

Girshick et al. 2014, "Rich feature hierarchies for accurate object detection and semantic segmentation".
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from striate import layers
from striate.data import Dataset, Preprocessing
from striate.described import whole
from striate.doors import budgets
from striate.doors.parsing import read_json
from striate.doors.writing import atomic_write
from striate.errors import ArgumentError, BundleError, DataError, StriateError
from striate.intake import Decoding
from striate.intake.decoding import as_decoding
from striate.model import Model
from striate.models import load_model
from striate.tasks.average_precision import AveragePrecision, Detections, Truth, average_precision
from striate.tasks.boxes import suppress
from striate.tasks.detection import Detection, named
from striate.tasks.proposals import NAMED, Proposals, proposed, proposer
from striate.tasks.region_learning import Samples, ridge, scorers
from striate.tasks.regions import crops, shifted
from striate.tasks.sources import each_of
from striate.wording import inner, plural

__all__ = ["RCNN"]

Progress = Callable[[str, int, int], None]
_FILE = "rcnn.json"


class RCNN:
    """A base that looks at each proposed region, a classifier of regions, and a regression of their boxes.

    base         a network of pictures without its classifier, whose output is maps; its layers are shared.  Regions are
                 warped to its input's size
    classes      the names of the kinds of things
    proposals    "selective_search" (the extra ``rcnn``), "sliding_windows", or a function of your own: a picture uint8
                 (H, W, C) -> boxes (n, 4)
    classifier   "svm": a linear one for each class, as in the paper; its scores are the margins brought to 0 to 1 by a
                 sigmoid, so 0.5 is the border.  "softmax": one regression over the classes and the ground
    context      pixels of the network's input, on each side, that show what is around a region; None: 16 of 227, as in the
                 paper
    most         proposals of a picture that are looked at
    decoding     which boxes are said; None: scores from 0.05 on, and of those of a class that overlap by more than 0.3 the
                 surest, as in the paper

    ``fit`` learns, ``detect`` finds, ``judge`` says how well; ``save`` and ``RCNN.load`` keep it.  Raises ArgumentError for
    a base whose output is not maps, and for an argument that is not known.
    """

    def __init__(
        self,
        base: Model,
        classes: Sequence[str],
        *,
        proposals: str | Proposals = "selective_search",
        classifier: str = "svm",
        context: int | None = None,
        most: int = 2000,
        decoding: Decoding | None = None,
    ) -> None:
        self._propose = proposer(proposals)
        self.proposals = proposals if isinstance(proposals, str) else None
        self._name(classes, classifier)
        self.network = _region_network(base, len(self.classes), classifier)
        side = min(self.network.intake.shape[:2])
        self._look(round(16 * side / 227) if context is None else context, most)
        self.decoding = Decoding(overlap=0.3) if decoding is None else decoding
        self.fill: tuple[int, ...] = (127,) * self.network.intake.shape[2]
        self.fitted = False

    def _name(self, classes: Any, classifier: Any) -> None:
        """Take the classes and the way they are told apart.  Raises ArgumentError for what is none."""
        self.classes = () if isinstance(classes, str | Mapping) else tuple(map(str, classes))
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise ArgumentError(f"RCNN: classes are different names, at least one, not {classes!r}.")
        if classifier not in ("svm", "softmax"):
            raise ArgumentError(f'RCNN: classifier is "svm" or "softmax", not {classifier!r}.')
        self.classifier = classifier

    def _look(self, context: int, most: int) -> None:
        """Take what is seen around a region and how many are looked at.  Raises ArgumentError for what is out of range."""
        side = min(self.network.intake.shape[:2])
        self.context, self.most = whole("RCNN", "context", context, 0), whole("RCNN", "most", most)
        if context >= side / 2:
            raise ArgumentError(f"RCNN: context is less than half of the network's {side} pixels, not {context}.")

    @property
    def decoding(self) -> Decoding:
        """Which boxes are said.

        Setting it raises ArgumentError for what is no Decoding.
        """
        return self._decoding

    @decoding.setter
    def decoding(self, settings: Decoding) -> None:
        self._decoding = as_decoding(settings, "RCNN: decoding")

    # -- learning -------------------------------------------------------------------------------------------------------
    def fit(
        self,
        data: Dataset,
        *,
        positive: float = 0.5,
        negative: float = 0.3,
        near: float = 0.6,
        decay: float = 1000.0,
        regions: int = 64,
        epochs: int = 0,
        rate: float = 1e-3,
        batch_size: int = 128,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> RCNN:
        """Learn from pictures with boxes.

        data         pictures with boxes; those without any teach what is none.  Boxes that are ignored are left out, and
                     so are regions that lie on them
        positive     overlap with a box from which on a region counts as its class, when the base is tuned and for "softmax"
        negative     overlap with every box of a class below which a region is none of it; of the softmax, with any box
        near         overlap from which on a region learns where its box should be
        decay        of that regression (ridge), the paper's lambda
        regions      of a picture that are learnt from, at most; a quarter of them things, as in the paper's batches
        epochs       in which the base itself is tuned on the regions first; 0: it stays as it is
        rate         of that training, by SGD with momentum 0.9
        batch_size   of that training
        seed         of all draws
        progress     called as progress(what is done, so many done, so many in all)

        The paper mines hard negatives since its regions do not fit into memory; here all that are drawn are learnt from.
        Raises DataError for data without boxes or with other classes, ArgumentError for values out of range.
        """
        self._check(data, positive, negative, near, decay, regions, epochs, batch_size)
        rng = np.random.default_rng(seed)
        colours = [np.asarray(data.x[i]).reshape(-1, data.shape[2]).mean(0) for i in range(len(data))]
        self.fill = tuple(round(float(value)) for value in np.mean(colours, 0))
        samples = Samples()
        for i in range(len(data)):
            pixels, there = np.asarray(data.x[i]), _truth(data, i)
            found = proposed(self._propose, pixels)[: self.most]
            chosen = samples.draw(found, there, len(self.classes), positive, negative, near, regions, rng)
            samples.crops.append(self._crops(pixels, chosen))
            _say(progress, "regions", i + 1, len(data))
        samples.join()
        if epochs:
            self._tune(samples, epochs, rate, batch_size, seed)
        vectors, maps = self._features(samples.crops[0], progress)
        _say(progress, "classifier", 0, 1)
        weights, bias = scorers(vectors, samples, len(self.classes), self.classifier, negative, seed)
        _say(progress, "boxes", 0, 1)
        moves, constant = ridge(maps, samples, len(self.classes), near, decay)
        heads = {layer.name: layer for layer in self.network.layers}
        heads["scores"].set_weights([weights.T.astype(np.float32), bias.astype(np.float32)])
        heads["offsets"].set_weights([moves.T.astype(np.float32), constant.astype(np.float32)])
        self.fitted = True
        return self

    def _check(
        self,
        data: Dataset,
        positive: float,
        negative: float,
        near: float,
        decay: float,
        regions: int,
        epochs: int,
        batch_size: int,
    ) -> None:
        if data.boxes is None or data.box_labels is None:
            raise DataError(f"{data.name}: has no boxes, and R-CNN learns where things are.")
        if data.classes is not None and tuple(data.classes) != self.classes:
            raise DataError(
                f"{data.name}: its classes are {', '.join(data.classes)}; R-CNN has {', '.join(self.classes)}."
            )
        if not any(map(len, data.boxes)):
            raise DataError(f"{data.name}: none of its {plural(len(data), 'picture')} has a box.")
        if data.shape[2] != self.network.intake.shape[2]:
            raise DataError(
                f"{data.name}: pictures have {plural(data.shape[2], 'channel')}, the base takes "
                f"{self.network.intake.shape[2]}."
            )
        if not (0 <= negative <= 1 and 0 < positive <= 1 and 0 < near <= 1):
            raise ArgumentError("RCNN.fit: positive, negative and near are overlaps, from 0 to 1.")
        whole("RCNN.fit", "regions", regions, 4)
        whole("RCNN.fit", "epochs", epochs, 0)
        whole("RCNN.fit", "batch_size", batch_size)
        if decay <= 0:
            raise ArgumentError(f"RCNN.fit: decay is above 0, not {decay}.")

    def _tune(self, samples: Samples, epochs: int, rate: float, batch_size: int, seed: int) -> None:
        """Train the base to tell the regions apart, the ground as one more class: section 2.3 of the paper."""
        from striate.train import optimizers

        vector = next(layer for layer in self.network.layers if layer.name == "vector").output
        answer = layers.Dense(len(self.classes) + 1, activation="softmax")(vector)
        model = Model(self.network.inputs, answer)
        model.preprocessing = self.network.preprocessing
        model.compile(optimizers.SGD(rate, momentum=0.9), "sparse_categorical_crossentropy")
        labels = np.where(samples.labels < 0, len(self.classes), samples.labels)
        some = samples.clear
        picked = Dataset(samples.crops[0][some], labels[some], (*self.classes, "ground"))
        assert model.preprocessing is not None
        picked.preprocessing = model.preprocessing
        model.fit(picked, epochs=epochs, batch_size=batch_size, seed=seed, verbose=0)

    def _features(self, pictures: np.ndarray, progress: Progress | None) -> tuple[np.ndarray, np.ndarray]:
        """What the two heads read, for each region."""
        ends = {layer.name: layer.output for layer in self.network.layers if layer.name in ("vector", "maps")}
        model = Model(self.network.inputs, {"vector": ends["vector"], "maps": ends["maps"]})
        model.preprocessing = self.network.preprocessing
        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, len(pictures), 512):
            parts.append(model.predict(pictures[start : start + 512]))
            _say(progress, "features", min(start + 512, len(pictures)), len(pictures))
        return np.concatenate([p["vector"] for p in parts]), np.concatenate([p["maps"] for p in parts])

    def _crops(self, pixels: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        return crops(pixels, boxes, self.network.intake.shape[:2], self.context, self.fill)  # type: ignore[arg-type]

    # -- finding --------------------------------------------------------------------------------------------------------
    def detect(
        self, pictures: Any, *, engine: str = "auto", progress: Progress | None = None, **settings: Any
    ) -> list[list[Detection]]:
        """The things in each picture, the surest first, in pixels of the photo itself.

        pictures   files, bytes, PIL images, uint8 arrays or a Dataset
        engine     as for ``Model.predict``
        progress   called as progress("pictures", so many done, so many in all)
        settings   in place of those in `decoding`: `least`, `overlap`, `most`, `considered`

        Raises ArgumentError before ``fit``, DataError for a picture that cannot be read.
        """
        decoding = Decoding.from_dict(self.decoding.to_dict() | settings)
        found = self._each(pictures, engine, progress, decoding)
        return [named(one, self.classes) for one in found]

    def _each(self, pictures: Any, engine: str, progress: Progress | None, decoding: Decoding) -> list[Detections]:
        """What is in each picture, as arrays."""
        reading = Preprocessing(channels=self.network.intake.shape[2])
        sources: Any = pictures.x if isinstance(pictures, Dataset) else pictures
        listed = each_of(sources)
        found = []
        for i, source in enumerate(listed):
            found.append(self.find(reading.pixels(source), engine=engine, decoding=decoding))
            _say(progress, "pictures", i + 1, len(listed))
        return found

    def judge(self, data: Dataset, *, engine: str = "auto", progress: Progress | None = None) -> AveragePrecision:
        """How good the boxes are that it finds, as ``tasks.average_precision.average_precision`` counts it.

        data       pictures with boxes
        engine     as for ``Model.predict``
        progress   called as progress("pictures", so many done, so many in all)

        Raises DataError for data without boxes.
        """
        if data.boxes is None or data.box_labels is None:
            raise DataError(f"{data.name}: has no boxes to judge by.")
        return average_precision(
            [_truth(data, i) for i in range(len(data))],
            self._each(data, engine, progress, self.decoding),
            self.classes,
        )

    def find(self, pixels: np.ndarray, *, engine: str = "auto", decoding: Decoding | None = None) -> Detections:
        """What is in one picture, as arrays in its pixels.

        pixels     uint8 (H, W, C)
        engine     as for ``Model.predict``
        decoding   in place of the model's own

        Raises ArgumentError before ``fit``.
        """
        if not self.fitted:
            raise ArgumentError("this R-CNN has not learnt yet: call fit with pictures that have boxes.")
        decoding = self.decoding if decoding is None else as_decoding(decoding, "find: decoding")
        regions = proposed(self._propose, pixels)[: self.most]
        if not len(regions):
            return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
        said = self.network.predict(self._crops(pixels, regions), engine=engine)
        scores = said["scores"][:, : len(self.classes)]
        place, label = np.nonzero(scores >= decoding.threshold)
        sure = scores[place, label]
        if len(sure) > decoding.considered:
            best = np.sort(np.argpartition(-sure, decoding.considered)[: decoding.considered])
            place, label, sure = place[best], label[best], sure[best]
        moves = said["offsets"].reshape(len(regions), len(self.classes), 4)[place, label]
        boxes = shifted(regions[place], moves, pixels.shape[:2])  # type: ignore[arg-type]
        kept, sure = suppress(boxes, sure, label, overlap=decoding.overlap, most=decoding.most)
        return Detections(boxes[kept], sure, label[kept])

    # -- files ----------------------------------------------------------------------------------------------------------
    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the network of the regions and what goes with it into a folder.

        path   of the folder

        A function of your own that proposes is not written; give it to ``RCNN.load`` again.  Raises BundleError where it
        cannot be written.
        """
        target = self.network.save(path)
        facts = {
            "classes": self.classes,
            "proposals": self.proposals,
            "classifier": self.classifier,
            "context": self.context,
            "most": self.most,
            "decoding": self.decoding.to_dict(),
            "fill": self.fill,
            "fitted": self.fitted,
        }
        atomic_write(target / _FILE, json.dumps(facts, indent=1, ensure_ascii=False))
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, proposals: str | Proposals | None = None) -> RCNN:
        """What ``save`` wrote.

        path        of the folder
        proposals   a function of your own, where it had one, or another name

        Raises BundleError for a folder that holds no R-CNN, ArgumentError where a function of your own is missing.
        """
        file = Path(path) / _FILE
        try:
            facts = read_json(file, budgets.SETTINGS)
            chosen = proposals if proposals is not None else facts["proposals"]
            if chosen is None:
                raise ArgumentError(
                    f"{path}: its regions are proposed by a function of your own. Give it: "
                    f"RCNN.load(path, proposals=...), or one of {', '.join(NAMED)}."
                )
            made = cls.__new__(cls)
            made._propose, made.proposals = proposer(chosen), chosen if isinstance(chosen, str) else None
            for name, kind in (("classes", list), ("context", int), ("most", int), ("fill", list), ("fitted", bool)):
                if type(facts[name]) is not kind:
                    raise DataError(f"{name} is a {kind.__name__}, not {facts[name]!r}")
        except ArgumentError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleError(f"{path}: holds no R-CNN that can be read ({_FILE}: {inner(error)}).") from None
        made.network = load_model(path)
        graph = made.network.graph.check()
        if sorted(graph.output_names) != ["offsets", "scores"]:
            raise BundleError(f"{path}: its network is not one of R-CNN's, with the outputs scores and offsets.")
        try:
            if not all(type(name) is str for name in facts["classes"]):
                raise DataError(f"classes are names, not {facts['classes']!r}")
            made._name(facts["classes"], facts["classifier"])
            made._look(facts["context"], facts["most"])
            made.decoding, made.fitted = Decoding.from_dict(facts["decoding"]), facts["fitted"]
            made.fill = _colour(facts["fill"], made.network.intake.shape[2])
            count = len(made.classes)
            wanted = {"scores": count + (made.classifier == "softmax"), "offsets": 4 * count}
            have = dict(zip(graph.output_names, (shape[-1] for shape in graph.output_shapes), strict=True))
            if have != wanted:
                raise DataError(
                    f"its {plural(count, 'class')} by {made.classifier} want {wanted}; the network has {have}"
                )
        except (StriateError, KeyError) as error:
            raise BundleError(f"{path}: holds no R-CNN that can be read ({_FILE}: {inner(error)}).") from None
        return made


def _colour(values: Sequence[Any], channels: int) -> tuple[int, ...]:
    """A colour of whole numbers, one a channel.  Raises DataError for what is none."""
    if len(values) != channels or not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise DataError(f"fill is a number from 0 to 255 for each of {plural(channels, 'channel')}, not {values!r}")
    return tuple(values)


def _region_network(base: Model, classes: int, classifier: str) -> Model:
    """Two linear heads on the base's maps: of their mean, the scores; of a 3 x 3 grid of means, where the box is."""
    graph = base.graph.check()
    if len(graph.outputs) != 1 or len(graph.output_shapes[0]) != 3 or len(graph.input_shapes) != 1:
        raise ArgumentError(
            f"R-CNN stands on maps (h, w, C) of one picture; the base gives {graph.output_shapes}. Give include_top=False, "
            "without pooling."
        )
    if None in graph.input_shapes[0] or graph.input_shapes[0][2] not in (1, 3):
        raise ArgumentError(f"R-CNN warps regions to pictures (H, W, 1 or 3) of one size, not {graph.input_shapes[0]}.")
    last = graph.outputs[0]
    grid = (min(3, last.sizes[0]), min(3, last.sizes[1]))
    vector = layers.GlobalAveragePooling2D(name="vector")(last)
    maps = layers.Flatten(name="maps")(layers.AdaptiveAveragePooling2D(grid)(last))
    if classifier == "svm":
        scores = layers.Dense(classes, activation="sigmoid", name="scores")(vector)
    else:
        scores = layers.Dense(classes + 1, activation="softmax", name="scores")(vector)
    offsets = layers.Dense(4 * classes, name="offsets")(maps)
    model = Model(base.inputs, {"scores": scores, "offsets": offsets})
    model.preprocessing = base.preprocessing or Preprocessing.for_model(graph.input_shapes[0])
    return model


def _truth(data: Dataset, i: int) -> Truth:
    assert data.boxes is not None
    assert data.box_labels is not None
    return Truth(data.boxes[i], data.box_labels[i], None if data.box_ignored is None else data.box_ignored[i])


def _say(progress: Progress | None, what: str, done: int, whole: int) -> None:
    if progress is not None:
        progress(what, done, whole)
