"""One yes/no output stands for two classes in every technique: computed by a twin whose softmax has the logits 0 and z."""

import functools

import numpy as np
import pytest

import striate as st
from striate import layers as L
from striate import look
from striate.errors import ArgumentError
from striate.pages import write_look
from striate.tasks import classify


def networks() -> tuple[st.Model, st.Model, st.Model]:
    """A network of one sigmoid; its twin of two softmax outputs with the logits (0, z); and one of (-z, 0)."""
    made = []
    for last in (L.Dense(1, "sigmoid"), L.Dense(2, "softmax"), L.Dense(2, "softmax")):
        model = st.Sequential([L.Conv2D(2, 3, activation="relu", input_shape=(8, 8, 1)), L.Flatten(), last])
        model.labels = ["no", "yes"]
        made.append(model)
    rng = np.random.default_rng(4)
    kernel, bias = rng.normal(0, 0.5, (2, 1, 3, 3)).transpose(2, 3, 1, 0), np.array([0.1, 0.2])
    last = rng.normal(0, 0.01, (1, 72)).T
    nothing = np.zeros((72, 1))
    made[0].set_weights([kernel, bias, last, np.array([0.03])])
    made[1].set_weights([kernel, bias, np.concatenate([nothing, last], 1), np.array([0, 0.03])])
    made[2].set_weights([kernel, bias, np.concatenate([-last, nothing], 1), np.array([-0.03, 0])])
    return made[0], made[1], made[2]


def pictures(model: st.Model) -> dict[str, np.ndarray]:
    """A picture of each answer."""
    many = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1)).astype(np.uint8)
    many[100:] //= 4
    p = model.predict(many)[:, 0]
    return {"no": many[p.argmin()], "yes": many[p.argmax()]}


TECHNIQUES = {
    "saliency": look.saliency,
    "gradcam": functools.partial(look.gradcam, layer="conv2d"),
    "integrated": look.integrated,
    "occlusion": look.occlusion,
}
each_technique = pytest.mark.parametrize("technique", TECHNIQUES.values(), ids=list(TECHNIQUES))
each_class = pytest.mark.parametrize(("name", "number"), [("no", 0), ("yes", 1)])


def test_the_pictures_are_of_both_classes():
    lone, *_ = networks()
    shown = pictures(lone)
    assert [classify(lone, shown[name])[0][0].label for name in ("no", "yes")] == ["no", "yes"]


@each_technique
@each_class
def test_without_a_target_the_class_that_classify_names_first_is_explained(technique, name, number):
    lone, twin, _ = networks()
    picture = pictures(lone)[name]
    for model in (lone, twin):
        made = technique(model, picture)
        assert made.targets == [number]
        assert made.labels == [name]


@each_technique
@each_class
def test_a_class_is_explained_as_a_twin_explains_the_output_that_has_its_logit(technique, name, number):
    lone, yes, no = networks()
    for picture in pictures(lone).values():
        truth = technique((no, yes)[number], picture, number)
        for target in (name, number):
            made = technique(lone, picture, target)
            assert (made.targets, made.labels) == ([number], [name])
            np.testing.assert_allclose(made.scores, truth.scores, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(made.values, truth.values, rtol=1e-3, atol=1e-4 * np.abs(truth.values).max())


@each_technique
def test_a_class_beyond_the_two_is_refused_with_the_two_named(technique):
    lone, *_ = networks()
    shown = pictures(lone)["yes"]
    with pytest.raises(ArgumentError, match="classes 0 to 1, not 2"):
        technique(lone, shown, 2)
    with pytest.raises(ArgumentError, match="maybe"):
        technique(lone, shown, "maybe")


@each_class
def test_probabilities_under_a_window_and_of_deleted_pixels_are_those_of_the_twin(name, number):
    lone, twin, _ = networks()
    picture = pictures(lone)[name]
    covered = [look.occlusion(model, picture, name).probabilities for model in (lone, twin)]
    np.testing.assert_allclose(*covered, rtol=1e-4)
    ranks = {"left": np.tile(np.arange(8.0), (8, 1))[None]}
    curves = [look.scores(model, picture, name, maps=ranks, steps=4) for model in (lone, twin)]
    for kind in ("deletion", "insertion"):
        np.testing.assert_allclose(*(getattr(one, kind)["left"] for one in curves), rtol=1e-4)


@each_class
def test_attributions_and_their_sanity_check_speak_of_the_class(name, number):
    lone, *_ = networks()
    made = look.attributions(lone, pictures(lone)[name], name, method=["saliency", "Grad-CAM"], steps=2, stages=(0.5,))
    assert all(one.labels == [name] for one in made.explanations.values())
    assert name in made.note()


@each_class
def test_maximise_raises_the_probability_of_the_class(name, number):
    lone, *_ = networks()
    blank = np.full((1, 8, 8, 1), 127, np.uint8)
    before = lone.predict(blank)[0, 0]
    for target in (name, number):
        made = look.maximise(lone, target, steps=2, learning_rate=0.01, jitter=0, rotate=0, scale=1)
        p = lone.predict(made.pictures)[0, 0]
        assert made.names == [name]
        assert (p > before) == (name == "yes")
        np.testing.assert_allclose(made.probabilities, [p if name == "yes" else 1 - p], rtol=1e-4)
        np.testing.assert_allclose(made.values, [np.log(p / (1 - p)) * (1 if name == "yes" else -1)], rtol=1e-3)


def test_maximise_of_a_class_together_with_a_map_is_their_sum():
    lone, *_ = networks()
    made = look.maximise(lone, {"no": 1.0, "conv2d:0": 0.5}, steps=3)
    p = float(lone.predict(made.pictures)[0, 0])
    map0 = look.activations(lone, made.pictures, "conv2d")["conv2d"][0, ..., 0].mean()
    assert made.values[0] == pytest.approx(np.log((1 - p) / p) + 0.5 * map0, rel=1e-3)


@each_class
def test_an_attack_goes_to_the_class_that_is_wanted_and_tells_its_probability(name, number):
    lone, *_ = networks()
    other = {"no": "yes", "yes": "no"}[name]
    made = look.adversarial(lone, pictures(lone)[other], name, epsilon=200, steps=20)
    assert (made.before.tolist(), made.after.tolist()) == ([1 - number], [number])
    p = float(lone.predict(made.pictures)[0, 0])
    assert made.after_p[0] == pytest.approx(p if name == "yes" else 1 - p, rel=1e-4)
    assert [row[2] for row in made.rows()[1]] == [name]


@pytest.mark.parametrize("end", ["nested", "hard_sigmoid"])
def test_an_output_whose_sigmoid_is_not_left_off_is_explained_for_the_class_that_classify_names(end):
    lone, *_ = networks()
    if end == "nested":
        model = st.Sequential([L.Input((8, 8, 1)), lone])
    else:
        model = st.Sequential(
            [L.Conv2D(2, 3, activation="relu", input_shape=(8, 8, 1)), L.Flatten(), L.Dense(1, "hard_sigmoid")]
        )
        model.set_weights(lone.get_weights())
    model.labels = ["no", "yes"]
    for name, picture in pictures(lone).items():
        assert classify(model, picture)[0][0].label == name
        made = look.occlusion(model, picture)
        assert made.labels == [name]
        assert made.scores[0] > 0


def test_the_page_of_everything_names_the_class_that_classify_names(tmp_path):
    lone, *_ = networks()
    for name, picture in pictures(lone).items():
        page = write_look(tmp_path / f"{name}.html", lone, picture).read_text()
        assert f"{name}, {classify(lone, picture)[0][0].probability:.1%}" in page
