"""The history of the ImageNet challenge, depths as papers count, and what ``striate models`` says of both."""

import json

import pytest

import striate as st
from striate import zoo
from striate.layers import Add, Conv2D, Dense, Flatten, Input

# What the papers' own names and abstracts say.
DEPTHS = {
    "lenet5": 5,
    "alexnet": 8,
    "zfnet": 8,
    "googlenet": 22,
    "inception_v3": 48,
    "mobilenet": 28,
    **{f"vgg{n}": n for n in (11, 13, 16, 19)},
    **{f"resnet{n}": n for n in (18, 34, 50, 101, 152)},
    **{f"densenet{n}": n for n in (121, 169, 201)},
    **{f"cifar_resnet{n}": n for n in (20, 32, 44, 56, 110)},
}


def test_depths_are_those_of_the_papers():
    assert {name: zoo.card(name).depth for name in DEPTHS} == DEPTHS


@pytest.mark.parametrize("name", ["vgg11", "cifar_resnet20", "fashion_net", "mobilenet"])
def test_the_depth_of_a_card_is_that_of_the_network(name):
    assert zoo.depth(zoo.create(name)) == zoo.card(name).depth


def test_depth_is_the_longest_way_and_counts_only_what_multiplies_by_weights():
    x = Input((8, 8, 3))
    long = Conv2D(4, 3, padding="same", activation="relu")(Conv2D(4, 3, padding="same")(x))
    short = Conv2D(4, 1)(x)
    assert zoo.depth(st.Model(x, Dense(2, "softmax")(Flatten()(Add()([long, short]))))) == 3
    assert zoo.depth(st.Model(x, Flatten()(x))) == 0


# Percent of the test pictures, as the challenge's pages, Russakovsky et al. 2015 and the winners' papers print them.
WINNERS = {2010: 28.2, 2011: 25.8, 2012: 15.3, 2013: 11.7, 2014: 6.7, 2015: 3.57, 2016: 2.99, 2017: 2.25}


def test_each_year_has_one_winner_with_its_error():
    assert {entry.year: entry.error for entry in zoo.history(winners=True)} == WINNERS
    assert len(zoo.history(winners=True)) == len(WINNERS)


def test_entries_have_a_source_and_the_depth_of_their_network():
    for entry in zoo.history():
        assert entry.source
        if entry.zoo is not None:
            assert zoo.card(entry.zoo).depth == entry.layers


def test_numbers_that_texts_print_are_told_apart():
    said = {entry.who: f"{entry.error:g} {entry.note}" for entry in zoo.history()}
    for who, numbers in {
        "SuperVision": ("15.3", "15.4", "16.4", "16.6", "17.0", "18.2"),
        "XRCE": ("25.8", "26.2"),
        "ISI": ("26.2",),
        "Clarifai": ("11.2", "11.7"),
        "ZF": ("13.5", "14.8"),
        "VGG": ("6.8", "7.3"),
        "a trained person": ("5.1",),
    }.items():
        assert all(number in said[who] for number in numbers), who


def test_the_command_prints_the_history(run):
    code, text, _ = run("models", "--history")
    assert code == 0
    line = next(line for line in text.splitlines() if line.startswith("2015"))
    assert line.split() == [
        "2015",
        "MSRA",
        "ResNet-152",
        "and",
        "shallower",
        "ones",
        "152",
        "3.57",
        "%",
        "6",
        "networks",
    ]
    assert "2012 ISI: Krizhevsky et al. 2012, table 2." in text
    _, text, _ = run("models", "--history", "--json")
    assert [row["error"] for row in json.loads(text) if row["place"] == 1] == list(WINNERS.values())
    code, _, error = run("models", "resnet50", "--history")
    assert code == 2
    assert "striate models resnet50" in error


def test_the_list_has_depth_megabytes_and_top5(run):
    _, text, _ = run("models", "--find", "vgg16")
    heads, row = (line.split() for line in text.splitlines()[:2])
    assert heads == ["name", "year", "input", "depth", "weights", "MB", "mults", "top-1", "top-5", "published", "about"]
    assert row[:10] == [
        *("vgg16", "2014", "224x224x3", "16", "138,357,544", "553"),  # 138,357,544 · 4 bytes = 553.4 MB
        *("15,470,264,320", "71.6", "90.4", "73.4"),
    ]


def test_accuracy_of_a_variant_is_its_own_or_none(run):
    def accuracy(*variant):
        lines = run("models", *variant)[1].splitlines()
        return next(line.removeprefix("accuracy").strip() for line in lines if line.startswith("accuracy"))

    assert accuracy("mobilenet") == "top-1 70.6 %"
    assert accuracy("mobilenet", "--variant", "alpha=1.0") == "top-1 70.6 %"
    assert accuracy("mobilenet", "--variant", "alpha=0.5") == "not stated for this variant"
    assert accuracy("mobilenet_v2", "--variant", "alpha=0.35") == "not stated for this variant"
    keras = next(s for s in zoo.card("resnet50").sources if s.model == "ResNet50")
    assert accuracy("resnet50", "--variant", "variant=keras") == (
        f"top-1 {keras.top1} %, top-5 {keras.top5} %" if keras.top1 else "not stated for this variant"
    )
    facts = json.loads(run("models", "mobilenet", "--variant", "alpha=0.5", "--json")[1])
    assert facts["top1"] is None
