"""Transfer in three stages: a head on features, the frozen base with augmentation, fine-tuning of its last layers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from striate import messages
from striate.data import Dataset, Preprocessing, Splits
from striate.data.checks.check import first_look
from striate.data.learnt import LEARNT, learnt_from
from striate.data.sets.catalog import from_anywhere
from striate.doors.writing import remove
from striate.errors import ArgumentError
from striate.graph import Layer
from striate.interrupts import goes_on, typed
from striate.layers.augment_words import by_words, words_of
from striate.model import Model
from striate.runs import read_record, write_record
from striate.runs.folders import check_folder, run_folder, under_way
from striate.runs.networks import levels
from striate.runs.training import called_again, recorded_of
from striate.seed import set_seed
from striate.ship.choose import KINDS, check_engine
from striate.train.callbacks import Callback, ProgressBar
from striate.transfer.feature_files import base_of, features
from striate.transfer.network import assemble, freeze, trainable, twin, usual_augmentation
from striate.transfer.parts import parts, read, right_of_each
from striate.transfer.stages import Stage, line, table, which
from striate.transfer.watching import Best, Log, Rest, Until
from striate.wording import lasting, plural

LOSS = "sparse_categorical_crossentropy"
STATE = ".stage-{}"  # folder of the state of a stage that is not over


@dataclass
class Transfer:
    """What ``fit`` leaves: the saved model of the best stage, and what every stage reached.

    folder      where the model and its report are
    model       takes raw photos: it has the preprocessing and the classes
    stages      in their order
    scratch     the same network without what the base had learnt, trained for as long; None unless asked for
    validation  how many pictures the stages were compared on; the kept one's figures there are therefore a little
                flattering
    test        figures of the kept stage on the test part, which had no say; None where the data has none
    features    {"computed": …, "from disk": …} pictures
    history     of the epochs of stages 2 and 3, one after the other
    seconds     in all
    skipped     how many files could not be read
    report      the page, or None
    classes     of each class how many of the pictures that were judged on last (test, else validation) are right, and how
                many there are
    """

    folder: Path
    model: Model
    stages: list[Stage]
    scratch: Stage | None
    validation: int
    test: dict[str, float] | None
    features: dict[str, int]
    history: dict[str, list[float]]
    seconds: float
    skipped: int = 0
    report: Path | None = None
    classes: dict[str, list[int]] = field(default_factory=dict)

    @property
    def kept(self) -> Stage:
        """The stage that the saved model is of."""
        return next(stage for stage in self.stages if stage.kept)

    def __str__(self) -> str:
        return table(self.stages, self.scratch)


@dataclass
class _Run:
    """The network while it goes through its stages, and the best that it has been."""

    net: Model
    base: Model
    train: Dataset
    held: Dataset
    batch_size: int
    seed: int
    verbose: str | int
    precision: str
    stages: list[Stage] = field(default_factory=list)
    history: dict[str, list[float]] = field(default_factory=dict)
    best: list[Any] = field(default_factory=list)

    def judge(self, name: str, started: float, learnt: int, epochs: int = 0, note: str = "") -> Stage:
        """Measure the network as it is; the best stage so far is kept."""
        reached = self.net.evaluate(self.held, return_dict=True, verbose=0)
        seconds = time.perf_counter() - started
        stage = Stage(name, reached["accuracy"], reached["loss"], seconds, learnt, epochs, note)
        if not self.stages or stage.rank > max(other.rank for other in self.stages):
            self.best = self.net.get_weights()
            for other in self.stages:
                other.kept = False
            stage.kept = True
        self.stages.append(stage)
        return stage

    def learn(
        self, rate: float, epochs: int, callbacks: Sequence[Callback], folder: Path | None = None, number: int = 0
    ) -> int:
        """Train what is not frozen; returns how many epochs it took.

        folder   where the table of epochs is written, and the state is kept from which the stage can go on
        number   of the stage
        """
        state = None if folder is None else folder / STATE.format(number)
        if folder is not None:
            _state_folder(folder, number)
        log = [] if folder is None else [Log(folder / "metrics.csv", append=True, stage=number)]
        set_seed(self.seed)  # the same whether features were computed or lay on disk
        self.net.compile(_optimizer(rate), LOSS, metrics=["accuracy"], precision=self.precision)
        history = self.net.fit(
            self.train,
            validation_data=self.held,
            batch_size=self.batch_size,
            epochs=epochs,
            seed=self.seed,
            verbose=self.verbose,
            callbacks=[*callbacks, *log],
            resume=state if os.environ.get("WORLD_SIZE", "1") == "1" else None,  # under torchrun no state is kept
        )
        self.precision = self.net._compiled().precision
        for key, values in history.history.items():
            self.history.setdefault(key, []).extend(values)
        return len(history.epoch)


def _optimizer(rate: float) -> Any:
    from striate.train import optimizers

    return optimizers.Adam(rate)


def fit(
    data: str | os.PathLike[str] | Dataset | Splits,
    base: Model | str = "mobilenet",
    weights: str | os.PathLike[str] | None = None,
    *,
    variant: dict[str, Any] | None = None,
    stages: int = 3,
    unfreeze: int | str = 1,
    augment: str | Sequence[Layer] | None = None,
    precision: str = "auto",
    dropout: float = 0.2,
    learning_rate: float = 3e-4,
    epochs: int = 15,
    patience: int = 4,
    batch_size: int = 16,
    validation: float = 0.2,
    scratch: bool = False,
    folder: str | os.PathLike[str] | None = None,
    cache: bool | str | os.PathLike[str] = True,
    engine: str = "auto",
    seed: int = 0,
    verbose: str | int = 0,
    report: bool = True,
    say: Callable[[str], Any] | None = None,
    resume: bool = False,
) -> Transfer:
    """Put what a base has learnt to use on photos of one's own, in up to three stages; the best on validation is saved.

    1. Features of the pictures, and of their mirror images, through the frozen base, onto disk; on them a head
       (``fit_head``).
    2. The frozen base behind augmentation, with dropout: the head learns on.
    3. From the better of these, the last layers of the base (``freeze``) learn too, at a tenth of the rate.

    data        a folder of photos (``data.load``), a Dataset or Splits
    base        a model without a head, or an architecture's name with `weights` (as for ``zoo.create``) and `variant`
    stages      how many of the three
    unfreeze    stages (sizes of maps) of the base that stage 3 trains, from the end, or the first layer's name
    augment     words such as "flip,crop,colour", as ``train_run`` takes them, or layers in front of the base; None:
                mirrored, turned, shifted and scaled a little
    precision   of stages 2 and 3: "float32", "bf16", "fp16" or "auto", as for ``Model.compile``
    dropout     in front of the head
    learning_rate   of stage 2; stage 3 has a tenth
    batch_size  pictures a step
    seed        of folds, shuffling, dropout and augmentation
    verbose     as for ``Model.fit``; above 0 also which stage begins, how long it may take, and what it reached
    report      whether report.html is written
    epochs      at most, of stages 2 and 3 each; they stop `patience` epochs after the validation pictures last came out
                better, and go back to the best: most right answers, then the lowest loss
    validation  part of the training pictures that is held out where the data has no validation part
    scratch     also train the same network without what the base had learnt, for as long as the three stages took
    folder      where the model and its report go (``runs/<data>-<base>``)
    cache       of the features, as for ``features``
    engine      of the features, as for ``features``; for "fast" the engines are measured first, on the training pictures,
                which set the ranges of 8 bits too.  What the other stages learn by is torch
    say         is given a line of text after each stage
    resume      go on with the run in `folder` that was broken off, given the same arguments again

    The folder is that of ``train_run``: model, report.html, metrics.csv (a row an epoch, with its stage), and run.json, from
    which ``resume_transfer`` goes on.
    Raises ArgumentError for a base without weights or with its classes on, DataError for fewer than two classes or a
    class with fewer than two pictures.
    """
    from striate.train.plan import check_epochs, check_precision

    check_epochs(epochs)
    check_precision(precision)
    check_engine(engine)
    words_of(augment)  # an error now for a word that is none
    if folder is not None:
        check_folder(Path(folder))
    asked: dict[str, Any] = {
        "data": data,
        "base": base,
        "weights": weights,
        "variant": variant,
        "stages": stages,
        "unfreeze": unfreeze,
        "augment": augment,
        "precision": precision,
        "dropout": dropout,
        "learning_rate": learning_rate,
        "epochs": epochs,
        "patience": patience,
        "batch_size": batch_size,
        "validation": validation,
        "scratch": scratch,
        "cache": cache if isinstance(cache, bool) else str(cache),
        "engine": engine,
        "seed": seed,
        "report": report,
    }
    if stages not in (1, 2, 3):
        raise ArgumentError(f"transfer: there are stages 1, 2 and 3, not {stages!r}.")
    started = time.perf_counter()
    set_seed(seed)
    given = base_of(base, weights, variant)
    trunk = given if isinstance(base, str) else twin(given, weights=True)  # a user's model stays as it is
    trunk.preprocessing = given.preprocessing or Preprocessing.for_model(given.graph.input_shapes[0])
    freeze(trunk, unfreeze)  # so that a wrong name is an error now
    if verbose and isinstance(data, str | os.PathLike) and Path(data).exists():
        first_look(data)
    splits, name = read(data, trunk)
    train, held, test = parts(splits, trunk, validation, seed)
    classes = len(train.classes or ())
    trunk.preprocessing = train.preprocessing
    freeze(trunk)
    shape = trunk.graph.input_shapes[0]
    changes = usual_augmentation() if augment is None else by_words(augment, shape, levels(trunk.preprocessing, shape))
    net, head = assemble(trunk, classes, changes, dropout)
    held_folder = run_folder(folder, f"{name}-{trunk.name or 'base'}", "the transfer", resume=resume)
    with held_folder as (target, place), goes_on(_how_to_go_on(target, asked)):
        if place == target and not resume:
            for number in (2, 3):
                remove(target / STATE.format(number))
        write_record(place, asked, "transfer")
        _state_folder(place, 2)  # until the run is over
        run = _Run(net, trunk, train, held, batch_size, seed, verbose, precision)
        told = say or (messages.say if verbose else lambda text: None)
        going = messages.say if verbose else lambda text: None
        going(
            f"stage 1 of {stages}: features of {plural(len(train), 'picture')} and their mirror images, and a head on them"
        )
        counts = _first(run, head, classes, cache, engine)
        told(line(run.stages[-1]))
        if stages > 1:
            begun = time.perf_counter()
            going(f"stage 2 of {stages}: the frozen base behind augmentation; at most {plural(epochs, 'epoch')}")
            taken = run.learn(learning_rate, epochs, [Best(patience), Rest(f"stage 2 of {stages}", going)], place, 2)
            told(line(run.judge("frozen base, augmented", begun, trainable(net), taken)))
        if stages > 2:
            begun = time.perf_counter()
            net.set_weights(run.best)
            freeze(trunk, unfreeze)
            going(f"stage 3 of 3: the {which(unfreeze)} of the base fine-tuned; at most {plural(epochs, 'epoch')}")
            taken = run.learn(learning_rate / 10, epochs, [Best(patience), Rest("stage 3 of 3", going)], place, 3)
            told(line(run.judge(f"fine-tuned {which(unfreeze)}", begun, trainable(net), taken)))
        spent = time.perf_counter() - started
        contrast = None
        if scratch:
            going(f"for contrast: the same network from scratch, for as long ({lasting(spent)})")
            contrast = _scratch(run, changes, dropout, learning_rate, spent)
            told(line(contrast))
        net.set_weights(run.best)
        net.labels, net.preprocessing = list(train.classes or ()) or None, train.preprocessing
        kept = next(stage for stage in run.stages if stage.kept)
        tested = None if test is None else net.evaluate(test, return_dict=True, verbose=0)
        judged = held if test is None else test
        net.scores = {
            "judged on": f"{judged.name}: {plural(len(judged), f'held-out {judged.noun}')}"
            + (", on which the stage was chosen too" if test is None else ""),
            **({"accuracy": kept.accuracy, "loss": kept.loss} if tested is None else tested),
        }
        lost = list(dict.fromkeys(file for part in splits if part is not None for file in part.skipped))
        every = [*run.stages, *([contrast] if contrast else [])]
        net.facts = {
            "base": trunk.name,
            "weights": None if weights is None else str(weights),
            **{stage.name: line(stage, named=False) for stage in every},
            "kept": kept.name,
            "features": f"{counts['computed']} computed, {counts['from disk']} from disk",
            "batch_size": batch_size,
            **({"precision": run.precision} if stages > 1 else {}),
            "seed": seed,
            "seconds": round(spent, 1),
            "data": from_anywhere(data) if isinstance(data, str | os.PathLike) else name,
            "validation": 0.0 if splits.validation is not None else validation,
            "stages": [vars(stage) for stage in every],
            LEARNT: learnt_from(train.x),
        }
        net.save(place)
        page = None
        if report:
            from striate.pages import write_report

            shown = {key: value for key, value in net.facts.items() if key != "stages"}
            page = write_report(
                place / "report.html",
                net,
                judged,
                history=run.history,
                seconds=spent,
                facts=shown,
                skipped=lost,
                stages=[(stage.name, stage.epochs) for stage in run.stages],
            )
        for number in (2, 3):  # also those of a run that this one, aside, takes the place of; its own stay behind there
            remove(target / STATE.format(number))
    page = None if page is None else target / page.name
    each = right_of_each(net, judged)
    return Transfer(
        target, net, run.stages, contrast, len(held), tested, counts, run.history, spent, len(lost), page, each
    )


def resume_transfer(folder: str | os.PathLike[str], *, verbose: str | int = 0) -> Transfer:
    """Go on with a transfer that was broken off: stages that were over are not trained again.

    folder     of the run
    verbose    as for ``Model.fit``

    The features are taken from disk where the usual cache has them: the record of a run names no place to write to.
    On the CPU it ends at the very weights of an unbroken run.
    Raises ArgumentError when the folder holds no such run, it is over, or was begun with what only Python can give.
    """
    arguments = read_record(folder, "transfer")
    if _over(under_way(folder)):
        raise ArgumentError(f"{folder}: this transfer is over; its model and report are there.")
    if not isinstance(arguments.get("cache"), bool):  # a record may be a stranger's: it names no place to write to
        arguments["cache"] = True
    return called_again(fit, folder, arguments, verbose=verbose)  # type: ignore[no-any-return]


def _over(target: Path) -> bool:
    """Whether the run in a folder has come to its end: its model is there, and no state of a stage."""
    return (target / "model.json").is_file() and not any((target / STATE.format(number)).exists() for number in (2, 3))


def _how_to_go_on(target: Path, asked: dict[str, Any]) -> str:
    """What is typed to go on with a transfer that is stopped; nothing where only Python can give its arguments again."""
    return "" if recorded_of(asked, "transfer")[1] else typed("striate", "transfer", "--resume", target)


def _state_folder(folder: Path, number: int) -> None:
    """A folder for the state of a stage; a link to somewhere else goes."""
    place = folder / STATE.format(number)
    if place.is_symlink() or place.is_file():
        remove(place)
    place.mkdir(exist_ok=True)


def _bar(verbose: str | int, whole: int) -> Callable[[int, int], None] | None:
    """A bar with the time that is left, for so many pictures."""
    if not verbose:
        return None
    bar = ProgressBar(verbose)
    bar.params = {"steps": whole}
    bar.on_predict_begin()

    def show(done: int, of: int) -> None:
        bar.on_predict_batch_end(done - 1)
        if done >= of:
            bar.on_predict_end()

    return show


# -- stages -----------------------------------------------------------------------------------------------------------
def _first(run: _Run, head: Any, classes: int, cache: Any, engine: str) -> dict[str, int]:
    """Features and a head on them; how many pictures were computed."""
    import torch

    from striate.transfer.head import fit_head

    begun = time.perf_counter()
    progress = _bar(run.verbose, 2 * len(run.train))

    def told(before: int) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, of: progress(before + done, 2 * of)

    pictures = Dataset(
        run.train.x, name=run.train.name, preprocessing=run.train.preprocessing
    )  # features are no classes
    if engine == "fast":
        run.base.tune_engine(pictures, rounds=3)
    elif engine in KINDS and KINDS[engine][1] == "int8":
        run.base.quantize(pictures)
    plain = features(run.base, run.train, cache=cache, engine=engine, progress=told(0))
    mirror = features(run.base, run.train, mirrored=True, cache=cache, engine=engine, progress=told(len(run.train)))
    rows = [_vectors(part.x) for part in (plain, mirror)]
    labels = run.train.labels
    assert labels is not None
    fitted = fit_head(np.stack(rows), labels, classes, seed=run.seed)
    run.net.module  # makes the head's weights
    with torch.no_grad():
        head.torch_module.weight.copy_(torch.from_numpy(fitted.weight))
        head.torch_module.bias.copy_(torch.from_numpy(fitted.bias))
    run.net.compile(_optimizer(1e-3), LOSS, metrics=["accuracy"])
    note = f"weight decay {fitted.decay:.2g}, {fitted.accuracy:.1%} in cross-validation"
    run.judge("features + head", begun, trainable(run.net), note=note)
    return {
        "computed": plain.computed + mirror.computed,
        "from disk": plain.from_disk + mirror.from_disk,
    }


def _vectors(x: np.ndarray) -> np.ndarray:
    """(N, D) of what a base gives: maps by their mean, as ``assemble`` does it."""
    return x.mean(axis=(1, 2)) if x.ndim == 4 else x.reshape(len(x), -1)


def _scratch(run: _Run, augment: Sequence[Layer], dropout: float, rate: float, seconds: float) -> Stage:
    """The same network with fresh weights, all of them learning, for so many seconds."""
    begun = time.perf_counter()
    fresh = twin(run.base)
    for node in fresh.graph.flat().nodes:
        node.layer.trainable = True
    again = [type(layer)(**layer.config()) for layer in augment]
    net, _ = assemble(fresh, len(run.train.classes or ()), again, dropout)
    other = _Run(net, fresh, run.train, run.held, run.batch_size, run.seed, run.verbose, run.precision)
    taken = other.learn(rate, 10_000, [Until(seconds)])
    return other.judge("from scratch, as long", begun, trainable(net), taken)
