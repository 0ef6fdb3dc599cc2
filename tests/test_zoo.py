"""Every architecture of the registry, from one parametrised test a question."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from steps import steps
from zoo_golden import inception, mobile, residual, teaching

import striate as st
from striate import zoo
from striate.errors import ArgumentError, ShapeError
from striate.graph import from_json, to_json
from striate.size import measure

# weights (trainable), buffers, mults: measured by building each network in its own library, or by hand
GOLDEN = teaching.GOLDEN | residual.GOLDEN | inception.GOLDEN | mobile.GOLDEN
VARIANTS = [*residual.VARIANTS, *inception.VARIANTS, *mobile.VARIANTS]
BIG = 30_000_000  # weights from which a network is built in the slow tests only
SIZES = (32, 64, 75, 96, 128, 160, 224)

quick_then_slow = [
    pytest.param(name, marks=pytest.mark.slow if zoo.card(name).totals[0] > BIG else ()) for name in zoo.names()
]


def small(name: str, **variant) -> st.Model:
    """The network for 10 classes (2 where it has 2) at the smallest usual size that it can be built for."""
    card = zoo.card(name)
    classes = min(card.classes, 10)
    if len(card.input_shape) == 1:
        return zoo.create(name, classes=classes, input_shape=(120,), **variant)
    for side in SIZES:
        shape = (side, side, card.input_shape[2])
        try:
            model = zoo.create(name, classes=classes, input_shape=shape, **variant)
        except ShapeError:
            continue
        return model
    return zoo.create(name, classes=classes, **variant)


def sample(model: st.Model, n: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = model.graph.input_shapes[0]
    return rng.integers(0, 50, (n, *shape)) if len(shape) == 1 else rng.normal(size=(n, *shape)).astype(np.float32)


def nchw(x: np.ndarray) -> torch.Tensor:
    tensor = torch.from_numpy(x)
    return tensor.movedim(-1, 1) if tensor.ndim > 2 else tensor


def test_every_architecture_has_golden_totals():
    assert set(GOLDEN) == set(zoo.names())


@pytest.mark.parametrize(
    ("name", "variant", "expected"),
    [(name, {}, totals) for name, totals in GOLDEN.items()]
    + [(name, variant, totals) for name, variant, *totals in VARIANTS],
    ids=str,
)
def test_totals_equal_those_measured_in_the_source(name, variant, expected):
    graph = zoo.create(name, **variant).predictor.graph if not variant.get("aux") else zoo.create(name, **variant).graph
    size = measure(graph)
    weights, buffers, mults = expected
    assert (size.weights, size.buffers) == (weights, buffers)
    if mults is not None:
        assert size.mults == mults


@pytest.mark.parametrize("name", zoo.names())
def test_the_card_states_the_totals_without_building(name):
    size = measure(zoo.create(name).graph)
    assert zoo.card(name).totals == (size.weights, size.buffers, size.mults), "run `make docs`"


@pytest.mark.parametrize("name", zoo.names())
def test_an_architecture_is_sized_in_work_that_grows_with_its_layers_alone(name):
    count = len(measure(zoo.create(name).graph).rows)
    with steps(10_000 + 2_000 * count):
        assert measure(zoo.create(name).graph).training_bytes


def test_every_architecture_is_sized_without_torch():
    script = (
        "import sys\nfrom striate import zoo\nfrom striate.size import measure\n"
        "for name in zoo.names(): measure(zoo.create(name).graph).training_bytes\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.usefixtures("soon_drawn")
@pytest.mark.parametrize("name", quick_then_slow)
def test_every_weight_learns_and_json_source_and_onnx_give_the_same_network(name):
    st.set_seed(0)
    model = small(name)
    x = sample(model)
    description = json.loads(json.dumps(to_json(model.graph)))
    assert to_json(from_json(description)) == description
    gradients(model, x)
    expected = model.predict(x, engine="torch")
    space: dict = {}
    exec(model.predictor.to_source(), space)
    with torch.device("meta"):  # no first weights are drawn
        plain = space["Network"]()
    plain.load_state_dict(model.predictor.module.state_dict(), assign=True)
    plain.eval()
    with torch.inference_mode():
        np.testing.assert_allclose(plain(nchw(x)).numpy(), expected, rtol=1e-4, atol=1e-6)
    answers = model.predict(x, engine="onnxruntime")
    assert np.abs(answers - expected).max() <= 1e-4 * np.abs(expected).max()


def gradients(model: st.Model, x: np.ndarray) -> None:
    """Forward and backward in training mode: every weight gets a finite gradient, nearly all of them not zero."""
    model.module.train()
    outs = model.module(nchw(x))
    y = torch.arange(len(x))
    loss = torch.zeros(())
    for out in outs if isinstance(outs, tuple) else (outs,):
        target = torch.nn.functional.one_hot(y, out.shape[1]).float() if out.shape[1] > 1 else y[:, None].float()
        loss = loss + (out - target).square().sum()
    loss.backward()
    found = [p.grad for p in model.module.parameters()]
    assert all(g is not None and bool(torch.isfinite(g).all()) for g in found)
    alive = sum(bool((g != 0).any()) for g in found)
    assert alive >= 0.95 * len(found), (alive, len(found))
    model.module.zero_grad(set_to_none=True)
    model.module.eval()


@pytest.mark.parametrize("name", zoo.names())
def test_classes_can_be_chosen_and_the_head_left_out(name):
    assert small(name).graph.without_auxiliary().output_shapes == [(min(zoo.card(name).classes, 10),)] or (
        zoo.card(name).classes == 2
    )
    if zoo.create(name, classes=7).features is None:
        with pytest.raises(ArgumentError, match="no head"):
            zoo.create(name, include_top=False)
        return
    body = zoo.create(name, include_top=False)
    shape = body.graph.output_shapes[0]
    assert len(body.graph.outputs) == 1
    assert len(shape) == 3
    assert not any(layer.kind == "Dense" and layer.units == 1000 for layer in body.layers)
    assert zoo.create(name, include_top=False, pooling="avg").graph.output_shapes == [shape[-1:]]
    assert zoo.create(name, include_top=False, pooling="max").graph.output_shapes == [shape[-1:]]


@pytest.mark.parametrize("name", [name for name in zoo.names() if zoo.card(name).input_shape[-1] == 3])
@pytest.mark.parametrize("channels", [1, 5])
def test_pictures_may_have_any_number_of_channels(name, channels):
    shape = (*zoo.card(name).input_shape[:2], channels)
    assert zoo.create(name, input_shape=shape).graph.input_shapes == [shape]


@pytest.mark.parametrize("name", zoo.names())
def test_the_card_is_complete(name):
    card = zoo.card(name)
    assert card.about
    assert card.about[-1] != "."
    assert 1989 <= card.paper.year <= 2026
    assert card.before is None or card.before in zoo.names()
    assert card.top1 is None or 40 < card.top1 < 100
    assert card.top5 is None or (card.top1 or 0) < card.top5 < 100
    for source in card.sources:
        assert set(source.variant) <= set(card.variants)
        assert zoo.create(name, **source.variant).origin is not None


def test_mistakes_are_named():
    with pytest.raises(ArgumentError, match='Did you mean "lenet5"'):
        zoo.create("lenet")
    with pytest.raises(ArgumentError, match="at least 2"):
        zoo.create("lenet5", classes=1)
    with pytest.raises(ArgumentError, match='Did you mean "groups"'):
        zoo.create("alexnet", grouqs=2)
    with pytest.raises(ArgumentError, match="takes inputs like"):
        zoo.create("lenet5", input_shape=(28, 28))
    with pytest.raises(ShapeError, match="larger than its"):
        zoo.create("cifar_net", input_shape=(8, 8, 3))
    with pytest.raises(ArgumentError, match='pooling "mean"'):
        zoo.create("vgg16", include_top=False, pooling="mean")
    with pytest.raises(ArgumentError, match="goes with include_top=False"):
        zoo.create("vgg16", pooling="avg")


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
