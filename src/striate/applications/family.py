"""What every application is made of: Keras' signature over an architecture of the zoo."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from striate import layers
from striate.described import bound
from striate.errors import ArgumentError, DataError, unknown
from striate.graph import Shape, SymbolicTensor, replay, source_inputs
from striate.guard import guard, guarded
from striate.layers.activation import as_activation
from striate.model import Model
from striate.weights.pixels import arithmetic_of, preprocessing_of
from striate.weights.source import Source
from striate.zoo import card, create

# the common arguments in Keras' two orders
TOP_FIRST = ("include_top", "weights", "input_tensor", "input_shape", "pooling", "classes", "classifier_activation")
SHAPE_FIRST = ("input_shape", "include_top", "weights", "input_tensor", "pooling", "classes", "classifier_activation")
_DEFAULTS: dict[str, Any] = {
    "include_top": True,
    "weights": "imagenet",
    "input_tensor": None,
    "input_shape": None,
    "pooling": None,
    "classes": 1000,
    "classifier_activation": "softmax",
}
_DESCRIBED = """{what}, as Keras Applications has it; a `Model` whose layers have Keras' names.

include_top             with the classifier
weights                 "imagenet": downloaded once; a path to a file of Keras (.h5, .weights.h5, .keras); None: fresh ones
input_tensor            a symbolic tensor to begin at; None: an input of its own
input_shape             (height, width, channels); None: that of the paper, or without the classifier any height and width
pooling                 without the classifier: "avg" or "max" makes one vector of the last map; None leaves it
classes                 outputs of the classifier; a file of weights brings its own number
classifier_activation   of the classifier: "softmax", or None for logits
name                    of the model
{own}
Raises ArgumentError for arguments that do not go together, ShapeError for pictures that are too small, BundleError for
weights of another network, DataError for a download that fails."""
_OWN = {
    "alpha": "factor of all numbers of maps",
    "depth_multiplier": "maps that a depthwise convolution makes of each",
    "dropout": "part of the numbers before the classifier that are dropped in training",
    "include_preprocessing": "whether the model scales pixels of 0 to 255 itself",
}


@dataclass(frozen=True, kw_only=True)
class Application:
    """One of Keras' functions: which architecture of the zoo it makes, and how.

    kind            Keras' name, such as "VGG16"
    architecture    the zoo's
    title           the default name of the model; with {alpha} in it
    first           arguments in front of the common ones, with their defaults; some are the zoo's own
    variant         further arguments of the zoo
    order           of the common arguments
    inside          "torch" where the model scales its pixels itself
    norm            name of a normalization of the head that Keras keeps without the head
    """

    kind: str
    architecture: str
    title: str
    first: Mapping[str, Any] = field(default_factory=dict)
    variant: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[str, ...] = TOP_FIRST
    inside: str | None = None
    norm: str | None = None

    @property
    def source(self) -> Source:
        """Where Keras publishes its weights."""
        return next(s for s in card(self.architecture).sources if s.library == "keras" and self.of(s))

    def of(self, source: Source) -> bool:
        """Whether a source's variant agrees with this one."""
        return all(source.variant.get(key, value) == value for key, value in self.variant.items())


def application(**about: Any) -> Callable[..., Model]:
    """Keras' function for an architecture; `about` are the fields of `Application`."""
    app = Application(**about)
    names = {**app.first, **{name: _DEFAULTS[name] for name in app.order if name not in app.first}, "name": None}
    if "input_shape" in app.order[:1]:  # Keras puts the shape in front of an architecture's own arguments
        names = {"input_shape": None, **names}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(n, kind, default=d) for n, d in names.items()])

    def build(*args: Any, **kwargs: Any) -> Model:
        given = bound(app.kind, signature, args, kwargs, f": {', '.join(names)}")
        given.apply_defaults()
        return _made(app, **given.arguments)

    own = "".join(f"{name:<24}{_OWN[name]}\n" for name in app.first if name in _OWN)
    build.__name__ = build.__qualname__ = app.kind
    build.__doc__ = _DESCRIBED.format(what=f"{app.kind} ({card(app.architecture).paper})", own=own)
    build.__signature__ = signature  # type: ignore[attr-defined]
    return guarded(build)


def _made(
    app: Application,
    *,
    include_top: bool,
    weights: Any,
    input_tensor: Any,
    input_shape: Any,
    pooling: str | None,
    classes: int,
    classifier_activation: Any,
    name: str | None,
    include_preprocessing: bool = True,
    **own: Any,
) -> Model:
    known = card(app.architecture)
    if weights is not None and include_top and classifier_activation not in ("softmax", None):
        raise ArgumentError(
            f"{app.kind}: classifier_activation with weights is 'softmax' or None, not {classifier_activation!r}."
        )
    if pooling not in (None, "avg", "max"):
        raise unknown("pooling", str(pooling), ("avg", "max"))
    if not (weights is None or isinstance(weights, str | os.PathLike)):
        raise ArgumentError(f'{app.kind}: weights is "imagenet", a path or None, not {weights!r}.')
    if weights == "imagenet" and include_top and classes != 1000:
        raise ArgumentError(
            f"{app.kind}: the weights of ImageNet have 1000 classes, not {classes}. Take include_top=False."
        )
    whole = include_top or app.norm is not None  # Keras keeps that norm of the head
    shape = _shape(app, known.input_shape, input_tensor, input_shape, include_top)
    model = create(
        app.architecture,
        classes=classes if include_top and (weights is None or classes != 1000) else None,
        input_shape=shape,
        include_top=whole,
        pooling=None if whole else pooling,
        weights="keras" if weights == "imagenet" else weights,
        **{**app.variant, **own},
    )
    _rename(app, model)
    if include_top:
        last: Any = model.graph.outputs[0].node.layer
        value = as_activation(classifier_activation, f"{app.kind}: classifier_activation")
        last.activation = (value or "linear") if isinstance(last, layers.Activation) else value
    scaled = app.inside is not None and include_preprocessing
    if scaled or input_tensor is not None or (app.norm and not include_top):
        model = _again(app, model, input_tensor, include_top, pooling, weights is not None, scaled)
    sizes = (known.input_shape[0] if include_top else None) if shape[0] is None else shape[0]
    title = app.title.format(alpha=f"{own.get('alpha', 1):.2f}", size=sizes)
    model.name = name or title.replace(".", "_")  # a layer's name has no dots, and a model is one in another model
    return model


def _shape(app: Application, usual: Shape, tensor: Any, given: Any, include_top: bool) -> Any:
    """The input's shape: of a tensor, as given, or Keras' default."""
    if tensor is not None:
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentError(
                f"{app.kind}: input_tensor is a symbolic tensor, such as layers.Input(…), not {tensor!r}."
            )
        return tensor.sizes
    if given is None:
        return usual if include_top else (None, None, usual[2])
    shape = tuple(given) if hasattr(given, "__len__") else given
    if not isinstance(shape, tuple) or len(shape) != 3:
        raise ArgumentError(f"{app.kind}: input_shape is (height, width, channels), not {given!r}.")
    if include_top and None in shape:
        raise ArgumentError(f"{app.kind}: with the classifier give a whole input_shape, not {shape}.")
    return shape


def _rename(app: Application, model: Model) -> None:
    """Give layers the names that they have in Keras, where the zoo has those of another library."""
    source = app.source
    taken = {layer.name for layer in model.graph.layers}
    for layer in model.graph.layers:
        name = source.name(str(layer.name))
        if name not in taken and "/" not in name:
            taken.add(name)
            layer.name = name
    if not source.rename:
        return
    origin, whole = model.origin, Model.from_graph(type(model.graph)(model.graph.inputs, model.graph.outputs))
    assert origin is not None
    left_out = frozenset(source.name(name) for name in origin.left_out)
    model.graph = whole.graph
    model.torch_module = None
    model.origin = replace(origin, sources=(source,), others=(), left_out=left_out)


_POOLINGS: dict[str, Any] = {"avg": layers.GlobalAveragePooling2D, "max": layers.GlobalMaxPooling2D}


def _again(
    app: Application, model: Model, tensor: Any, include_top: bool, pooling: str | None, trained: bool, scaled: bool
) -> Model:
    """The same layers after another beginning: a tensor, a scaling of the pixels; and with Keras' end."""
    start = x = layers.Input(model.graph.inputs[0].sizes) if tensor is None else tensor
    if scaled and app.inside is not None:
        x = scaling(app.inside if trained or app.norm else "unit")(x)
    now = replay(model.graph, [x])
    ends = [now(each) for each in model.graph.outputs]
    features = None if model.features is None else now(model.features)
    origin = model.origin
    if app.norm and not include_top and features is not None and origin is not None:
        end = features if pooling is None else _POOLINGS[pooling]()(features)
        ends = [model.graph.layer(app.source.name(app.norm))(end)]
        origin = replace(origin, left_out=frozenset({str(model.graph.outputs[0].node.layer.name)}))
    made = Model(start if tensor is None else source_inputs(tensor), ends)
    made.features, made.origin = features, origin
    made.labels = model.labels if include_top else None
    made.preprocessing = model.preprocessing
    if scaled and model.preprocessing is not None:
        made.preprocessing = preprocessing_of(replace(app.source, pixels="raw"), start.sizes)
    return made


def scaling(pixels: str, name: str | None = None) -> layers.Rescaling:
    """The layer that does to RGB pictures, 0 to 255, what weights want; it does not change the order of colours."""
    about = arithmetic_of(pixels)
    mean, std = (np.array(v or (d,), np.float64) for v, d in ((about.mean, 0.0), (about.std, 1.0)))
    factor, addend = about.scale / std, -mean / std
    width = max(len(factor), len(addend))
    one = len(set(np.broadcast_to(factor, width))) == len(set(np.broadcast_to(addend, width))) == 1
    if one:
        return layers.Rescaling(float(factor[0]), float(addend[0]), name=name)
    return layers.Rescaling(
        tuple(np.broadcast_to(factor, width).tolist()), tuple(np.broadcast_to(addend, width).tolist()), name=name
    )


# -- pixels in, names out -----------------------------------------------------------------------------------------------
_MODES = ("caffe", "tf", "torch")


def prepared(x: Any, data_format: str | None, pixels: str) -> Any:
    """RGB pictures, 0 to 255, as weights want them: arrays and tensors as float32, symbolic tensors by layers."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise unknown("data_format", str(data_format), ("channels_last", "channels_first"))
    if pixels == "raw":
        return x
    about = arithmetic_of(pixels)
    if isinstance(x, SymbolicTensor):
        if data_format == "channels_first":
            raise ArgumentError("preprocess_input: arrays are channels-last in a model, (height, width, channels).")
        return scaling(pixels)(x[..., ::-1] if about.order == "bgr" else x)  # type: ignore[index]
    axis = -3 if data_format == "channels_first" else -1
    values = x if hasattr(x, "detach") else np.asarray(x)
    if values.ndim not in (3, 4) or values.shape[axis] != 3:
        raise DataError(
            f"preprocess_input takes RGB pictures, (N, height, width, 3) or (height, width, 3), not {tuple(values.shape)}."
        )
    if axis == -1:
        return about.normalise(values)
    moved = np.moveaxis(values, axis, -1) if isinstance(values, np.ndarray) else values.movedim(axis, -1)
    made = about.normalise(moved)
    return np.moveaxis(made, -1, axis) if isinstance(made, np.ndarray) else made.movedim(-1, axis)


def preprocessing(pixels: str, family: str) -> Callable[..., Any]:
    """A family's ``preprocess_input``."""

    def preprocess_input(x: Any, data_format: str | None = None) -> Any:
        return prepared(x, data_format, pixels)

    what = {
        "raw": "the model scales its pixels itself, so nothing is done",
        "tf": "-1 to 1",
        "caffe": "blue, green, red, with ImageNet's mean taken off",
        "torch": "ImageNet's mean taken off, divided by its deviation",
    }[pixels]
    preprocess_input.__doc__ = f"""RGB pictures, 0 to 255, as {family} wants them: {what}.

x             an array or tensor (N, height, width, 3) or (height, width, 3), of any numbers, which gives float32; or a
              symbolic tensor, after which layers are put
data_format   None or "channels_last"; "channels_first" for arrays (N, 3, height, width)

Raises DataError for what is no RGB picture, ArgumentError for an unknown data_format."""
    return guarded(preprocess_input)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """RGB pictures, 0 to 255, as networks of a family want them.

    x             an array or tensor (N, height, width, 3) or (height, width, 3), which gives float32; or a symbolic tensor
    data_format   None or "channels_last"; "channels_first" for arrays (N, 3, height, width)
    mode          "caffe": blue, green, red, mean taken off; "tf": -1 to 1; "torch": mean taken off, divided by deviation

    Raises DataError for what is no RGB picture, ArgumentError for an unknown word.
    """
    if mode not in _MODES:
        raise unknown("mode", str(mode), _MODES)
    return prepared(x, data_format, mode)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """For each picture the classes of ImageNet that got most: (WordNet id, name, score), the best first.

    preds   scores (N, 1000), or (N, 1001) of weights with a background class in front
    top     how many

    Raises DataError for another shape.
    """
    from striate.data import imagenet_labels, imagenet_synsets

    scores = np.asarray(preds.detach().cpu() if hasattr(preds, "detach") else preds)
    if scores.ndim != 2 or scores.shape[1] not in (1000, 1001):
        raise DataError(f"decode_predictions takes scores (N, 1000) of ImageNet's classes, not {scores.shape}.")
    ids, names = list(imagenet_synsets()), [label.split(",")[0].replace(" ", "_") for label in imagenet_labels() or ()]
    if scores.shape[1] == 1001:
        ids, names = ["background", *ids], ["background", *names]
    best = np.argsort(scores, axis=1)[:, ::-1][:, : max(top, 0)]
    return [[(ids[i], names[i], row[i]) for i in chosen] for row, chosen in zip(scores, best, strict=True)]


guard(__name__)
