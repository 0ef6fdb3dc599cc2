"""32 bits answer again what fewer are not sure of."""

import re

import numpy as np
import pytest
from engine_nets import X, measured, net
from engine_nets import units as units  # every test measures 16 bits
from hypothesis import given
from hypothesis import strategies as st_

from striate.errors import ArgumentError
from striate.inference import trials, tune_engine
from striate.models import load_model
from striate.ship.cascade import Cascade, margins, unsure_below
from striate.ship.choose import CASCADES
from striate.transfer import features

pytest.importorskip("openvino")


class Fixed:
    """An engine that says what it was told, and counts."""

    batch, inputs = 1 << 30, ()

    def __init__(self, *outs):
        self.outs, self.asked = outs, []

    def predict(self, arrays, batch_size=None):
        rows = arrays[0][:, 0].astype(int)
        self.asked.append(rows.tolist())
        return [out[rows] for out in self.outs]


def test_only_what_is_not_sure_is_answered_again():
    quick = np.array([[0.9, 0.1], [0.55, 0.45], [0.2, 0.8], [0.5, 0.5]])
    sure = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.6, 0.4]])
    other = np.arange(4.0)[:, None]
    rows = np.arange(4.0)[:, None]
    for logits in (False, True):
        one, two = Fixed(other, np.log(quick) if logits else quick), Fixed(other + 10, sure)
        out = Cascade(one, two, 1, logits, 0.3).predict([rows])
        np.testing.assert_array_equal(out[0], [[0], [11], [2], [13]])
        np.testing.assert_array_equal(out[1][[1, 3]], sure[[1, 3]])
        assert (one.asked, two.asked) == ([[0, 1, 2, 3]], [[1, 3]])
    assert Cascade(one, two, 1, True, -1.0).predict([rows])[1] is not None
    assert len(two.asked) == 1
    np.testing.assert_array_equal(Cascade(one, two, 1, True, np.inf).predict([rows])[1], sure)


@given(st_.data())
def test_the_margin_is_the_smallest_that_brings_answers_inside(data):
    count = data.draw(st_.integers(1, 30))
    of = lambda kind: np.array(data.draw(st_.lists(kind, min_size=count, max_size=count)))
    margin, same = of(st_.integers(0, 8).map(float)), of(st_.booleans())
    right = data.draw(st_.sampled_from([None, (of(st_.booleans()), of(st_.booleans()))]))
    agreement, points = data.draw(st_.sampled_from([(1.0, 0.0), (0.9, 5.0), (0.5, 100.0)]))

    def inside(unsure):
        again = margin <= unsure
        lost = 0 if right is None else 100 * (right[0].mean() - np.where(again, *right).mean())
        return (same | again).mean() >= agreement and lost <= points + 1e-9

    found = unsure_below(margin, same, right, agreement, points)
    levels = [level + 0.5 for level in sorted(set(margin))][:-1]
    fit = [level for level in levels if inside(level)]
    assert (found is None) == (not fit)
    if found is not None:
        assert inside(found)
        assert (margin <= found).sum() == (margin <= fit[0]).sum()


def test_margins_of_probabilities_and_of_logits_are_one():
    logits = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32) * 3
    odds = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(margins(odds, False), margins(logits, True), atol=1e-5)
    assert np.isfinite(margins(np.array([[1.0, 0.0, 0.0]]), False)).all()


def test_an_engine_that_costs_too_much_gets_help_from_32_bits(monkeypatch, tmp_path):
    model = net()
    labels = model.predict(X, engine="torch").argmax(-1)
    model.quantize(X)
    twin = model._engine.pick(model, "int8", len(X), model.intake.examples(X).pixels)

    def outputs(model, engine, examples, count):
        """As if 8 bits gave another class to the three that they are least sure of."""
        for (part,) in whole(model, engine, examples, count):
            if engine is twin:
                rows = np.argsort(margins(part, False))[:3]
                least, most = part[rows].argmin(-1), part[rows].argmax(-1)
                part[rows, least], part[rows, most] = part[rows, most], part[rows, least]
            yield [part]

    whole = trials._outputs
    monkeypatch.setattr(trials, "_outputs", outputs)
    measured(monkeypatch, **{"int8": 30, "int8+float32": 20, "onnxruntime": 10})
    table = tune_engine(model, X, labels, engines=["int8", "onnxruntime"], agreement=1.0, points=0)
    assert [(row.name, row.allowed) for row in table.rows] == [
        ("int8", False),
        ("int8+float32", True),
        ("onnxruntime", True),
    ]
    assert table.fastest == "int8+float32"
    assert "int8+float32 *" in str(table)
    fast = model.predict(X, engine="fast")
    np.testing.assert_array_equal(fast.argmax(-1), labels)
    np.testing.assert_array_equal(model.predict(X, engine="int8+float32"), fast)
    again = margins(model.predict(X, engine="int8"), False) <= table.rows[1].unsure
    assert again.sum() >= 3
    np.testing.assert_allclose(fast[again], model.predict(X, engine="torch")[again], atol=1e-5)
    model.save(tmp_path / "net")
    np.testing.assert_allclose(load_model(tmp_path / "net").predict(X, engine="fast"), fast, atol=1e-6)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.evaluate(X, labels, verbose=0, engine="fast")[1] == 1.0


def test_a_cascade_is_asked_for_by_its_name_where_it_was_measured_and_gives_answers_alone(tmp_path):
    model = net()
    for name in CASCADES:
        with pytest.raises(ArgumentError, match=f'engine="{re.escape(name)}" answers again .* has to be measured'):
            model.predict(X, engine=name)
        with pytest.raises(ArgumentError, match="no maps and features"):
            model.extract(X, "conv2d", engine=name)
        with pytest.raises(ArgumentError, match="no maps and features"):
            features(model, [np.uint8(X[0])], engine=name)
    with pytest.raises(ArgumentError, match=r'unknown engine "int8\+float23"\. Did you mean "int8\+float32"'):
        model.predict(X, engine="int8+float23")
    model._engine.choose(model, "openvino-bf16", 16, 0.5)
    for _ in range(2):
        fast = model.predict(X, engine="openvino-bf16+float32")
        np.testing.assert_array_equal(fast, model.predict(X, engine="fast"))
    with pytest.raises(ArgumentError, match="has to be measured"):
        model.predict(X, engine="int8+float32")
    model.set_weights([1.1 * w for w in model.get_weights()])
    with pytest.raises(ArgumentError, match="has to be measured"):
        model.predict(X, engine="openvino-bf16+float32")
