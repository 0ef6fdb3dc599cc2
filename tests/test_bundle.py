"""Saved models: whole or not there, and every damage named."""

import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import striate as st
from striate import layers
from striate.errors import ArgumentError, BundleError
from striate.weights import atomic_write


def net(seed=0, filters=4):
    st.set_seed(seed)
    model = st.Sequential(
        [
            layers.Conv2D(filters, 3, activation="relu", input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.labels = ["a", "b", "c"]
    model.preprocessing = st.data.Preprocessing.pictures((8, 8), 1)
    model.module
    return model


@pytest.fixture
def x():
    return np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)


def test_a_loaded_model_predicts_the_same_to_the_last_bit(tmp_path, x):
    model = net()
    model.get_layer("conv2d").trainable = False
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert isinstance(again, st.Sequential)
    assert again.labels == model.labels
    assert again.preprocessing == model.preprocessing
    assert not again.get_layer("conv2d").trainable
    assert again.get_layer("dense").trainable
    assert again.description() == model.description()


def test_functional_nested_and_shared_models_survive_saving(tmp_path):
    st.set_seed(0)
    inner_in = layers.Input((6, 6, 2))
    inner = st.Model(inner_in, layers.GlobalMaxPooling2D()(layers.Conv2D(3, 3)(inner_in)), name="inner")
    a, b = layers.Input((6, 6, 2), name="a"), layers.Input((6, 6, 2), name="b")
    shared = layers.Dense(2)
    model = st.Model([a, b], layers.Concatenate()([shared(inner(a)), shared(inner(b))]))
    rng = np.random.default_rng(0)
    xs = [rng.normal(size=(4, 6, 6, 2)).astype(np.float32) for _ in range(2)]
    model.save(tmp_path / "m")
    again = st.models.load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict(xs), model.predict(xs))
    assert again.size().weights == model.size().weights


def test_saving_again_replaces_the_model_and_leaves_one_weights_file(tmp_path, x):
    net(0).save(tmp_path)
    second = net(1)
    second.save(tmp_path)
    assert len(list(tmp_path.glob("weights-*"))) == 1
    assert not list(tmp_path.glob("*.tmp")) + list(tmp_path.glob(".*.tmp"))
    np.testing.assert_array_equal(st.models.load_model(tmp_path).predict(x), second.predict(x))
    assert "conv2d" in (tmp_path / "README.md").read_text()


def edit(folder, **changes):
    file = folder / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def damage_weights(folder):
    file = next(folder.glob("weights-*"))
    file.write_bytes(file.read_bytes()[:-5])


def foreign_weights(folder):
    next(folder.glob("weights-*")).write_bytes(b"not weights at all")


def other_network(folder):
    edit(folder, network=net(filters=5).description())


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: next(f.glob("weights-*")).unlink(), "weights-.* are missing"),
        (damage_weights, "checksum"),
        (foreign_weights, "checksum"),
        (lambda f: (f / "model.json").unlink(), "no model.json"),
        (lambda f: (f / "model.json").write_text('{"format": '), "damaged"),
        (lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00"), "damaged"),
        (lambda f: (f / "model.json").write_text("[1, 2]"), "not a striate model"),
        (lambda f: edit(f, version=99), "version 99"),
        (lambda f: edit(f, weights=None), "damaged"),
        (other_network, "shape"),
        (lambda f: edit(f, network={"layers": [{"class": "Conv9D"}]}), "Conv9D"),
        (lambda f: edit(f, preprocessing={"sizes": 3}), "sizes"),
    ],
)
def test_a_missing_damaged_or_foreign_part_is_named(tmp_path, damage, says):
    net().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(BundleError, match=says) as caught:
        st.models.load_model(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_or_holds_other_things_is_refused(tmp_path):
    with pytest.raises(BundleError, match="does not exist"):
        st.models.load_model(tmp_path / "nothing")
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match=r"thesis\.txt"):
        net().save(tmp_path)
    with pytest.raises(BundleError, match="is a file"):
        net().save(tmp_path / "thesis.txt")


def test_weights_of_another_network_are_refused_and_nothing_changes(tmp_path, x):
    other = net(filters=5)
    other.save_weights(tmp_path / "w.safetensors")
    model = net()
    before = model.predict(x)
    with pytest.raises(BundleError, match="shape"):
        model.load_weights(tmp_path / "w.safetensors")
    (tmp_path / "half.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes()[:100])
    with pytest.raises(BundleError, match="not a whole"):
        model.load_weights(tmp_path / "half.safetensors")
    with pytest.raises(BundleError, match="no weights file"):
        model.load_weights(tmp_path / "none.safetensors")
    np.testing.assert_array_equal(model.predict(x), before)
    model.save_weights(tmp_path / "own.safetensors")
    same = net(seed=9)
    same.load_weights(tmp_path / "own.safetensors")
    np.testing.assert_array_equal(same.predict(x), before)


FULL = """
import resource, signal, sys
import striate as st
from striate import layers
model = st.models.load_model(sys.argv[1])
model.module.dense.weight.data += 1
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
try:
    model.save(sys.argv[1])
except st.StriateError as error:
    print("refused:", error)
"""


def test_a_disk_that_fills_up_while_saving_leaves_the_old_model_whole(tmp_path, x):
    """No file may grow past 200 bytes in the child process, as on a full disk."""
    model = net()
    model.save(tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    out = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "refused: could not write" in out.stdout
    assert len(out.stdout.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    np.testing.assert_array_equal(st.models.load_model(tmp_path).predict(x), model.predict(x))


def test_a_writer_that_fails_half_way_leaves_the_file_and_no_rubbish(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")

    def fails(path):
        with open(path, "w") as file:
            file.write("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(BundleError, match="No space left"):
        atomic_write(target, fails)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_crash_between_the_two_renames_leaves_the_old_model(tmp_path, x, monkeypatch):
    old = net(0)
    old.save(tmp_path)
    import striate.weights.bundle as bundle

    real = bundle.atomic_write

    def dies_at_model_json(path, content):
        if str(path).endswith("model.json"):
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(bundle, "atomic_write", dies_at_model_json)
    with pytest.raises(KeyboardInterrupt):
        net(1).save(tmp_path)
    np.testing.assert_array_equal(st.models.load_model(tmp_path).predict(x), old.predict(x))


class SavedMeanwhile:
    """A call of ``read_bundle`` before which another process saves, each time another one of these models."""

    def __init__(self, monkeypatch, name, models):
        import striate.weights.bundle as bundle

        self.true, self.count, self.models = getattr(bundle, name), 0, iter(models)
        monkeypatch.setattr(bundle, name, self)

    def __call__(self, path, *args, **kwargs):
        self.count += 1
        other = next(self.models, None)
        if other is not None:
            other.save(path if path.is_dir() else path.parent)
        return self.true(path, *args, **kwargs)


@pytest.mark.parametrize("name", ["_described", "_whole", "read_safetensors"])
def test_of_a_model_that_is_saved_while_it_is_read_the_new_one_is_read(tmp_path, x, monkeypatch, name):
    net(0).save(tmp_path)
    new = net(1)
    with monkeypatch.context() as patch:
        SavedMeanwhile(patch, name, [new])
        found = st.models.load_model(tmp_path)
    np.testing.assert_array_equal(found.predict(x), new.predict(x))


def test_a_model_that_is_saved_again_and_again_while_it_is_read_is_one_error(tmp_path, monkeypatch):
    net(0).save(tmp_path)
    meanwhile = SavedMeanwhile(monkeypatch, "_whole", [net(seed) for seed in range(1, 99)])
    with pytest.raises(BundleError, match="is saved anew again and again"):
        st.models.load_model(tmp_path)
    assert meanwhile.count < 10


def test_a_damaged_model_is_read_once(tmp_path, monkeypatch):
    net(0).save(tmp_path)
    (file,) = tmp_path.glob("weights-*")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    meanwhile = SavedMeanwhile(monkeypatch, "_whole", [])
    with pytest.raises(BundleError, match="its checksum differs"):
        st.models.load_model(tmp_path)
    assert meanwhile.count == 1


def test_the_saved_state_holds_the_networks_weights_under_layer_names(tmp_path):
    model = net()
    model.save(tmp_path)
    from safetensors.torch import load_file

    state = load_file(next(tmp_path.glob("weights-*")))
    assert set(state) == {
        "conv2d.weight",
        "conv2d.bias",
        "dense.weight",
        "dense.bias",
        *(f"batch_normalization.{key}" for key in ("weight", "bias", "running_mean", "running_var")),
    }
    torch.testing.assert_close(state["dense.weight"], model.module.dense.weight.detach())


def test_the_card_of_a_large_network_has_totals_and_says_what_prints_the_table(tmp_path):
    start = x = st.Input((8, 8, 3))
    for _ in range(50):
        x = layers.Activation("relu")(x)
    model = st.Model(start, layers.Dense(2)(layers.Flatten()(x)))
    model.facts = {"task": "detect", "data": "/there/cells", "recipe": None, "rates": {f"l{i}": 0.2 for i in range(9)}}
    model.facts["rates"]["last"] = 0.5
    model.save(tmp_path / "m")
    card = (tmp_path / "m" / "README.md").read_text()
    assert card.startswith("# Detector trained on cells\n")
    assert "prints the table of all 53 layers" in card
    assert "activation_20" not in card
    assert "weights          386" in card
    assert "| rates | 0.2 for 9 layers, 0.5 for 1 layer |" in card
    assert "recipe" not in card
    assert "detect(model" in card


# -- which files are needed --------------------------------------------------------------------------------------------
PARTS = {  # each file, whether a model is nothing without it, and what is said then
    "model.json": (True, ""),
    "weights-*": (True, ""),
    "optimizer-*": (False, "It is left out, and further training begins the optimizer's state anew"),
    "int8-*": (False, "It is left out, and the model answers in 32 bits"),
    "README.md": (False, ""),
}
DAMAGES = {
    "gone": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "one bit": lambda file: file.write_bytes(file.read_bytes()[:-9] + b"?" + file.read_bytes()[-8:]),
    "foreign": lambda file: file.write_bytes(b"\x89PNG\r\n\x1a\n"),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    model = net()
    x = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1)).astype(np.uint8)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, np.arange(6) % 3, verbose=0)
    model.quantize(x)
    folder = model.save(tmp_path_factory.mktemp("whole") / "net")
    assert len(list(folder.glob("[!.]*"))) == len(PARTS)
    return folder, x, model.predict(x, engine="torch")


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("part", PARTS)
def test_a_model_is_read_without_a_file_that_answering_does_not_need(part, damage, whole, tmp_path):
    folder, x, expected = whole
    shutil.copytree(folder, tmp_path / "net")
    (file,) = (tmp_path / "net").glob(part)
    DAMAGES[damage](file)
    needed, says = PARTS[part]
    if part == "model.json" and damage == "one bit":
        return  # which may be any text's
    if needed:
        with pytest.raises(BundleError, match="model.json" if part == "model.json" else file.name):
            st.models.load_model(tmp_path / "net")
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = st.models.load_model(tmp_path / "net")
    told = [str(each.message) for each in caught]
    assert bool(told) == bool(says)
    assert not says or (file.name in told[0] and says in told[0] and "\n" not in told[0])
    np.testing.assert_allclose(model.predict(x, engine="torch"), expected, atol=1e-6)
    model.fit(x, np.arange(6) % 3, verbose=0)
    if part == "int8-*":
        with pytest.raises(
            ArgumentError, match=rf"{file.name}.*model\.quantize\(pictures\), or striate quantize MODEL"
        ):
            model.predict(x, engine="int8")
