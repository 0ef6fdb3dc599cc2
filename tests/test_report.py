"""The report: one self-contained page with the right numbers."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.data import Dataset, Preprocessing, Skipped
from striate.look import activations
from striate.pages import write_report
from striate.report.figures import confusion, curves

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Checker(HTMLParser):
    """Every tag closed, in order; remembers what is loaded from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key in ("src", "href") and not value.startswith(("data:", "#")):
                self.loads.append(value)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(path):
    checker = Checker()
    checker.feed(path.read_text())
    assert not checker.open
    assert not checker.loads
    return " ".join(" ".join(checker.text).split())


def data(n=40, classes=("a", "<b>", "c & d"), channels=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, 8, 8, channels)).astype(np.uint8)
    pictures = Preprocessing.pictures((8, 8), channels)
    return Dataset(x, np.arange(n) % len(classes), classes=classes, name="held", preprocessing=pictures)


def net(outputs=3, channels=1, activation="softmax"):
    st.set_seed(0)
    model = st.Sequential(
        [
            layers.Conv2D(6, 3, activation="relu", input_shape=(8, 8, channels)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(outputs, activation=activation),
        ]
    )
    model.labels = ["a", "<b>", "c & d"] if outputs == 3 else ["no", "yes"]
    return model


HISTORY = {"loss": [1.0, 0.5], "accuracy": [0.3, 0.8], "val_loss": [1.1, 0.7], "val_accuracy": [0.2, 0.6]}


def test_the_page_stands_alone_and_its_numbers_are_those_of_the_answers(tmp_path):
    model, test = net(), data()
    path = write_report(tmp_path / "r.html", model, test, history=HISTORY, seconds=3.2, facts={"epochs": 2})
    text = read(path)
    p = model.predict(test)
    right = (p.argmax(1) == test.y).mean()
    assert f"{right:.2%}" in text
    assert f"{-np.log(p[np.arange(40), test.y]).mean():.4f}" in text
    assert f"{model.size().weights:,}" in text
    assert "3.2 s" in text
    for k, name in enumerate(model.labels):
        truth, answer = test.y == k, p.argmax(1) == k
        precision = (truth & answer).sum() / max(answer.sum(), 1)
        recall = (truth & answer).sum() / truth.sum()
        assert f"{name} {precision:.4f} {recall:.4f}" in text
    assert "conv2d: 6x6, 6 maps" in text
    assert "<b>" not in re.sub(r"<b>[\d.,%]+", "", path.read_text().split("<nav>")[1].split("<svg")[0])


def test_activations_are_the_layers_real_outputs_and_the_model_stays_as_it_was():
    model, test = net(), data(5)
    module = model.module.train()
    state = {k: v.clone() for k, v in module.state_dict().items()}
    found = activations(model, test)
    assert module.training
    for key, value in module.state_dict().items():
        assert torch.equal(value, state[key])
    module.eval()
    with torch.no_grad():
        x = torch.from_numpy(test.x.astype(np.float32) / np.float32(255)).permute(0, 3, 1, 2)
        conv = torch.relu(module.conv2d(x))
        norm = module.batch_normalization(conv)
    for name, value in (("conv2d", conv), ("batch_normalization", norm), ("re_lu", torch.relu(norm))):
        np.testing.assert_allclose(found[name], value.permute(0, 2, 3, 1).numpy(), atol=1e-5)
    np.testing.assert_allclose(found["dense"], model.predict(test), atol=1e-6)


def test_mistakes_are_listed_worst_first_with_the_names_of_their_files(tmp_path):
    model, test = net(), data(60)
    test.paths = tuple(f"photos/here/picture <{i}>.png" for i in range(60))
    text = write_report(tmp_path / "r.html", model, test, history=HISTORY).read_text()
    p = model.predict(test)
    wrong = np.flatnonzero(p.argmax(1) != test.y)
    order = wrong[np.argsort(p[wrong, test.y[wrong]], kind="stable")]
    assert len(wrong) > 24
    assert f"24 of {len(wrong)} wrong answers, furthest off first." in text
    cards = re.findall(r"<figcaption><strong>is (.*?)</strong><br>says (.*?), .*?<br>(.*?)</figcaption>", text)
    assert [card[2] for card in cards] == [f"picture &lt;{i}&gt;.png" for i in order[:24]]
    assert [html.unescape(card[0]) for card in cards] == [model.labels[test.y[i]] for i in order[:24]]


def test_one_wrong_answer_is_one(tmp_path):
    model, test = net(), data(40)
    answers = model.predict(test).argmax(1)
    test.y = answers.copy()
    test.y[7] = (answers[7] + 1) % 3
    text = read(write_report(tmp_path / "r.html", model, test, history=HISTORY))
    assert "1 wrong answer." in text
    assert "of 1 wrong" not in text


@pytest.mark.parametrize(("right", "count", "said"), [(20, 20, "83.9 to 100.0 %"), (15, 20, "53.1 to 88.8 %")])
def test_the_interval_stands_beside_the_share_that_is_right(tmp_path, right, count, said):
    """Wilson's interval, as statsmodels.stats.proportion.proportion_confint(right, count, method="wilson") gives it."""
    model, test = net(), data(count)
    answers = model.predict(test).argmax(1)
    test.y = np.where(np.arange(count) < right, answers, (answers + 1) % 3)
    text = read(write_report(tmp_path / "r.html", model, test, history=HISTORY))
    assert said in text
    assert "F1: 2 · precision · recall / (precision + recall)" in text


def test_curves_are_a_drawing_each_and_say_where_a_stage_ended(tmp_path):
    history = {key: values * 3 for key, values in HISTORY.items()}
    stages = [("features", 0), ("frozen", 2), ("fine-tuned", 4)]
    page = write_report(tmp_path / "r.html", net(), None, history=history, stages=stages).read_text()
    assert len(re.findall(r'alt="learning curve: (?:loss|accuracy)"', page)) == 4  # light and dark
    assert "where one stage ends and the next begins" in page
    (panel,) = (ax for ax in curves({"loss": history["loss"]}, stages=stages).axes)
    (line,) = (line for line in panel.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2)
    assert line.get_xdata()[0] == 2.5  # between epoch 2 and 3
    assert {"frozen", "fine-tuned"} <= {text.get_text() for text in panel.texts}
    assert (
        "stage" not in write_report(tmp_path / "s.html", net(), None, history=HISTORY).read_text().split("<section")[1]
    )


def test_the_letters_of_the_confusion_are_never_shrunk_below_what_is_read(tmp_path):
    """A font of 9 points is 12 dots high; on 372 dots of a telephone a wide drawing scrolls, and is not made smaller."""
    names = tuple(f"a class with a name of many words {i}" for i in range(10))
    model = st.Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(10, "softmax")])
    model.labels = list(names)
    page = write_report(tmp_path / "r.html", model, data(classes=names), history={}).read_text()
    least = int(re.search(r'class="wide"><div style="min-width: (\d+)px"><img', page)[1])
    drawn = confusion(np.zeros((10, 10)), names)
    assert least == pytest.approx(0.75 * 96 * drawn.get_figwidth(), abs=1)
    assert least > 372
    assert "max-width" not in page.split(".wide img")[1].split("}")[0]


@pytest.mark.parametrize("channels", [1, 3])
def test_two_classes_with_one_output(tmp_path, channels):
    test = data(classes=("no", "yes"), channels=channels)
    model = net(1, channels, "sigmoid")
    text = read(write_report(tmp_path / "r.html", model, test, history={}))
    right = ((model.predict(test)[:, 0] > 0.5) == test.y).mean()
    assert f"{right:.2%}" in text
    assert "nothing to draw" in text


def test_parts_that_do_not_apply_say_why(tmp_path):
    model = net()
    text = read(write_report(tmp_path / "none.html", model, None, history=HISTORY))
    assert "Learning curves" in text
    assert "Confusion" not in text
    unlabelled = data()
    unlabelled.y = None
    assert "no labels" in read(write_report(tmp_path / "unlabelled.html", model, unlabelled, history=HISTORY))
    st.set_seed(0)
    words = st.Sequential(
        [layers.Embedding(50, 4, input_shape=(9,)), layers.GlobalMaxPooling1D(), layers.Dense(2, "softmax")]
    )
    texts = Dataset(np.arange(90).reshape(10, 9) % 50, np.arange(10) % 2, classes=("bad", "good"))
    assert "F1" in read(write_report(tmp_path / "text.html", words, texts, history=HISTORY))
    values = st.Sequential([layers.Dense(2, input_shape=(4,))])
    numbers = Dataset(np.zeros((6, 4), np.float32), np.zeros((6, 2), np.float32))
    assert "left out" in read(write_report(tmp_path / "values.html", values, numbers, history=HISTORY))


def test_skipped_files_are_named(tmp_path):
    test = data()
    test.skipped = (Skipped("photos/<x>.jpg", "truncated"),)
    text = read(write_report(tmp_path / "r.html", net(), test, history=HISTORY, skipped=[("y.png", "empty")]))
    assert "2 files could not be read" in text
    assert "photos/<x>.jpg truncated" in text


@pytest.mark.slow
def test_a_large_network_and_many_pictures_stay_under_five_megabytes(tmp_path):
    st.set_seed(0)
    model = st.zoo.create("cifar_resnet20")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1200, 32, 32, 3)).astype(np.uint8)
    many = Dataset(x, np.arange(1200) % 10, classes=tuple("abcdefghij"), preprocessing=Preprocessing.pictures())
    path = write_report(tmp_path / "r.html", model, many, history=HISTORY)
    assert path.stat().st_size < 5_000_000
