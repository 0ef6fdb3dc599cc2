"""One owner of what a model eats and of what its answers mean: every way in sees the same pixels, classes, probabilities."""

import csv
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import data, layers, look, models, runs, zoo
from striate.data import Dataset, Preprocessing, Splits
from striate.errors import ArgumentError, BundleError, DataError
from striate.intake import Outputs, numbered_as
from striate.tasks import Ensemble, classify
from striate.transfer import features
from striate.weights.pixels import preprocessing_of

SIZE = (12, 10)
KINDS = {
    "raw": Preprocessing(),
    "unit": Preprocessing.pictures(SIZE, 3),
    "tf": Preprocessing(image_size=SIZE, channels=3, scale=1 / 127.5, mean=1.0),
    "caffe": Preprocessing(image_size=SIZE, channels=3, mean=(103.939, 116.779, 123.68), order="bgr"),
    "mean and deviation": Preprocessing.pictures(SIZE, 3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "crop": Preprocessing.pictures(SIZE, 3, resize="crop"),
    "crop with a margin": Preprocessing.pictures(SIZE, 3, resize="crop", shorter_side=14),
    "pad": Preprocessing.pictures(SIZE, 3, resize="pad"),
    "bicubic": Preprocessing.pictures(SIZE, 3, interpolation="bicubic"),
    "grey": Preprocessing.pictures(SIZE, 1, mean=0.5, std=0.25),
}
SOURCES = {
    (c.name, s.library, s.model): (s, c.input_shape)
    for name in zoo.names()
    for c in [zoo.card(name)]
    for s in c.sources
}
PUBLISHED = {str(p): p for s, shape in SOURCES.values() if (p := preprocessing_of(s, (*SIZE, 3))) is not None}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Nine noise photos of three classes, of several sizes."""
    root, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name in ("ant", "bee", "cat"):
        (root / name).mkdir()
        for i, (height, width) in enumerate(((23, 31), (40, 18), SIZE)):
            pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return root


def probe(preprocessing: Preprocessing, channels: int = 3) -> models.Model:
    """A network that gives back its input as it gets it."""
    model = models.Sequential([layers.Input((*SIZE, channels)), layers.Flatten()])
    model.preprocessing = preprocessing
    return model


def classifier(preprocessing: Preprocessing, *end, channels: int = 3, classes: int = 3, seed: int = 0) -> models.Model:
    st.set_seed(seed)
    ended = end or (layers.Dense(classes, activation="softmax"),)
    model = models.Sequential([layers.Input((*SIZE, channels)), layers.Flatten(), *ended])
    model.preprocessing, model.labels = preprocessing, ["ant", "bee", "cat"][:classes]
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
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


# -- classes by name ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("classes", "numbers"),
    [
        (("ant", "bee", "cat"), [0, 1, 2]),
        (("cat", "ant", "bee"), [2, 0, 1]),
        (("bee", "cat"), [1, 2]),
        (("Cat", "BEE"), [2, 1]),
    ],
)
def test_classes_in_another_order_or_fewer_are_matched_by_name(classes, numbers, photos):
    model = classifier(KINDS["unit"])
    x = np.random.default_rng(0).integers(0, 256, (len(classes), *SIZE, 3), np.uint8)
    given = Dataset(x, np.arange(len(classes)), classes, preprocessing=KINDS["unit"])
    expected = model.evaluate(x, np.array(numbers), return_dict=True)
    assert model.evaluate(given, return_dict=True) == expected
    history = model.fit(data.folder(photos, SIZE), epochs=1, verbose=0, validation_data=given).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x, np.array(numbers), return_dict=True)["loss"])


def test_classes_that_the_model_does_not_know_are_refused_in_words_that_name_both():
    model = classifier(KINDS["unit"])
    strange = Dataset(np.zeros((2, *SIZE, 3), np.uint8), np.array([0, 1]), ("dog", "bee"))
    for call in (model.evaluate, model.fit, lambda d: model.fit(d, validation_data=d)):
        with pytest.raises(DataError, match=r'"dog".*Its classes: ant; bee; cat\. Those of the data: dog; bee'):
            call(strange)


def test_without_names_on_either_side_numbers_are_taken_as_they_are():
    x, y = np.zeros((3, *SIZE, 3), np.uint8), np.array([2, 1, 0])
    named = numbered_as(Dataset(x, y, ("a", "b", "c")), None)
    bare = numbered_as(Dataset(x, y), ["a", "b", "c"])
    assert named.y.tolist() == bare.y.tolist() == [2, 1, 0]


IMAGENET = {1000: data.imagenet_labels(1000), 1001: data.imagenet_labels(1001)}


@pytest.mark.parametrize("outputs", [1000, 1001])
@pytest.mark.parametrize("written", ["label", "first synonym", "synset", "underscores", "upper case"])
def test_imagenets_classes_are_found_however_they_are_written(outputs, written):
    labels, start = IMAGENET[outputs], outputs - 1000
    chosen = [0, 1, 296, 388, 930, 999]  # not crane and maillot, which two classes are named
    names = {
        "label": lambda i: labels[i + start],
        "first synonym": lambda i: labels[i + start].split(",")[0],
        "synset": lambda i: data.imagenet_synsets()[i],
        "underscores": lambda i: labels[i + start].split(",")[0].replace(" ", "_"),
        "upper case": lambda i: labels[i + start].split(",")[0].upper(),
    }[written]
    x = np.zeros((len(chosen), 2, 2, 3), np.uint8)
    read = Dataset(x, np.arange(len(chosen)), tuple(names(i) for i in chosen))
    assert numbered_as(read, labels).y.tolist() == [i + start for i in chosen]


def test_a_name_that_two_classes_have_is_refused_or_settled_by_the_files_own_names():
    labels = IMAGENET[1001]
    x, y = np.zeros((2, 2, 2, 3), np.uint8), np.array([0, 1])
    with pytest.raises(DataError, match=r"135 \(n02012849\) and 518 \(n03126707\)"):
        numbered_as(Dataset(x, y, ("crane", "goldfish")), labels)
    paths = ("crane/n03126707_12.JPEG", "goldfish/1.JPEG")
    assert numbered_as(Dataset(x, y, ("crane", "goldfish"), paths=paths), labels).y.tolist() == [518, 2]
    again = numbered_as(Dataset(x, y, ("crane", "goldfish"), paths=paths), labels)
    assert numbered_as(again, labels).y.tolist() == [518, 2]


def test_numbers_are_never_shifted_past_a_background_class():
    bare = Dataset(np.zeros((2, 2, 2, 3), np.uint8), np.array([0, 999]))
    with pytest.raises(DataError, match='class 0 is "background"'):
        numbered_as(bare, IMAGENET[1001])
    assert numbered_as(bare, IMAGENET[1000]).y.tolist() == [0, 999]
    counted = Dataset(bare.x, np.array([1, 1000]))  # no network without a background class has a 1000
    assert numbered_as(counted, IMAGENET[1001]).y.tolist() == [1, 1000]


def test_judging_a_csv_file_takes_the_column_that_names_the_models_classes(photos, tmp_path):
    model = classifier(KINDS["unit"])
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "class_index", "animal"])
        rows.writerows([path, 7 + i, path.parent.name] for i, path in enumerate(sorted(photos.glob("*/*.png"))))
    _, by_csv = runs.judge_run(model, str(tmp_path / "labels.csv"))
    _, by_folder = runs.judge_run(model, str(photos))
    assert by_csv["note"] == 'classes by the column "animal"'
    for key in ("accuracy", "loss", "samples", "interval"):
        assert by_csv[key] == pytest.approx(by_folder[key])


def test_a_shift_of_class_numbers_is_stated_and_within_the_outputs(photos, tmp_path):
    model = classifier(KINDS["unit"])
    model.labels = ["background", "ant", "bee"]
    files = sorted(photos.glob("[ab]*/*.png"))
    (tmp_path / "n.csv").write_text("file,label\n" + "".join(f"{p},{int(p.parent.name == 'bee')}\n" for p in files))
    with pytest.raises(DataError, match="--shift 1"):
        runs.judge_run(model, str(tmp_path / "n.csv"))
    _, shifted = runs.judge_run(model, str(tmp_path / "n.csv"), shift=1)
    x = model.intake.pixels(files)
    truth = np.array([1 + (p.parent.name == "bee") for p in files])
    assert shifted["accuracy"] == pytest.approx(float((model.predict(x).argmax(1) == truth).mean()))
    with pytest.raises(ArgumentError, match="leave the 3 classes"):
        runs.judge_run(model, str(tmp_path / "n.csv"), shift=2)


def test_transfer_numbers_the_validation_part_by_name(photos, tmp_path):
    from striate.transfer.parts import parts

    base = classifier(KINDS["unit"])
    base.labels = None
    read = data.folder(photos, SIZE)
    order = np.array([2, 0, 1])
    moved = replace(read, y=order[read.y], classes=("bee", "cat", "ant"))
    held = parts(Splits(read, moved), base, 0.2, 0).held
    assert held.y.tolist() == read.y.tolist()


# -- what comes out --------------------------------------------------------------------------------------------------------
def nested(*end):
    inner = models.Sequential([layers.Input((4,)), *end])
    x = layers.Input((4,))
    return models.Model(x, inner(x))


def stacked(*end):
    return models.Sequential([layers.Input((4,)), *end])


ENDS = {
    "softmax": ((layers.Dense, 3, "softmax"), "softmax", False),
    "logits": ((layers.Dense, 3, None), None, False),
    "log_softmax": ((layers.Dense, 3, "log_softmax"), "log_softmax", False),
    "sigmoids": ((layers.Dense, 3, "sigmoid"), "sigmoid", True),
    "one sigmoid": ((layers.Dense, 1, "sigmoid"), "sigmoid", True),
    "one logit": ((layers.Dense, 1, None), None, True),
}


@pytest.mark.parametrize("build", [stacked, nested])
@pytest.mark.parametrize("end", ENDS)
def test_what_the_last_layer_gives_is_read_from_the_graph(end, build):
    (kind, units, activation), wanted, separate = ENDS[end]
    st.set_seed(0)
    model = build(kind(units, activation=activation))
    outputs = model.answers
    assert (outputs.activation, outputs.count, outputs.separate) == (wanted, units, separate)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 3
    out = model.predict(x).astype(np.float64)
    raised = np.exp(out)
    truth = {
        "softmax": out,
        "logits": raised / raised.sum(1, keepdims=True),
        "log_softmax": raised,
        "sigmoids": out,
        "one sigmoid": np.concatenate([1 - out, out], 1),
        "one logit": np.concatenate([1 / (1 + raised), raised / (1 + raised)], 1),
    }[end]
    found = outputs.by_class(out)
    np.testing.assert_allclose(found, truth, atol=1e-6)
    for i in range(len(x)):  # no row has a say in another
        np.testing.assert_array_equal(outputs.by_class(out[i : i + 1]), found[i : i + 1])
    np.testing.assert_allclose(Ensemble([model]).probabilities([x]), found, atol=1e-6)


@pytest.mark.parametrize("layer", [layers.Activation("sigmoid"), layers.Softmax(), layers.Activation("softmax")])
def test_activations_as_layers_and_what_leaves_them_as_they_are_are_looked_through(layer):
    inputs = layers.Input((1, 1, 3))
    x = layer(inputs)
    x = layers.Activation("linear")(layers.Dropout(0.5)(layers.Flatten()(x)))
    wanted = "sigmoid" if getattr(layer, "activation", "") == "sigmoid" else "softmax"
    assert Outputs.of(models.Model(inputs, x).graph).activation == wanted


def test_the_mean_of_two_softmaxes_is_one_and_a_mean_of_different_things_is_not():
    inputs = layers.Input((4,))
    one, two, yes = (layers.Dense(3, activation=a)(inputs) for a in ("softmax", "softmax", "sigmoid"))
    assert Outputs.of(models.Model(inputs, layers.Average()([one, two])).graph).activation == "softmax"
    assert Outputs.of(models.Model(inputs, layers.Average()([one, yes])).graph).activation is None


@pytest.mark.parametrize("beside", [0, 255])
def test_the_probabilities_of_yes_and_no_do_not_depend_on_the_pictures_beside(beside):
    model = models.Sequential([layers.Input((1, 3, 1)), layers.Flatten(), layers.Activation("sigmoid")])
    model.preprocessing = Preprocessing(image_size=(1, 3), channels=1, scale=0.010986, mean=1.0986)
    model.labels = list("abc")
    picture, other = np.array([[100, 0, 0]], np.uint8), np.full((1, 3), beside, np.uint8)
    alone = classify(model, [picture])[0]
    assert classify(model, [picture, other])[0] == alone
    assert [round(guess.probability, 2) for guess in alone] == [0.5, 0.25, 0.25]


def test_look_says_the_probability_that_classify_says(photos):
    model = classifier(KINDS["unit"], layers.Dense(3, activation="sigmoid"))
    file = next(photos.glob("ant/*.png"))
    first = classify(model, [file])[0][0]
    found = look.occlusion(model, file, first.label, window=SIZE, stride=SIZE, fill=0)
    black = classify(model, [np.zeros((*SIZE, 3), np.uint8)], top=3)[0]
    wanted = next(guess.probability for guess in black if guess.label == first.label)
    assert float(found.probabilities.squeeze()) == pytest.approx(wanted, abs=1e-5)


def test_an_attack_says_the_probability_that_classify_says(photos):
    model = classifier(KINDS["unit"], layers.Dense(3, activation="sigmoid"))
    file = next(photos.glob("bee/*.png"))
    first = classify(model, [file])[0][0]
    found = look.adversarial(model, file, method="fgsm", epsilon=1)
    assert float(found.before_p[0]) == pytest.approx(first.probability, rel=1e-4)


def test_yes_and_no_and_two_classes_go_together_in_an_ensemble_and_many_yeses_do_not():
    two = stacked(layers.Dense(2, activation="softmax"))
    one = stacked(layers.Dense(1, activation="sigmoid"))
    x = np.ones((3, 4), np.float32)
    found = Ensemble([one, two]).probabilities([x, x])
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    with pytest.raises(ArgumentError, match="yes or no"):
        Ensemble([two, stacked(layers.Dense(2, activation="sigmoid"))])


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


# -- the names of the classes ----------------------------------------------------------------------------------------------
WRONG_LABELS = {
    "too few": (["ant", "bee"], "2 labels for a network of 3 classes"),
    "too many": (["ant", "bee", "cat", "dog"], "4 labels for a network of 3 classes"),
    "one": (["ant"], "1 label for a network of 3 classes"),
    "none": ([], "an empty list"),
    "a text": ("abc", "not 'abc'"),
    "a number": (3, "not 3"),
    "numbers": ([1, 2, 3], "not 1 at place 0"),
    "a blank": (["ant", " ", "cat"], "not ' ' at place 1"),
    "twice": (["ant", "bee", "ant"], '"ant" is the name of the classes 0 and 2'),
}


@pytest.mark.parametrize("case", WRONG_LABELS)
def test_labels_that_are_not_one_text_for_each_class_are_refused_however_they_are_set(case, tmp_path):
    import json

    labels, words = WRONG_LABELS[case]
    model = classifier(KINDS["unit"])
    with pytest.raises(ArgumentError, match=words):
        model.labels = labels
    assert model.labels == ["ant", "bee", "cat"]
    model.save(tmp_path / "saved")
    described = json.loads((tmp_path / "saved" / "model.json").read_text())
    (tmp_path / "saved" / "model.json").write_text(json.dumps(described | {"labels": labels}))
    with pytest.raises(BundleError):
        models.load_model(tmp_path / "saved")


def test_labels_that_fit_are_a_list_also_for_yes_and_no_and_for_imagenets_two_cranes():
    model = classifier(KINDS["unit"])
    for given in (("x", "y", "z"), np.array(["x", "y", "z"])):
        model.labels = given
        assert model.labels == ["x", "y", "z"]
    yes = models.Sequential([layers.Input((4,)), layers.Dense(1, activation="sigmoid")])
    yes.labels = ["no", "yes"]
    with pytest.raises(ArgumentError, match="1 label for a network of 2 classes"):
        yes.labels = ["yes"]
    large = models.Sequential([layers.Input((4,)), layers.Dense(1000)])
    large.labels = IMAGENET[1000]
    with pytest.raises(ArgumentError, match="each has its own"):
        large.labels = [*IMAGENET[1000][:-1], IMAGENET[1000][0]]
    model.labels = None
    assert model.labels is None


def test_a_network_with_other_outputs_than_the_data_has_classes_takes_no_names_from_them(photos):
    read = data.folder(photos, SIZE)
    wide = models.Sequential([layers.Input((*SIZE, 3)), layers.Flatten(), layers.Dense(7, activation="softmax")])
    wide.compile("sgd", "sparse_categorical_crossentropy")
    wide.fit(read, epochs=1, verbose=0)
    assert wide.labels is None
