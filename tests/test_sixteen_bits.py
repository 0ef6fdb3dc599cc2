"""``precision="auto"``: 16 bits where device and network are faster in them; a training goes on in what it began with."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, recipes, zoo
from striate.callbacks import LambdaCallback
from striate.errors import ArgumentError, Note
from striate.runs import resume_run, train_run
from striate.train import bits
from striate.transfer import fit as transfer_fit
from striate.tune import tune

pytestmark = pytest.mark.usefixtures("one_thread")

X = np.random.default_rng(0).random((48, 16, 16, 3), dtype=np.float32)
Y = (X[..., 0].mean((1, 2)) > X[..., 1].mean((1, 2))).astype("int64")


@pytest.fixture(params=[True, False], ids=["with units", "without"])
def units(request, monkeypatch):
    monkeypatch.setattr(bits, "bfloat16_units", lambda device: request.param)
    return request.param


@pytest.fixture
def with_units(monkeypatch):
    monkeypatch.setattr(bits, "bfloat16_units", lambda device: True)


def convolutions() -> st.Model:
    """1.3 million multiplications a sample: enough for 16 bits."""
    st.set_seed(0)
    stack = [
        layers.Input((16, 16, 3)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.Conv2D(32, 3),
        layers.MaxPooling2D(),
    ]
    return st.Sequential([*stack, layers.Flatten(), layers.Dense(2, activation="softmax")])


def ready(precision: str = "auto", **more) -> st.Model:
    model = convolutions()
    model.compile(
        st.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], precision=precision, **more
    )
    return model


@pytest.mark.parametrize(
    ("make", "device", "wanted"),
    [
        (convolutions, "cpu", "bf16"),
        (lambda: zoo.create("cifar_net"), "cpu", "bf16"),
        (lambda: zoo.create("cifar_resnet20"), "cuda", "bf16"),
        (lambda: recipes.get("fast").model(10, (28, 28, 1)), "cpu", "bf16"),
        (lambda: recipes.get("digits").model(10, (8, 8, 1)), "cpu", "float32"),
        (lambda: zoo.create("linear"), "cuda", "float32"),
        (lambda: zoo.create("mobilenet_v2"), "cpu", "float32"),
        (lambda: zoo.create("mobilenet_v2"), "cuda", "bf16"),
        (lambda: zoo.create("xception"), "cpu", "float32"),
    ],
)
def test_what_auto_comes_to_is_read_off_the_network_and_the_device(units, make, device, wanted):
    assert bits.chosen(make().graph, device) == (wanted if units else "float32")


def test_auto_is_settled_when_the_model_is_first_trained_and_said(units, capsys):
    model = ready()
    assert model._compiled().precision == "auto"
    model.fit(X, Y, epochs=1)
    assert model.facts["precision"] == ("bf16" if units else "float32")
    assert ("trains in 16 bits (bf16)" in capsys.readouterr().out) is units
    assert ready("float32")._compiled().precision == "float32"
    model.compile("adam", "sparse_categorical_crossentropy")
    assert model._compiled().precision == "float32"  # Python's own default


def test_auto_is_the_very_training_that_its_precision_names(units):
    named = "bf16" if units else "float32"
    losses = [ready(how).fit(X, Y, epochs=2, seed=1, verbose=0).history["loss"] for how in ("auto", named)]
    assert losses[0] == losses[1]


def test_steps_of_a_models_own_are_in_32_bits(with_units):
    class Own(st.Model):
        def train_step(self, data):
            return super().train_step(data)

    plain = convolutions()
    model = Own(plain.inputs, plain.outputs)
    model.compile("adam", "sparse_categorical_crossentropy", precision="auto")
    model.fit(X, Y, verbose=0)
    assert model._compiled().precision == "float32"


def test_a_model_that_learnt_in_16_bits_is_judged_in_32_as_it_predicts(with_units):
    model = ready()
    history = model.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0).history
    assert model.facts["precision"] == "bf16"
    found = np.asarray(model.predict(X))
    right, loss = (found.argmax(1) == Y).mean(), -np.log(found[np.arange(len(Y)), Y]).mean()
    for engine in ("auto", "torch"):
        assert model.evaluate(X, Y, engine=engine) == pytest.approx([loss, right], abs=1e-5)
    assert history["val_loss"][-1] == pytest.approx(loss, abs=1e-5)
    assert model.test_on_batch(X, Y) == pytest.approx([loss, right], abs=1e-5)


def weights(model: st.Model) -> list[np.ndarray]:
    return [np.asarray(array) for array in model.get_weights()]


class BreakError(Exception):
    """What stops a training in these tests."""


def stops(*_: object) -> None:
    raise BreakError


@pytest.mark.parametrize("begun", [True, False])
def test_a_training_goes_on_as_it_began_on_another_processor(tmp_path, monkeypatch, begun):
    monkeypatch.setattr(bits, "bfloat16_units", lambda device: begun)
    whole = ready()
    whole.fit(X, Y, epochs=3, seed=3, verbose=0)
    with pytest.raises(BreakError):
        ready().fit(X, Y, epochs=3, seed=3, verbose=0, resume=tmp_path, callbacks=LambdaCallback(on_epoch_end=stops))
    monkeypatch.setattr(bits, "bfloat16_units", lambda device: not begun)
    again = ready()
    again.fit(X, Y, epochs=3, seed=3, verbose=0, resume=tmp_path)
    assert again.facts["precision"] == whole.facts["precision"] == ("bf16" if begun else "float32")
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole), weights(again), strict=True))
    other = "float32" if begun else "bf16"
    with pytest.raises(ArgumentError, match=f"precision is not the same: .* then, {other} now"):
        ready(other).fit(X, Y, epochs=3, seed=3, verbose=0, resume=tmp_path)


def test_a_run_says_in_which_numbers_and_goes_on_in_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bits, "bfloat16_units", lambda device: True)
    monkeypatch.setattr(bits, "LEAST", 1)
    asked = {"epochs": 2, "seed": 1, "report": True, "verbose": 2}
    whole = train_run("digits", folder=tmp_path / "whole", **asked)
    assert "trains in 16 bits (bf16), which suit this network and processor" in capsys.readouterr().out
    assert whole.model.facts["precision"] == "bf16"
    assert st.models.load_model(tmp_path / "whole").facts["precision"] == "bf16"
    page = " ".join((tmp_path / "whole" / "report.html").read_text().split())
    assert "<td>precision</td> <td>bf16</td>" in page.replace("</td><td>", "</td> <td>")
    broken = LambdaCallback(on_epoch_end=stops)
    with pytest.raises(BreakError):
        train_run("digits", folder=tmp_path / "broken", **asked, callbacks=[broken])
    monkeypatch.setattr(bits, "bfloat16_units", lambda device: False)
    record = tmp_path / "broken" / "run.json"
    record.write_text(record.read_text().replace('"callbacks"', ""))
    again = resume_run(tmp_path / "broken", verbose=0)
    assert again.model.facts["precision"] == "bf16"
    assert all(np.array_equal(a, b) for a, b in zip(weights(whole.model), weights(again.model), strict=True))


def test_what_is_no_precision_is_an_error_everywhere(tmp_path):
    for call in (
        lambda: convolutions().compile("adam", "mse", precision="half"),
        lambda: train_run("digits", folder=tmp_path / "run", precision="half"),
        lambda: tune("digits", 1, folder=tmp_path / "tuned", precision="half"),
        lambda: transfer_fit(tmp_path, precision="half"),
    ):
        with pytest.raises(ArgumentError, match=r'unknown precision "half"\. Known: auto, bf16, float32, fp16'):
            call()


@pytest.mark.parametrize(("elsewhere", "here"), [("bfloat16", "bf16"), ("mixed_float16", "fp16"), ("fp32", "float32")])
def test_a_precision_that_is_called_otherwise_elsewhere_is_named(elsewhere, here):
    with pytest.raises(ArgumentError, match=f'"{elsewhere}": here it is called "{here}"'):
        convolutions().compile("adam", "mse", precision=elsewhere)


def test_weights_and_what_is_kept_of_them_stay_in_32_bits(with_units):
    model = ready()
    model.fit(X, Y, verbose=0)
    assert {p.dtype for p in (*model.module.parameters(), *model.module.buffers())} == {torch.float32}


def test_fp16_on_a_processor_is_float32_and_says_so() -> None:
    x, y = np.random.default_rng(0).random((8, 8, 8, 1)).astype(np.float32), np.arange(8) % 2
    weights = []
    for precision in ("fp16", "float32"):
        st.set_seed(0)
        model = st.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
        loss = st.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, precision=precision)
        said = pytest.warns(Note, match="fp16.*trains in float32") if precision == "fp16" else nullcontext()
        with said:
            model.fit(x, y, verbose=0, seed=0, device="cpu")
        assert model.facts["precision"] == "float32"
        weights.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
