"""One owner of what a model eats: every way in sees the same pixels."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from prepared import KINDS, SIZE, classifier, noise_photos

import striate as st
from striate import data, layers, look, models, zoo
from striate.data import Dataset, Preprocessing
from striate.errors import DataError, Note
from striate.tasks import Ensemble, classify
from striate.transfer import features
from striate.weights.pixels import preprocessing_of

SOURCES = {
    (c.name, s.library, s.model): (s, c.input_shape)
    for name in zoo.names()
    for c in [zoo.card(name)]
    for s in c.sources
}
PUBLISHED = {str(p): p for s, shape in SOURCES.values() if (p := preprocessing_of(s, (*SIZE, 3))) is not None}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return noise_photos(tmp_path_factory.mktemp("photos"))


def probe(preprocessing: Preprocessing, channels: int = 3) -> models.Model:
    """A network that gives back its input as it gets it."""
    model = models.Sequential([layers.Input((*SIZE, channels)), layers.Flatten()])
    model.preprocessing = preprocessing
    return model


# -- the same pixels -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("preprocessing", [*KINDS.values(), *PUBLISHED.values()], ids=[*KINDS, *PUBLISHED])
def test_every_way_in_sees_the_same_pixels_bit_for_bit(preprocessing, photos):
    channels = preprocessing.channels or 3
    model = probe(preprocessing, channels)
    files = sorted(photos.glob("*/*.png"))
    wanted = replace(preprocessing, image_size=SIZE, channels=channels)
    truth = preprocessing.normalise(np.stack([wanted.pixels(file) for file in files]))
    flat = truth.reshape(len(files), -1)
    # read otherwise: another size, other colours, other arithmetic
    sets = [
        data.folder(photos, preprocessing=wanted),
        data.folder(photos, SIZE, channels),
        data.folder(photos, (9, 9), 4 - channels),
        data.folder(photos, SIZE, 3, resize="pad"),
    ]
    for read in sets:
        np.testing.assert_array_equal(model.predict(read, engine="torch"), flat)
        np.testing.assert_array_equal(model.predict(model.intake.dataset(read).x, engine="torch"), flat)
        seen = look.activations(model, read, "flatten")["flatten"]
        np.testing.assert_array_equal(seen, flat)
    np.testing.assert_array_equal(model.predict(sets[1], engine="onnxruntime"), flat)
    np.testing.assert_array_equal(model.predict([str(file) for file in files], engine="torch"), flat)
    np.testing.assert_array_equal(model.predict([Image.open(file) for file in files], engine="torch"), flat)
    np.testing.assert_array_equal(model.predict(files[0], engine="torch"), flat[:1])
    np.testing.assert_array_equal(features(model, sets[2], cache=False).x, flat)
    np.testing.assert_array_equal(features(model, files, cache=False).x, flat)
    space = look.pictures.Space.of(model)
    np.testing.assert_array_equal(space.inputs(space.pixels(sets[2])).movedim(1, -1).numpy(), truth)


@pytest.mark.parametrize("kind", KINDS)
def test_predict_evaluate_look_classify_and_features_give_one_answer(kind, photos):
    preprocessing = KINDS[kind]
    channels = preprocessing.channels or 3
    model = classifier(preprocessing, channels=channels)
    model.set_weights([0.01 * array for array in model.get_weights()])  # so that raw pixels do not saturate
    other = data.folder(photos, SIZE, 3, resize="pad")
    p = model.predict(other)
    guesses = classify(model, list(other.paths), top=3)
    np.testing.assert_allclose([g[0].probability for g in guesses], p.max(1), rtol=1e-5)
    assert [g[0].label for g in guesses] == [model.labels[i] for i in p.argmax(1)]
    right = float((p.argmax(1) == other.y).mean())
    figures = model.evaluate(other, return_dict=True)
    assert figures["accuracy"] == pytest.approx(right)
    assert figures["loss"] == pytest.approx(-np.log(p[np.arange(9), other.y]).mean(), rel=1e-4)
    answers = [model.labels.index(g[0].label) for g in classify(model, list(other.paths))]
    assert look.saliency(model, other).targets == answers


ARRAYS_IN = {
    "predict": lambda model, x: model.predict(x, engine="torch"),
    "extract": lambda model, x: model.extract(x, "dense"),
    "classify": lambda model, x: [[guess.probability for guess in row] for row in classify(model, x, top=3)],
    "ensemble": lambda model, x: [[guess.probability for guess in row] for row in Ensemble([model]).classify(x, top=3)],
    "activations": lambda model, x: look.activations(model, x, "dense")["dense"],
    "saliency": lambda model, x: look.saliency(model, x).values,
    "integrated gradients": lambda model, x: look.integrated(model, x, steps=4).values,
    "dead": lambda model, x: look.dead(model, x, "dense").share["dense"],
    "adversarial": lambda model, x: look.adversarial(model, x, "ant", steps=2).pictures,
    "neighbours": lambda model, x: look.neighbours(model, np.tile(x, (2, 1, 1, 1)) if len(x) < 2 else x, k=1).features,
}


@pytest.mark.parametrize("way", ARRAYS_IN)
@pytest.mark.parametrize("kind", ["raw", "unit", "tf", "caffe", "mean and deviation"])
def test_every_way_in_takes_floats_as_the_preprocessing_makes_them(way, kind):
    model, ask = classifier(KINDS[kind]), ARRAYS_IN[way]
    model.set_weights([0.01 * array for array in model.get_weights()])
    pixels = np.random.default_rng(1).integers(0, 256, (3, *SIZE, 3), np.uint8)
    floats = model.preprocessing.normalise(pixels)
    expected = ask(model, pixels)
    for given in (floats, floats.astype(np.float64), torch.from_numpy(floats), list(floats), list(pixels)):
        if way == "neighbours":
            given = np.asarray(given)
        np.testing.assert_allclose(ask(model, given), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("way", ARRAYS_IN)
def test_every_way_in_refuses_arrays_that_do_not_fit_in_the_same_words(way):
    model, ask = classifier(KINDS["unit"]), ARRAYS_IN[way]
    floats = np.zeros((2, *SIZE, 3), np.float32)
    holed = floats.copy()
    holed[1, 0, 0, 0] = np.nan
    for given, words in (
        (floats[:, :5], r"takes arrays of shape \(N, 12, 10, 3\), it got"),
        (holed, "NaN or infinity in 1 of 2"),
    ):
        with pytest.raises(DataError, match=words):
            ask(model, given)
    if way != "neighbours":
        with pytest.raises(DataError, match="add the batch axis"):
            ask(model, floats[0])
        np.testing.assert_array_equal(
            ask(model, np.full((*SIZE, 3), 9, np.uint8)), ask(model, np.full((1, *SIZE, 3), 9, np.uint8))
        )


def test_floats_that_are_of_no_pixels_are_refused_where_pixels_are_shown():
    for kind, value in (("unit", 1.5), ("unit", 0.001), ("raw", 0.25), ("tf", -1.1)):
        model = classifier(KINDS[kind])
        floats = np.full((1, *SIZE, 3), value, np.float32)
        assert model.predict(floats).shape == (1, 3)
        with pytest.raises(DataError, match=r"makes of pixels.*Give uint8 pictures"):
            look.saliency(model, floats)


def test_a_pixel_export_sees_the_same_as_predict(photos, tmp_path):
    import onnxruntime

    model = classifier(KINDS["caffe"])
    read = data.folder(photos, (30, 30))
    file = model.export_onnx(tmp_path / "m.onnx", pixels=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    out = session.run(None, {session.get_inputs()[0].name: model.intake.pixels(read)})[0]
    np.testing.assert_allclose(out, model.predict(read, engine="torch"), atol=1e-5)


def test_eight_bits_are_calibrated_and_checked_on_what_the_model_sees(photos):
    model = classifier(KINDS["tf"])
    read = data.folder(photos, (30, 30))
    report = model.quantize(read, check=data.folder(photos, SIZE))
    assert report.accuracy == pytest.approx(model.evaluate(read, return_dict=True)["accuracy"])


def test_validation_data_prepared_otherwise_is_brought_into_line(photos):
    train = data.folder(photos, SIZE)
    model = classifier(train.preprocessing)
    model.preprocessing = model.labels = None
    history = model.fit(train, epochs=1, verbose=0, validation_data=data.folder(photos, (30, 30), 1)).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(train, return_dict=True)["loss"], rel=1e-5)
    assert model.labels == ["ant", "bee", "cat"]
    assert model.preprocessing == train.preprocessing


def test_a_model_keeps_its_preprocessing_when_it_learns_from_other_data(photos):
    model = classifier(KINDS["caffe"])
    model.fit(data.folder(photos, (30, 30)), epochs=1, verbose=0)
    assert model.preprocessing == KINDS["caffe"]


def test_pictures_in_a_zip_are_decoded_again_too(photos, tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in photos.glob("*/*.png"):
            file.write(path, path.relative_to(photos))
    model = probe(KINDS["crop with a margin"])
    got = model.predict(data.read_zip(archive, (9, 9)), engine="torch")
    np.testing.assert_array_equal(got, model.predict(data.folder(photos, (9, 9)), engine="torch"))


def test_boxes_that_would_have_to_move_are_refused_in_words(photos):
    boxed = Dataset(
        np.zeros((1, 20, 20, 3), np.uint8),
        classes=("ant",),
        boxes=(np.array([[0, 0, 5, 5]], np.float32),),
        box_labels=(np.array([0]),),
        preprocessing=Preprocessing.pictures((20, 20), 3),
    )
    with pytest.raises(DataError, match=r"preprocessing=model\.preprocessing"):
        probe(KINDS["unit"]).predict(boxed)


def test_texts_made_ids_with_another_vocabulary_are_refused(tmp_path):
    own, other = (data.Vocabulary.build([text], 20, 6) for text in ("a good film", "one bad night"))
    model = models.Sequential([layers.Input((6,)), layers.Embedding(20, 2), layers.Flatten(), layers.Dense(1)])
    model.preprocessing = Preprocessing(vocabulary=own)
    ids = Dataset(other.encode(["a bad film"]), preprocessing=Preprocessing(vocabulary=other))
    with pytest.raises(DataError, match="vocabulary"):
        model.predict(ids)
    read = Dataset(own.encode(["a bad film"]), preprocessing=Preprocessing(vocabulary=own))
    np.testing.assert_array_equal(model.predict("a bad film"), model.predict(read))


def test_a_dict_and_a_list_of_inputs_are_prepared_alike():
    pictures, numbers = layers.Input((4, 4, 3), name="pictures"), layers.Input((2,), name="numbers")
    model = models.Model([pictures, numbers], layers.Concatenate()([layers.Flatten()(pictures), numbers]))
    model.preprocessing = Preprocessing.pictures((4, 4), 3)
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)
    n = np.ones((5, 2), np.float32)
    by_name = model.predict({"pictures": x, "numbers": n})
    np.testing.assert_array_equal(by_name, model.predict([x, n]))
    assert by_name.max() <= 1


# -- weights of classes ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("held", ["split", "data"])
@pytest.mark.parametrize("batch_size", [7, 32])
def test_class_weights_have_no_part_in_figures_on_held_out_data(held, batch_size):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 3)).astype(np.float32), rng.integers(0, 2, 100)
    model = models.Sequential([layers.Input((3,)), layers.Dense(2, activation="softmax")])
    model.compile(st.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    given = {"validation_split": 0.2} if held == "split" else {"validation_data": (x[80:], y[80:])}
    fed = (x, y) if held == "split" else (x[:80], y[:80])
    history = model.fit(*fed, class_weight={0: 1.0, 1: 10.0}, verbose=0, batch_size=batch_size, **given).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x[80:], y[80:]), rel=1e-6)
    assert history["loss"][0] > 2 * history["val_loss"][0]


def asked_of_every_task():
    """{task: what answers pictures with a network of it}, none of them trained."""
    from striate import tasks
    from striate.tasks.detector import detector
    from striate.tasks.localizer import localizer
    from striate.tasks.segmenter import uafm

    start = x = layers.Input((32, 32, 3))
    for filters in (4, 8, 8, 8, 8):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(x)
    base = models.Model(start, x)
    found, one, maps = detector(base, 2, width=4), localizer(base, 2, maps=4, units=4), uafm(base, 2, width=4)
    return {
        "detect": lambda pictures: tasks.detect(found, pictures),
        "localize": lambda pictures: tasks.localize(one, pictures),
        "segment": lambda pictures: tasks.segment(maps, pictures),
        "predict": found.predict,
    }


def test_of_no_pictures_every_task_says_that_there_are_none():
    for ask in asked_of_every_task().values():
        for nothing in ([], (), np.zeros((0, 32, 32, 3), np.uint8), np.array([], object)):
            with pytest.raises(DataError, match="no pictures were given"):
                ask(nothing)
    plain = models.Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(DataError, match="is empty: no samples"):
        plain.predict([])


def test_of_several_pictures_the_one_that_is_none_is_named_with_what_it_is():
    good = np.zeros((32, 32, 3), np.uint8)
    small = np.zeros((9, 7, 3), np.uint8)
    for ask in asked_of_every_task().values():
        for wrong, said in (
            (None, "NoneType"),
            (3, "int"),
            ([[1, 2], [3]], "list"),
            (np.zeros((2, 8, 8, 3), np.uint8), r"shape \(2, 8, 8, 3\)"),
            (np.zeros((0, 8, 3), np.uint8), r"shape \(0, 8, 3\)"),
        ):
            several = np.empty(3, object)
            for i, each in enumerate((good, small, wrong)):
                several[i] = each
            for pictures in ([good, small, wrong], several):
                with pytest.raises(DataError, match=f"picture 2 of 3, counted from 0: .*{said}"):
                    ask(pictures)
        assert len(ask([good, small])) == len(ask(several[:2])) == 2
    with pytest.raises(DataError, match=r"row 1, counted from 0, has the shape \(16, 32, 3\), row 0 \(32, 32, 3\)"):
        ask([np.zeros((32, 32, 3)), np.zeros((16, 32, 3))])


@pytest.mark.parametrize("kind", ["uint16", "int16", "int32", "int64", "uint64"])
def test_whole_numbers_of_any_type_are_pixels(kind: str) -> None:
    model = st.zoo.create("lenet5")
    model.preprocessing = Preprocessing.pictures((28, 28), 1, mean=(0.5,), std=(0.5,))
    x = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype(np.uint8)
    large = np.random.default_rng(1).integers(0, 256, (40, 50, 1)).astype(np.uint8)
    want = model.predict(x)
    given: list[Any] = [x.astype(kind), list(x.astype(kind)), [each[..., 0] for each in x.astype(kind)], x.tolist()]
    for each in given:
        np.testing.assert_array_equal(model.predict(each), want)
    np.testing.assert_array_equal(model.predict(large[None].astype(kind)), model.predict(large[None]))
    np.testing.assert_array_equal(model.predict([large.astype(kind), x[0]]), model.predict([large, x[0]]))
    np.testing.assert_array_equal(model.intake.pixels(x.astype(kind)), x)
    np.testing.assert_array_equal(model.intake.one(x[0].astype(kind)), x[0])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert model.evaluate(x.astype(kind), [0, 1, 2, 3]) == model.evaluate(x, [0, 1, 2, 3])


def test_whole_numbers_that_no_pixel_has_go_in_as_they_are_and_are_doubted() -> None:
    model = st.zoo.create("lenet5")
    model.preprocessing = Preprocessing.pictures((28, 28), 1, mean=(0.5,), std=(0.5,))
    x = np.full((2, 28, 28, 1), 1000)
    with pytest.warns(Note, match="Scale them alike"):
        found = model.predict(x)
    np.testing.assert_array_equal(found, model.predict(x.astype(np.float32)))


def test_ids_of_tokens_stay_ids() -> None:
    model = st.Sequential([layers.Input((5,), dtype="int32"), layers.Embedding(10, 4), layers.Flatten()])
    assert model.intake.examples(np.arange(5)[None]).xs[0].dtype.kind == "i"


@pytest.mark.parametrize("given", [lambda x: x.astype(">f4"), lambda x: torch.from_numpy(x).bfloat16()])
def test_numbers_of_other_machines_and_in_16_bits_are_numbers(given):
    model = st.Sequential([layers.Input((4,)), layers.Dense(3)])
    x = np.random.default_rng(0).integers(-8, 8, (5, 4)).astype(np.float32) / 4  # exact in either
    for engine in ("torch", "onnxruntime"):
        np.testing.assert_allclose(model.predict(given(x), engine=engine), model.predict(x, engine="torch"), atol=1e-6)
