"""Which engine answers: ONNX Runtime where it pays, torch elsewhere; never one made from other weights."""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import torch

from striate.backend.processor import processor
from striate.backend.settings import edited
from striate.errors import ArgumentError, BundleError, Note, note, unknown, warn
from striate.extras import installed
from striate.ship.cascade import Cascade, deciding
from striate.ship.engine import Engine
from striate.ship.in_torch import InTorch
from striate.ship.proof import prove
from striate.ship.quantization import QuantizationReport, Quantized
from striate.ship.twin_file import stored_twin
from striate.ship.watch import Watch, departure, hooked
from striate.wording import inner

if TYPE_CHECKING:
    from striate.data import Preprocessing
    from striate.graph import Graph
    from striate.intake import Decoding

# What runs an ONNX graph, and in which numbers.
KINDS = {
    "onnxruntime": ("onnxruntime", "float32"),
    "openvino": ("openvino", "float32"),
    "openvino-bf16": ("openvino", "bfloat16"),
    "int8": ("onnxruntime", "int8"),
    "openvino-int8": ("openvino", "int8"),
}
TORCH = {"torch": "float32", "torch-bf16": "bfloat16"}  # what torch computes, wherever the weights are
QUICK = tuple(name for name, (_, precision) in KINDS.items() if precision != "float32")  # in fewer bits than 32
ENGINES = ("auto", "fast", *TORCH, *KINDS)
_NONE_YET = "this model has no int8 engine yet: call quantize(pictures) first."
_CHANGED = "the weights have changed since the int8 engine was made: call quantize again."
_ANEW = "model.quantize(pictures), or striate quantize MODEL, makes it anew."
_KEPT = 4  # engines of one network: inputs as pixels or floats, outputs with or without softmax

# What making an engine costs, in multiplications that torch could have done meanwhile.  Measured on two cores: 0.03 s
# and 0.01 s for each million weights, 0.35 s once for the imports, where torch does some 5e10 multiplications a second.
_BASE, _PER_WEIGHT, _IMPORTS = 2e9, 500, 1.5e10

# So many multiplications that are asked for pay for comparing one weight.  One that is in no cache takes 1.5 ns, in which
# 8 bits do 600 multiplications, so that comparing costs three thousandths of a call, and less in 32 bits.
_PER_COMPARED = 200_000


def named(engine: str, unsure: float | None = None) -> str:
    """What an engine is called: "int8", or "int8+float32" where 32 bits answer again what it is not sure of.

    engine   its name
    unsure   as of ``Engines.choose``
    """
    return engine if unsure is None else f"{engine}+float32"


CASCADES = tuple(named(name, 0.0) for name in QUICK)


def check_engine(how: str, *, answers: bool = False) -> None:
    """Raise ArgumentError for what is no name of an engine.

    how       a name
    answers   whether it is to give the network's answers, and so may be one of CASCADES
    """
    if how in CASCADES and not answers:
        raise ArgumentError(
            f'engine="{how}" gives a network\'s answers, no maps and features of its layers. Take "auto", or in 16 bits '
            '"openvino-bf16" or "torch-bf16".'
        )
    if how not in ENGINES and how not in CASCADES:
        raise unknown("engine", how, (*ENGINES, *CASCADES))


class Engines:
    """The engines of one model.  They are kept for as long as its weights and its graph stay what they were.

    carried   of the model that this one's is a copy of, as its ``carried`` gave it; None: nothing
    """

    def __init__(self, carried: TakenAlong | None = None) -> None:
        self._made: OrderedDict[Any, Engine] = OrderedDict()
        self._watch: Watch | None = None
        self._graph: Graph | None = None
        self._foreign: str | None = None  # why only torch computes this network, where its modules are not its layers'
        self._work = 0.0
        self._mults: tuple[Graph, int] | None = None
        self._int8: tuple[Quantized, Watch, Graph] | None = None
        self._int8_of = ""  # ``Watch.digest`` of what the twin was made from
        self._no_int8 = _NONE_YET  # what is said where there is no twin
        self._tuned: dict[str, Any] = {}  # by the kind of processor, of the weights that are watched
        self._tuned_of = ""  # their ``Watch.digest``
        self._carried = carried
        self.state = 0  # another number as soon as another engine might be picked
        self.asked: tuple[str, Any] | None = None  # what was picked last: as it was asked for, and what it was

    def __reduce__(self) -> tuple[Any, ...]:
        return Engines, (self.carried(),)  # sessions cannot be copied; a copy of the model makes its own

    def carried(self) -> TakenAlong | None:
        """What a copy of the model takes along, the 8-bit twin and the choice of the fastest; None: there is neither."""
        if self._carried is not None or (self._graph is None and self._int8 is None):
            return self._carried
        twin = self._int8 and self.saved_int8(self._int8[2])
        tuned = None if self._graph is None else self.saved_choices(self._graph)
        if twin is None and tuned is None:
            return None
        return TakenAlong(twin, self._int8_of if twin else "", dict(tuned or {}), self._tuned_of)

    def settle(self, model: Any) -> Engines:
        """Take up what was carried along, where the copy's weights are still those of its model; returns this.

        model   whose engines these are
        """
        carried, self._carried = self._carried, None
        if carried is not None:
            graph, watch = model.graph.check(), Watch(model.module)
            now = watch.digest()
            if carried.int8 is not None and carried.int8_of == now:
                content, report = carried.int8
                self._int8, self._int8_of = (Quantized(content, QuantizationReport(**report)), watch, graph), now
            elif carried.int8 is not None:
                self._no_int8 = _CHANGED
            if carried.tuned and carried.tuned_of == now:
                self._watch, self._graph, self._foreign = watch, graph, departure(graph, model.module)
                self._tuned, self._tuned_of = carried.tuned, now
        return self

    def still(self, state: int, how: str, work: float) -> bool:
        """Whether what was picked before is what would be picked now.

        state   that this had then
        how     as it was asked for
        work    multiplications that are asked for
        """
        if how in ("auto", "fast") and self._watch is not None and self._watch.hooked():
            return False
        if state != self.state or self._watch is None or self._watch.changed(work / _PER_COMPARED):
            return False
        return self._int8 is None or self._int8[1] is self._watch or not self._int8[1].changed(work / _PER_COMPARED)

    def pick(
        self,
        model: Any,
        how: str,
        samples: int,
        pixels: Preprocessing | None,
        strip: Sequence[str | None] = (),
        decoding: Decoding | None = None,
    ) -> Engine | Cascade | InTorch | None:
        """The engine for so many samples, or None: torch is to answer.

        model     whose engine
        how       one of ENGINES; "int8" and "openvino-int8" run what ``quantize`` made; "auto": ONNX Runtime for weights on
                  the CPU as soon as the work since the last time asked for is worth making an engine; "fast": what
                  ``tune_engine`` found for this kind of processor, else "auto"; or of CASCADES the one that it found
        samples   how many are to be predicted
        pixels    inputs are uint8 pictures that go through this preprocessing
        strip     as for ``to_onnx``
        decoding  rows of boxes become detections so, within the engine; None: they stay rows

        Raises ArgumentError for an unknown name, a layer that ONNX cannot say, an int8 model that is not there, a runtime
        that is not installed.
        """
        self.asked = None
        engine = self._pick(model, how, samples, pixels, strip, decoding)
        if isinstance(engine, Engine | Cascade) and not any(strip) and decoding is None:
            self.asked = how, engine
        return engine

    def _pick(
        self,
        model: Any,
        how: str,
        samples: int,
        pixels: Preprocessing | None,
        strip: Sequence[str | None],
        decoding: Decoding | None,
    ) -> Engine | Cascade | InTorch | None:
        check_engine(how, answers=True)
        graph, asked = model.graph.check(), how
        if how in CASCADES:
            how = self._cascade(how)
        found = self._usable() if how == "fast" else None
        if how == "fast":
            how = self.unmeasured() if found is None else found["engine"]
        if how == "torch":
            return None
        if how in TORCH:
            if found is not None and self._stale(graph, samples * self.mults_of(model) / _PER_COMPARED):
                self._forget()
                return self._pick(model, asked, samples, pixels, strip, decoding)
            return InTorch(graph, model.module, pixels, strip, inf if found is None else found["batch"])
        if how == "auto" and True in graph.modes:  # which only torch can do
            return None
        module = model.module if model.torch_module is None else model.torch_module
        runtime, precision = KINDS.get(how, KINDS["onnxruntime"])
        end = (None if pixels is None else pixels.arithmetic, decoding, *strip)
        unsure = None if found is None else found.get("unsure")
        wanted = [] if precision == "int8" else [(runtime, precision, *end)]
        wanted += [] if unsure is None else [(runtime, "float32", *end)]
        read = samples * self.mults_of(model) / _PER_COMPARED
        if precision == "int8" and found is None:
            twin = self.quantized(graph, read)
            prove_engine(twin.engine(pixels, strip, runtime=runtime), how, lambda: twin.engine(pixels, strip))
            return twin.engine(pixels, strip, decoding, runtime=runtime)
        if not all(key in self._made for key in wanted):  # what is to be made takes longer
            read = inf
        if self._stale(graph, read):
            self._forget()
            if found is not None:  # of other weights
                return self._pick(model, asked, samples, pixels, strip, decoding)
        if how == "auto" and not self._pays(model, module, samples, wanted[0]):
            return None
        if self._watch is None:
            self._watch, self._graph, self._foreign = Watch(module), graph, departure(graph, module)
        if self._foreign is not None and how == "auto":
            return None
        if self._foreign is not None:
            raise ArgumentError(f'{self._foreign}, which torch alone computes: take engine="auto" or "torch".')
        engines = [self._kept(key, graph, pixels, strip, decoding) for key in wanted]
        if precision == "int8" and self._int8 is not None:
            engines.insert(0, self._int8[0].engine(pixels, strip, decoding, runtime=runtime))
        if found is not None:
            for engine in engines:  # no more samples at a time than were measured to be the fastest
                engine.batch = min(engine.batch, found["batch"])
        elif runtime != "onnxruntime" and not engines[0].proved:  # by its rows, also where it thins boxes out
            runs: dict[str, Any] = {"runtime": runtime, "precision": precision}
            rows = engines[0] if decoding is None else Engine.of(graph, pixels, strip=strip, **runs)
            try:
                prove_engine(rows, how, lambda: InTorch(graph, model.module, pixels, strip, precision="float32"))
            except ArgumentError:
                if not self._stale(graph):
                    raise
                self._forget()  # another thread has changed the weights meanwhile
                return self._pick(model, asked, samples, pixels, strip, decoding)
            engines[0].proved = True
        if unsure is None:
            return engines[0]
        output = deciding(graph)
        assert output is not None
        logits = output < len(strip) and strip[output] is not None
        return Cascade(engines[0], engines[1], output, logits, unsure)

    def _cascade(self, how: str) -> str:
        """ "fast", which one of CASCADES is where it was measured as the fastest.  Raises ArgumentError elsewhere."""
        found = self._usable()
        if found is not None and how == named(found["engine"], found.get("unsure")):
            return "fast"
        raise ArgumentError(
            f'engine="{how}" answers again in 32 bits what {how.partition("+")[0]} is least sure of, and how much that is '
            "has to be measured: model.tune_engine(pictures, labels), or striate bench MODEL. Where it comes out as the "
            "fastest it may be asked for."
        )

    def _kept(
        self,
        key: tuple[Any, ...],
        graph: Graph,
        pixels: Preprocessing | None,
        strip: Sequence[str | None],
        decoding: Decoding | None,
    ) -> Engine:
        """The engine of (runtime, precision, …), made where it is not there."""
        if key not in self._made:
            runs: dict[str, Any] = {"runtime": key[0], "precision": key[1]}
            self._made[key] = Engine.of(graph, pixels, strip=strip, decoding=decoding, **runs)
            self._work = 0.0
        self._made.move_to_end(key)
        made = self._made[key]
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return made

    def _stale(self, graph: Graph, read: float = inf) -> bool:
        if self._watch is None or graph is not self._graph:
            return True
        if not self._watch.changed(read):
            return False
        again = self._tuned_of and _again(self._watch, self._tuned_of)
        if not again:
            return True
        self._watch = again
        return False

    def _watched(self, model: Any) -> tuple[Watch, Graph]:
        """What watches a model's weights, and its graph, both as they are now."""
        graph = model.graph.check()
        if self._watch is None or self._graph is None or self._stale(graph):
            self._forget()
            module = model.module if model.torch_module is None else model.torch_module
            self._watch, self._graph, self._foreign = Watch(module), graph, departure(graph, module)
        return self._watch, self._graph

    def _forget(self) -> None:
        self.state += 1
        self._made.clear()
        self._tuned, self._tuned_of = {}, ""
        self._watch = self._graph = None

    def reset(self) -> None:
        """Make all anew when next asked, the int8 twin too: weights were changed in a way that need not be noticed."""
        self._forget()
        self._int8, self._no_int8 = None, _NONE_YET

    def mults_of(self, model: Any) -> int:
        """Multiplications for one sample.

        model   whose engines these are
        """
        if self._mults is None or self._mults[0] is not model.graph:
            self._mults = model.graph, model.mults()
        return self._mults[1]

    def _pays(self, model: Any, module: torch.nn.Module, samples: int, key: Any) -> bool:
        """Whether an engine is there, or making one takes less than torch has worked since the last one, and now would.

        So no more than twice the better of the two is ever spent, however often weights change.  The usual argument:
        Karlin et al. 1988, "Competitive snoopy caching", section 3.
        """
        if self._watch is not None and self._watch.hooked():
            return False
        if key in self._made:
            return True
        self._work += samples * self.mults_of(model)
        cost = _BASE + (0 if "onnxruntime" in sys.modules else _IMPORTS)
        if self._work < cost:
            return False
        tensors = [t for t in module.state_dict().values() if t.is_floating_point()]
        if self._work < cost + _PER_WEIGHT * sum(t.numel() for t in tensors):
            return False
        if any(t.device.type != "cpu" or t.dtype != torch.float32 for t in tensors):
            return False
        return not hooked(module.modules())

    # -- of a saved model -----------------------------------------------------------------------------------------------
    def loaded(
        self,
        model: Any,
        folder: str | os.PathLike[str],
        checksum: str,
        int8: tuple[bytes, dict[str, Any]] | None,
        tuned: dict[str, Any] | None,
        lost: str | None = None,
    ) -> None:
        """Say that the weights come from a saved model's folder.

        model      that was loaded
        folder     of the saved model
        checksum   of its weights
        int8       (ONNX bytes, report) of its int8 twin, or None
        tuned      what ``saved_choices`` gave, or None
        lost       why the twin's file cannot be read; None: it can, or there is none

        A twin that is of another network, or holds what no network needs, is left out, with a warning.
        """
        self._watch, self._graph, self._foreign = Watch(model.module), model.graph.check(), None
        if int8 is not None:
            try:
                twin = stored_twin(*int8, self._graph, f"{folder}: its int8 file", checksum)
                self._int8 = twin, self._watch, self._graph
            except BundleError as error:
                lost = inner(error)
        if lost is not None:
            self._no_int8 = f"{lost}. {_ANEW}"
            warn(f"{lost}. It is left out, and the model answers in 32 bits. {_ANEW}", Note)
        self._tuned = {on: choice for on, choice in (tuned or {}).items() if _is_choice(choice, self._graph)}
        if self._int8 is not None or self._tuned:
            self._int8_of = self._tuned_of = self._watch.digest()

    # -- which is the fastest -------------------------------------------------------------------------------------------
    def choose(self, model: Any, engine: str, batch: int, unsure: float | None = None) -> None:
        """Use an engine for "fast" on this kind of processor from now on.

        model    it was found for, as it is now
        engine   its name
        batch    samples at a time with which it is fastest
        unsure   the largest margin of what 32 bits answer again, as of a `Cascade`; None: nothing
        """
        watch, _ = self._watched(model)
        self.state += 1
        self._tuned_of = watch.digest()
        self._tuned[processor()] = {"engine": engine, "batch": batch} | ({} if unsure is None else {"unsure": unsure})

    def saved_choices(self, graph: Graph) -> dict[str, Any] | None:
        """What is the fastest on each kind of processor that it was measured on, as ``choose`` was told, by kind; None
        where nothing was measured with these weights.

        graph   of the model as it is now
        """
        return self._tuned if self._tuned and not self._stale(graph) else None

    def measured(self, graph: Graph) -> dict[str, Any] | None:
        """What ``choose`` was told for this kind of processor and these weights, {"engine", "batch"} and perhaps "unsure";
        None: nothing, or of a twin or a runtime that is not here.

        graph   of the model as it is now
        """
        return None if self.saved_choices(graph) is None else self._usable()

    def unmeasured(self) -> str:
        """The engine that answers where "fast" cannot, and a note that says why."""
        runtime = self.missing()
        if runtime is not None:
            name = self._tuned[processor()]["engine"]
            note(
                f'engine="fast" is {name} on this kind of processor, and {runtime} is not installed: "auto" answers. '
                f"pip install 'striate[{runtime}]' brings it."
            )
        elif self._tuned.get(processor()) is not None and self._no_int8 not in (_NONE_YET, _CHANGED):
            note(
                f'engine="fast" is {self._tuned[processor()]["engine"]} here, and {self._no_int8} Until then "auto" answers.'
            )
        else:
            note(
                'engine="fast" was not measured on this kind of processor with these weights: "auto" answers. '
                "model.tune_engine(pictures), or striate bench MODEL, measures it."
            )
        return "auto"

    def of_layers(self, how: str, graph: Graph) -> str:
        """The engine that gives the maps of layers, which 8 bits, made for the network's answers, do not.

        how     as it was asked for
        graph   of the model as it is now

        Raises ArgumentError for an unknown engine and one in 8 bits.
        """
        check_engine(how)
        if how == "fast":
            found = self.measured(graph)
            how = self.unmeasured() if found is None else found["engine"]
            if how in KINDS and KINDS[how][1] == "int8":
                note(
                    f'engine="fast" is {how} here, which gives a network\'s answers: "auto" gives the maps of its layers.'
                )
                return "auto"
        if how in KINDS and KINDS[how][1] == "int8":
            raise ArgumentError(
                f'extract: engine="{how}" gives a network\'s answers, not the maps of its layers. Take "auto", or in 16 '
                'bits "openvino-bf16" or "torch-bf16".'
            )
        return how

    def missing(self) -> str | None:
        """The runtime of what was measured as the fastest, where it is not installed."""
        found = self._tuned.get(processor())
        runtime = None if found is None or found["engine"] not in KINDS else KINDS[found["engine"]][0]
        return None if runtime is None or installed(runtime) else runtime

    def _usable(self) -> dict[str, Any] | None:
        found = self._tuned.get(processor())
        if found is None or found["engine"] in TORCH:
            return found
        twinless = KINDS[found["engine"]][1] == "int8" and self._int8 is None
        return None if twinless or self.missing() else found

    # -- int8 ----------------------------------------------------------------------------------------------------------
    def keep(self, model: Any, quantized: Quantized | None) -> None:
        """Use an int8 twin for "int8" from now on.

        model       it was made from, as it is now
        quantized   the twin; None: have none
        """
        self.state += 1
        self._int8, self._no_int8 = None, _NONE_YET
        if quantized is not None:
            watch, graph = self._watched(model)
            self._int8, self._int8_of = (quantized, watch, graph), watch.digest()

    def saved_int8(self, graph: Graph) -> tuple[bytes, dict[str, Any]] | None:
        """The int8 twin for a saved model: (ONNX bytes, report), or None where there is none of these weights.

        graph   of the model as it is now
        """
        try:
            twin = self.quantized(graph)
        except ArgumentError:
            return None
        return twin.content, twin.report.to_dict()

    def quantized(self, graph: Graph, read: float = inf) -> Quantized:
        """The int8 model.  Raises ArgumentError when there is none, or it was made from other weights.

        graph   of the model as it is now
        read    how many weights to compare, as for ``Watch.changed``
        """
        if self._int8 is None:
            raise ArgumentError(self._no_int8)
        quantized, watch, made_from = self._int8
        if graph is made_from and not watch.changed(read):
            return quantized
        again = _again(watch, self._int8_of) if graph is made_from else None
        if again is None:
            what = edited(watch.module)
            raise ArgumentError(f"{what} since the int8 engine was made: turn it back." if what else _CHANGED)
        self._int8 = quantized, again, made_from
        return quantized


@dataclass(frozen=True)
class TakenAlong:
    """What a copy of a model takes along, and of which weights and settings it is (``Watch.digest``).

    int8       (ONNX bytes, report) of the 8-bit twin, or None
    int8_of    what it was made from
    tuned      which engine is the fastest, by the kind of processor
    tuned_of   what that was measured of
    """

    int8: tuple[bytes, dict[str, Any]] | None
    int8_of: str
    tuned: dict[str, Any]
    tuned_of: str


def _again(watch: Watch, digest: str) -> Watch | None:
    """A watch of the same numbers, where only their places have changed; None where the numbers have.

    watch    that has seen a change
    digest   of what it watched
    """
    return Watch(watch.module) if watch.digest() == digest else None


def prove_engine(engine: Engine, how: str, right: Callable[[], Any]) -> None:
    """Raise ArgumentError for an engine of OpenVINO that computes its network wrongly; of one that was tried before, none.

    engine   as it was made
    how      its name
    right    gives what computes the same, with no doubt: each layer in each form is tested in torch and ONNX Runtime
    """
    runtime, precision = KINDS.get(how, KINDS["onnxruntime"])
    if runtime != "onnxruntime" and not engine.proved:
        prove(engine, right(), precision, how, engine.ids)
        engine.proved = True


def _is_choice(value: Any, graph: Graph) -> bool:
    """Whether something that a file says is what ``Engines.choose`` could have been told for a network."""
    if not isinstance(value, dict) or value.get("engine") not in (*TORCH, *KINDS):
        return False
    batch, unsure = value.get("batch"), value.get("unsure", 0.0)
    doubted = "unsure" not in value or (value["engine"] in QUICK and deciding(graph) is not None)
    return type(batch) is int and batch > 0 and type(unsure) is float and 0 <= unsure < inf and doubted
