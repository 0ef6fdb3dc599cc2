"""A model as a class of a user's own: built when it is first used, then at home in every view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import striate as st
from striate import layers, ops
from striate.errors import StriateError

pytestmark = pytest.mark.usefixtures("one_thread")


class Net(st.Model):
    def __init__(self, classes: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classes = classes
        self.conv = layers.Conv2D(4, 3, activation="relu")
        self.blocks = [layers.Conv2D(4, 3, padding="same") for _ in range(2)]
        self.norms = {"last": layers.BatchNormalization()}
        self.drop = layers.Dropout(0.5)
        self.pool = layers.GlobalAveragePooling2D()
        self.out = layers.Dense(classes, activation="softmax")

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.conv(inputs)
        for block in self.blocks:
            x = ops.relu(block(x)) + x
        x = self.norms["last"](x, training=training)
        if training:
            x = self.drop(x, training=training)
        return self.out(self.pool(x))


def digits(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    train = st.data.load("digits").train
    return train.x[:count].astype(np.float32) / 255, train.y[:count]


WEIGHTS = (3 * 3 * 1 * 4 + 4) + 2 * (3 * 3 * 4 * 4 + 4) + 2 * 4 + (4 * 10 + 10)


def test_it_is_built_when_it_is_first_used_and_named_as_its_class_holds_its_layers() -> None:
    x, y = digits(8)
    called, built, fitted, predicted = Net(), Net(), Net(), Net()
    assert called(x).shape == (8, 10)
    built.build((None, 8, 8, 1))
    fitted.compile("sgd", "sparse_categorical_crossentropy")
    fitted.fit(x, y, epochs=1, verbose=0)
    assert predicted.predict(x).shape == (8, 10)
    for model in (called, built, fitted, predicted):
        names = [
            "conv2d",
            "conv2d_1",
            "conv2d_2",
            "batch_normalization",
            "dropout",
            "global_average_pooling2d",
            "dense",
        ]
        assert [layer.name for layer in model.layers] == names
        assert model.size().weights == WEIGHTS
        assert [one.path for one in model.weights][:3] == ["conv2d/kernel", "conv2d/bias", "conv2d_1/kernel"]
        assert model.output_shape == (None, 10)


def test_it_is_trained_saved_loaded_and_exported(tmp_path: Path) -> None:
    st.set_seed(0)
    x, y = digits(256)
    model = Net(10, name="mine")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    losses = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    answers, figures = model.predict(x[:5], engine="torch"), model.evaluate(x, y)
    for place in ("folder", "m.keras"):
        model.save(tmp_path / place)
        again = st.models.load_model(tmp_path / place, custom_objects={"Net": Net})
        assert (type(again), again.name, again.classes) == (Net, "mine", 10)
        np.testing.assert_array_equal(again.predict(x[:5], engine="torch"), answers)
        assert again.evaluate(x, y) == pytest.approx(figures)
    model.save_weights(tmp_path / "w.weights.h5")
    other = Net(10)
    other.build((None, 8, 8, 1))
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.predict(x[:5], engine="torch"), answers)
    np.testing.assert_allclose(model.predict(x[:5], engine="onnxruntime"), answers, atol=1e-5)
    assert "self.conv2d_1(" in model.to_source()
    assert "batch_normalization" in model.draw()
    again.fit(x, y, epochs=1, verbose=0)


def test_what_training_alone_does_is_done_in_training_alone() -> None:
    x, _ = digits(32)
    model = Net()
    np.testing.assert_array_equal(model(x).detach().numpy(), model(x, training=False).detach().numpy())
    assert (model(x, training=True) != model(x, training=True)).any()  # the dropout


def test_inputs_as_arguments_lists_and_dicts() -> None:
    class Two(st.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, a: Any, b: Any) -> Any:
            return self.dense(a) + self.dense(b)

    class Listed(Two):
        def call(self, inputs: Any) -> Any:  # type: ignore[override]
            a, b = inputs
            return self.dense(a) + self.dense(b)

    class Keyed(Two):
        def call(self, inputs: Any) -> Any:  # type: ignore[override]
            return self.dense(inputs["b"]) + self.dense(inputs["a"])

    a, b = (np.random.default_rng(i).normal(size=(4, 5)).astype(np.float32) for i in range(2))
    for model, given in ((Two(), (a, b)), (Listed(), ([a, b],)), (Keyed(), ({"a": a, "b": b},))):
        answer = model(*given)
        kernel = model.dense.get_weights()[0]
        np.testing.assert_allclose(answer.detach().numpy(), (a + b) @ kernel, rtol=1e-4, atol=1e-5)
    keyed = Keyed()
    keyed.compile("sgd", "mse")
    keyed.fit({"a": a, "b": b}, np.zeros((4, 3)), verbose=0)
    np.testing.assert_allclose(keyed.predict({"b": b, "a": a}), keyed({"a": a, "b": b}).detach().numpy(), rtol=1e-5)
    listed = Listed()
    listed.build([(None, 5), (None, 5)])
    assert listed.input_shape == [(None, 5), (None, 5)]


def test_layers_made_in_build_and_models_in_models(tmp_path: Path) -> None:
    class Late(st.Model):
        def __init__(self, units: int) -> None:
            super().__init__()
            self.units = units

        def build(self, input_shape: Any) -> None:
            self.first = layers.Dense(input_shape[-1] * 2)
            self.second = layers.Dense(self.units)
            self.built = True

        def call(self, inputs: Any) -> Any:
            return self.second(self.first(inputs))

    model = Late(3)
    model.build((None, 4))
    assert model.count_params() == (4 * 8 + 8) + (8 * 3 + 3)
    inputs = st.Input((4,))
    outer = st.Model(inputs, layers.Dense(2)(Late(5)(inputs)))
    assert outer.size().weights == (4 * 8 + 8) + (8 * 5 + 5) + (5 * 2 + 2)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    for place in ("folder", "m.keras"):
        outer.save(tmp_path / place)
        again = st.models.load_model(tmp_path / place, custom_objects={"Late": Late}, compile=False)
        assert isinstance(again.layers[1], Late)
        np.testing.assert_array_equal(again.predict(x, engine="torch"), outer.predict(x, engine="torch"))


def test_a_folder_whose_class_is_not_known_is_a_model_of_its_layers(tmp_path: Path) -> None:
    class _Hidden(Net):
        """Not found by its name."""

    x, _ = digits(4)
    model = _Hidden()
    answers = model.predict(x, engine="torch")
    model.save(tmp_path / "folder")
    again = st.models.load_model(tmp_path / "folder")
    assert type(again) is st.Functional
    np.testing.assert_array_equal(again.predict(x, engine="torch"), answers)
    model.save(tmp_path / "m.keras")
    with pytest.raises(StriateError, match=r'custom_objects={"_Hidden": '):
        st.models.load_model(tmp_path / "m.keras")


def test_other_sizes_share_the_weights() -> None:
    model = Net()
    small, large = (model(np.ones((1, n, n, 1), np.float32)) for n in (8, 12))
    assert small.shape == large.shape == (1, 10)
    assert model.size().weights == WEIGHTS
    assert model.input_shape == (None, 12, 12, 1)


def test_an_embedding_in_it_takes_whole_numbers() -> None:
    class Words(st.Model):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.pool, self.out = layers.Embedding(9, 4), layers.GlobalMaxPooling1D(), layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.out(self.pool(self.embed(inputs)))

    model = Words()
    words = np.array([[1, 2, 8], [0, 0, 3]])
    answer = model.predict(words)
    embeddings, kernel, bias = model.get_weights()
    np.testing.assert_allclose(answer, embeddings[words].max(1) @ kernel + bias, rtol=1e-4, atol=1e-5)


class _Torch(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return torch.relu(self.conv(inputs))


class _Differs(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        x = self.pool(self.conv(inputs))
        return self.out(x) if training else x


class _Nothing(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        self.conv(inputs)


class _Attribute(Net):
    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.convolution(inputs)  # type: ignore[attr-defined]


class _Steps(Net):
    def make_train_function(self) -> Any:
        return None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Net().size(), r"call build\(\(None, 32, 32, 3\)\)"),
        (lambda: Net().get_weights(), r"does not know its input"),
        (lambda: Net().save_weights("w.weights.h5"), r"does not know its input"),
        (lambda: Net().count_params(), r"does not know its input"),
        (lambda: Net().build(3), r"or build\(\(None, 32, 32, 3\)\)"),
        (lambda: Net().build((None, 8)), r'Conv2D "conv2d": '),
        (lambda: _Torch().build((None, 8, 8, 1)), r"torch.relu\(self.conv\(inputs\)\).*a layer of your own"),
        (lambda: _Differs().build((None, 8, 8, 1)), "something else in training than in prediction"),
        (lambda: _Nothing().build((None, 8, 8, 1)), "returned NoneType"),
        (lambda: _Attribute().build((None, 8, 8, 1)), "no attribute 'convolution'"),
        (lambda: _Steps().compile("sgd", "mse"), r"make_train_function would not be called: define train_step"),
        (lambda: st.Model(), r"call\(self, inputs\)"),
    ],
)
def test_what_is_wrong_with_it_is_one_error_that_says_what_to_do(wrong: Any, said: str) -> None:
    with pytest.raises(StriateError, match=said):
        wrong()


def test_what_it_holds_of_others_is_seen_by_all_views() -> None:
    model = Net()
    assert model.weights == []
    model.build((None, 8, 8, 1))
    model.trainable = False
    assert model.trainable_weights == []
    model.trainable = True
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    assert "conv2d_2 (Conv2D)" in lines[0]
    assert model.get_layer("dense") is model.out
    assert st.look.activations(model, digits(2)[0], ["conv2d"])["conv2d"].shape == (2, 6, 6, 4)
