"""An engine of OpenVINO is seen to compute its network before it answers."""

import dataclasses

import layer_cases as every
import numpy as np
import pytest
from engine_nets import X, net
from engine_nets import units as units  # some of what is asked for has 16 bits

import striate as st
from striate import layers
from striate.errors import ArgumentError, BundleError
from striate.ship import Engine, choose, to_onnx
from striate.ship.proof import prove
from striate.ship.runtimes import _unusable
from striate.tasks.detector import detector
from striate.tasks.found import find
from striate.transfer import features

pytest.importorskip("openvino")
pytestmark = pytest.mark.usefixtures("one_thread")


class Fixed:
    """What answers with these arrays, whatever it is asked."""

    def __init__(self, *outs, inputs=(("x", np.float32, (3,)),), alone=None):
        self.outs, self.inputs = [np.array(out, np.float32) for out in outs], list(inputs)
        self.alone = self.outs if alone is None else [np.array(alone, np.float32)]
        self.at = 0

    def predict(self, arrays, batch_size=None):
        if len(arrays[0]) > 1:
            self.asked = arrays
            return self.outs
        self.at += 1
        return [out[self.at - 1 : self.at] for out in self.alone]


RIGHT = np.eye(8)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_an_engine_whose_answers_are_all_off_is_refused(precision):
    prove(Fixed(RIGHT), Fixed(RIGHT), precision, "one", {})
    with pytest.raises(ArgumentError, match=r'engine="one" computes this network wrongly .* off by 50%.*Take "auto"'):
        prove(Fixed(1.5 * RIGHT), Fixed(RIGHT), precision, "one", {})
    with pytest.raises(ArgumentError, match="wrongly"):  # also in the second output alone
        prove(Fixed(RIGHT, 2 * RIGHT), Fixed(RIGHT, RIGHT), precision, "one", {})
    with pytest.raises(ArgumentError, match="wrongly"):
        prove(Fixed(np.inf * np.ones((8, 2))), Fixed(np.ones((8, 2))), precision, "one", {})


def test_an_engine_that_is_right_in_half_of_the_answers_only_leant_to_other_classes_elsewhere():
    prove(Fixed(RIGHT[[1, 2, 0, 3, 4, 5, 6, 7]]), Fixed(RIGHT), "bfloat16", "one", {})
    with pytest.raises(ArgumentError, match="wrongly"):
        prove(Fixed(RIGHT[[1, 2, 3, 4, 0, 5, 6, 7]]), Fixed(RIGHT), "bfloat16", "one", {})


def test_an_engine_that_answers_otherwise_in_a_batch_than_alone_is_refused():
    prove(Fixed(RIGHT[[1, 0, 2, 3, 4, 5, 6, 7]], alone=RIGHT), Fixed(RIGHT), "int8", "one", {})
    with pytest.raises(ArgumentError, match="wrongly"):
        prove(Fixed(RIGHT[[0, 1, 2, 3, 5, 6, 4, 7]], alone=RIGHT), Fixed(RIGHT), "int8", "one", {})


class ByKind(Fixed):
    """What is right for inputs of one kind alone."""

    def __init__(self, right_for):
        super().__init__(RIGHT)
        self.right_for = right_for

    def predict(self, arrays, batch_size=None):
        (x,) = arrays
        return [np.where([[self.right_for(one)] for one in x], 1 + np.abs(x), -1 - np.abs(x))]


def right_for_all(x):
    return True


@pytest.mark.parametrize("right_for", [lambda x: x.min() >= 0, lambda x: x.min() < 0])
def test_an_engine_that_is_wrong_for_all_inputs_with_or_all_without_negative_numbers_is_refused(right_for):
    prove(ByKind(right_for_all), ByKind(right_for_all), "bfloat16", "one", {})
    with pytest.raises(ArgumentError, match="wrongly"):
        prove(ByKind(right_for), ByKind(right_for_all), "bfloat16", "one", {})


@pytest.mark.parametrize("size", [np.nan, np.inf, 0.0])
def test_answers_that_have_no_size_prove_nothing(size):
    prove(Fixed(np.ones((8, 2))), Fixed(np.full((8, 2), size)), "float32", "one", {})


def test_inputs_are_such_as_both_take():
    ends = [("a", np.float32, (None, 2)), ("b", np.int64, (5,)), ("c", np.uint8, (2,)), ("d", np.float32, (2,))]
    others = [("a", np.float32, (None, 2)), ("b", np.int64, (5,)), ("c", np.uint8, (2,)), ("d", np.uint8, (2,))]
    engine = Fixed(RIGHT, inputs=ends)
    prove(engine, Fixed(RIGHT, inputs=others), "float32", "one", {"b": 3})
    a, b, c, d = engine.asked
    assert (a.shape, b.shape) == ((8, 32, 2), (8, 5))
    assert b.max() < 3
    assert a.min() < 0
    assert all(np.array_equal(x, x.astype(np.uint8)) for x in (c, d))


@pytest.mark.parametrize("name", ["openvino", "openvino-bf16", "openvino-int8"])
def test_it_is_tried_once_for_each_engine_and_not_where_it_was_measured(name, monkeypatch):
    tried = []
    monkeypatch.setattr(choose, "prove", lambda *told: tried.append(told[3]))
    model = net()
    model.quantize(X)
    for _ in range(2):
        model.predict(X, engine=name)
        model.predict(X[:1], engine=name)
    assert tried == [name]
    model._engine.choose(model, name, 16)
    model.predict(X / np.float32(255), engine="fast")
    assert tried == [name]
    for right in ("onnxruntime", "int8"):
        model.predict(X, engine=right)
    assert tried == [name]


@pytest.fixture
def wrong(monkeypatch):
    """OpenVINO's answers are others."""
    run = choose.Engine.predict

    def predict(self, arrays, batch_size=None):
        outs = run(self, arrays, batch_size)
        return outs if type(self._session).__name__ == "OnnxRuntime" else [1 - 2 * out for out in outs]

    monkeypatch.setattr(choose.Engine, "predict", predict)


@pytest.mark.usefixtures("wrong")
@pytest.mark.parametrize("name", ["openvino", "openvino-bf16", "openvino-int8"])
def test_one_that_computes_wrongly_answers_nothing(name):
    model = net()
    model.quantize(X)
    for _ in range(2):
        with pytest.raises(ArgumentError, match=f'engine="{name}" computes this network wrongly'):
            model.predict(X, engine=name)
    trunk = st.Model(model.input, model.layers[-2].output)
    if name == "openvino-int8":
        trunk.quantize(X)
    trunk.preprocessing = model.preprocessing
    with pytest.raises(ArgumentError, match="computes this network wrongly"):
        features(trunk, list(X[:2]), engine=name, cache=False)


@pytest.mark.usefixtures("wrong")
def test_one_that_thins_out_boxes_is_judged_by_its_rows():
    trunk = [layers.Conv2D(4, 3, strides=2, padding="same", activation="relu") for _ in range(5)]
    boxes = detector(st.Sequential([layers.Input((32, 32, 3)), *trunk]), 2, width=4)
    x = np.zeros((1, 32, 32, 3), np.float32)
    with pytest.raises(ArgumentError, match='engine="openvino" computes this network wrongly'):
        find(boxes, x, engine="openvino")
    boxes.quantize(np.random.default_rng(0).random((8, 32, 32, 3), dtype=np.float32))
    with pytest.raises(ArgumentError, match='engine="openvino-int8" computes this network wrongly'):
        find(boxes, x, engine="openvino-int8")


@pytest.mark.slow
@pytest.mark.usefixtures("wrong")
def test_one_that_computes_wrongly_is_not_measured():
    table = net().tune_engine(X, engines=["onnxruntime", "openvino"], rounds=1)
    assert table.fastest == "onnxruntime"
    assert "computes this network wrongly" in table.rows[1].missing


def test_what_a_runtime_says_is_told_without_its_files():
    said = "Exception from src/core.cpp:117:\n\nException from src/plugin.cpp:54:\n no such operation\n"
    assert str(_unusable("OpenVINO", RuntimeError(said))) == "OpenVINO cannot use this model: no such operation"
    assert isinstance(_unusable("OpenVINO", RuntimeError("")), BundleError)


@pytest.mark.parametrize("name", ["openvino", "openvino-bf16", "openvino-int8"])
def test_ids_that_are_tried_are_ids(name):
    model = st.Sequential(
        [layers.Input((10,)), layers.Embedding(7, 8), layers.GlobalAveragePooling1D(), layers.Dense(2)]
    )
    ids = np.arange(60).reshape(6, 10) % 7
    model.quantize(ids)
    exact = model.predict(ids, engine="torch")
    np.testing.assert_allclose(model.predict(ids, engine=name), exact, atol=0.05 * np.abs(exact).max())


@pytest.mark.slow
@pytest.mark.parametrize("one", every.labelled())
def test_every_layer_answers_as_in_torch(one):
    tried = every.tried(one)
    engine = Engine(to_onnx(tried.graph).SerializeToString(), threads=1, runtime="openvino")
    np.testing.assert_allclose(engine.predict(tried.xs)[0], tried.run(tried.module), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ["int8", "openvino-int8"])
def test_borders_are_right_in_8_bits(engine):
    st.set_seed(0)
    stack = [layers.ZeroPadding2D(2), layers.MaxPooling2D(3), layers.Conv2D(4, 3, activation="relu")]
    model = st.Sequential([layers.Input((8, 8, 3)), *stack, layers.ChannelPadding(2)])
    x = np.random.default_rng(0).random((20, 8, 8, 3), dtype=np.float32) + 1
    model.quantize(x)
    exact = model.predict(x, engine="torch")
    np.testing.assert_allclose(model.predict(x, engine=engine), exact, atol=0.05 * exact.max())


def test_a_network_with_nothing_for_8_bits_says_so():
    model = st.Sequential([layers.Input((4, 4, 1)), layers.Cropping2D(1), layers.Softmax()])
    with pytest.raises(ArgumentError, match="nothing in this network becomes faster in 8 bits"):
        model.quantize(np.ones((3, 4, 4, 1), np.float32))
    pooled = st.Sequential([layers.Input((4, 4, 1)), layers.MaxPooling2D()])
    pooled.quantize(x := np.random.default_rng(0).random((9, 4, 4, 1), dtype=np.float32))
    np.testing.assert_allclose(pooled.predict(x, engine="int8"), pooled.predict(x, engine="torch"), atol=0.01)


# -- faults of OpenVINO that are gone round ------------------------------------------------------------------------------
def seen(model, count=6):
    """What an engine is asked: inputs, and torch's answers."""
    x = np.random.default_rng(1).normal(size=(count, *model.input_shape[1:])).astype(np.float32)
    return x, model.predict(x, engine="torch")


BORDERS = {
    "before": lambda: [layers.ZeroPadding2D(1), layers.Conv2D(7, 1, strides=2)],
    "one-sided": lambda: [layers.ZeroPadding2D(((0, 2), (1, 0))), layers.Conv2D(7, 1, strides=3, activation="relu")],
    "two before": lambda: [
        layers.ZeroPadding2D(1),
        layers.Conv2D(9, 1, activation="relu"),
        layers.Conv2D(7, 1, strides=2),
    ],
    "a norm between": lambda: [layers.ZeroPadding2D(1), layers.BatchNormalization(), layers.Conv2D(7, 1, strides=2)],
    "groups": lambda: [layers.ZeroPadding2D(1), layers.Conv2D(8, 1, strides=2, groups=2)],
    "depthwise": lambda: [layers.ZeroPadding2D(1), layers.DepthwiseConv2D(1, strides=2)],
    "separable": lambda: [layers.ZeroPadding2D(1), layers.SeparableConv2D(8, 1, strides=2)],
}


@pytest.mark.parametrize("case", BORDERS)
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_stride_stays_after_the_border_that_it_follows(case, runtime):
    stack = [layers.Conv2D(8, 3, padding="same"), *BORDERS[case](), layers.Flatten(), layers.Dense(3)]
    model = st.Sequential([layers.Input((9, 8, 3)), *stack])
    x, expected = seen(model)
    np.testing.assert_allclose(model.predict(x, engine=runtime), expected, atol=1e-5)


@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_stride_stays_after_the_border_of_a_sequence(runtime):
    stack = [layers.Conv1D(8, 3, padding="same"), layers.ZeroPadding1D(1), layers.Conv1D(7, 1, strides=2)]
    model = st.Sequential([layers.Input((9, 3)), *stack])
    x, expected = seen(model)
    np.testing.assert_allclose(model.predict(x, engine=runtime), expected, atol=1e-5)


POINTS = {
    "norm": lambda: [layers.Conv2D(20, 3, activation="relu"), layers.BatchNormalization()],
    "norm after a sigmoid": lambda: [layers.Conv2D(20, 3, activation="sigmoid"), layers.BatchNormalization()],
    "slopes": lambda: [layers.Conv2D(20, 3), layers.PReLU(shared_axes=(1, 2))],
    "depthwise": lambda: [layers.DepthwiseConv2D(3, activation="relu"), layers.BatchNormalization()],
    "two": lambda: [*POINTS["norm"](), layers.Conv2D(9, 1, activation="relu"), layers.BatchNormalization()],
    "norm before": lambda: [layers.Conv2D(20, 3), layers.BatchNormalization(), layers.ReLU()],
    "larger maps": lambda: [layers.Conv2D(20, 2, activation="relu"), layers.BatchNormalization()],
}


@pytest.mark.parametrize("case", POINTS)
def test_maps_of_one_point_are_right_one_by_one_in_16_bits(case):
    model = st.Sequential([layers.Input((3, 3, 5)), *POINTS[case](), layers.Flatten()])
    rng = np.random.default_rng(3)
    model.set_weights(
        [
            rng.uniform(0.2, 1.2, w.shape) * (rng.choice([-1, 1], w.shape) if w.ndim > 1 else 1)
            for w in model.get_weights()
        ]
    )
    x, expected = seen(model, 8)
    engine = Engine.of(model.graph, runtime="openvino", precision="bfloat16")
    assert engine._session.in_twos == (case not in ("norm before", "larger maps"))
    answers = [engine.predict([x])[0], engine.predict([x], batch_size=1)[0], engine.predict([x], batch_size=7)[0]]
    for found in answers:
        np.testing.assert_allclose(found, expected, atol=0.03 * np.abs(expected).max())


def test_detections_of_one_picture_are_counted_as_those_of_one():
    trunk = [layers.Conv2D(4, 3, strides=2, padding="same", activation="relu") for _ in range(5)]
    boxes = detector(st.Sequential([layers.Input((32, 32, 3)), *trunk]), 2, width=4)
    engine = Engine.of(boxes.graph, decoding=dataclasses.replace(boxes.decoding, least=0.0))
    x = np.random.default_rng(0).random((1, 32, 32, 3), dtype=np.float32)
    before = engine.predict([x])
    assert len(before[0]) > 1
    engine._session.in_twos = True
    for found, expected in zip(engine.predict([x]), before, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


class Failing(Fixed):
    def predict(self, arrays, batch_size=None):
        raise IndexError("index 0 is out of bounds")


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Failing(RIGHT), "it fails for random inputs"),
        (Fixed(np.eye(8, 3)), "have another shape"),
        (Fixed(np.eye(48, 8)), "another shape"),
    ],
)
def test_an_engine_that_fails_or_answers_in_another_shape_is_refused_in_the_same_words(engine, said):
    with pytest.raises(
        ArgumentError, match=rf'engine="one" computes this network wrongly .*{said}, a fault of the runtime'
    ):
        prove(engine, Fixed(RIGHT), "int8", "one", {})


def test_in_32_bits_every_answer_counts():
    off = RIGHT.copy()
    off[3] *= 1.01
    prove(Fixed(off), Fixed(RIGHT), "bfloat16", "one", {})
    with pytest.raises(ArgumentError, match="off by 1%"):
        prove(Fixed(off), Fixed(RIGHT), "float32", "one", {})


def test_weights_that_another_thread_changes_meanwhile_are_no_fault_of_the_runtime(monkeypatch):
    model = net()
    true, tries = choose.prove, []

    def meanwhile(*arguments):
        tries.append(1)
        if len(tries) == 1:
            model.set_weights([w + 0.1 for w in model.get_weights()])
            raise ArgumentError("wrongly")
        true(*arguments)

    monkeypatch.setattr(choose, "prove", meanwhile)
    np.testing.assert_allclose(model.predict(X, engine="openvino"), model.predict(X, engine="torch"), atol=1e-4)
    assert len(tries) == 2
