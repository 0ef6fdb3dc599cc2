"""Digits, from raw pixels to a saved model, in the vocabulary of Keras' introductory guides.  FOLDER is where files go."""

import os
import sys

import numpy as np

import striate as keras
from striate import layers

folder = sys.argv[1]
keras.utils.set_random_seed(812)

# -- data -----------------------------------------------------------------------------------------------------------
num_classes = 10
input_shape = (28, 28, 1)

(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train = x_train.astype("float32") / 255
x_test = x_test.astype("float32") / 255
x_train = np.expand_dims(x_train, -1)[:6000]
x_test = np.expand_dims(x_test, -1)[:1000]
print("x_train shape:", x_train.shape)
print(x_train.shape[0], "train samples")
print(x_test.shape[0], "test samples")

labels_train, labels_test = y_train[:6000], y_test[:1000]
y_train = keras.utils.to_categorical(labels_train, num_classes)
y_test = keras.utils.to_categorical(labels_test, num_classes)
assert y_train.shape == (len(x_train), num_classes)

# -- a sequential model ---------------------------------------------------------------------------------------------
model = keras.Sequential(
    [
        keras.Input(shape=input_shape),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary()
assert model.count_params() == 34_826
assert model.input_shape == (None, 28, 28, 1)
assert model.output_shape == (None, 10)
assert model.layers[0].name == "conv2d"

batch_size = 128
epochs = 2
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_split=0.1, verbose=2)
assert set(history.history) == {"accuracy", "loss", "val_accuracy", "val_loss"}

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
assert score[1] > 0.8

# -- the functional API, sparse labels, callbacks -------------------------------------------------------------------
inputs = keras.Input(shape=input_shape, name="img")
x = layers.Conv2D(16, 3, use_bias=False)(inputs)
x = layers.BatchNormalization()(x)
x = layers.Activation("relu")(x)
x = layers.MaxPooling2D(2)(x)
shortcut = x
x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
x = layers.add([x, shortcut]) if hasattr(layers, "add") else layers.Add()([x, shortcut])
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dense(32, activation="relu")(x)
outputs = layers.Dense(num_classes)(x)
functional = keras.Model(inputs=inputs, outputs=outputs, name="mnist_model")
functional.summary(line_length=100, show_trainable=True)
keras.utils.plot_model(functional, os.path.join(folder, "mnist_model.png"), show_shapes=True)

functional.compile(
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    optimizer=keras.optimizers.RMSprop(learning_rate=3e-3),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
callbacks = [
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1),
    keras.callbacks.CSVLogger(os.path.join(folder, "log.csv")),
    keras.callbacks.ModelCheckpoint(os.path.join(folder, "best.keras"), monitor="val_acc", save_best_only=True),
]
history = functional.fit(
    x_train,
    labels_train,
    batch_size=64,
    epochs=3,
    validation_data=(x_test, labels_test),
    callbacks=callbacks,
    verbose=0,
)
assert history.history["acc"][-1] > 0.2
results = functional.evaluate(x_test, labels_test, batch_size=256, return_dict=True, verbose=0)
assert set(results) == {"loss", "acc"}

# -- answers --------------------------------------------------------------------------------------------------------
probability_model = keras.Sequential([functional, layers.Softmax()])
predictions = probability_model.predict(x_test[:5], verbose=0)
assert predictions.shape == (5, 10)
assert np.allclose(predictions.sum(axis=1), 1, atol=1e-4)
print("first digits:", np.argmax(predictions, axis=1), "true:", labels_test[:5])

# -- looking inside -------------------------------------------------------------------------------------------------
layer_outputs = [layer.output for layer in functional.layers if isinstance(layer, layers.Conv2D)]
activation_model = keras.Model(inputs=functional.input, outputs=layer_outputs)
activations = activation_model.predict(x_test[:1], verbose=0)
assert activations[0].shape == (1, 26, 26, 16)
filters = functional.get_layer("conv2d_2" if "conv2d_2" in [la.name for la in functional.layers] else "conv2d")
assert filters.get_weights()[0].shape[:2] == (3, 3)

# -- save and load --------------------------------------------------------------------------------------------------
path = os.path.join(folder, "digits.keras")
functional.save(path)
again = keras.models.load_model(path)
np.testing.assert_allclose(again.predict(x_test[:8], verbose=0), functional.predict(x_test[:8], verbose=0), atol=1e-5)
again.fit(x_train[:256], labels_train[:256], epochs=1, verbose=0)
best = keras.models.load_model(os.path.join(folder, "best.keras"))
assert best.evaluate(x_test, labels_test, verbose=0)[1] > 0.1
functional.save_weights(os.path.join(folder, "digits.weights.h5"))
clone = keras.models.clone_model(functional)
clone.load_weights(os.path.join(folder, "digits.weights.h5"))
np.testing.assert_allclose(clone.predict(x_test[:8], verbose=0), functional.predict(x_test[:8], verbose=0), atol=1e-5)
print("done")
