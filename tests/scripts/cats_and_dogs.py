"""Photos in folders: batches from disk, a small network, then a published one and fine-tuning, in the vocabulary of Keras'
guides.  PHOTOS has a folder for each of two classes, FOLDER is where files go."""

import os
import sys

import numpy as np

import striate as keras
from striate import layers

photos, folder = sys.argv[1:3]
keras.utils.set_random_seed(1337)

# -- data -----------------------------------------------------------------------------------------------------------
image_size = (64, 64)
batch_size = 16
train_ds, val_ds = keras.utils.image_dataset_from_directory(
    photos,
    validation_split=0.2,
    subset="both",
    seed=1337,
    image_size=image_size,
    batch_size=batch_size,
)
class_names = train_ds.class_names
print("classes:", class_names)
assert len(class_names) == 2
for images, labels in train_ds.take(1):
    print("data batch shape:", images.shape)
    print("labels batch shape:", labels.shape)
    for i in range(4):
        picture = images[i].numpy().astype("uint8")
        assert picture.shape == (64, 64, 3)
        assert class_names[int(labels[i])] in class_names

data_augmentation_layers = [
    layers.RandomFlip("horizontal"),
    layers.RandomRotation(0.1),
]


def data_augmentation(images):
    for layer in data_augmentation_layers:
        images = layer(images)
    return images


train_ds = train_ds.cache().prefetch(buffer_size=2)
val_ds = val_ds.cache().prefetch(buffer_size=2)


# -- a network of one's own -----------------------------------------------------------------------------------------
def make_model(input_shape, num_classes):
    inputs = keras.Input(shape=input_shape)
    x = data_augmentation(inputs)
    x = layers.Rescaling(1.0 / 255)(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x

    for size in [16, 32]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(size, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual]) if hasattr(layers, "add") else layers.Add()([x, residual])
        previous_block_activation = x

    x = layers.SeparableConv2D(64, 3, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    units = 1 if num_classes == 2 else num_classes
    x = layers.Dropout(0.25)(x)
    outputs = layers.Dense(units, activation=None)(x)
    return keras.Model(inputs, outputs)


model = make_model(input_shape=(*image_size, 3), num_classes=2)
keras.utils.plot_model(model, os.path.join(folder, "model.png"), show_shapes=True)
assert os.path.getsize(os.path.join(folder, "model.png")) > 1000

epochs = 2
callbacks = [keras.callbacks.ModelCheckpoint(os.path.join(folder, "save_at_{epoch}.keras"))]
model.compile(
    optimizer=keras.optimizers.Adam(3e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(name="acc")],
)
history = model.fit(train_ds, epochs=epochs, callbacks=callbacks, validation_data=val_ds, verbose=2)
assert {"acc", "val_acc"} <= set(history.history)
assert os.path.exists(os.path.join(folder, "save_at_2.keras"))

path = val_ds.file_paths[0]
img = keras.utils.load_img(path, target_size=image_size)
img_array = keras.utils.img_to_array(img)
img_array = np.expand_dims(img_array, 0)
score = 1 / (1 + np.exp(-float(model.predict(img_array, verbose=0)[0, 0])))
print(f"This image is {100 * (1 - score):.2f}% {class_names[0]} and {100 * score:.2f}% {class_names[1]}.")

# -- features of a base, once ---------------------------------------------------------------------------------------
base_model = keras.applications.MobileNetV2(
    weights=None,  # "imagenet" where there is a network
    input_shape=(*image_size, 3),
    include_top=False,
    alpha=0.35,
)
base_model.trainable = False
assert base_model.output_shape == (None, 2, 2, 1280)


def get_features_and_labels(dataset):
    all_features, all_labels = [], []
    for images, labels in dataset:
        preprocessed = keras.applications.mobilenet_v2.preprocess_input(images)
        all_features.append(base_model.predict(preprocessed, verbose=0))
        all_labels.append(labels)
    return np.concatenate(all_features), np.concatenate(all_labels)


train_features, train_labels = get_features_and_labels(train_ds)
assert train_features.shape == (len(train_ds.file_paths), 2, 2, 1280)

# -- the base within a model ----------------------------------------------------------------------------------------
inputs = keras.Input(shape=(*image_size, 3))
x = data_augmentation(inputs)
x = layers.Rescaling(scale=1 / 127.5, offset=-1)(x)
x = base_model(x)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
transfer = keras.Model(inputs, outputs)
transfer.summary(show_trainable=True)
assert len(transfer.trainable_weights) == 2

transfer.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
transfer.fit(train_ds, epochs=1, validation_data=val_ds, verbose=0)

base_model.trainable = True
for layer in base_model.layers[:-4]:
    layer.trainable = False
print("trainable weights:", len(transfer.trainable_weights))
assert len(transfer.trainable_weights) > 2
transfer.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=1e-5), loss="binary_crossentropy", metrics=["accuracy"]
)
transfer.fit(train_ds, epochs=1, validation_data=val_ds, verbose=0)
loss, accuracy = transfer.evaluate(val_ds, verbose=0)
print(f"held out: loss {loss:.3f}, accuracy {accuracy:.3f}")
print("done")
