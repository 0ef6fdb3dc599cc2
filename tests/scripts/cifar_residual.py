"""Small colour pictures: augmentation inside, residual blocks, schedules, in the vocabulary of Keras' guides.  FOLDER is
where files go."""

import os
import sys

import numpy as np

import striate as keras
from striate import layers, regularizers

folder = sys.argv[1]
keras.utils.set_random_seed(42)

# -- data -----------------------------------------------------------------------------------------------------------
class_names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
num_classes = len(class_names)
(x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
print(f"x_train shape: {x_train.shape} - y_train shape: {y_train.shape}")
assert x_train.dtype == "uint8"
assert y_train.shape[1] == 1
order = np.random.default_rng(0).permutation(len(x_train))[:2000]
x_train, y_train = x_train[order], y_train[order]
x_test, y_test = x_test[:500], y_test[:500]
x_val, y_val = x_train[-200:], y_train[-200:]
x_train, y_train = x_train[:-200], y_train[:-200]

# -- preprocessing and augmentation ---------------------------------------------------------------------------------
data_augmentation = keras.Sequential(
    [
        layers.Normalization(),
        layers.RandomFlip("horizontal"),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomRotation(factor=0.02),
        layers.RandomZoom(height_factor=0.1, width_factor=0.1),
    ],
    name="data_augmentation",
)
data_augmentation.layers[0].adapt(x_train.astype("float32"))


# -- the network ----------------------------------------------------------------------------------------------------
def residual_block(x, filters, stride=1, weight_decay=1e-4):
    shortcut = x
    x = layers.Conv2D(
        filters,
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.l2(weight_decay),
    )(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.l2(weight_decay),
    )(x)
    x = layers.BatchNormalization()(x)
    if stride != 1 or shortcut.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=stride, use_bias=False)(shortcut)
        shortcut = layers.BatchNormalization()(shortcut)
    x = layers.Add()([x, shortcut])
    return layers.ReLU()(x)


def make_model(input_shape, num_classes):
    inputs = keras.Input(shape=input_shape)
    x = data_augmentation(inputs)
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        x = residual_block(x, filters, stride)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.2)(x)
    outputs = layers.Dense(num_classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="small_resnet")


model = make_model((32, 32, 3), num_classes)
model.summary(expand_nested=True)
print("parameters:", model.count_params())

# -- training -------------------------------------------------------------------------------------------------------
batch_size = 64
num_epochs = 4
steps = num_epochs * (len(x_train) // batch_size)
schedule = keras.optimizers.schedules.CosineDecay(initial_learning_rate=3e-3, decay_steps=steps)
model.compile(
    optimizer=keras.optimizers.AdamW(learning_rate=schedule, weight_decay=1e-4),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(5, name="top-5-accuracy")],
)


class PrintAtTheEnd(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        self.losses.append(logs["loss"])
        print(f"epoch {epoch}: loss {logs['loss']:.3f}")


watch = PrintAtTheEnd()
history = model.fit(
    x_train.astype("float32"),
    y_train,
    batch_size=batch_size,
    epochs=num_epochs,
    validation_data=(x_val.astype("float32"), y_val),
    callbacks=[watch, keras.callbacks.TerminateOnNaN()],
    verbose=0,
)
assert len(watch.losses) == num_epochs
assert watch.losses[-1] < watch.losses[0]
assert {"top-5-accuracy", "val_top-5-accuracy"} <= set(history.history)

_, accuracy, top_5_accuracy = model.evaluate(x_test.astype("float32"), y_test, verbose=0)
print(f"Test accuracy: {round(accuracy * 100, 2)}%")
print(f"Test top 5 accuracy: {round(top_5_accuracy * 100, 2)}%")
assert top_5_accuracy > 0.6

# -- answers --------------------------------------------------------------------------------------------------------
scores = model.predict(x_test[:9].astype("float32"), verbose=0)
for picture, score, label in zip(x_test[:9], scores, y_test[:9], strict=True):
    assert picture.shape == (32, 32, 3)
    print(f"{class_names[int(np.argmax(score))]} ({100 * np.max(score):.0f} %), true: {class_names[int(label[0])]}")
keras.utils.save_img(os.path.join(folder, "first.png"), x_test[0])
image = keras.utils.load_img(os.path.join(folder, "first.png"), target_size=(32, 32))
array = np.expand_dims(keras.utils.img_to_array(image), 0)
assert model.predict(array, verbose=0).shape == (1, num_classes)

# -- parts of it ----------------------------------------------------------------------------------------------------
features = keras.Model(model.input, model.layers[-3].output)
assert features.output_shape == (None, 64)
conv = next(layer for layer in model.layers if isinstance(layer, layers.Conv2D))
kernel = conv.get_weights()[0]
assert kernel.shape == (3, 3, 3, 16)
conv.set_weights([kernel * 0.5])
assert np.allclose(conv.get_weights()[0], kernel * 0.5)
model.save(os.path.join(folder, "cifar.keras"))
again = keras.saving.load_model(os.path.join(folder, "cifar.keras"))
assert again.evaluate(x_test.astype("float32"), y_test, verbose=0)[1] >= 0.0
print("done")
