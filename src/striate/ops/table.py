"""The functions of ``striate.ops``: Keras' arguments and defaults, and what each computes.

A row in ``lower`` says it in primitives, a row in ``eager`` in torch.
"""

ROWS = """
add(x1, x2)                              x1 + x2
subtract(x1, x2)                         x1 - x2
multiply(x1, x2)                         x1 · x2
divide(x1, x2)                           x1 / x2
true_divide(x1, x2)                      x1 / x2
divide_no_nan(x1, x2)                    x1 / x2, 0 where x2 is 0
floor_divide(x1, x2)                     the largest whole number up to x1 / x2
mod(x1, x2)                              what is left of x1 / x2, of x2's sign
power(x1, x2)                            x1 to the power x2
maximum(x1, x2)                          the larger of two numbers
minimum(x1, x2)                          the smaller of two numbers
equal(x1, x2)                            whether x1 is x2
not_equal(x1, x2)                        whether x1 is not x2
greater(x1, x2)                          whether x1 > x2
greater_equal(x1, x2)                    whether x1 >= x2
less(x1, x2)                             whether x1 < x2
less_equal(x1, x2)                       whether x1 <= x2
logical_and(x1, x2)                      whether both are true
logical_or(x1, x2)                       whether one is true
logical_not(x)                           whether it is not true
isnan(x)                                 whether a number is none
isfinite(x)                              whether a number is finite
isclose(x1, x2, rtol=1e-05, atol=1e-08, equal_nan=False)    whether two numbers are nearly alike
logical_xor(x1, x2)                      whether just one is true
isinf(x)                                 whether a number is infinite
nan_to_num(x, nan=0.0, posinf=None, neginf=None)    numbers in place of what is none; None: the largest of float32
arctan2(x1, x2)                          the angle of the point (x2, x1)
logaddexp(x1, x2)                        log(exp(x1) + exp(x2))
where(condition, x1=None, x2=None)       x1 where the condition holds, x2 elsewhere
absolute(x)                              |x|
abs(x)                                   |x|
negative(x)                              -x
sign(x)                                  -1, 0 or 1
square(x)                                x²
sqrt(x)                                  √x
rsqrt(x)                                 1 / √x
reciprocal(x)                            1 / x
exp(x)                                   e to the power x
expm1(x)                                 exp(x) - 1
log(x)                                   the natural logarithm
log1p(x)                                 log(1 + x)
log2(x)                                  the logarithm to base 2
log10(x)                                 the logarithm to base 10
sin(x)                                   the sine
cos(x)                                   the cosine
tan(x)                                   the tangent
arctan(x)                                the arc tangent
arcsin(x)                                the arc sine
arccos(x)                                the arc cosine
sinh(x)                                  the hyperbolic sine
cosh(x)                                  the hyperbolic cosine
exp2(x)                                  2 to the power x
trunc(x)                                 the whole number towards 0
erf(x)                                   the error function
floor(x)                                 the largest whole number up to x
ceil(x)                                  the smallest whole number from x
round(x, decimals=0)                     the nearest number of so many decimals
clip(x, x_min, x_max)                    x, at least x_min and at most x_max
relu(x)                                  max(x, 0)
parametric_relu(x, max_value, negative_slope, threshold)    x cut off at max_value, of another slope below the threshold
relu6(x)                                 min(max(x, 0), 6)
leaky_relu(x, negative_slope=0.2)        x above 0, negative_slope · x below
elu(x, alpha=1.0)                        x above 0, alpha (exp(x) - 1) below
celu(x, alpha=1.0)                       x above 0, alpha (exp(x / alpha) - 1) below
selu(x)                                  1.0507 (x above 0, 1.6733 (exp(x) - 1) below)
gelu(x, approximate=True)                x P(N(0, 1) < x), or its approximation by a tanh
silu(x)                                  x sigmoid(x)
swish(x)                                 x sigmoid(x)
sigmoid(x)                               1 / (1 + exp(-x))
log_sigmoid(x)                           log(sigmoid(x))
hard_sigmoid(x)                          min(max(x / 6 + 1/2, 0), 1)
hard_silu(x)                             x hard_sigmoid(x)
hard_swish(x)                            x hard_sigmoid(x)
hard_tanh(x)                             min(max(x, -1), 1)
hard_shrink(x, threshold=0.5)            x beyond the threshold to either side, 0 between
soft_shrink(x, threshold=0.5)            x drawn to 0 by the threshold
tanh(x)                                  the hyperbolic tangent
tanh_shrink(x)                           x - tanh(x)
mish(x)                                  x tanh(softplus(x))
softplus(x)                              log(1 + exp(x))
softsign(x)                              x / (1 + |x|)
squareplus(x, b=4)                       (x + √(x² + b)) / 2
softmax(x, axis=-1)                      exp(x) divided by its sum over an axis
log_softmax(x, axis=-1)                  the logarithm of softmax
glu(x, axis=-1)                          the first half of an axis times the sigmoid of the second
sparse_plus(x)                           0 up to -1, x from 1, (x + 1)² / 4 between
sparse_sigmoid(x)                        0 up to -1, 1 from 1, (x + 1) / 2 between
threshold(x, threshold, default_value)   x above the threshold, else the default value
mean(x, axis=None, keepdims=False)       the mean over axes
sum(x, axis=None, keepdims=False)        the sum over axes
max(x, axis=None, keepdims=False, initial=None)     the largest number over axes
min(x, axis=None, keepdims=False, initial=None)     the smallest number over axes
amax(x, axis=None, keepdims=False)       the largest number over axes
amin(x, axis=None, keepdims=False)       the smallest number over axes
prod(x, axis=None, keepdims=False, dtype=None)      the product over axes
var(x, axis=None, keepdims=False)        the variance over axes, divided by n
std(x, axis=None, keepdims=False)        the standard deviation over axes, divided by n
any(x, axis=None, keepdims=False)        whether any is true over axes
all(x, axis=None, keepdims=False)        whether all are true over axes
logsumexp(x, axis=None, keepdims=False)  log(sum(exp(x))) over axes
norm(x, ord=None, axis=None, keepdims=False)        the length of vectors
normalize(x, axis=-1, order=2, epsilon=None)        vectors divided by their length
argmax(x, axis=None, keepdims=False)     the place of the largest number
argmin(x, axis=None, keepdims=False)     the place of the smallest number
argsort(x, axis=-1)                      the places in rising order of the numbers
sort(x, axis=-1)                         the numbers in rising order
top_k(x, k, sorted=True)                 the k largest numbers of the last axis, and their places
in_top_k(targets, predictions, k)        whether the target is among the k largest, all finite; ties count
cumsum(x, axis=None, dtype=None)         sums of the first numbers
count_nonzero(x, axis=None)              how many numbers are not 0
cumprod(x, axis=None, dtype=None)        products of the first numbers
average(x, axis=None, weights=None)      the mean over axes, weighted
median(x, axis=None, keepdims=False)     the number in the middle over axes
quantile(x, q, axis=None, method="linear", keepdims=False)  the number that a share q lies below
bincount(x, weights=None, minlength=0, sparse=False)    how often each whole number is there
searchsorted(sorted_sequence, values, side="left")  where values belong in a rising sequence
nonzero(x)                               the places of what is not 0, an array for each axis
moments(x, axes, keepdims=False, synchronized=False)    mean and variance over axes
reshape(x, newshape)                     the same numbers in another shape
ravel(x)                                 all numbers as one vector
transpose(x, axes=None)                  axes in another order
swapaxes(x, axis1, axis2)                two axes exchanged
moveaxis(x, source, destination)         an axis moved to another place
expand_dims(x, axis)                     a new axis of size 1
squeeze(x, axis=None)                    without axes of size 1
broadcast_to(x, shape)                   repeated to a shape
concatenate(xs, axis=0)                  tensors one after the other along an axis
stack(x, axis=0)                         tensors one after the other along a new axis
split(x, indices_or_sections, axis=0)    parts along an axis
unstack(x, num=None, axis=0)             the cells of an axis, one by one
get_item(x, key)                         x[key]
take(x, indices, axis=None)              the cells of an axis at these places
take_along_axis(x, indices, axis=None)   the cells of an axis at places that differ from row to row
slice(inputs, start_indices, shape)      the part of this shape that begins there
pad(x, pad_width, mode="constant", constant_values=None)    cells around
repeat(x, repeats, axis=None)            each cell so many times
tile(x, repeats)                         the whole so many times along each axis
append(x1, x2, axis=None)                one after the other along an axis
hstack(xs)                               tensors side by side: along axis 1
vstack(xs)                               tensors one above the other: along axis 0
tril(x, k=0)                             0 above a diagonal
triu(x, k=0)                             0 below a diagonal
diag(x, k=0)                             the diagonal of a matrix, or the matrix of a diagonal
diagonal(x, offset=0, axis1=0, axis2=1)  the diagonal of two axes
trace(x, offset=0, axis1=0, axis2=1)     the sum of a diagonal
scatter_update(inputs, indices, updates, reduction=None)    other numbers at these places
slice_update(inputs, start_indices, updates)    other numbers in the part that begins there
flip(x, axis=None)                       the other way round along axes
roll(x, shift, axis=None)                moved along an axis, what leaves at its end enters at its beginning
cast(x, dtype)                           the same numbers as another type
stop_gradient(variable)                  the same numbers, behind which nothing is learnt
matmul(x1, x2)                           the product of matrices
dot(x1, x2)                              sums over the last axis of x1 and the last but one of x2
tensordot(x1, x2, axes=2)                sums over the last axes of x1 and the first of x2
vdot(x1, x2)                             the sum of the products of all numbers
inner(x1, x2)                            sums over the last axes of both
outer(x1, x2)                            every number of x1 times every number of x2
einsum(subscripts, *operands)            the sum of products that Einstein's notation says
one_hot(x, num_classes, axis=-1, dtype=None, sparse=False)      1 at the place of a class, 0 elsewhere
multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False)      1 at the places of classes
conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1)     a convolution
depthwise_conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1)   each map by itself
separable_conv(inputs, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1)  \
a depthwise convolution, then a 1x1 one
conv_transpose(inputs, kernel, strides=1, padding="valid", output_padding=None, data_format=None, dilation_rate=1)  \
a convolution turned round: kernel (height, width, out, in)
depth_to_space(x, block_size, data_format="channels_last")  maps become a block of positions: (H, W, C·r²) -> (H·r, W·r, C)
space_to_depth(x, block_size, data_format="channels_last")  a block of positions becomes maps: (H·r, W·r, C) -> (H, W, C·r²)
adaptive_average_pool(inputs, output_size, data_format=None)    means of windows that give maps of this size
adaptive_max_pool(inputs, output_size, data_format=None)    the largest numbers of windows that give maps of this size
max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None)        the largest number of windows
average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None)    the mean of windows
batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=0.001)    (x - mean) / √(variance + epsilon)
layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None)   each sample over axes: mean 0, deviation 1
rms_normalization(x, scale=None, axis=-1, epsilon=None)     x divided by the root of the mean of its squares
psnr(x1, x2, max_val)                    the peak signal-to-noise ratio of two pictures, in decibels
binary_crossentropy(target, output, from_logits=False)      of each yes or no
categorical_crossentropy(target, output, from_logits=False, axis=-1)        of one-hot targets
sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1) of class numbers
image_resize(images, size, interpolation="bilinear", antialias=False, crop_to_aspect_ratio=False, \
pad_to_aspect_ratio=False, fill_mode="constant", fill_value=0.0, data_format=None)  pictures of another size
image_rgb_to_grayscale(images, data_format=None)    pictures of one channel
image_pad_images(images, top_padding=None, left_padding=None, bottom_padding=None, right_padding=None, \
target_height=None, target_width=None, data_format=None)    zeros around
image_crop_images(images, top_cropping=None, left_cropping=None, bottom_cropping=None, right_cropping=None, \
target_height=None, target_width=None, data_format=None)    a part of pictures
image_extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None)   windows as channels
map(f, xs)                               a function of each cell of axis 0
vectorized_map(function, elements)       a function of each cell of axis 0
cond(pred, true_fn, false_fn)            what one of two functions gives
while_loop(cond, body, loop_vars, maximum_iterations=None)  a function again and again while another says so
fori_loop(lower, upper, body_fun, init_val)     a function of a number and a value for each number
shape(x)                                 the shape, a tuple
ndim(x)                                  how many axes
size(x)                                  how many numbers
dtype(x)                                 the type of the numbers
zeros(shape, dtype=None)                 zeros of a shape
ones(shape, dtype=None)                  ones of a shape
full(shape, fill_value, dtype=None)      one number everywhere
empty(shape, dtype=None)                 zeros of a shape
zeros_like(x, dtype=None)                zeros of another's shape
ones_like(x, dtype=None)                 ones of another's shape
full_like(x, fill_value, dtype=None)     one number everywhere, of another's shape
eye(N, M=None, k=0, dtype=None)          ones on a diagonal
identity(n, dtype=None)                  ones on the diagonal of a square
arange(start, stop=None, step=None, dtype=None)     numbers at even steps
linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0)     so many numbers at even steps
array(x, dtype=None)                     a tensor of these numbers
copy(x)                                  a tensor of the same numbers
convert_to_tensor(x, dtype=None, sparse=None, ragged=None)     a tensor of these numbers
convert_to_numpy(x)                      an array of these numbers
is_tensor(x)                             whether it is a tensor
"""

ARGUMENTS = {
    "x": "a tensor, an array or numbers; where it says tensors, a list of them",
    "x1": "a tensor, an array or a number",
    "x2": "the same; sizes of 1, and axes missing in front, are repeated",
    "xs": "a list of tensors that agree in their other sizes",
    "inputs": "(N, H, W, C) or (N, L, C), channels last; class numbers of ``multi_hot``",
    "images": "(N, H, W, C) or (H, W, C)",
    "kernel": "(height, width, in, out), or in, multiplier where each map is by itself",
    "depthwise_kernel": "(height, width, in, multiplier)",
    "pointwise_kernel": "(1, 1, in · multiplier, out)",
    "axis": "which; 0 is the batch, -1 the channels; a number or several, None: all",
    "axes": "which, or their new order; a number for how many of ``tensordot``",
    "axis1": "the one",
    "axis2": "the other",
    "source": "the axis",
    "destination": "its new place",
    "keepdims": "leave axes of size 1",
    "initial": "a number that counts too",
    "dtype": 'such as "float32"; None: as the numbers are',
    "target": "what is right",
    "output": "probabilities, or logits",
    "from_logits": "whether the outputs are logits",
    "targets": "class numbers, (N,)",
    "predictions": "scores, (N, classes)",
    "k": "how many; of ``eye``, ``tril``, ``triu`` and ``diag`` the diagonal",
    "sorted": "the largest first",
    "sparse": "not supported: False or None",
    "ragged": "not supported: False or None",
    "synchronized": "over processes: False",
    "data_format": '"channels_last" or "channels_first"; None: what backend.image_data_format() says',
    "padding": '"valid" or "same"',
    "strides": "step of the window, a number or one per axis; None: its size",
    "pool_size": "size of the window, a number or one per axis",
    "dilation_rate": "distance of the window's cells",
    "newshape": "with the batch in front; one size may be -1",
    "shape": "with the batch in front",
    "start_indices": "where the part begins, per axis",
    "indices": "places, from 0",
    "indices_or_sections": "so many equal parts, or where each but the first begins",
    "num": "how many",
    "key": "numbers, slices, None and ... as NumPy takes them",
    "pad_width": "(before, after) for each axis, (0, 0) for the batch",
    "mode": '"constant", "reflect", "symmetric", "edge" or "wrap"',
    "constant_values": "the number around; None: 0",
    "repeats": "how often",
    "shift": "how many cells",
    "decimals": "behind the point",
    "x_min": "the least",
    "x_max": "the most",
    "negative_slope": "below 0",
    "max_value": "the most, or None",
    "alpha": "minus the limit far below 0",
    "approximate": "by a tanh",
    "threshold": "where it changes",
    "default_value": "below the threshold",
    "b": "how smooth, above 0",
    "ord": "1, 2 or infinity; None: 2",
    "order": "1 or 2",
    "epsilon": "keeps from dividing by 0",
    "condition": "true or false",
    "rtol": "how much may differ, in parts of x2",
    "atol": "how much may differ",
    "equal_nan": "whether two that are no numbers are alike",
    "variable": "a tensor",
    "subscripts": 'such as "bij,bjk->bik"',
    "operands": "tensors",
    "num_classes": "how many; None: the largest class and one",
    "mean": "of each channel",
    "variance": "of each channel",
    "scale": "of each channel, or None",
    "size": "(height, width); of ``extract_patches`` also one number",
    "interpolation": '"bilinear", "nearest", "bicubic" or "area"',
    "antialias": "smooth before making smaller",
    "fill_value": "the number",
    "crop_to_aspect_ratio": "cut off what does not have the shape of the size",
    "pad_to_aspect_ratio": "put around what the shape of the size lacks",
    "fill_mode": '"constant"',
    "N": "rows",
    "M": "columns; None: as many",
    "n": "rows and columns",
    "start": "the first; how many, where no stop is given",
    "stop": "behind the last",
    "step": "from one to the next; None: 1",
    "nan": "in place of what is no number",
    "posinf": "in place of infinity",
    "neginf": "in place of minus infinity",
    "weights": "how much each number counts; None: all alike",
    "q": "the share, from 0 to 1, or several",
    "method": '"linear"',
    "minlength": "how many counts at least",
    "sorted_sequence": "rising numbers",
    "values": "a tensor",
    "side": '"left" or "right" of numbers that are equal',
    "offset": "of the diagonal; of ``batch_normalization`` added to each channel, or None",
    "updates": "the numbers",
    "reduction": 'what becomes of the number there: "add", "max", "min" or "mul" with it; None: the new one replaces it',
    "output_padding": "further cells at the output's end",
    "block_size": "positions of a block along each axis",
    "output_size": "(height, width), or one number",
    "gamma": "of each channel, or None",
    "beta": "added to each channel, or None",
    "max_val": "the largest number that a pixel can be",
    "top_padding": "rows above; None: what the height leaves",
    "left_padding": "columns on the left; None: what the width leaves",
    "bottom_padding": "rows below; None: what the height leaves",
    "right_padding": "columns on the right; None: what the width leaves",
    "top_cropping": "rows cut off above; None: what the height leaves",
    "left_cropping": "columns cut off on the left; None: what the width leaves",
    "bottom_cropping": "rows cut off below; None: what the height leaves",
    "right_cropping": "columns cut off on the right; None: what the width leaves",
    "target_height": "rows of the result, or None",
    "target_width": "columns of the result, or None",
    "f": "a function of one cell",
    "function": "a function of one cell",
    "elements": "a tensor, or a list of them",
    "pred": "true or false",
    "true_fn": "called without arguments where it is true",
    "false_fn": "called without arguments where it is false",
    "cond": "a function of the values: whether to go on",
    "body": "a function of the values that gives the next ones",
    "loop_vars": "the values at the start",
    "maximum_iterations": "how often at most; None: no bound",
    "lower": "the first number",
    "upper": "behind the last number",
    "body_fun": "a function of the number and the value",
    "init_val": "the value at the start",
    "endpoint": "whether the stop is the last",
    "retstep": "whether the step is given too, (numbers, step)",
}
