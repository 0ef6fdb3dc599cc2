"""Every architecture of the registry, from one parametrised test."""

import json

import numpy as np
import pytest
import torch

import striate as st
from striate import zoo
from striate.errors import ArgumentError, ShapeError
from striate.graph import from_json, to_json

# weights (trainable), buffers: measured by building each network in its own library, or by hand
GOLDEN = {
    "cats_dogs_net": (3_453_121, 0),
    "cifar_net": (703_594, 0),
    "cifar_net_gmp": (179_306, 0),
    "cifar_resnet20": (269_722, 1_376),
    "fashion_net": (29_034, 96),
    "imdb_net": (1_315_937, 0),
    "lenet5": (61_706, 0),
    "lenet5_1998": (60_000, 840),
    "linear": (30_730, 0),
    "dense": (784 * 512 + 512 + 512 * 10 + 10, 0),
    "fast_net": (41_594, 288),
    "mnist_net": (165_394, 624),
}
SMALL = {"cats_dogs_net": (50, 50, 3), "imdb_net": (120,)}


def sample(shape, n=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 50, (n, *shape)) if len(shape) == 1 else rng.normal(size=(n, *shape)).astype(np.float32)


def test_every_architecture_has_golden_totals():
    assert set(GOLDEN) == set(zoo.names())


@pytest.mark.parametrize("name", zoo.names())
def test_totals_equal_the_published_ones_and_the_modules(name):
    model = zoo.create(name)
    size = model.size()
    assert (size.weights, size.buffers) == GOLDEN[name]
    assert sum(p.numel() for p in model.module.parameters()) == size.weights
    assert sum(b.numel() for b in model.module.buffers() if b.is_floating_point()) == size.buffers


@pytest.mark.parametrize("name", zoo.names())
def test_it_trains_every_weight_and_survives_json_and_source(name):
    shape = SMALL.get(name, zoo.card(name).input_shape)
    st.set_seed(0)
    model = zoo.create(name, input_shape=shape)
    x = sample(shape)
    y = np.array([0, 1, 1])
    before = [w.clone() for w in model.module.parameters()]
    outputs = model.graph.output_shapes[0]
    loss = (
        "binary_crossentropy"
        if outputs == (1,)
        else st.losses.SparseCategoricalCrossentropy(from_logits=name == "lenet5_1998")
    )
    model.compile(st.optimizers.SGD(0.01), loss)
    model.fit(x, y, epochs=1, verbose=0)
    for parameter in model.module.parameters():
        assert parameter.grad is None  # set to None after each step
    moved = [not torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True)]
    assert sum(moved) >= 0.9 * len(moved)
    description = json.loads(json.dumps(to_json(model.graph)))
    assert to_json(from_json(description)) == description
    space: dict = {}
    exec(model.to_source(), space)
    plain = space["Network"]()
    plain.load_state_dict(model.module.state_dict())
    plain.eval()
    tensor = torch.from_numpy(x)
    tensor = tensor.movedim(-1, 1) if tensor.ndim > 2 else tensor
    with torch.no_grad():
        np.testing.assert_allclose(plain(tensor).numpy(), model.predict(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", zoo.names())
def test_classes_can_be_chosen(name):
    model = zoo.create(name, classes=7, input_shape=SMALL.get(name))
    assert model.graph.output_shapes == [(7,)]


def test_mistakes_are_named():
    with pytest.raises(ArgumentError, match='Did you mean "lenet5"'):
        zoo.create("lenet")
    with pytest.raises(ArgumentError, match="at least 2"):
        zoo.create("lenet5", classes=1)
    with pytest.raises(ArgumentError, match='no variant "depht"'):
        zoo.create("cifar_resnet20", depht=56)
    with pytest.raises(ArgumentError, match="takes inputs like"):
        zoo.create("lenet5", input_shape=(28, 28))
    with pytest.raises(ShapeError, match="larger than its"):
        zoo.create("cifar_net", input_shape=(8, 8, 3))


def test_lenet5_as_published_layer_by_layer():
    """LeCun et al. 1998, section II.B: 156, 12, 1516, 32, 48120, 10164 weights; 840 fixed."""
    rows = {row.name: row for row in zoo.create("lenet5_1998").size().rows}
    assert [rows[k].weights for k in ("c1", "s2", "c3", "s4", "c5", "f6")] == [156, 12, 1516, 32, 48120, 10164]
    assert rows["output"].buffers == 840
    assert [rows[k].output_shape for k in ("c1", "s2", "c3", "s4", "c5")] == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
        (1, 1, 120),
    ]


def test_each_rbf_prototype_is_its_own_nearest_and_the_answer_is_the_largest_output():
    from striate.zoo.lenet import prototypes

    table = np.array(prototypes())
    assert table.shape == (10, 84)
    assert set(np.unique(table)) == {-1.0, 1.0}
    layer = st.layers.EuclideanRBF(10, prototypes(), input_shape=(84,))
    model = st.Sequential([layer, st.layers.Rescaling(-1.0)])
    out = model.predict(table.astype(np.float32))
    assert (out.argmax(1) == np.arange(10)).all()
    np.testing.assert_allclose(out, -((table[:, None] - table[None]) ** 2).sum(-1))


def test_the_stages_of_cifar_resnet_are_those_of_the_paper():
    """He et al. 2015, section 4.2: maps 32x32, 16x16, 8x8 with 16, 32, 64 filters."""
    shapes = [node.shape for node in zoo.create("cifar_resnet20").graph.nodes if node.layer.kind == "Add"]
    assert shapes == [(32, 32, 16)] * 3 + [(16, 16, 32)] * 3 + [(8, 8, 64)] * 3
