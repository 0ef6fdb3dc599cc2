"""Each recipe reaches what it promises."""

import os
from pathlib import Path

import pytest
import torch

import striate as st
from striate import data, recipes
from striate.errors import ArgumentError

MNIST = Path(os.environ.get("STRIATE_DATA") or "nowhere") / "mnist"
needs_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not on this machine (STRIATE_DATA)")

IMDB = MNIST.parent / "imdb"
needs_imdb = pytest.mark.skipif(not IMDB.is_dir(), reason="the reviews are not on this machine (STRIATE_DATA)")


def accuracy(name: str, seed: int, splits: data.Splits) -> float:
    recipe = recipes.get(name)
    st.set_seed(seed)
    train = splits.train
    if recipe.data == "imdb":  # as `striate train imdb` does: a tenth is for the curves
        train = train.split(0.1, seed=seed).train
    model = recipe.model(len(train.classes), train.shape)
    model.compile(recipe.optimizer(), recipe.loss, metrics=["accuracy"])
    model.fit(train, batch_size=recipe.batch_size, epochs=recipe.epochs, seed=seed, verbose=0)
    return model.evaluate(splits.test, return_dict=True)["accuracy"]


def test_the_digits_recipe_gets_98_percent_of_digits_it_never_saw_right():
    splits = data.load("digits")
    assert min(accuracy("digits", seed, splits) for seed in range(2)) >= 0.98


@needs_mnist
@pytest.mark.slow
def test_the_fast_recipe_gets_99_percent_of_mnist_on_average_over_five_seeds():
    splits = data.load("mnist", MNIST)
    found = [accuracy("fast", seed, splits) for seed in range(5)]
    assert sum(found) / 5 >= 0.99, found
    assert recipes.get("fast").epochs == 1


@needs_mnist
@pytest.mark.slow
@pytest.mark.long
def test_the_best_recipe_gets_99_6_percent_of_mnist():
    assert accuracy("best", 0, data.load("mnist", MNIST)) >= 0.996


@needs_imdb
@pytest.mark.slow
def test_the_imdb_recipe_gets_88_percent_of_10000_reviews():
    splits = data.load("imdb", IMDB)
    assert len(splits.test) == 10_000
    assert accuracy("imdb", 0, splits) >= 0.88


@needs_imdb
@pytest.mark.slow
@pytest.mark.long
def test_the_published_net_gets_87_percent_of_10000_reviews():
    splits = data.load("imdb", IMDB)
    assert recipes.get("imdb_published").model(2, (500,)).count_params() == 1_315_937
    assert accuracy("imdb_published", 0, splits) >= 0.87


def test_every_recipe_names_known_data_and_networks_and_makes_fresh_optimizers():
    for recipe in recipes.RECIPES.values():
        assert recipe.data in data.names()
        assert recipe.network in st.zoo.names()
        assert recipe.optimizer() is not recipe.optimizer()
        classes, shape = {"digits": (10, (8, 8, 1)), "mnist": (10, (28, 28, 1)), "imdb": (2, (500,))}[recipe.data]
        assert recipe.model(classes, shape).graph.output_shapes == [(1 if classes == 2 else classes,)]
    with pytest.raises(ArgumentError, match='Did you mean "best"'):
        recipes.get("bst")


def test_augmentation_in_front_changes_training_pictures_only():
    import numpy as np

    recipe = recipes.get("digits")
    st.set_seed(0)
    model = recipe.model(10, (8, 8, 1))
    x = np.random.default_rng(0).random((4, 8, 8, 1), dtype=np.float32)
    bare = st.Sequential([st.layers.Input((8, 8, 1)), *model.layers[1:]])
    np.testing.assert_array_equal(model.predict(x), bare.predict(x))
    augment = model.module.random_affine.train()
    tensor = torch.from_numpy(x).permute(0, 3, 1, 2)
    assert (augment(tensor) - tensor).abs().max() > 0.1
