"""Every layer once more, in plain NumPy: loops over one channels-last example, straight from the definitions.

Nothing here is shared with striate.  An example is an array (H, W, C), (L, C) or (C,); weights are in torch's layouts
(filters, channels, height, width).  ``batch`` maps a function over the examples of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def batch(function: Callable[..., Array], *xs: Array) -> Array:
    """The function of each example of a batch (of the examples of several batches)."""
    return np.stack([function(*examples) for examples in zip(*xs, strict=True)])


def channels_first(x: Array) -> Array:
    """(N, …, C) -> (N, C, …), the layout of a torch module's input."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim > 2 else x


def channels_last(x: Array) -> Array:
    """(N, C, …) -> (N, …, C), the layout of a user's array."""
    return np.moveaxis(x, 1, -1) if x.ndim > 2 else x


# -- windows ---------------------------------------------------------------------------------------------------------
def each(value: Any, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def pads(padding: Any, sizes: Sequence[int], spans: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """Cells before and after each axis."""
    out = []
    for axis, (size, span, stride) in enumerate(zip(sizes, spans, strides, strict=True)):
        if padding == "valid":
            out.append((0, 0))
        elif padding == "causal":
            out.append((span - 1, 0))
        elif padding == "same":  # so that ceil(size / stride) windows fit; the odd cell goes to the end
            windows = math.ceil(size / stride)
            total = max((windows - 1) * stride + span - size, 0)
            out.append((math.floor(total / 2), math.ceil(total / 2)))
        else:
            sides = padding if isinstance(padding, int) else padding[axis]
            out.append((sides, sides) if isinstance(sides, int) else tuple(sides))
    return out


def windows(
    x: Array, kernel: Any, strides: Any, padding: Any, dilation: Any
) -> Iterator[tuple[tuple[int, ...], Array]]:
    """(output position, cells (kernel…, C)) for every window; cells of the padding are NaN."""
    rank = x.ndim - 1
    kernel, strides, dilation = each(kernel, rank), each(strides, rank), each(dilation, rank)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sides = pads(padding, x.shape[:-1], spans, strides)
    padded = np.pad(x.astype(float), [*sides, (0, 0)], constant_values=np.nan)
    counts = [(n - span) // s + 1 for n, span, s in zip(padded.shape, spans, strides, strict=False)]
    for position in np.ndindex(*counts):
        start = [p * s for p, s in zip(position, strides, strict=True)]
        yield position, padded[tuple(slice(a, a + w, d) for a, w, d in zip(start, spans, dilation, strict=True))]


def collect(found: Iterator[tuple[tuple[int, ...], Array]]) -> Array:
    """Vectors at positions, as one array (…, C)."""
    cells = dict(found)
    out = np.empty((*(max(axis) + 1 for axis in zip(*cells, strict=True)), len(next(iter(cells.values())))))
    for position, vector in cells.items():
        out[position] = vector
    return out


# -- convolutions ----------------------------------------------------------------------------------------------------
def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Each filter sums its window over the channels of its group and adds its bias."""
    filters, depth = weight.shape[:2]

    def outputs(cells: Array) -> Array:
        cells = np.nan_to_num(cells)
        sums = np.zeros(filters)
        for f in range(filters):
            group = f // (filters // groups)
            for c in range(depth):
                sums[f] += np.sum(weight[f, c] * cells[..., group * depth + c])
        return sums if bias is None else sums + bias

    found = windows(x, weight.shape[2:], strides, padding, dilation)
    return collect((position, outputs(cells)) for position, cells in found)


def depthwise(x: Array, weight: Array, bias: Array | None = None, **how: Any) -> Array:
    """Each channel with its own filters: output channel c · multiplier + m from input channel c."""
    channels = x.shape[-1]
    multiplier = len(weight) // channels
    maps = [conv(x[..., m // multiplier, None], weight[m : m + 1], None, **how) for m in range(len(weight))]
    y = np.concatenate(maps, -1)
    return y if bias is None else y + bias


def separable(x: Array, depth_weight: Array, point_weight: Array, bias: Array | None = None, **how: Any) -> Array:
    """A depthwise convolution, then a sum over channels at every position."""
    y = depthwise(x, depth_weight, None, **how)
    y = y @ point_weight.reshape(len(point_weight), -1).T
    return y if bias is None else y + bias


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    strides: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    more: Any = None,
) -> Array:
    """Each input number paints its filter onto the output, where the windows overlap they add up.  weight (C, filters, …).

    The picture is then cut, or filled up at the end, to the size of the rule: ``same`` W·s; ``valid``
    W·s + max(F - s, 0); numbers take that much off each side.  With `more` cells ``same`` is (W - 1)·s + F % 2 + more,
    ``valid`` (W - 1)·s + F + more.
    """
    rank = x.ndim - 1
    kernel, strides, dilation = weight.shape[2:], each(strides, rank), each(dilation, rank)
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = x.shape[:-1]
    painted = np.zeros([*((n - 1) * s + w for n, s, w in zip(sizes, strides, spans, strict=True)), weight.shape[1]])
    for position in np.ndindex(*sizes):
        for cell in np.ndindex(*kernel):
            at = tuple(p * s + c * d for p, s, c, d in zip(position, strides, cell, dilation, strict=True))
            painted[at] += x[position] @ weight[(slice(None), slice(None), *cell)]
    for axis, (n, s, w) in enumerate(zip(sizes, strides, spans, strict=True)):
        before = 0
        if padding == "same":
            size, before = n * s, max(w - s, 0) // 2
        elif padding == "valid":
            size = n * s + max(w - s, 0)
        else:
            before, after = pads(padding, sizes, spans, strides)[axis]
            size = painted.shape[axis] - before - after
        if more is not None:
            size = (n - 1) * s + (w % 2 if padding == "same" else w) + each(more, rank)[axis]
            before = max(painted.shape[axis] - size, 0) // 2
        fill = [(0, 0)] * painted.ndim
        fill[axis] = (0, max(before + size - painted.shape[axis], 0))
        painted = np.pad(painted, fill)
        painted = np.take(painted, range(before, before + size), axis)
    return painted if bias is None else painted + bias


# -- pooling ---------------------------------------------------------------------------------------------------------
def center_weights(kernel: Sequence[int]) -> Array:
    """1 / (1 + distance to the centre), divided by their sum."""
    raw = np.empty(kernel)
    for cell in np.ndindex(*kernel):
        raw[cell] = 1 / (1 + math.dist(cell, [(k - 1) / 2 for k in kernel]))
    return raw / raw.sum()


def _over_window(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda cells: function(cells.reshape(-1, cells.shape[-1]))


REDUCE: dict[str, Callable[[Array], Array]] = {  # of cells (kernel…, C), NaN where there is padding
    "max": _over_window(lambda cells: np.nanmax(cells, 0)),
    "min": _over_window(lambda cells: np.nanmin(cells, 0)),
    "average": _over_window(lambda cells: np.nanmean(cells, 0)),
    "average_all": _over_window(lambda cells: np.nansum(cells, 0) / len(cells)),
    "sum": _over_window(lambda cells: np.nansum(cells, 0)),
    "l1": _over_window(lambda cells: np.nansum(np.abs(cells), 0)),
    "l2": _over_window(lambda cells: np.sqrt(np.nansum(cells**2, 0))),
    "center": lambda cells: np.tensordot(
        center_weights(cells.shape[:-1]), np.nan_to_num(cells), axes=(range(cells.ndim - 1),) * 2
    ),
}


def pool(x: Array, how: str, size: Any = 2, strides: Any = None, padding: Any = "valid") -> Array:
    found = windows(x, size, size if strides is None else strides, padding, 1)
    return collect((position, REDUCE[how](cells)) for position, cells in found)


def global_pool(x: Array, how: str, keepdims: bool = False) -> Array:
    y = REDUCE[how](x)
    return y.reshape((1,) * (x.ndim - 1) + y.shape) if keepdims else y


def adaptive_pool(x: Array, how: str, size: Any) -> Array:
    """Window i covers floor(i·W/W') up to, not including, ceil((i + 1)·W/W')."""
    size = each(size, x.ndim - 1)
    out = np.empty((*size, x.shape[-1]))
    for position in np.ndindex(*size):
        cut = tuple(
            slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(position, x.shape, size, strict=False)
        )
        out[position] = REDUCE[how](x[cut])
    return out


def depth_pool(x: Array, how: str, size: int = 2, stride: int | None = None) -> Array:
    """Groups of neighbouring channels become one."""
    stride = stride or size
    reduce = {"max": np.max, "average": np.mean}[how]
    starts = range(0, x.shape[-1] - size + 1, stride)
    return np.stack([reduce(x[..., a : a + size], axis=-1) for a in starts], -1)


# -- dense, embedding ------------------------------------------------------------------------------------------------
def dense(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """A weighted sum of the last axis for each unit; weight (units, C)."""
    out = np.empty((*x.shape[:-1], len(weight)))
    for position in np.ndindex(*x.shape[:-1]):
        for unit, row in enumerate(weight):
            out[(*position, unit)] = np.sum(row * x[position]) + (0 if bias is None else bias[unit])
    return out


def embedding(ids: Array, weight: Array) -> Array:
    return np.stack([weight[i] for i in ids])


# -- activations -----------------------------------------------------------------------------------------------------
def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def normal_cdf(x: Array) -> Array:
    return np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))))(x)


def relu(x: Array, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0) -> Array:
    y = np.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else np.minimum(y, max_value)


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x: Array) -> Array:
    return np.clip(x / 6 + 0.5, 0, 1)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": relu,
    "relu6": lambda x: relu(x, 6),
    "leaky_relu": lambda x: relu(x, negative_slope=0.2),
    "elu": elu,
    # Klambauer et al. 2017, "Self-normalizing neural networks", equation 14
    "selu": lambda x: 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717),
    "tanh": lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    "scaled_tanh": lambda x: 1.7159 * np.tanh(2 * x / 3),
    "sigmoid": sigmoid,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "hard_swish": lambda x: x * hard_sigmoid(x),
    "silu": lambda x: x * sigmoid(x),
    "swish": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * normal_cdf(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
    "softmax": softmax,
    "log_softmax": lambda x: np.log(softmax(x)),
}


# -- normalization ---------------------------------------------------------------------------------------------------
def batch_norm(
    x: Array, gamma: Array | float, beta: Array | float, mean: Array, variance: Array, epsilon: float
) -> Array:
    """Prediction: with the moving averages."""
    return (x - mean) / np.sqrt(variance + epsilon) * gamma + beta


def batch_moments(xs: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance per channel of a whole batch (N, …, C)."""
    rows = xs.reshape(-1, xs.shape[-1])
    mean = sum(rows) / len(rows)
    return mean, sum((row - mean) ** 2 for row in rows) / len(rows)


def layer_norm(x: Array, gamma: Array | float, beta: Array | float, epsilon: float) -> Array:
    """Each position's channels to mean 0 and variance 1."""
    out = np.empty(x.shape)
    for position in np.ndindex(*x.shape[:-1]):
        row = x[position]
        out[position] = (row - row.mean()) / math.sqrt(row.var() + epsilon)
    return out * gamma + beta


def lrn(x: Array, radius: int, k: float, alpha: float, beta: float) -> Array:
    """a / (k + alpha · sum a²)^beta over the channels within `radius`, fewer at the ends (Krizhevsky et al. 2012)."""
    out = np.empty(x.shape)
    for c in range(x.shape[-1]):
        near = x[..., max(c - radius, 0) : c + radius + 1]
        out[..., c] = x[..., c] / (k + alpha * (near**2).sum(-1)) ** beta
    return out


# -- moving numbers around -------------------------------------------------------------------------------------------
def reshape(x: Array, shape: Sequence[int]) -> Array:
    """Row by row, the channels of a position next to each other."""
    return np.array([x[position] for position in np.ndindex(*x.shape)]).reshape(shape)


def zero_padding(x: Array, sides: Sequence[tuple[int, int]]) -> Array:
    out = np.zeros((*(n + a + b for n, (a, b) in zip(x.shape, sides, strict=False)), x.shape[-1]))
    for position in np.ndindex(*x.shape[:-1]):
        out[tuple(p + a for p, (a, _) in zip(position, sides, strict=True))] = x[position]
    return out


def channel_padding(x: Array, before: int, after: int) -> Array:
    return np.concatenate([np.zeros((*x.shape[:-1], before)), x, np.zeros((*x.shape[:-1], after))], -1)


def cropping(x: Array, sides: Sequence[tuple[int, int]]) -> Array:
    return x[tuple(slice(a, n - b) for n, (a, b) in zip(x.shape, sides, strict=False))]


def nearest(x: Array, size: Any) -> Array:
    """Each cell becomes a block."""
    size = each(size, x.ndim - 1)
    out = np.empty((*(n * s for n, s in zip(x.shape, size, strict=False)), x.shape[-1]))
    for position in np.ndindex(*out.shape[:-1]):
        out[position] = x[tuple(p // s for p, s in zip(position, size, strict=True))]
    return out


def bilinear(x: Array, size: Any) -> Array:
    """Interpolated between the centres of the cells; beyond the outermost centres, theirs."""
    height, width, channels = x.shape
    sh, sw = each(size, 2)
    out = np.empty((height * sh, width * sw, channels))
    for i, j in np.ndindex(*out.shape[:2]):
        v = min(max((i + 0.5) / sh - 0.5, 0), height - 1)
        h = min(max((j + 0.5) / sw - 0.5, 0), width - 1)
        top, left = int(v), int(h)
        bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
        v, h = v - top, h - left
        out[i, j] = (1 - v) * ((1 - h) * x[top, left] + h * x[top, right]) + v * (
            (1 - h) * x[bottom, left] + h * x[bottom, right]
        )
    return out


# -- LeNet-5's own parts (LeCun et al. 1998, section II.B) -----------------------------------------------------------
def trainable_subsampling(x: Array, weight: Array, bias: Array, size: Any = 2) -> Array:
    return pool(x, "average", size) * weight + bias


def partial_conv(x: Array, weight: Array, bias: Array, connections: Sequence[Sequence[int]]) -> Array:
    """Map k sums the convolutions of the input maps listed in row k, each with a kernel of its own."""
    kernels = iter(weight)
    maps = []
    for row in connections:
        maps.append(sum(conv(x[..., i : i + 1], next(kernels)[None, None]) for i in row))
    return np.concatenate(maps, -1) + bias


def euclidean_rbf(x: Array, prototypes: Array) -> Array:
    return np.array([sum((a - b) ** 2 for a, b in zip(x, row, strict=True)) for row in prototypes])


def contrast_limited(x: np.ndarray, limit: float, tiles: tuple[int, int]) -> np.ndarray:
    """Zuiderveld 1994, pixel by pixel: what a pixel becomes in the four nearest tiles, weighted by how near they are."""
    height, width, channels = x.shape
    down, across = -(-height // tiles[0]), -(-width // tiles[1])
    wide = np.pad(x, ((0, down * tiles[0] - height), (0, across * tiles[1] - width), (0, 0)), "symmetric").astype(int)
    y = np.zeros(x.shape)
    for channel in range(channels):
        tables = {}
        for row in range(tiles[0]):
            for column in range(tiles[1]):
                tile = wide[row * down : (row + 1) * down, column * across : (column + 1) * across, channel]
                counts = np.bincount(tile.ravel(), minlength=256).astype(float)
                cut = np.minimum(counts, int(limit * down * across / 256))
                below = np.cumsum(cut + (counts - cut).sum() / 256)
                tables[row, column] = (below - below[0]) * 255 / (down * across - below[0])
        for i in range(height):
            for j in range(width):
                v, h = (i - down / 2) / down, (j - across / 2) / across
                for row, part in ((int(np.floor(v)), 1 - v % 1), (int(np.floor(v)) + 1, v % 1)):
                    for column, share in ((int(np.floor(h)), 1 - h % 1), (int(np.floor(h)) + 1, h % 1)):
                        place = min(max(row, 0), tiles[0] - 1), min(max(column, 0), tiles[1] - 1)
                        y[i, j, channel] += part * share * tables[place][int(x[i, j, channel])]
    return y


# -- boxes -------------------------------------------------------------------------------------------------------------
def distance_boxes(x: np.ndarray, levels: Sequence[tuple[int, int, int]], bins: int) -> np.ndarray:
    """Row after row: mean distances to the sides, in strides from the middle of the cell, and sigmoids of the classes."""
    made, place = [], 0
    for rows, columns, stride in levels:
        for row in range(rows):
            for column in range(columns):
                numbers = x[place]
                scores, sides = numbers[: -4 * bins], numbers[-4 * bins :].reshape(4, bins)
                shares = np.exp(sides) / np.exp(sides).sum(1, keepdims=True)
                left, top, right, bottom = (shares @ np.arange(bins)) * stride
                across, down = (column + 0.5) * stride, (row + 0.5) * stride
                corners = [across - left, down - top, across + right, down + bottom]
                made.append([*corners, *(1 / (1 + np.exp(-scores)))])
                place += 1
    return np.array(made)


def yolo_boxes(x: np.ndarray, boxes: int, size: tuple[int, int]) -> np.ndarray:
    """Cell after cell of (rows, columns, 5 B + C): each box's corners, and its confidence times the cell's classes."""
    rows, columns = x.shape[:2]
    height, width = size
    made = []
    for row in range(rows):
        for column in range(columns):
            classes = x[row, column, 5 * boxes :]
            for one in range(boxes):
                across, down, wide, high, sure = x[row, column, 5 * one : 5 * one + 5]
                middle = (column + across) / columns * width, (row + down) / rows * height
                half = wide**2 * width / 2, high**2 * height / 2
                corners = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]
                made.append([*corners, *(sure * classes)])
    return np.array(made)
