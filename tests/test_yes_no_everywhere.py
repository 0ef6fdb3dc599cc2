"""What an output means is read from the graph, and every way of asking says the same: alone or in company, by any engine."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

import striate as st
from striate import layers, look, ops
from striate.cli.main import main
from striate.data import Dataset, Preprocessing
from striate.pages import write_report
from striate.runs import judge_run
from striate.tasks import Ensemble, classify, classify_files

SIDE, N = 4, 9
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (N, SIDE, SIDE, 1), np.uint8)
X[6], X[7] = 0, 255  # pictures that saturate a sigmoid, beside which others must stay what they are
READ = Preprocessing(image_size=(SIDE, SIDE), channels=1, scale=1 / 255)


def dense(units, activation=None):
    return lambda x: layers.Dense(units, activation, name="last")(x)


def then(units, last):
    return lambda x: last(layers.Dense(units, name="last")(x))


def nested(units, activation):
    def build(x):
        inner = st.Sequential([layers.Input((SIDE * SIDE,)), layers.Dense(units, activation, name="last")])
        return inner(x)

    return build


# how it ends: (what is put on the features, outputs, what makes probabilities of the last dense layer's numbers)
ENDINGS = {
    "one sigmoid": (dense(1, "sigmoid"), 1, "yes"),
    "one logit": (dense(1), 1, "yes"),
    "one sigmoid, a layer": (then(1, layers.Activation("sigmoid")), 1, "yes"),
    "one sigmoid, an operation": (then(1, ops.sigmoid), 1, "yes"),
    "one sigmoid, nested": (nested(1, "sigmoid"), 1, "yes"),
    "sigmoids": (dense(3, "sigmoid"), 3, "each"),
    "sigmoids, a layer": (then(3, layers.Activation("sigmoid")), 3, "each"),
    "sigmoids, an operation": (then(3, ops.sigmoid), 3, "each"),
    "sigmoids, then nothing": (then(3, lambda x: layers.Dropout(0.5)(layers.Activation("sigmoid")(x))), 3, "each"),
    "softmax": (dense(3, "softmax"), 3, "one"),
    "softmax, a layer": (then(3, layers.Softmax()), 3, "one"),
    "softmax, an operation": (then(3, ops.softmax), 3, "one"),
    "softmax, nested": (nested(3, "softmax"), 3, "one"),
    "log softmax": (dense(3, "log_softmax"), 3, "one"),
    "logits": (dense(3), 3, "one"),
    "logits that a yes/no loss learnt": (dense(3), 3, "each"),
    "two of a softmax": (dense(2, "softmax"), 2, "one"),
}
# torch code of a user's own, which runs in Python only
OWN = {
    "one sigmoid of torch": (then(1, layers.Lambda(torch.sigmoid)), 1, "yes"),
    "sigmoids of torch": (then(3, layers.Lambda(torch.sigmoid)), 3, "each"),
    "softmax of torch": (then(3, layers.Lambda(lambda x: torch.softmax(x, -1))), 3, "one"),
    "softmax, a torch module": (then(3, layers.TorchModuleWrapper(torch.nn.Softmax(1))), 3, "one"),
    "log softmax of torch": (then(3, layers.Lambda(lambda x: torch.log_softmax(x, 1))), 3, "one"),
    "logits of torch": (then(3, layers.Lambda(lambda x: x.abs() * x.sign())), 3, "one"),
    "sigmoids, then torch that leaves them": (
        then(3, lambda x: layers.Lambda(lambda y: y.clone())(layers.Activation("sigmoid")(x))),
        3,
        "each",
    ),
}
LABELS = {1: ["no", "yes"], 2: ["no", "yes"], 3: ["ant", "bee", "cat"]}


def network(ending: str) -> st.Model:
    build, units, _ = (ENDINGS | OWN)[ending]
    st.set_seed(1)
    inputs = layers.Input((SIDE, SIDE, 1))
    model = st.Model(inputs, build(layers.Flatten()(inputs)))
    model.set_weights([3 * array + 0.1 for array in model.get_weights()])
    model.preprocessing, model.labels = READ, LABELS[units]
    if ending.startswith("logits that"):
        model.compile("sgd", st.losses.BinaryCrossentropy(from_logits=True))
    return model


def by_hand(model: st.Model, ending: str) -> np.ndarray:
    """(N, classes): the probabilities, from the arrays of the last dense layer."""
    weights, bias = (array.astype(np.float64) for array in model.get_weights())
    z = X.reshape(N, -1) / 255 @ weights + bias
    if (ENDINGS | OWN)[ending][2] == "one":
        raised = np.exp(z - z.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)
    p = 1 / (1 + np.exp(-z))
    return np.concatenate([1 - p, p], 1) if p.shape[1] == 1 else p


def table_of(rows, labels) -> np.ndarray:
    """(N, classes) of rows of (class, probability), in whatever order."""
    return np.array([[dict(row)[label] for label in labels] for row in rows])


@pytest.fixture
def files(tmp_path):
    for i in range(N):
        Image.fromarray(X[i, ..., 0]).save(tmp_path / f"{i}.png")
    return [tmp_path / f"{i}.png" for i in range(N)]


@pytest.mark.parametrize("engine", ["torch", "onnxruntime", "auto"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_way_of_asking_gives_the_probabilities_by_hand(ending, engine, files, tmp_path, capsys):
    model = network(ending)
    labels, wanted = model.labels, by_hand(model, ending)
    count = len(labels)

    def same(rows):
        np.testing.assert_allclose(table_of(rows, labels), wanted, atol=1e-5)

    same(classify(model, list(X), top=count, engine=engine))
    same([classify(model, [picture], top=count, engine=engine)[0] for picture in X])  # each alone
    same(classify(model, files, top=count, engine=engine))
    same(Ensemble([model, model]).classify(files, top=count, engine=engine))
    for size in (1, 4, N):
        answers = classify_files(model, files, count, batch_size=size, engine=engine)
        same([answer.guesses for answer in answers])
    backwards = classify(model, list(X[::-1]), top=count, engine=engine)
    same(backwards[::-1])
    model.save(tmp_path / "run")

    def run(*more):
        with pytest.raises(SystemExit) as ended:
            main(["predict", str(tmp_path / "run"), *map(str, files), "--engine", engine, "--top", str(count), *more])
        assert ended.value.code == 0
        return capsys.readouterr().out

    told = json.loads(run("--json"))
    same([[(guess["label"], guess["probability"]) for guess in one["top"]] for one in told])
    run("-o", str(tmp_path / "out.csv"))
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ends = ["", *(f"_{i}" for i in range(2, count + 1))]
    same([[(row[f"class{end}"], float(row[f"probability{end}"])) for end in ends] for row in rows])
    shown = re.findall(r"^ +([\d.]+)%  (\S+)$", run(), re.M)
    assert [float(p) for p, _ in shown] == pytest.approx(100 * np.sort(wanted, 1)[:, ::-1].ravel(), abs=0.006)


@pytest.mark.parametrize("ending", OWN)
def test_what_torch_code_of_ones_own_ends_in_is_seen(ending):
    model = network(ending)
    labels, wanted = model.labels, by_hand(model, ending)
    for model_or_nested in (model, st.Model(model.inputs, model(model.inputs))):
        model_or_nested.labels, model_or_nested.preprocessing = labels, READ
        answers = classify(model_or_nested, list(X), top=len(labels))
        np.testing.assert_allclose(table_of(answers, labels), wanted, atol=1e-5)


def odds(z):
    return 1 / (1 + np.exp(-z))


def shares(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


sigmoid, softmax = layers.Activation("sigmoid"), layers.Softmax()
# what may follow a sigmoid or softmax: (what is put on the last dense layer, the probabilities of its numbers (N, 3))
AFTER = {
    "clipped sigmoids": (lambda x: ops.clip(sigmoid(x), 1e-7, 1 - 1e-7), odds),
    "clipped softmax": (lambda x: ops.clip(softmax(x), 1e-7, 1 - 1e-7), shares),
    "softmax clipped by torch": (lambda x: layers.Lambda(lambda y: y.softmax(-1).clamp(1e-7, 1))(x), shares),
    "the other answer": (lambda x: 1 - sigmoid(x), lambda z: 1 - odds(z)),
    "the other answer, a layer": (lambda x: layers.Rescaling(-1.0, 1.0)(sigmoid(x)), lambda z: 1 - odds(z)),
    "a product": (lambda x: sigmoid(x) * sigmoid(x), lambda z: odds(z) ** 2),
    "the largest of all places": (lambda x: layers.GlobalMaxPooling2D()(sigmoid(layers.Reshape((1, 1, 3))(x))), odds),
    "the mean of all places": (
        lambda x: layers.GlobalAveragePooling2D()(softmax(layers.Reshape((1, 1, 3))(x))),
        shares,
    ),
    "two of three": (lambda x: sigmoid(x)[:, :2], lambda z: odds(z)[:, :2]),
    "one of three": (lambda x: softmax(x)[:, 1:2], lambda z: np.stack([1 - shares(z)[:, 1], shares(z)[:, 1]], 1)),
}


@pytest.mark.parametrize("after", AFTER)
def test_what_follows_a_sigmoid_or_softmax_and_leaves_probabilities_is_seen(after):
    build, probabilities = AFTER[after]
    inputs = layers.Input((SIDE, SIDE, 1))
    z = layers.Dense(3)(layers.Flatten()(inputs))
    model = st.Model(inputs, build(z))
    model.preprocessing = READ
    wanted = probabilities(st.Model(inputs, z).predict(X / np.float32(255)).astype(np.float64))
    for one in (model, st.Model(inputs, model(inputs))):
        one.preprocessing = READ
        one.labels = [str(i) for i in range(wanted.shape[1])]
        answers = classify(one, list(X), top=len(one.labels))
        np.testing.assert_allclose(table_of(answers, one.labels), wanted, atol=1e-5)


def test_a_softmax_of_torch_code_over_another_axis_makes_no_probabilities():
    class Last(layers.Layer):
        def call(self, x):
            return torch.softmax(x, self.axis)

    class First(layers.Layer):
        def forward(self, x):
            return torch.softmax(x, self.axis)

    inputs = layers.Input((4, 4, 3))
    for kind, axis, seen in (
        (Last, -1, "softmax"),
        (Last, 3, "softmax"),
        (Last, 1, None),
        (First, 1, "softmax"),
        (First, -3, "softmax"),
        (First, -1, None),
    ):
        layer = kind()
        layer.axis = axis
        assert st.Model(inputs, layer(inputs)).answers.activation == seen


@pytest.mark.parametrize("ending", ENDINGS)
def test_figures_reports_and_looks_count_the_answers_by_hand(ending, files, tmp_path):
    model = network(ending)
    labels, wanted = model.labels, by_hand(model, ending)
    answers = wanted.argmax(1)
    y = np.where(np.arange(N) % 3 == 0, (answers + 1) % len(labels), answers)  # a third is wrong
    for i, number in enumerate(y):
        (tmp_path / "set" / labels[number]).mkdir(parents=True, exist_ok=True)
        files[i].rename(tmp_path / "set" / labels[number] / f"{i}.png")
    for engine in ("torch", "onnxruntime"):
        assert judge_run(model, str(tmp_path / "set"), engine=engine)[1]["accuracy"] == pytest.approx(6 / 9)
        again = classify(model, list(X), top=len(labels))
        np.testing.assert_allclose(table_of(again, labels), wanted, atol=1e-5)  # judging leaves what an output means
    data = Dataset(X, y, tuple(labels), preprocessing=READ)
    page = write_report(tmp_path / "r.html", model, data, history={}).read_text()
    assert "66.67%" in page
    said = re.findall(r"<strong>is (\w+)</strong><br>says (\w+), ([\d.]+)%", page)
    wrong = [i for i in range(N) if answers[i] != y[i]]
    order = sorted(wrong, key=lambda i: wanted[i, y[i]])
    assert sorted(said) == sorted((labels[y[i]], labels[answers[i]], f"{100 * wanted[i].max():.1f}") for i in order)
    assert look.saliency(model, X).targets == answers.tolist()
