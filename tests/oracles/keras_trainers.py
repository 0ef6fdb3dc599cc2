"""What Keras' tests of training take from inside Keras: a layer that is trained, as a striate model around that layer."""

from __future__ import annotations

from typing import Any

import numpy as np

import striate as st
from striate.model.steps import STEPS
from striate.train.feed import Peeked, is_stream, unpacked
from striate.train.fit import streamed, trainer_of
from striate.train.targets import aligned


def mapped(function: Any, value: Any) -> Any:
    """A function of each array in lists, tuples and dicts."""
    if isinstance(value, dict):
        return {key: mapped(function, part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        parts = [mapped(function, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return function(value)


class Stream:
    """What the tests make of ``tf.data``: batches one after the other, of which nobody knows how many there are."""

    def __init__(self, made: Any) -> None:
        self.made = made

    @classmethod
    def from_generator(cls, generator: Any, **none: Any) -> Stream:
        return cls(generator)

    def batch(self, size: int) -> Stream:
        def batches() -> Any:
            waiting: list[Any] = []
            for one in self.made():
                waiting.append(one)
                if len(waiting) == size:
                    yield tuple(np.stack(part) for part in zip(*waiting, strict=True))
                    waiting = []
            if waiting:
                yield tuple(np.stack(part) for part in zip(*waiting, strict=True))

        return Stream(batches)

    def __iter__(self) -> Any:
        return iter(self.made())


class Trainer:
    """Stands before a layer in a class's bases, as Keras mixes training into a layer.

    The model is made when the data are known: it goes from inputs of their shapes through the layer's call.
    """

    def __init__(self) -> None:
        self.__dict__.update(_given=None, _net=None)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__["_given"] = (args, kwargs)
        if self._net is not None:
            self._net.compile(*args, **kwargs)

    def net(self, x: Any) -> Any:
        if self._net is None:
            inputs = mapped(lambda one: st.Input(np.shape(one)[1:]), x)
            several = isinstance(x, (dict, list, tuple))  # a model's call takes these, a layer's one tensor
            self.__dict__["_net"] = self._kind()(inputs, self.call(inputs) if several else self(inputs))
            if self._given is not None:
                self._net.compile(*self._given[0], **self._given[1])
        return self._net

    def _kind(self) -> Any:
        """The class of the model: its steps are those that the layer's class says anew."""

        def asks(name: str) -> Any:
            return lambda net, *args, **kwargs: getattr(self, name)(*args, **kwargs)

        own = [name for name in STEPS if getattr(type(self), name) is not getattr(Trainer, name)]
        return type("Stepped", (st.Model,), {name: asks(name) for name in own}) if own else st.Model

    def train_step(self, data: Any) -> Any:
        return st.Model.train_step(self._net, data)

    def test_step(self, data: Any) -> Any:
        return st.Model.test_step(self._net, data)

    def predict_step(self, data: Any) -> Any:
        return st.Model.predict_step(self._net, data)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        return st.Model.compute_loss(self._net, *args, **kwargs)

    def compute_metrics(self, *args: Any, **kwargs: Any) -> Any:
        return st.Model.compute_metrics(self._net, *args, **kwargs)

    def _of_net(self, method: str, x: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        first = x
        if is_stream(x, y):
            seen = Peeked(x)
            x, first = seen.source, unpacked(seen.first)[0]
        net = self.net(first)
        return getattr(net, method)(x, *(() if method.startswith("predict") else (y,)), *args, **kwargs)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self._of_net("fit", x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self._of_net("evaluate", x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return self._of_net("predict", x, None, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self.net(x).train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self.net(x).test_on_batch(x, y, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        return self.net(x).predict_on_batch(x)

    def __getattr__(self, name: str) -> Any:
        net = self.__dict__.get("_net")
        if net is not None and not name.startswith("__"):
            return getattr(net, name)
        return super().__getattr__(name)  # type: ignore[misc]


def judged(y_pred: Any, output_names: Any, **compiled: Any) -> Any:
    """A model whose answers are what it is given, compiled for outputs of that form."""
    names = iter(output_names or ())

    def passed(tensor: Any) -> Any:
        name = next(names, None)
        return st.layers.Identity(**({} if name is None else {"name": name}))(tensor)

    inputs = mapped(lambda one: st.Input(np.shape(one)[1:] or (1,)), y_pred)
    model = st.Model(inputs, mapped(passed, inputs))
    model.compile("sgd", **compiled)
    return model


def columns(value: Any) -> Any:
    """Arrays of numbers, (N,) as (N, 1)."""
    return mapped(lambda one: np.asarray(one, "float32").reshape(len(one), *(np.shape(one)[1:] or (1,))), value)


class CompileLoss:
    """Keras' inner name for the losses of a model: what ``evaluate`` says of a model that answers `y_pred`."""

    def __init__(self, loss: Any, loss_weights: Any = None, reduction: Any = None, output_names: Any = None) -> None:
        self.compiled = {"loss": loss, "loss_weights": loss_weights}
        self.names = output_names

    def build(self, y_true: Any, y_pred: Any) -> None:
        judged(mapped(lambda one: np.zeros((2, *one.shape[1:])), y_pred), self.names, **self.compiled)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        model = judged(y_pred, self.names, **self.compiled)
        return model.evaluate(columns(y_pred), columns(y_true), sample_weight=sample_weight, return_dict=True)["loss"]


class CompileMetrics:
    """Keras' inner name for the metrics of a model, as the objective of a compiled model keeps them."""

    def __init__(self, metrics: Any, weighted_metrics: Any = None, output_names: Any = None) -> None:
        self.compiled = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        self.names, self.objective = output_names, None

    def build(self, y_true: Any, y_pred: Any) -> None:
        shaped = mapped(lambda one: np.zeros((2, *one.shape[1:])), y_pred)
        self.model = judged(shaped, self.names, loss="mse", **self.compiled)
        self.objective = trainer_of(self.model).objective
        self.objective.reset()

    @property
    def metrics(self) -> list[Any]:
        return self.model._compiled().all_metrics()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        batch = streamed(self.model, None, "cpu", self.model.intake)((columns(y_pred), columns(y_true), sample_weight))
        self.objective.update(aligned(batch, self.objective.losses), batch.xs)

    def reset_state(self) -> None:
        self.objective.reset()

    def result(self) -> dict[str, float]:
        figures = self.objective.logs(self.objective.totals(len(self.model.outputs)))
        lost = {"loss", *(f"{name}_loss" for name in self.model._compiled().outputs)}
        return {name: value for name, value in figures.items() if name not in lost}
