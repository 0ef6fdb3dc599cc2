"""How weights start: Keras' initializers as descriptions.  ``backend/init.py`` draws the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from numbers import Real
from typing import Any

from striate import configs
from striate.described import from_keras_config, from_name
from striate.errors import ArgumentError, ShapeError, unknown
from striate.graph import Initializer
from striate.guard import guard


class Zeros(Initializer):
    """Every number is 0."""


class Ones(Initializer):
    """Every number is 1."""


class Constant(Initializer):
    """One number everywhere, or an array.

    value   a number, or an array in Keras' layout: kernels (height, width, in, out), dense ones (in, out)

    A value of another shape is a ShapeError when the weight is made.
    """

    value: Any = 0.0


class RandomNormal(Initializer):
    """Normal with a mean and a standard deviation.

    mean     of the numbers
    stddev   their standard deviation, at least 0
    seed     the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``

    Raises ArgumentError for a deviation below 0.
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        _at_least_0("RandomNormal: stddev", self.stddev)


class TruncatedNormal(Initializer):
    """Normal, drawn again beyond two standard deviations.

    mean     of the numbers
    stddev   their standard deviation before the cut, at least 0
    seed     the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``

    Raises ArgumentError for a deviation below 0.
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        _at_least_0("TruncatedNormal: stddev", self.stddev)


class RandomUniform(Initializer):
    """Uniform between two numbers.

    minval   the least
    maxval   the largest
    seed     the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``

    Raises ArgumentError where `maxval` is below `minval`.
    """

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def __post_init__(self) -> None:
        _at_least_0("RandomUniform: maxval - minval", self.maxval - self.minval)


class VarianceScaling(Initializer):
    """Variance `scale` / n, where n is how many inputs or outputs a unit has.

    scale          at least 0
    mode           what n is: ``fan_in``, ``fan_out`` or ``fan_avg`` (their mean)
    distribution   ``truncated_normal`` (variance corrected for the cut, as in Keras), ``untruncated_normal`` or ``uniform``
    seed           the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two

    Sources: He et al. 2015, Glorot & Bengio 2010.  Raises ArgumentError for a scale below 0 or an unknown name.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None

    def __post_init__(self) -> None:
        _at_least_0("VarianceScaling: scale", self.scale)
        if self.mode not in ("fan_in", "fan_out", "fan_avg"):
            raise unknown("VarianceScaling mode", self.mode, ("fan_in", "fan_out", "fan_avg"))
        kinds = ("truncated_normal", "untruncated_normal", "uniform")
        if self.distribution not in kinds:
            raise unknown("VarianceScaling distribution", self.distribution, kinds)


class GlorotUniform(Initializer):
    """Uniform within sqrt(6 / (fan_in + fan_out)).  Glorot & Bengio 2010, equation 16.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two
    """

    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None


class GlorotNormal(Initializer):
    """Truncated normal with variance 2 / (fan_in + fan_out).  Glorot & Bengio 2010, equation 12.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two
    """

    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None


class HeUniform(Initializer):
    """Uniform within sqrt(6 / fan_in).  He et al. 2015, section 2.2.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two
    """

    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None


class HeNormal(Initializer):
    """Truncated normal with variance 2 / fan_in.  He et al. 2015, equation 10.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two
    """

    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None


class LecunUniform(Initializer):
    """Uniform within sqrt(3 / fan_in).  LeCun et al. 1998, "Efficient backprop", section 4.6.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two
    """

    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None


class LecunNormal(Initializer):
    """Truncated normal with variance 1 / fan_in.  LeCun et al. 1998, "Efficient backprop", section 4.6.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    input_axes, output_axes   which sizes are inputs and outputs where it is called on a shape; None: the last two
    """

    seed: int | None = None
    input_axes: Any = None
    output_axes: Any = None


class Orthogonal(Initializer):
    """A random orthogonal matrix.  Saxe et al. 2013.

    gain   what it is multiplied by
    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    """

    gain: float = 1.0
    seed: int | None = None


class RandomSigns(Initializer):
    """-1 or 1, each with probability 1/2.

    seed   the same numbers for every weight that is drawn with it; None: the run's own, see ``st.set_seed``
    """

    seed: int | None = None


class IdentityInitializer(Initializer):
    """A number on the diagonal of a square matrix, 0 elsewhere.

    gain   the number
    """

    gain: float = 1.0


Identity = IdentityInitializer
OrthogonalInitializer = Orthogonal


def _at_least_0(what: str, value: float) -> None:
    if value < 0:
        raise ArgumentError(f"{what} is at least 0, not {value}.")


NAMES: dict[str, type[Initializer]] = {
    "zeros": Zeros,
    "ones": Ones,
    "constant": Constant,
    "random_normal": RandomNormal,
    "normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
    "random_uniform": RandomUniform,
    "uniform": RandomUniform,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LecunUniform,
    "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal,
    "random_signs": RandomSigns,
    "identity": Identity,
}


# Keras' names of one word, for code that calls them: he_normal(seed=1).
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, random_signs = VarianceScaling, RandomSigns
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal

NAMES |= {cls.__name__: cls for cls in NAMES.values()} | {
    "Identity": IdentityInitializer,  # Keras takes both spellings
    "OrthogonalInitializer": Orthogonal,
}
_NOT_HERE = ("stft", "STFT", "STFTInitializer")


def get(identifier: Any) -> Any:
    """The initializer of a name, a class, a description or an array, or the object itself.  None stays None.

    identifier   a name such as ``he_normal``, an Initializer or its class, what ``serialize`` gives, or an array, which
                 is a Constant

    Raises ArgumentError, naming the nearest.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier in _NOT_HERE:
        raise ArgumentError(f'initializer "{identifier}": it is for spectrograms of sound, which striate has not.')
    if isinstance(identifier, type) and issubclass(identifier, Initializer):
        return identifier()
    if isinstance(identifier, Mapping):
        return Initializer.from_dict(identifier) if "class" in identifier else deserialize(identifier)
    if _is_array(identifier):
        return Constant(identifier)
    return from_name(identifier, Initializer, NAMES, "he_normal")


def compute_fans(
    shape: Any, input_axes: Any = None, output_axes: Any = None, where: str = "compute_fans"
) -> tuple[int, int]:
    """Inputs and outputs per unit of an array in Keras' layout, which the scaled initializers go by.

    shape         such as (height, width, in, out)
    input_axes    whose sizes are inputs
    output_axes   whose sizes are outputs; where one of the two is None, they are the last two
    where         what asks, for the message

    The sizes of all other axes count in both: each unit sees every place of a window.  Raises ShapeError for an axis that
    is not there.
    """
    sizes = tuple(shape)
    if input_axes is None or output_axes is None:
        if len(sizes) < 2:
            return prod(sizes), prod(sizes)
        input_axes, output_axes = [len(sizes) - 2], [len(sizes) - 1]
    beyond = [axis for axis in (*input_axes, *output_axes) if not -len(sizes) <= axis < len(sizes)]
    if beyond:
        raise ShapeError(f"{where}: axis {beyond[0]} does not exist in a shape of {sizes}.")
    mine = {axis % len(sizes) for axis in (*input_axes, *output_axes)}
    deep = prod(size for axis, size in enumerate(sizes) if axis not in mine)
    return deep * prod(sizes[axis] for axis in input_axes), deep * prod(sizes[axis] for axis in output_axes)


def _is_array(spec: Any) -> bool:
    """An array of numbers, or such lists as a saved one has become."""
    if isinstance(spec, list | tuple):
        return bool(spec) and all(
            _is_array(part) if isinstance(part, list | tuple) else isinstance(part, Real) for part in spec
        )
    return bool(getattr(spec, "ndim", 0)) and hasattr(spec, "dtype")


def serialize(initializer: Any) -> dict[str, Any]:
    """A JSON-ready description of an initializer: its class's name under "class_name", its arguments under "config".

    initializer    what ``get`` takes

    Raises ArgumentError for what is no initializer.
    """
    return configs.serialize(get(initializer))  # type: ignore[no-any-return]


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Initializer:
    """The initializer of a description.

    config            what ``serialize`` made, or a name
    custom_objects    classes of your own by their names

    Raises ArgumentError for one that is not known.
    """
    return from_keras_config(Initializer, get, config, custom_objects)  # type: ignore[no-any-return]


guard(__name__)
