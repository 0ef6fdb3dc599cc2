"""The signatures of Keras' layers, and a value for each argument that has no default."""

from __future__ import annotations

from typing import Any

# inspect.signature of Keras 3.15.1's layers, without name and dtype, which EVERYWHERE has.
KERAS = {
    "Activation": "activation",
    "AlphaDropout": "rate noise_shape=None seed=None",
    "ActivityRegularization": "l1=0.0 l2=0.0",
    "AdaptiveAveragePooling1D": "output_size data_format=None",
    "AdaptiveAveragePooling2D": "output_size data_format=None",
    "AdaptiveMaxPooling1D": "output_size data_format=None",
    "AdaptiveMaxPooling2D": "output_size data_format=None",
    "AugMix": (
        "value_range=(0,255) num_chains=3 chain_depth=3 factor=0.3 alpha=1.0 all_ops=True "
        "interpolation='bilinear' seed=None data_format=None"
    ),
    "AutoContrast": "value_range=(0,255)",
    "AveragePooling1D": "pool_size strides=None padding='valid' data_format=None",
    "AveragePooling2D": "pool_size strides=None padding='valid' data_format=None",
    "AvgPool1D": "pool_size strides=None padding='valid' data_format=None",
    "AvgPool2D": "pool_size strides=None padding='valid' data_format=None",
    "BatchNormalization": (
        "axis=-1 momentum=0.99 epsilon=0.001 center=True scale=True beta_initializer='zeros' "
        "gamma_initializer='ones' moving_mean_initializer='zeros' moving_variance_initializer='ones' "
        "beta_regularizer=None gamma_regularizer=None beta_constraint=None gamma_constraint=None "
        "renorm=False renorm_clipping=None renorm_momentum=0.99 synchronized=False"
    ),
    "CenterCrop": "height width data_format=None",
    "Concatenate": "axis=-1",
    "Conv1D": (
        "filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 groups=1 "
        "activation=None use_bias=True kernel_initializer='glorot_uniform' bias_initializer='zeros' "
        "kernel_regularizer=None bias_regularizer=None activity_regularizer=None kernel_constraint=None "
        "bias_constraint=None"
    ),
    "Conv1DTranspose": (
        "filters kernel_size strides=1 padding='valid' output_padding=None data_format=None "
        "dilation_rate=1 activation=None use_bias=True kernel_initializer='glorot_uniform' "
        "bias_initializer='zeros' kernel_regularizer=None bias_regularizer=None "
        "activity_regularizer=None kernel_constraint=None bias_constraint=None"
    ),
    "Conv2D": (
        "filters kernel_size strides=(1,1) padding='valid' data_format=None dilation_rate=(1,1) groups=1 "
        "activation=None use_bias=True kernel_initializer='glorot_uniform' bias_initializer='zeros' "
        "kernel_regularizer=None bias_regularizer=None activity_regularizer=None kernel_constraint=None "
        "bias_constraint=None"
    ),
    "Conv2DTranspose": (
        "filters kernel_size strides=(1,1) padding='valid' output_padding=None data_format=None "
        "dilation_rate=(1,1) activation=None use_bias=True kernel_initializer='glorot_uniform' "
        "bias_initializer='zeros' kernel_regularizer=None bias_regularizer=None "
        "activity_regularizer=None kernel_constraint=None bias_constraint=None"
    ),
    "Convolution1D": (
        "filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 groups=1 "
        "activation=None use_bias=True kernel_initializer='glorot_uniform' bias_initializer='zeros' "
        "kernel_regularizer=None bias_regularizer=None activity_regularizer=None kernel_constraint=None "
        "bias_constraint=None"
    ),
    "Convolution1DTranspose": (
        "filters kernel_size strides=1 padding='valid' output_padding=None data_format=None "
        "dilation_rate=1 activation=None use_bias=True kernel_initializer='glorot_uniform' "
        "bias_initializer='zeros' kernel_regularizer=None bias_regularizer=None "
        "activity_regularizer=None kernel_constraint=None bias_constraint=None"
    ),
    "Convolution2D": (
        "filters kernel_size strides=(1,1) padding='valid' data_format=None dilation_rate=(1,1) groups=1 "
        "activation=None use_bias=True kernel_initializer='glorot_uniform' bias_initializer='zeros' "
        "kernel_regularizer=None bias_regularizer=None activity_regularizer=None kernel_constraint=None "
        "bias_constraint=None"
    ),
    "Convolution2DTranspose": (
        "filters kernel_size strides=(1,1) padding='valid' output_padding=None data_format=None "
        "dilation_rate=(1,1) activation=None use_bias=True kernel_initializer='glorot_uniform' "
        "bias_initializer='zeros' kernel_regularizer=None bias_regularizer=None "
        "activity_regularizer=None kernel_constraint=None bias_constraint=None"
    ),
    "Cropping1D": "cropping=(1,1)",
    "Cropping2D": "cropping=((0,0),(0,0)) data_format=None",
    "Dense": (
        "units activation=None use_bias=True kernel_initializer='glorot_uniform' "
        "bias_initializer='zeros' kernel_regularizer=None bias_regularizer=None "
        "activity_regularizer=None kernel_constraint=None bias_constraint=None lora_rank=None "
        "lora_alpha=None quantization_config=None"
    ),
    "DepthwiseConv1D": (
        "kernel_size strides=1 padding='valid' depth_multiplier=1 data_format=None dilation_rate=1 "
        "activation=None use_bias=True depthwise_initializer='glorot_uniform' bias_initializer='zeros' "
        "depthwise_regularizer=None bias_regularizer=None activity_regularizer=None "
        "depthwise_constraint=None bias_constraint=None"
    ),
    "DepthwiseConv2D": (
        "kernel_size strides=(1,1) padding='valid' depth_multiplier=1 data_format=None "
        "dilation_rate=(1,1) activation=None use_bias=True depthwise_initializer='glorot_uniform' "
        "bias_initializer='zeros' depthwise_regularizer=None bias_regularizer=None "
        "activity_regularizer=None depthwise_constraint=None bias_constraint=None"
    ),
    "Dot": "axes normalize=False",
    "Dropout": "rate noise_shape=None seed=None",
    "ELU": "alpha=1.0",
    "Embedding": (
        "input_dim output_dim embeddings_initializer='uniform' embeddings_regularizer=None "
        "embeddings_constraint=None mask_zero=False weights=None lora_rank=None lora_alpha=None "
        "quantization_config=None"
    ),
    "Equalization": "value_range=(0,255) bins=256 data_format=None",
    "Flatten": "data_format=None",
    "GaussianDropout": "rate seed=None",
    "GaussianNoise": "stddev seed=None",
    "GlobalAveragePooling1D": "data_format=None keepdims=False",
    "GlobalAveragePooling2D": "data_format=None keepdims=False",
    "GlobalAvgPool1D": "data_format=None keepdims=False",
    "GlobalAvgPool2D": "data_format=None keepdims=False",
    "GlobalMaxPool1D": "data_format=None keepdims=False",
    "GlobalMaxPool2D": "data_format=None keepdims=False",
    "GlobalMaxPooling1D": "data_format=None keepdims=False",
    "GlobalMaxPooling2D": "data_format=None keepdims=False",
    "GroupNormalization": (
        "groups=32 axis=-1 epsilon=0.001 center=True scale=True beta_initializer='zeros' "
        "gamma_initializer='ones' beta_regularizer=None gamma_regularizer=None beta_constraint=None "
        "gamma_constraint=None"
    ),
    "LayerNormalization": (
        "axis=-1 epsilon=0.001 center=True scale=True beta_initializer='zeros' gamma_initializer='ones' "
        "beta_regularizer=None gamma_regularizer=None beta_constraint=None gamma_constraint=None"
    ),
    "LeakyReLU": "negative_slope=0.3",
    "MaxPool1D": "pool_size=2 strides=None padding='valid' data_format=None",
    "MaxPool2D": "pool_size=(2,2) strides=None padding='valid' data_format=None",
    "MaxPooling1D": "pool_size=2 strides=None padding='valid' data_format=None",
    "MaxPooling2D": "pool_size=(2,2) strides=None padding='valid' data_format=None",
    "Normalization": "axis=-1 mean=None variance=None invert=False",
    "PReLU": "alpha_initializer='Zeros' alpha_regularizer=None alpha_constraint=None shared_axes=None",
    "Permute": "dims",
    "RMSNormalization": "axis=-1 epsilon=1e-06",
    "RandAugment": "value_range=(0,255) num_ops=2 factor=0.5 interpolation='bilinear' seed=None data_format=None",
    "RandomBrightness": "factor value_range=(0,255) seed=None",
    "RandomColorDegeneration": "factor value_range=(0,255) data_format=None seed=None",
    "RandomColorJitter": (
        "value_range=(0,255) brightness_factor=None contrast_factor=None saturation_factor=None "
        "hue_factor=None seed=None data_format=None"
    ),
    "RandomContrast": "factor value_range=(0,255) seed=None",
    "RandomCrop": "height width seed=None data_format=None",
    "RandomElasticTransform": (
        "factor=1.0 scale=1.0 interpolation='bilinear' fill_mode='reflect' fill_value=0.0 "
        "value_range=(0,255) seed=None data_format=None"
    ),
    "RandomErasing": "factor=1.0 scale=(0.02,0.33) fill_value=None value_range=(0,255) seed=None data_format=None",
    "RandomFlip": "mode='horizontal_and_vertical' seed=None data_format=None",
    "RandomGaussianBlur": "factor=1.0 kernel_size=3 sigma=1.0 value_range=(0,255) data_format=None seed=None",
    "RandomGrayscale": "factor=0.5 data_format=None seed=None",
    "RandomHue": "factor value_range=(0,255) data_format=None seed=None",
    "RandomInvert": "factor=1.0 value_range=(0,255) seed=None data_format=None",
    "RandomPerspective": "factor=1.0 scale=1.0 interpolation='bilinear' fill_value=0.0 seed=None data_format=None",
    "RandomPosterization": "factor value_range=(0,255) data_format=None seed=None",
    "RandomRotation": "factor fill_mode='reflect' interpolation='bilinear' seed=None fill_value=0.0 data_format=None",
    "RandomSaturation": "factor value_range=(0,255) data_format=None seed=None",
    "RandomSharpness": "factor value_range=(0,255) data_format=None seed=None",
    "RandomShear": (
        "x_factor=0.0 y_factor=0.0 interpolation='bilinear' fill_mode='reflect' fill_value=0.0 "
        "data_format=None seed=None"
    ),
    "RandomTranslation": (
        "height_factor width_factor fill_mode='reflect' interpolation='bilinear' seed=None "
        "fill_value=0.0 data_format=None"
    ),
    "RandomZoom": (
        "height_factor width_factor=None fill_mode='reflect' interpolation='bilinear' seed=None "
        "fill_value=0.0 data_format=None"
    ),
    "ReLU": "max_value=None negative_slope=0.0 threshold=0.0",
    "RepeatVector": "n",
    "Rescaling": "scale offset=0.0",
    "Reshape": "target_shape",
    "Resizing": (
        "height width interpolation='bilinear' crop_to_aspect_ratio=False pad_to_aspect_ratio=False "
        "fill_mode='constant' fill_value=0.0 antialias=False data_format=None"
    ),
    "SeparableConv1D": (
        "filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 "
        "depth_multiplier=1 activation=None use_bias=True depthwise_initializer='glorot_uniform' "
        "pointwise_initializer='glorot_uniform' bias_initializer='zeros' depthwise_regularizer=None "
        "pointwise_regularizer=None bias_regularizer=None activity_regularizer=None "
        "depthwise_constraint=None pointwise_constraint=None bias_constraint=None"
    ),
    "SeparableConv2D": (
        "filters kernel_size strides=(1,1) padding='valid' data_format=None dilation_rate=(1,1) "
        "depth_multiplier=1 activation=None use_bias=True depthwise_initializer='glorot_uniform' "
        "pointwise_initializer='glorot_uniform' bias_initializer='zeros' depthwise_regularizer=None "
        "pointwise_regularizer=None bias_regularizer=None activity_regularizer=None "
        "depthwise_constraint=None pointwise_constraint=None bias_constraint=None"
    ),
    "SeparableConvolution1D": (
        "filters kernel_size strides=1 padding='valid' data_format=None dilation_rate=1 "
        "depth_multiplier=1 activation=None use_bias=True depthwise_initializer='glorot_uniform' "
        "pointwise_initializer='glorot_uniform' bias_initializer='zeros' depthwise_regularizer=None "
        "pointwise_regularizer=None bias_regularizer=None activity_regularizer=None "
        "depthwise_constraint=None pointwise_constraint=None bias_constraint=None"
    ),
    "SeparableConvolution2D": (
        "filters kernel_size strides=(1,1) padding='valid' data_format=None dilation_rate=(1,1) "
        "depth_multiplier=1 activation=None use_bias=True depthwise_initializer='glorot_uniform' "
        "pointwise_initializer='glorot_uniform' bias_initializer='zeros' depthwise_regularizer=None "
        "pointwise_regularizer=None bias_regularizer=None activity_regularizer=None "
        "depthwise_constraint=None pointwise_constraint=None bias_constraint=None"
    ),
    "Softmax": "axis=-1",
    "Solarization": "addition_factor=0.0 threshold_factor=0.0 value_range=(0,255) seed=None",
    "SpatialDropout1D": "rate seed=None",
    "SpatialDropout2D": "rate data_format=None seed=None",
    "UnitNormalization": "axis=-1",
    "UpSampling1D": "size=2",
    "UpSampling2D": "size=(2,2) data_format=None interpolation='nearest'",
    "ZeroPadding1D": "padding=1 data_format=None",
    "ZeroPadding2D": "padding=(1,1) data_format=None",
}
EVERYWHERE = {"trainable": True, "dtype": None, "autocast": True, "activity_regularizer": None, "name": None}
SOME = {  # values for required arguments
    "activation": "relu",
    "output_size": 2,
    "pool_size": 2,
    "filters": 4,
    "kernel_size": 3,
    "units": 4,
    "rate": 0.5,
    "input_dim": 5,
    "output_dim": 3,
    "scale": 2,
    "target_shape": (4,),
    "factor": 0.2,
    "value_range": (0, 1),
    "height": 3,
    "width": 3,
    "height_factor": 0.1,
    "width_factor": 0.1,
    "axes": -1,
    "dims": (2, 1),
    "n": 3,
    "stddev": 0.1,
}
OWN: dict[str, dict[str, Any]] = {"RandomPosterization": {"factor": 4}}
