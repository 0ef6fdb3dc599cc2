"""Loss surfaces: the trained loss at the origin, a parabola for a linear network, directions by hand, a training's path."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import striate as st
from striate import data, layers, look
from striate.errors import ArgumentError
from striate.look.landscape.perturbed_loss import random_direction
from striate.look.landscape.ruggedness import bent_down, minima


def small(seed: int = 0) -> st.Model:
    st.set_seed(seed)
    return st.Sequential(
        [
            layers.Conv2D(6, 3, use_bias=False, input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )


@pytest.fixture(scope="module")
def trained() -> tuple[st.Model, data.Dataset, look.Trajectory]:
    splits = data.load("digits")
    model, path = small(), look.Trajectory()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(splits.train, epochs=4, seed=0, verbose=0, callbacks=[path])
    assert splits.test is not None
    return model, splits.test, path


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
def test_the_line_and_the_surface_pass_through_the_trained_loss(trained, engine):
    model, test, _ = trained
    told = model.evaluate(test, return_dict=True, verbose=0)
    line = look.line(model, test, steps=5, engine=engine)
    assert line.steps[2] == 0
    assert line.loss[2] == pytest.approx(told["loss"], rel=1e-6)
    assert line.accuracy[2] == pytest.approx(told["accuracy"])
    surface = look.surface(model, test, steps=3, engine=engine)
    assert surface.loss[1, 1] == pytest.approx(told["loss"], rel=1e-6)
    assert surface.centre == pytest.approx(told["loss"], rel=1e-6)
    assert len(surface.rows()[1]) == 2  # beside the centre, and the corners


def test_a_point_is_the_loss_of_a_network_with_these_weights(trained):
    model, test, _ = trained
    line = look.line(model, test, steps=3, span=0.7, seed=5)
    direction = random_direction(model, 5)
    moved = small()
    state = {key: value.clone() for key, value in model.module.state_dict().items()}
    for key, step in direction.items():
        state[key] = state[key] + 0.7 * step
    moved.module.load_state_dict(state)
    moved.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert line.loss[2] == pytest.approx(moved.evaluate(test, return_dict=True, verbose=0)["loss"], rel=1e-5)


def test_a_linear_network_under_the_mean_square_is_a_parabola():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(50, 1)).astype(np.float32)
    model = st.Sequential([layers.Dense(1, use_bias=False, input_shape=(4,))])
    model.compile("sgd", "mse")
    line = look.line(model, x, labels=y, steps=7, span=2.0)
    weight = model.get_weights()[0].reshape(-1)
    step = next(iter(random_direction(model, 0).values())).numpy().reshape(-1)
    expected = [np.square(x @ (weight + t * step) - y[:, 0]).mean() for t in np.linspace(-2, 2, 7)]
    np.testing.assert_allclose(line.loss, expected, rtol=1e-5)


def test_each_filter_of_a_direction_has_the_norm_of_the_networks_and_norms_and_biases_stand_still():
    model = small()
    direction = random_direction(model, 3)
    for key, weight in model.module.named_parameters():
        d, w = direction[key], weight.detach()
        if w.ndim < 2:
            assert not d.any()
        else:
            torch.testing.assert_close(d.flatten(1).norm(dim=1), w.flatten(1).norm(dim=1), rtol=1e-5, atol=1e-7)
    assert all(torch.equal(direction[key], again) for key, again in random_direction(model, 3).items())


def test_the_path_of_a_training_ends_at_the_origin_and_its_plane_holds_most_of_it(trained):
    model, test, path = trained
    assert path.epochs == [0, 1, 2, 3, 4]
    found = look.surface(model, test, steps=3, directions="pca", trajectory=path)
    assert found.path is not None
    np.testing.assert_allclose(found.path.points[-1], 0, atol=1e-5)
    assert 0.6 < sum(found.path.share) <= 1 + 1e-6
    assert "% of the variance" in found.axes[0]
    assert found.figure() is not None


def test_a_trajectory_can_be_kept_in_files(tmp_path):
    splits = data.load("digits")
    model, path = small(), look.Trajectory(tmp_path / "path")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(splits.train.subset(range(200)), epochs=2, seed=0, verbose=0, callbacks=[path])
    again = look.Trajectory.read(tmp_path / "path")
    assert again.epochs == [0, 1, 2]
    for key, value in again[2].items():
        assert torch.equal(value, model.module.state_dict()[key])


X, Y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))


def rugged(loss: np.ndarray) -> tuple[float | None, int]:
    return bent_down(loss), minima(loss)


def test_a_bowl_bends_down_nowhere_and_a_saddle_everywhere():
    assert rugged(3 * X**2 + 3 * X * Y + Y**2 + 5) == (0.0, 1)
    assert rugged(np.hypot(X - 0.1, 7 * Y + X)) == (0.0, 1)  # no parabola, but convex
    assert rugged(4 * X**2 + 0.3 * Y) == (0.0, 0)  # straight along y
    assert rugged(np.full((9, 9), 1 / 3)) == (0.0, 0)
    for turn in (0, 0.4, np.pi / 4, 1.1):
        u, v = np.cos(turn) * X - np.sin(turn) * Y, np.sin(turn) * X + np.cos(turn) * Y
        assert rugged(u**2 - v**2) == (1.0, 0)


def test_waves_bend_down_on_their_ridges():
    """Of the 7 x 7 points within, on the column and the row through the middle, where a cosine is 1."""
    assert rugged(np.cos(2 * np.pi * X) + np.cos(2 * np.pi * Y)) == (pytest.approx(13 / 49), 4)


def test_infinite_losses_are_left_out():
    loss = X**2 + Y**2
    loss[0] = np.inf
    assert rugged(loss) == (0.0, 1)
    assert rugged(np.full((9, 9), np.inf)) == (None, 0)


def test_the_note_and_the_figures_for_programs_say_how_rugged_a_surface_is(trained):
    model, test, _ = trained
    found = look.surface(model, test, steps=5)
    assert found.facts()["bent_down"] == bent_down(found.loss)
    assert f"At {bent_down(found.loss):.1%} of the points within" in found.note()


def test_no_number_of_a_contour_is_cut_by_the_frame(trained):
    """Where a number stands nearer to the frame than it is wide, it is left out; all are within."""
    model, examples, _ = trained
    fig = look.surface(model, examples, steps=7).figure()
    ax = fig.axes[0]
    shown = [text for text in ax.texts if text.get_visible() and text.get_text()]
    assert shown
    fig.canvas.draw()
    frame = ax.get_window_extent()
    for text in shown:
        box = text.get_window_extent()
        assert frame.x0 - 1 <= box.x0 < box.x1 <= frame.x1 + 1, text.get_text()
        assert frame.y0 - 1 <= box.y0 < box.y1 <= frame.y1 + 1, text.get_text()


def test_wrong_arguments_are_one_line(trained):
    model, test, path = trained
    for arguments, says in (
        ({"steps": 4}, "odd"),
        ({"directions": "pca"}, "trajectory"),
        ({"directions": "random", "trajectory": path}, "go together"),
        ({"normalise": "fliter"}, "filter"),
        ({"steps": 3, "engine": "tpu"}, "torch"),
    ):
        with pytest.raises(ArgumentError, match=says) as caught:
            look.surface(model, test, **arguments)
        assert "\n" not in str(caught.value)
