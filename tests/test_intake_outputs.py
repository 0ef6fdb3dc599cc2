"""What a model's outputs mean: read from its graph, and the same probability wherever it is said."""

from pathlib import Path

import numpy as np
import pytest
from prepared import KINDS, SIZE, classifier, noise_photos

import striate as st
from striate import layers, look, models
from striate.data import Preprocessing
from striate.errors import ArgumentError
from striate.intake import Outputs
from striate.tasks import Ensemble, classify


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return noise_photos(tmp_path_factory.mktemp("photos"))


def nested(*end):
    inner = models.Sequential([layers.Input((4,)), *end])
    x = layers.Input((4,))
    return models.Model(x, inner(x))


def stacked(*end):
    return models.Sequential([layers.Input((4,)), *end])


ENDS = {
    "softmax": ((layers.Dense, 3, "softmax"), "softmax", False),
    "logits": ((layers.Dense, 3, None), None, False),
    "log_softmax": ((layers.Dense, 3, "log_softmax"), "log_softmax", False),
    "sigmoids": ((layers.Dense, 3, "sigmoid"), "sigmoid", True),
    "one sigmoid": ((layers.Dense, 1, "sigmoid"), "sigmoid", True),
    "one logit": ((layers.Dense, 1, None), None, True),
}


@pytest.mark.parametrize("build", [stacked, nested])
@pytest.mark.parametrize("end", ENDS)
def test_what_the_last_layer_gives_is_read_from_the_graph(end, build):
    (kind, units, activation), wanted, separate = ENDS[end]
    st.set_seed(0)
    model = build(kind(units, activation=activation))
    outputs = model.answers
    assert (outputs.activation, outputs.count, outputs.separate) == (wanted, units, separate)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 3
    out = model.predict(x).astype(np.float64)
    raised = np.exp(out)
    truth = {
        "softmax": out,
        "logits": raised / raised.sum(1, keepdims=True),
        "log_softmax": raised,
        "sigmoids": out,
        "one sigmoid": np.concatenate([1 - out, out], 1),
        "one logit": np.concatenate([1 / (1 + raised), raised / (1 + raised)], 1),
    }[end]
    found = outputs.by_class(out)
    np.testing.assert_allclose(found, truth, atol=1e-6)
    for i in range(len(x)):  # no row has a say in another
        np.testing.assert_array_equal(outputs.by_class(out[i : i + 1]), found[i : i + 1])
    np.testing.assert_allclose(Ensemble([model]).probabilities([x]), found, atol=1e-6)


@pytest.mark.parametrize("layer", [layers.Activation("sigmoid"), layers.Softmax(), layers.Activation("softmax")])
def test_activations_as_layers_and_what_leaves_them_as_they_are_are_looked_through(layer):
    inputs = layers.Input((1, 1, 3))
    x = layer(inputs)
    x = layers.Activation("linear")(layers.Dropout(0.5)(layers.Flatten()(x)))
    wanted = "sigmoid" if getattr(layer, "activation", "") == "sigmoid" else "softmax"
    assert Outputs.of(models.Model(inputs, x).graph).activation == wanted


def test_the_mean_of_two_softmaxes_is_one_and_a_mean_of_different_things_is_not():
    inputs = layers.Input((4,))
    one, two, yes = (layers.Dense(3, activation=a)(inputs) for a in ("softmax", "softmax", "sigmoid"))
    assert Outputs.of(models.Model(inputs, layers.Average()([one, two])).graph).activation == "softmax"
    assert Outputs.of(models.Model(inputs, layers.Average()([one, yes])).graph).activation is None


@pytest.mark.parametrize("beside", [0, 255])
def test_the_probabilities_of_yes_and_no_do_not_depend_on_the_pictures_beside(beside):
    model = models.Sequential([layers.Input((1, 3, 1)), layers.Flatten(), layers.Activation("sigmoid")])
    model.preprocessing = Preprocessing(image_size=(1, 3), channels=1, scale=0.010986, mean=1.0986)
    model.labels = list("abc")
    picture, other = np.array([[100, 0, 0]], np.uint8), np.full((1, 3), beside, np.uint8)
    alone = classify(model, [picture])[0]
    assert classify(model, [picture, other])[0] == alone
    assert [round(guess.probability, 2) for guess in alone] == [0.5, 0.25, 0.25]


def test_look_says_the_probability_that_classify_says(photos):
    model = classifier(KINDS["unit"], layers.Dense(3, activation="sigmoid"))
    file = next(photos.glob("ant/*.png"))
    first = classify(model, [file])[0][0]
    found = look.occlusion(model, file, first.label, window=SIZE, stride=SIZE, fill=0)
    black = classify(model, [np.zeros((*SIZE, 3), np.uint8)], top=3)[0]
    wanted = next(guess.probability for guess in black if guess.label == first.label)
    assert float(found.probabilities.squeeze()) == pytest.approx(wanted, abs=1e-5)


def test_an_attack_says_the_probability_that_classify_says(photos):
    model = classifier(KINDS["unit"], layers.Dense(3, activation="sigmoid"))
    file = next(photos.glob("bee/*.png"))
    first = classify(model, [file])[0][0]
    found = look.adversarial(model, file, method="fgsm", epsilon=1)
    assert float(found.before_p[0]) == pytest.approx(first.probability, rel=1e-4)


def test_yes_and_no_and_two_classes_go_together_in_an_ensemble_and_many_yeses_do_not():
    two = stacked(layers.Dense(2, activation="softmax"))
    one = stacked(layers.Dense(1, activation="sigmoid"))
    x = np.ones((3, 4), np.float32)
    found = Ensemble([one, two]).probabilities([x, x])
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    with pytest.raises(ArgumentError, match="yes or no"):
        Ensemble([two, stacked(layers.Dense(2, activation="sigmoid"))])
