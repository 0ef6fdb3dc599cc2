"""Whole models in Keras' files, both ways, and what ``compile`` chose in any file.

``tests/oracles/keras_both_ways.py`` compares with Keras itself: each of these networks written by either and read by the
other answers alike to 1e-5.
"""

import contextlib
import io
import json
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import striate as st
from striate import layers
from striate.cli.main import main
from striate.errors import ArgumentError, BundleError, StriateError
from striate.graph import from_json

sys.path.insert(0, str(Path(__file__).parent / "oracles"))
from keras_networks import NETWORKS, fill, inputs, outputs

ENDINGS = ["", ".keras", ".h5"]


def small(**arguments) -> st.Model:
    return st.Sequential([layers.Input((4,)), layers.Dense(3, activation="softmax", **arguments)], name="small")


def answers_alike(one: st.Model, other: st.Model) -> None:
    xs = inputs(one)
    for a, b in zip(outputs(one, xs), outputs(other, xs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_from_each_kind_of_file(name, tmp_path) -> None:
    model = NETWORKS[name](st)
    fill(model)
    for ending in (".keras", ".h5"):
        model.save(tmp_path / f"m{ending}")
        again = st.models.load_model(tmp_path / f"m{ending}")
        assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]
        assert [w.trainable for w in again.weights] == [w.trainable for w in model.weights]
        answers_alike(model, again)
    model.save_weights(tmp_path / "m.weights.h5")
    fresh = NETWORKS[name](st)
    fresh.load_weights(tmp_path / "m.weights.h5")
    answers_alike(model, fresh)


def test_the_zip_holds_keras_three_members_and_names(tmp_path) -> None:
    """Names and places as Keras 3.15 writes them for the same network."""
    model = NETWORKS["nested"](st)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        config = json.loads(archive.read("config.json"))
        held = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")
    assert (config["class_name"], config["module"]) == ("Functional", "keras.src.models.functional")
    entry = config["config"]["layers"][1]
    assert entry["config"].items() >= {"name": "conv2d", "filters": 4, "kernel_size": [3, 3]}.items()
    assert entry["inbound_nodes"][0]["args"][0]["config"]["keras_history"] == ["input_layer", 0, 0]
    assert held["layers/functional/layers/batch_normalization/vars/3"].shape == (4,)
    assert held["layers/sequential/layers/dense_1/vars/0"].shape == (7, 2)
    assert held["layers/sequential/vars"].attrs["name"] == "head"


# -- compile ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_saved_model_is_judged_and_trained_on_at_once(tmp_path, ending) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 4)).astype("float32"), rng.integers(0, 3, 16)
    st.set_seed(0)
    model = small()
    model.compile(st.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    model.optimizer.learning_rate = 0.02
    model.save(tmp_path / f"m{ending}")
    again = st.models.load_model(tmp_path / f"m{ending}")
    assert again.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))
    for one in (model, again):
        one.fit(x, y, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert again.optimizer.iterations == 4
    plain = st.models.load_model(tmp_path / f"m{ending}", compile=False)
    with pytest.raises(ArgumentError, match=r"call compile\(optimizer, loss\) first"):
        plain.evaluate(x, y)


@pytest.mark.parametrize(
    "optimizer",
    [
        st.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        st.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
        st.optimizers.Adagrad(0.1),
        st.optimizers.Adamax(0.01),
        st.optimizers.Adam(st.optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)),
        st.optimizers.AdamW(0.01, amsgrad=True),
        st.optimizers.Nadam(0.01),
        st.optimizers.Ftrl(0.01),
        st.optimizers.ScheduleFreeAdamW(0.01),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_the_state_of_an_optimizer_goes_through_keras_arrays(tmp_path, optimizer) -> None:
    """Keras 3.15 goes on from these files to the same weights, and striate from Keras', within 1e-6 after 8 updates."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 4)).astype("float32"), rng.normal(size=(16, 3)).astype("float32")
    model = small()
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        held = h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r")["optimizer/vars"]
        assert held["0"][()] == 4
        if isinstance(optimizer, st.optimizers.Nadam):  # the product of momenta, Dozat 2015: Keras keeps it last
            momenta = [0.9 * (1 - 0.5 * 0.96**step) for step in range(1, 5)]
            assert held[str(len(held) - 1)][()] == pytest.approx(np.prod(momenta), rel=1e-5)
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "optimizer_weights" not in file  # of which Keras 3 makes an optimizer that trains nothing
        legacy = file["striate_optimizer"]
        names = [name.decode() for name in legacy.attrs["weight_names"]]
        assert all(np.array_equal(legacy[name], held[str(i)]) for i, name in enumerate(names))
        assert len(names) == len(held)
    several = [model, *(st.models.load_model(tmp_path / f"m{ending}") for ending in (".keras", ".h5"))]
    for one in several:
        one.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)
    for other in several[1:]:
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def own_loss(y_true, y_pred):
    return ((y_true - y_pred) ** 2).mean(-1)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_loss_of_ones_own_is_named_and_given_again(tmp_path, ending) -> None:
    x, y = np.ones((4, 4), "float32"), np.ones((4, 3), "float32")
    model = small()
    model.compile("sgd", own_loss)
    model.save(tmp_path / f"m{ending}")
    again = st.models.load_model(tmp_path / f"m{ending}")
    assert again.predict(x).shape == (4, 3)
    with pytest.raises(ArgumentError, match=r'the loss own_loss is of your own: give custom_objects=\{"own_loss": …\}'):
        again.evaluate(x, y)
    given = st.models.load_model(tmp_path / f"m{ending}", custom_objects={"own_loss": own_loss})
    assert given.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))


# -- a user's own -------------------------------------------------------------------------------------------------------
@st.saving.register_keras_serializable("mine")
class Doubling(layers.Layer):
    """Twice the input, plus."""

    plus: float = 0.0

    def lower(self, x):
        return st.primitives.affine(x, 2.0, self.plus)


def test_a_layer_of_ones_own_goes_by_its_registered_name(tmp_path) -> None:
    model = st.Sequential([layers.Input((4,)), Doubling(1.0), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        entry = json.loads(archive.read("config.json"))["config"]["layers"][1]
    assert (entry["class_name"], entry["registered_name"]) == ("Doubling", "mine>Doubling")
    answers_alike(model, st.models.load_model(tmp_path / "m.keras"))


def changed(tmp_path, **configs):
    """A .keras file of a small network whose first layer's entry is changed."""
    small().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] |= configs
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return tmp_path / "m.keras"


def test_layers_that_are_not_known_are_named_in_one_line(tmp_path) -> None:
    file = changed(tmp_path, class_name="Foreign", module="their.code", registered_name="their>Foreign")
    with pytest.raises(BundleError, match=r"does not know: Foreign of their.code\. Give classes of your own"):
        st.models.load_model(file)
    given = st.models.load_model(file, custom_objects={"Foreign": layers.Dense})
    assert given.predict(np.ones((1, 4))).shape == (1, 3)


def test_arithmetic_on_tensors_is_keras_operations_and_a_lambda_is_given_again(tmp_path) -> None:
    """Keras 3.15 writes `x * 2` as keras.src.ops.numpy Multiply with [tensor, 2]."""
    a, b = layers.Input((4,)), layers.Input((4,))
    model = st.Model([a, b], layers.Dense(2)((1 - a * 2) / 4 + b))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        entries = json.loads(archive.read("config.json"))["config"]["layers"]
    multiply = next(entry for entry in entries if entry["class_name"] == "Multiply")
    assert (multiply["module"], multiply["inbound_nodes"][0]["args"][1]) == ("keras.src.ops.numpy", 2)
    answers_alike(model, st.models.load_model(tmp_path / "m.keras"))
    net = st.Sequential([layers.Input((4,)), layers.Lambda(lambda x: x * 3, name="triple"), layers.Dense(2)])
    net.save(tmp_path / "l.keras")
    with pytest.raises(BundleError, match=r'its function is not in the file.*custom_objects=\{"triple": function\}'):
        st.models.load_model(tmp_path / "l.keras")
    answers_alike(net, st.models.load_model(tmp_path / "l.keras", custom_objects={"triple": lambda x: x * 3}))


# -- hostile and damaged files ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"units": 10**13}, "more than"),  # refused before an array is made
        ({"units": -1}, "units is a whole number"),
        ({"units": 3, "kernel_initializer": {"class_name": "__lambda__", "config": {"value": "gASV"}}}, "never run"),
        ({"units": 3, "activation": {"class_name": "os.system", "config": {}}}, "unknown"),
        (
            {"units": 3, "kernel_constraint": {"class_name": "MaxNorm", "config": {"axis": "x"}}},
            "axis is a whole number",
        ),
        ({"units": [[[]]]}, "units is a whole number"),
    ],
)
def test_a_hostile_configuration_is_one_error(tmp_path, config, said) -> None:
    with pytest.raises(BundleError, match=said):
        st.models.load_model(changed(tmp_path, config={"name": "dense", **config}))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_file_cut_short_or_changed_anywhere_is_one_error_or_loads(tmp_path, ending) -> None:
    model = small()
    model.compile("adam", "categorical_crossentropy")
    model.save(tmp_path / f"m{ending}")
    whole = (tmp_path / f"m{ending}").read_bytes()
    rng = np.random.default_rng(0)
    for i in range(40):
        broken = bytearray(whole[: int(len(whole) * i / 20)] if i < 20 else whole)
        for _ in range(3 if i >= 20 else 0):
            broken[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / f"b{ending}").write_bytes(bytes(broken))
        try:
            st.models.load_model(tmp_path / f"b{ending}")
        except StriateError:
            continue


def test_a_packed_file_that_is_damaged_and_a_group_within_itself_are_one_error(tmp_path) -> None:
    plain, packed = tmp_path / "plain.keras", tmp_path / "packed.keras"
    st.Sequential([layers.Dense(3, input_shape=(4,))]).save(plain)
    with zipfile.ZipFile(plain) as held, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in held.namelist():
            archive.writestr(name, held.read(name))
    data = packed.read_bytes()
    for at in range(0, len(data), 97):
        packed.write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
        for read in (st.models.load_model, st.Sequential([layers.Dense(3, input_shape=(4,))]).load_weights):
            with contextlib.suppress(StriateError):  # and nothing else
                read(packed)
    with h5py.File(tmp_path / "round.weights.h5", "w") as file:
        layer = file.create_group("layers/functional/layers")
        layer["functional"] = file["layers/functional"]
    with pytest.raises(BundleError, match="stands elsewhere too"):
        st.Sequential([layers.Dense(3, input_shape=(4,))]).load_weights(tmp_path / "round.weights.h5")


def test_a_heap_of_texts_that_leads_nowhere_is_an_error_and_no_endless_loop(tmp_path) -> None:
    from striate.doors.hdf5_heaps import heaps_are_whole

    file = tmp_path / "texts.weights.h5"
    with h5py.File(file, "w") as opened:
        for i in range(3):
            opened.create_group(f"layers/dense_{i}/vars").attrs["name"] = f"a_{i}"
    data = bytearray(file.read_bytes())
    at = data.index(b"GCOL")
    assert heaps_are_whole(memoryview(file.read_bytes()))
    entries = {at + 16: 1, at + 40: 2, at + 64: 3, at + 88: 0}  # of a text of 3 letters: 16 + 8 bytes
    for entry, number in entries.items():
        assert data[entry] == number
        for size in (0, 8, 1 << 40) if number == 0 else (1 << 40, (1 << 64) - 16):
            data[entry + 8 : entry + 16] = size.to_bytes(8, "little")
            broken = tmp_path / "broken.weights.h5"
            broken.write_bytes(bytes(data))
            assert not heaps_are_whole(memoryview(bytes(data)))
            with pytest.raises(BundleError, match="not a whole HDF5 file"):
                st.Sequential([layers.Dense(3, input_shape=(4,))]).load_weights(broken)
        data = bytearray(file.read_bytes())


def test_a_heap_that_says_to_be_longer_than_it_is_leads_nowhere_either(tmp_path) -> None:
    """HDF5's library goes on behind the free rest; where no length stands there, without end."""
    from striate.doors.hdf5_heaps import heaps_are_whole

    file = tmp_path / "texts.weights.h5"
    with h5py.File(file, "w") as opened:
        opened.create_group("layers/dense/vars").attrs["name"] = "a"
    data = bytearray(file.read_bytes())
    at = data.index(b"GCOL")
    size = int.from_bytes(data[at + 8 : at + 16], "little")
    behind = bytearray(data[: at + size]) + bytes(size)  # zeros: free space of no length
    behind[at + 8 : at + 16] = (2 * size).to_bytes(8, "little")
    assert not heaps_are_whole(memoryview(bytes(behind)))
    free = (16).to_bytes(8, "little")
    behind[at + size :] = (bytes(8) + free) * (size // 16)  # free space after free space, to the end
    assert heaps_are_whole(memoryview(bytes(behind)))


def test_what_is_no_model_says_so(tmp_path) -> None:
    (tmp_path / "a.keras").write_text("hello")
    with pytest.raises(BundleError, match="is no saved model"):
        st.models.load_model(tmp_path / "a.keras")
    small().save_weights(tmp_path / "w.h5")
    with pytest.raises(BundleError, match=r"holds weights and no network. Make the network, then model.load_weights"):
        st.models.load_model(tmp_path / "w.h5")
    with pytest.raises(BundleError, match="does not exist"):
        st.models.load_model(tmp_path / "none.keras")


# -- endings, by_name, skip_mismatch -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("m.onnx", "export_onnx"),
        ("m.pt", "torch.save"),
        ("m.weights.h5", "save_weights"),
        ("m.pkl", "pickles"),
        ("m.png", "not as .png"),
    ],
)
def test_an_ending_that_is_not_written_says_what_to_do(tmp_path, name, instead) -> None:
    with pytest.raises(ArgumentError, match=instead):
        small().save(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_weights_are_written_as_the_name_says(tmp_path) -> None:
    model = small()
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5") as file:
        assert file["layers/dense/vars/0"].shape == (4, 3)
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert file["dense/dense/kernel"].shape == (4, 3)
    with pytest.raises(ArgumentError, match=r"model.save\(path\) writes it"):
        model.save_weights(tmp_path / "w.keras")
    with pytest.raises(BundleError, match="is there already"):
        model.save(tmp_path / "w.h5", overwrite=False)


def test_by_name_and_skip_mismatch_take_what_fits(tmp_path) -> None:
    def net(units: int, last: str) -> st.Model:
        return st.Sequential([layers.Input((4,)), layers.Dense(5, name="body"), layers.Dense(units, name=last)])

    source = net(3, "head")
    source.save_weights(tmp_path / "w.h5")
    other = net(2, "other")
    with pytest.raises(BundleError, match="Nothing was changed"):
        other.load_weights(tmp_path / "w.h5")
    other.load_weights(tmp_path / "w.h5", by_name=True)
    assert np.array_equal(other.get_weights()[0], source.get_weights()[0])
    wider = net(2, "head")
    with pytest.raises(BundleError, match="of another shape"):
        wider.load_weights(tmp_path / "w.h5", by_name=True)
    before = wider.get_weights()
    wider.load_weights(tmp_path / "w.h5", skip_mismatch=True)
    assert np.array_equal(wider.get_weights()[0], source.get_weights()[0])
    assert np.array_equal(wider.get_weights()[2], before[2])


# -- configurations -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", NETWORKS)
def test_a_configuration_gives_the_same_network_back(name) -> None:
    model = NETWORKS[name](st)
    text = model.to_json()
    again = st.models.model_from_json(text)
    assert json.loads(again.to_json()) == json.loads(text) or "shared_object_id" in text
    assert again.count_params() == model.count_params()
    assert type(model).from_config(model.get_config()).count_params() == model.count_params()


def test_parts_are_serialized_as_keras_does() -> None:
    layer = layers.Conv2D(3, 5, activation="relu", kernel_regularizer=st.regularizers.L2(0.1), name="c")
    config = layer.get_config()
    assert (config["filters"], config["kernel_size"], config["name"]) == (3, (5, 5), "c")
    assert config["kernel_regularizer"]["config"] == {"l2": 0.1}
    assert layers.Conv2D.from_config(config).get_config() == config
    said = st.saving.serialize_keras_object({"a": [layer, np.float32(2)], "b": np.zeros((2, 2)), "c": slice(1, 2)})
    back = st.saving.deserialize_keras_object(json.loads(json.dumps(said)))
    assert back["a"][0].get_config() == config
    assert back["b"].shape == (2, 2)
    assert back["c"] == slice(1, 2)
    loss = st.saving.deserialize_keras_object(st.saving.serialize_keras_object(st.losses.Huber(2.0)))
    assert loss.delta == 2.0


def test_layers_and_models_are_deserialized_by_the_room_of_layers() -> None:
    layer = layers.SeparableConv1D(3, 5, name="s")
    assert layers.deserialize(layers.serialize(layer)).get_config() == layer.get_config()
    model = NETWORKS["nested"](st)
    again = layers.deserialize(json.loads(json.dumps(layers.serialize(model))))
    assert again.count_params() == model.count_params()
    with pytest.raises(ArgumentError, match="a layer is described by"):
        layers.deserialize({"units": 3})


# -- files that Keras wrote ---------------------------------------------------------------------------------------------
FILES = Path(__file__).parent / "oracles" / "keras_files"
# What Keras 3.15 answers to `inputs(model)` from the files that keras_both_ways.py had it write.
KERAS = {
    "nested": [[10.642737, 15.85257], [8.83339, 13.112993]],
    "words": [[0.482687, 0.310689, 0.206624], [0.486838, 0.30953, 0.203633]],
    "two_inputs": [[9.440605, 10.865434], [10.129302, 11.583373]],
}


def test_files_of_keras_3_answer_as_keras_does() -> None:
    nested, words = st.models.load_model(FILES / "nested.keras"), st.models.load_model(FILES / "words.h5")
    two = NETWORKS["two_inputs"](st)
    two.load_weights(FILES / "two_inputs.weights.h5")
    for name, model in (("nested", nested), ("words", words), ("two_inputs", two)):
        np.testing.assert_allclose(outputs(model, inputs(model))[0], KERAS[name], rtol=1e-5)
    nested.fit(inputs(nested)[0], np.zeros((2, 2)), verbose=0)
    assert nested.optimizer.iterations == 3  # two of Keras'


# -- Keras 2 ------------------------------------------------------------------------------------------------------------
def of_keras_2(file: Path) -> dict[str, np.ndarray]:
    """A file as tf.keras 2.9 lays it out (keras/saving/hdf5_format.py), with the arrays in it."""
    rng = np.random.default_rng(0)
    start = {"class_name": "GlorotUniform", "config": {"seed": None}}
    inbound = [[["input_1", 0, 0, {}]]]
    entries = [
        {"class_name": "InputLayer", "name": "input_1", "inbound_nodes": []}
        | {"config": {"batch_input_shape": [None, 6, 6, 2], "dtype": "float32", "sparse": False, "name": "input_1"}},
        {"class_name": "Conv2D", "name": "conv2d", "inbound_nodes": inbound}
        | {
            "config": {
                "name": "conv2d",
                "trainable": True,
                "dtype": "float32",
                "filters": 2,
                "kernel_size": [3, 3],
                "strides": [1, 1],
                "padding": "same",
                "data_format": "channels_last",
                "dilation_rate": [1, 1],
                "groups": 1,
                "activation": "linear",
                "use_bias": True,
                "kernel_initializer": start,
                "bias_initializer": {"class_name": "Zeros", "config": {}},
                "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
                "bias_regularizer": None,
                "activity_regularizer": None,
                "kernel_constraint": None,
                "bias_constraint": None,
            }
        },
        {"class_name": "BatchNormalization", "name": "bn", "inbound_nodes": [[["conv2d", 0, 0, {}]]]}
        | {"config": {"name": "bn", "axis": [3], "momentum": 0.99, "epsilon": 0.001, "center": True, "scale": True}},
        {"class_name": "LeakyReLU", "name": "act", "inbound_nodes": [[["bn", 0, 0, {}]]]}
        | {"config": {"name": "act", "trainable": True, "dtype": "float32", "alpha": 0.25}},
        {"class_name": "Add", "name": "add", "inbound_nodes": [[["act", 0, 0, {}], ["input_1", 0, 0, {}]]]}
        | {"config": {"name": "add", "trainable": True, "dtype": "float32"}},
    ]
    config = {"name": "model", "layers": entries, "input_layers": [["input_1", 0, 0]], "output_layers": [["add", 0, 0]]}
    training = {
        "loss": "mean_squared_error",
        "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "mae", "fn": "mean_absolute_error"}}]],
        "weighted_metrics": None,
        "loss_weights": None,
        "optimizer_config": {"class_name": "Adam", "config": {"name": "Adam", "learning_rate": 0.01, "decay": 0.0}},
    }
    shapes = {
        "kernel": (3, 3, 2, 2),
        "bias": (2,),
        "gamma": (2,),
        "beta": (2,),
        "moving_mean": (2,),
        "moving_variance": (2,),
    }
    arrays = {name: rng.uniform(0.1, 1, shape).astype("float32") for name, shape in shapes.items()}
    with h5py.File(file, "w") as opened:
        opened.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        opened.attrs["training_config"] = json.dumps(training)
        group = opened.create_group("model_weights")
        group.attrs["layer_names"] = [b"input_1", b"conv2d", b"bn", b"act", b"add"]
        held = {"conv2d": ["kernel", "bias"], "bn": ["gamma", "beta", "moving_mean", "moving_variance"]}
        for layer in ("input_1", "conv2d", "bn", "act", "add"):
            names = [f"{layer}/{name}:0" for name in held.get(layer, ())]
            group.create_group(layer).attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                group[layer][name] = arrays[name.partition("/")[2].removesuffix(":0")]
    return arrays


def test_a_file_of_keras_2_comes_with_network_weights_and_compile_state(tmp_path) -> None:
    a = of_keras_2(tmp_path / "m.h5")
    model = st.models.load_model(tmp_path / "m.h5")
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 2)).astype("float32")
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    y = np.einsum("nhwcij,ijco->nhwo", windows, a["kernel"]) + a["bias"]
    y = (y - a["moving_mean"]) / np.sqrt(a["moving_variance"] + 1e-3) * a["gamma"] + a["beta"]
    expected = np.where(y > 0, y, 0.25 * y) + x
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-5)
    figures = model.evaluate(x, expected * 0, return_dict=True, verbose=0)
    assert figures["mae"] == pytest.approx(np.abs(expected).mean(), rel=1e-5)
    penalty = 0.01 * np.square(a["kernel"]).sum()
    assert figures["loss"] == pytest.approx(np.square(expected).mean() + penalty, rel=1e-5)
    assert (type(model.optimizer).__name__, model.optimizer.learning_rate) == ("Adam", pytest.approx(0.01))


def test_custom_objects_last_as_long_as_their_scope() -> None:
    assert "Thing" not in st.saving.get_custom_objects()
    with st.saving.custom_object_scope({"Thing": Doubling}):
        assert st.saving.get_registered_object("Thing") is Doubling
        made = st.saving.deserialize_keras_object({"class_name": "Thing", "config": {"plus": 2.0}})
    assert made.plus == 2.0
    assert "Thing" not in st.saving.get_custom_objects()
    assert st.saving.get_registered_name(Doubling) == "mine>Doubling"
    with pytest.raises(ArgumentError, match='unknown layer "Thing"'):
        st.saving.deserialize_keras_object({"class_name": "Thing", "config": {}})


class Anything:
    @classmethod
    def from_config(cls, config):
        return cls()


@pytest.mark.parametrize("kind", ["BatchNormalization", "Dense", "InputLayer", "Anything"])
def test_what_is_no_network_is_no_model(kind, tmp_path, capsys):
    entry = {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": "one", **({"units": 3} if kind == "Dense" else {})},
    }
    own = {"Anything": Anything}
    for read in (lambda: st.models.model_from_json(json.dumps(entry), own), lambda: from_json(entry)):
        with pytest.raises(ArgumentError, match=kind):
            read()
    (tmp_path / "net.json").write_text(json.dumps(entry))
    with pytest.raises(SystemExit, match="2"):
        main(["size", str(tmp_path / "net.json")])
    assert str(tmp_path / "net.json") in capsys.readouterr().err
