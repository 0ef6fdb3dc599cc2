"""A network split over devices trains as on one, and each call finds its numbers on its own device."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

import striate as st
from striate import backend, layers, zoo
from striate.backend.split import _cost, moved
from striate.errors import ArgumentError
from striate.size import advice
from striate.size.splitting import loads


def net(activation: str = "relu") -> st.Model:
    """Branches, a layer that is called twice, batch norm and dropout, an array of its own, two outputs."""
    st.set_seed(3)
    inputs = layers.Input((8, 8, 3))
    shared = layers.Conv2D(4, 3, padding="same", activation=activation, name="shared")
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    y = shared(x)
    z = layers.Dropout(0.3)(shared(y))
    x = layers.Add()([x, y, z])
    x = layers.SeparableConv2D(6, 3)(layers.MaxPooling2D(2)(x))
    x = layers.Flatten()(x)
    return st.Model(inputs, [layers.Dense(3, activation="softmax", name="a")(x), layers.Dense(1, name="b")(x)])


def trained(device: object) -> st.Model:
    model = net()
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    rng = np.random.default_rng(0)
    x, y = rng.random((24, 8, 8, 3), "float32"), [rng.integers(0, 3, 24), rng.random((24, 1), "float32")]
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, seed=1, device=device, validation_data=(x, y))
    model.train_on_batch(x, y)
    model.answer = model.evaluate(x, y, verbose=0), model.predict(x, verbose=0)
    return model


def test_a_split_network_ends_at_the_same_weights_and_answers_alike():
    one, two = trained("cpu"), trained(["cpu", "cpu"])
    assert two._trainer.split is not None
    assert len(set(two._trainer.split.stage.values())) == 2
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))
    assert one.history.history == two.history.history
    np.testing.assert_allclose(one.answer[0], two.answer[0], rtol=1e-6)
    for a, b in zip(one.answer[1], two.answer[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("make", [net, lambda: zoo.create("resnet18", classes=10, input_shape=(64, 64, 3))])
@pytest.mark.parametrize("count", [2, 3])
def test_each_call_finds_its_inputs_and_arrays_on_its_own_device(make, count):
    model = make()
    model.compile("adam", "mse")
    split = backend.Split(model.module, [torch.device("meta", i) for i in range(count)], loads(model.graph, 32, "adam"))
    assert len(set(split.stage.values())) == count
    for node in split.net.graph.nodes:
        if node.target is moved:
            continue
        assert {split.stage[before] for before in node.all_input_nodes} <= {split.stage[node]}, node
        if node.op in ("call_module", "get_attr"):
            assert split.homes[str(node.target)] == split.stage[node]
    called = {str(node.target) for node in split.net.graph.nodes if node.op in ("call_module", "get_attr")}
    held = {name for name, _ in [*model.module.named_parameters(), *model.module.named_buffers()]}
    assert all(any(name == one or name.startswith(f"{one}.") for one in called) for name in held)


@pytest.mark.parametrize("count", [2, 3])
def test_no_cut_elsewhere_leaves_less_on_the_fullest_device(count):
    model = zoo.create("vgg11", classes=10, input_shape=(32, 32, 3))
    model.compile("adam", "categorical_crossentropy")
    costs = loads(model.graph, 32, "adam")
    split = backend.Split(model.module, [torch.device("cpu")] * count, costs)
    held = [(_cost(node, costs), split.stage[node]) for node in split.net.graph.nodes if node.target is not moved]
    each = [cost for cost, _ in held]
    fullest = max(sum(cost for cost, stage in held if stage == one) for one in range(count))
    assert fullest == least(each, count)
    assert sum(each) > 0.9 * sum(costs.values())


@pytest.mark.parametrize(
    ("device", "says"),
    [(["cpu"], "two devices or more"), (["cpu", "cuda:9"], "no 'cuda:9' here"), ([], "two devices or more")],
)
def test_devices_that_are_not_there_are_refused(device, says):
    model = net()
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    with pytest.raises(ArgumentError, match=says):
        model.fit(np.zeros((4, 8, 8, 3)), [np.zeros(4), np.zeros((4, 1))], device=device, verbose=0)


def test_advice_names_the_fewest_devices_over_which_the_layers_fit():
    graph = zoo.create("vgg11", classes=10, input_shape=(32, 32, 3)).graph
    needed = advice(graph, 1, batch_size=64).needed
    costs = [*loads(graph, 64, "adam").values()]
    for part in (0.95, 0.8):
        budget = int(needed * part)
        (found,) = [one for one in advice(graph, budget, batch_size=64).changes if "layers split" in one.what]
        best = {2: least(costs, 2), 3: least(costs, 3)}
        count = 2 if best[2] <= budget else 3
        assert f"over {count} devices" in found.what
        assert (found.bytes, found.fits) == (best[count], True)


def least(costs: list[int], count: int) -> int:
    """What the fullest device holds under the best of all cuts."""
    cuts = combinations(range(1, len(costs)), count - 1)
    return min(max(map(sum, np.split(np.array(costs), [*cut]))) for cut in cuts)
