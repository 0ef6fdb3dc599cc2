"""Layers that Keras has, or had, and striate has not, each with the reason or what to write instead."""

from __future__ import annotations

_RECURRENT = "recurrent networks are another field; over a sequence use Conv1D with padding='causal'"
_ATTENTION = "attention between positions is another field; for attention to maps use SqueezeExcite"
_SOLID = "pictures have two axes here and sequences one; take the slices as channels of a 2-D layer"
_TEXT = "words become numbers before the network; striate.data.vocabulary and Embedding do it"
_TABLE = "features of tables are another field; prepare them with NumPy before the network"
_SOUND = "sounds become pictures before the network, with torch.stft or a library for sound"
_FOREIGN = "write its forward as a layer of your own, see docs/layers.md"
_WRAPPER = "call the layer on each part, or write a layer of your own, see docs/layers.md"

ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(
        (
            *("LSTM", "LSTMCell", "GRU", "GRUCell", "SimpleRNN", "SimpleRNNCell", "RNN", "StackedRNNCells"),
            *("Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        ),
        _RECURRENT,
    ),
    **dict.fromkeys(
        ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"),
        _ATTENTION,
    ),
    **dict.fromkeys(
        (
            *("Conv3D", "Conv3DTranspose", "Convolution3D", "Convolution3DTranspose", "Cropping3D", "UpSampling3D"),
            *("MaxPooling3D", "MaxPool3D", "AveragePooling3D", "AvgPool3D", "ZeroPadding3D", "SpatialDropout3D"),
            *("GlobalMaxPooling3D", "GlobalMaxPool3D", "GlobalAveragePooling3D", "GlobalAvgPool3D"),
            *("AdaptiveAveragePooling3D", "AdaptiveMaxPooling3D"),
        ),
        _SOLID,
    ),
    **dict.fromkeys(("TextVectorization", "StringLookup", "IntegerLookup", "ReversibleEmbedding"), _TEXT),
    **dict.fromkeys(("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing"), _TABLE),
    **dict.fromkeys(("MelSpectrogram", "STFTSpectrogram"), _SOUND),
    **dict.fromkeys(("FlaxLayer", "JaxLayer", "TFSMLayer"), _FOREIGN),
    "TimeDistributed": _WRAPPER,
    "Masking": "masking is not supported; a global max pooling ignores padding best",
    "EinsumDense": "use Dense, which works on the last axis, with Permute and Reshape around it",
    "TernaryDense": "quantize after training instead",
    "SpectralNormalization": "bound the weights with kernel_constraint=constraints.MaxNorm(1, [0, 1, 2]) instead",
    "Pipeline": "put the layers into a Sequential, or augmentation into layers.Augmentation",
}

EARLIER: dict[str, str] = {
    "AtrousConvolution1D": "write Conv1D(filters, length, dilation_rate=...)",
    "AtrousConvolution2D": "write Conv2D(filters, (rows, columns), dilation_rate=...)",
    "Deconvolution2D": "write Conv2DTranspose(filters, (rows, columns), strides=...)",
    "Highway": "write a layer of your own, see docs/layers.md",
    "LocallyConnected1D": "no layer here has weights of its own for each place; write one, see docs/layers.md",
    "LocallyConnected2D": "no layer here has weights of its own for each place; write one, see docs/layers.md",
    "MaxoutDense": "write Dense(units * pieces), Reshape((pieces, units)) and a maximum over axis 1",
    "Merge": "write Concatenate()([a, b]), Add(), Multiply(), Average(), Maximum() or Dot(axes) in a Model",
    "merge": "write concatenate([a, b]), add, multiply, average, maximum or dot",
    "TimeDistributedDense": "write Dense, which works on the last axis",
}
