"""striate's detector on MobileNetV2, drawn weights, three classes, 320 x 320.  Usage: striate_boxes.py FOLDER JOB

JOB "train": a pass over the scenes in a folder in YOLO's format, from the folder's name on; "plain": the same on a base of
3 x 3 convolutions; "predict": from a uint8 picture to its boxes, one picture at a time, by the network of detect.py.
"""

import sys

import detect
from clock import timed

import striate as st
from striate import data, layers
from striate.tasks.detection_recipe import DetectionRecipe, loss_for
from striate.tasks.detector import detector
from striate.tasks.found import find

SIZE, PASSES = (320, 320), 1000


def plain() -> st.Model:
    """Two 3 x 3 convolutions at each size of maps, in all as many multiplications as MobileNetV2 has."""
    start = x = st.Input((*SIZE, 3))
    for maps in (24, 48, 84, 128, 192):
        for strides in (2, 1):
            x = layers.Conv2D(maps, 3, strides, padding="same", use_bias=False)(x)
            x = layers.Activation("relu")(layers.BatchNormalization()(x))
    return st.Model(start, x)


if __name__ == "__main__":
    folder, job = sys.argv[1:]
    if job != "predict":
        st.set_seed(0)
        mobile = st.zoo.create("mobilenet_v2", include_top=False, input_shape=(*SIZE, 3))
        model = detector(plain() if job == "plain" else mobile, 3)
        model.preprocessing = data.Preprocessing.pictures(SIZE, 3)
        count = len(data.read_yolo(folder, preprocessing=model.preprocessing, cache=False))
        settings = DetectionRecipe(zoom=(-0.25, 0.25)).arguments(model, None, PASSES * count // 16)
        model.compile(loss=loss_for(model.layers[-1], learnt=False), **settings)
    else:
        model, count = detect.made(3, SIZE), 64
    size = model.size()
    for _ in sys.stdin:
        with timed(count, weights=size.weights, mults=size.mults):
            if job != "predict":
                scenes = data.read_yolo(folder, preprocessing=model.preprocessing, cache=False)
                model.fit(scenes, batch_size=16, epochs=1, verbose=0)
            else:
                x = detect.pictures(SIZE)
                found = sum(
                    len(find(model, x[i % 8 : i % 8 + 1], engine="onnxruntime")[0].scores) for i in range(count)
                )
                assert found
