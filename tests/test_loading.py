"""Weights that come from files: nothing is drawn for them, and what a file lacks is drawn as ever."""

import subprocess
import sys

import pytest
import torch

import striate as st
from striate import applications, layers, models, zoo
from striate.backend import builder
from striate.errors import BundleError
from striate.weights import load_state, save_state

NAMES = {"w.h5": "keras", "w.pth": "torchvision", "w.safetensors": "torchvision"}
OWN = ("own.weights.h5", "own.safetensors", "own.keras", "own.h5", "bundle")


def _network(filters=4):
    """A bit of everything that has arrays: over a flattened map, nested, shared, with averages that move."""
    inner_in = layers.Input((6, 6, 3))
    inner = st.Model(
        inner_in, layers.BatchNormalization(name="norm")(layers.Conv2D(filters, 1)(inner_in)), name="inner"
    )
    x = inputs = layers.Input((6, 6, 3))
    x = layers.SeparableConv2D(5, 3, name="apart")(inner(x))
    return st.Model(inputs, layers.Dense(3, name="head")(layers.LayerNormalization()(layers.Flatten()(x))))


def _written(model, folder, name):
    path = folder / name
    if name in NAMES:
        model.export_weights(path, NAMES[name])
    elif "weights" in name or name.endswith(".safetensors"):
        model.save_weights(path)
    else:
        model.save(path)
    return path


@pytest.fixture
def no_draws(monkeypatch):
    """Fails where a first value is drawn, or the run's random numbers have moved on."""
    monkeypatch.setattr(builder, "fill", lambda *_: pytest.fail("a weight was drawn"))
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before)


def _same(model, other):
    mine, theirs = model._state(), other._state()
    assert mine.keys() == theirs.keys()
    for key, array in mine.items():
        assert torch.equal(array, theirs[key]), key
        assert array.stride() == theirs[key].stride(), key  # as they lie in a network that was drawn


@pytest.mark.parametrize("name", [*NAMES, *OWN])
def test_creating_an_architecture_with_weights_draws_nothing(tmp_path, name, request):
    source = zoo.create("squeezenet1_1", classes=7, input_shape=(48, 48, 3))
    if name == "w.h5":  # Keras has none of it
        source = zoo.create("mobilenet", classes=7, input_shape=(48, 48, 3), alpha=0.25)
    path = _written(source, tmp_path, name)
    request.getfixturevalue("no_draws")
    how = {"alpha": 0.25} if name == "w.h5" else {}
    _same(zoo.create(source.origin.architecture, input_shape=(48, 48, 3), weights=path, **how), source)


@pytest.mark.parametrize("name", OWN)
def test_loading_draws_nothing_whichever_way_in(tmp_path, name, request):
    source = _network()
    path = _written(source, tmp_path, name)
    request.getfixturevalue("no_draws")
    if "weights" not in name and not name.endswith(".safetensors"):
        _same(models.load_model(path), source)
    fresh = _network()
    fresh.load_weights(path)
    _same(fresh, source)


def test_an_application_with_weights_draws_nothing(tmp_path, request):
    source = applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=5)
    path = _written(source, tmp_path, "own.weights.h5")
    request.getfixturevalue("no_draws")
    _same(applications.MobileNet(weights=str(path), alpha=0.25, input_shape=(32, 32, 3), classes=5), source)


@pytest.mark.parametrize("how", ["by_name", "skip_mismatch"])
def test_what_a_file_lacks_is_drawn_with_the_numbers_of_the_seed(tmp_path, how):
    source, path = _network(), tmp_path / "some.safetensors"
    state = source._state()
    torch.manual_seed(3)
    drawn = {key: array.clone() for key, array in _network()._state().items()}
    for left_out in ("inner.", "apart.", "head."):
        save_state(path, {key: a for key, a in state.items() if not key.startswith(left_out)}, {"layout": "striate"})
        torch.manual_seed(3)
        half = _network()
        half.load_weights(path, **{how: True})
        for key, array in half._state().items():
            assert torch.equal(array, (drawn if key.startswith(left_out) else state)[key]), key


def test_layers_that_have_weights_keep_their_memory_and_the_others_draw_nothing(tmp_path, request):
    source = _network()
    path = _written(source, tmp_path, "own.safetensors")
    fresh = _network()
    inner = fresh.get_layer("inner")
    held = dict(inner.module.named_parameters())
    request.getfixturevalue("no_draws")
    fresh.load_weights(path)
    _same(fresh, source)
    assert held
    assert all(parameter is held[name] for name, parameter in inner.module.named_parameters())


def test_arrays_of_modules_that_somebody_else_made_are_loaded_too(tmp_path):
    class Torch(layers.Layer):
        def __init__(self, **about):
            super().__init__(**about)
            self.inside = torch.nn.Linear(4, 4)

        def forward(self, x):
            return torch.cumsum(self.inside(x), -1)

    def network():
        inputs = layers.Input((4,))
        return st.Model(inputs, layers.Dense(2, name="end")(Torch(name="own")(inputs)))

    source, other = network(), network()
    path = _written(source, tmp_path, "own.safetensors")
    other.load_weights(path)
    _same(other, source)


def test_a_network_that_runs_out_of_memory_while_it_is_made_has_no_weights(tmp_path, monkeypatch):
    source = _network()
    path = _written(source, tmp_path, "own.safetensors")
    fresh, taken, copy = _network(), [], builder.copy_into

    def failing(tensor, value):
        taken.append(tensor)
        if len(taken) == 5:
            raise MemoryError
        copy(tensor, value)

    monkeypatch.setattr(builder, "copy_into", failing)
    with pytest.raises(MemoryError):
        fresh.load_weights(path)
    assert all(layer.torch_module is None for layer in (*fresh.layers, *fresh.get_layer("inner").layers))
    monkeypatch.undo()
    torch.manual_seed(3)
    expected = _network()._state()
    torch.manual_seed(3)
    assert all(torch.equal(array, expected[key]) for key, array in fresh._state().items())


@pytest.mark.parametrize("built", [False, True])
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, built):
    path = _written(_network(filters=6), tmp_path, "own.safetensors")
    torch.manual_seed(3)
    model = _network()
    if built:
        model.module
    with pytest.raises(BundleError, match="Nothing was changed"):
        model.load_weights(path)
    assert built or all(layer.torch_module is None for layer in (*model.layers, *model.get_layer("inner").layers))
    torch.manual_seed(3)
    expected = _network()._state()
    torch.manual_seed(3)
    assert all(torch.equal(array, expected[key]) for key, array in model._state().items())


@pytest.mark.parametrize("name", ["own.safetensors", "w.pth", "bundle"])
def test_weights_stay_when_their_file_changes(tmp_path, name):
    source = zoo.create("squeezenet1_1", classes=7, input_shape=(48, 48, 3))
    path = _written(source, tmp_path, name)
    loaded = (
        models.load_model(path)
        if name == "bundle"
        else zoo.create("squeezenet1_1", input_shape=(48, 48, 3), weights=path)
    )
    file = next(path.glob("weights-*")) if name == "bundle" else path
    with open(file, "r+b") as there:
        there.write(b"\xff" * file.stat().st_size)
    _same(loaded, source)


def test_plain_state_read_from_a_file_is_that_of_the_network(tmp_path):
    source = _network()
    state = load_state(_written(source, tmp_path, "own.safetensors"))
    assert all(torch.equal(array, state[key]) for key, array in source._state().items())


def test_making_arrays_imports_no_algebra():
    code = "import sys; from striate import zoo; zoo.create('lenet5').module; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
