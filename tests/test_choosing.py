"""What helps to choose a network: compare, advise, and what a training that runs out of memory says."""

import json

import numpy as np
import pytest

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError, TrainingError
from striate.runs import compare_runs, train_run
from striate.size import advice, beside, measure


def chain(parts, shape):
    return st.models.Sequential([layers.Input(shape), *parts]).graph


def small(height=32):
    return st.models.Sequential(
        [
            layers.Conv2D(8, 3, padding="same", input_shape=(height, height, 3), name="first"),
            layers.Conv2D(8, 3, padding="same", activation="relu", name="second"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


# -- advise -----------------------------------------------------------------------------------------------------------
def changes(found):
    return {change.what: change for change in found.changes}


def test_a_change_of_the_network_leads_to_the_bytes_of_that_network_built_by_hand():
    net = small()
    found = changes(advice(net.graph, 1_000_000, batch_size=64))
    strided = chain(
        [
            layers.Conv2D(8, 3, strides=2, padding="same"),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ],
        (32, 32, 3),
    )
    assert found["stride 2 in first"].bytes == measure(strided, batch_size=64).training_bytes
    assert found["pictures of 16x16x3"].bytes == measure(small(16).graph, batch_size=64).training_bytes
    fewer = chain(
        [
            layers.Conv2D(8, 3, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ],
        (32, 32, 3),
    )
    assert found["without second"].bytes == measure(fewer, batch_size=64).training_bytes


def test_devices_share_a_batch_and_each_fits():
    net = small()
    budget = measure(net.graph, batch_size=20).training_bytes
    found = advice(net.graph, budget, batch_size=64)
    (each,) = (c for c in found.changes if "devices" in c.what)
    assert each.what.startswith("4 devices with 16 samples each")
    assert each.fits
    assert each.bytes == measure(net.graph, batch_size=16).training_bytes
    assert f"{(found.needed - each.bytes) / 2**20:.1f} MiB less" in str(found)


@pytest.mark.parametrize("name", ["cifar_resnet20", "cifar_densenet", "googlenet", "mobilenet_v2"])
def test_changes_of_networks_with_branches_are_whole_and_save(name):
    graph = zoo.create(name).graph
    needed = measure(graph, batch_size=8).training_bytes
    found = advice(graph, needed // 2, batch_size=8)
    other = [c for c in found.changes if c.what.startswith(("stride", "without", "pictures"))]
    assert other
    assert all(c.bytes < 0.95 * needed for c in other)


def test_a_layer_that_is_read_twice_is_left_out_for_both_readers():
    x = st.Input((16, 16, 4), name="x")
    a = layers.Conv2D(4, 3, padding="same", name="a")(x)
    b = layers.Conv2D(4, 3, padding="same", use_bias=False, name="b")(a)
    net = st.Model(x, layers.Add()([a, b]))
    found = changes(advice(net.graph, 10_000, batch_size=32))
    left_out = st.Model(x, layers.Add()([x, layers.Conv2D(4, 3, padding="same", use_bias=False)(x)]))
    named = {key: change.bytes for key, change in found.items() if key.startswith("without")}
    assert named.get("without a", measure(left_out.graph, batch_size=32).training_bytes) == (
        measure(left_out.graph, batch_size=32).training_bytes
    )


@pytest.mark.parametrize(
    ("given", "there"), [("4GB", 4 * 10**9), ("4GiB", 2**32), ("1.5gb", 1_500_000_000), ("500M", 5 * 10**8)]
)
def test_memory_is_read_with_its_unit(run, given, there):
    code, text, _ = run("advise", "cifar_net", "--memory", given, "--json")
    assert (code, json.loads(text)["budget"]) == (0, there)


@pytest.mark.parametrize("given", ["much", "0GB", "-1GB", "4XB", "4 B B", "nan"])
def test_memory_that_is_no_size_is_one_line(run, given):
    code, _, error = run("advise", "cifar_net", f"--memory={given}")
    assert code == 2
    assert "such as 4GB" in error
    assert error.count("\n") == 1


def test_advise_prints_verdict_and_changes(run):
    code, text, _ = run("advise", "vgg16", "--memory", "4GiB", "--batch-size", 64)
    assert code == 0
    assert text.startswith("training needs 6.4 GiB: it does not fit into 4.0 GiB")
    for change in ("gradients added up over 3", "16 bits", "momentum", "3 devices", "stride 2", "without", "112x112x3"):
        assert change in text


# -- out of memory ----------------------------------------------------------------------------------------------------
def cuda(torch):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def processor(torch):
    torch.empty(2**60)


def python(torch):
    raise MemoryError


@pytest.mark.parametrize("fault", [cuda, processor, python])
@pytest.mark.parametrize("how", ["fit", "train_on_batch"])
def test_a_training_that_runs_out_of_memory_says_what_to_change(monkeypatch, fault, how):
    import torch

    from striate.train.loop import Trainer

    net = small()
    net.compile("adam", "sparse_categorical_crossentropy")
    monkeypatch.setattr(Trainer, "outputs", lambda self, xs, learn=False: fault(torch))
    x, y = np.zeros((16, 32, 32, 3), "float32"), np.zeros(16, int)
    with pytest.raises(TrainingError) as raised:
        net.fit(x, y, batch_size=16, epochs=1, verbose=0) if how == "fit" else net.train_on_batch(x, y)
    said = str(raised.value)
    assert "out of memory in training with 16 samples a step" in said
    assert "batch " in said
    assert "16 bits" in said
    assert "stride 2 in first" in said
    assert raised.value.__cause__ is not None


def test_another_error_of_torch_is_not_taken_for_memory(monkeypatch):
    from striate.train.out_of_memory import ran_out

    assert not ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not ran_out(ValueError("not enough memory"))


# -- compare ----------------------------------------------------------------------------------------------------------
def test_networks_stand_beside_each_other_with_the_numbers_of_their_sizes(run):
    graphs = {name: zoo.create(name).graph for name in ("cifar_resnet20", "cifar_plain20")}
    found = beside(graphs, batch_size=4)
    sizes = [measure(graph, batch_size=4) for graph in graphs.values()]
    rows = {row[0]: row[1:] for row in found.rows()}
    assert [text.split()[0] for text in rows["weights"]] == [f"{size.weights:,}" for size in sizes]
    assert rows["multiplications"][1] == f"{sizes[1].mults:,} ({sizes[1].mults / sizes[0].mults:.2f}x)"
    code, text, _ = run("compare", "cifar_resnet20", "cifar_plain20", "--batch-size", 4)
    assert (code, text.rstrip("\n")) == (0, str(found))
    code, text, _ = run("compare", "cifar_resnet20", "cifar_plain20", "--json")
    assert json.loads(text)["sizes"]["cifar_plain20"]["weights"] == sizes[1].weights


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["vgg16"], "name two networks"),
        (["vgg16", "vgg16"], "named twice"),
        (["vgg16", "nothing_such"], "no known architecture"),
        (["vgg16", "vgg19", "--speed"], "vgg16 is none"),
    ],
)
def test_what_cannot_be_compared_is_one_line(run, arguments, said):
    code, _, error = run("compare", *arguments)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1


def test_runs_are_judged_on_the_same_examples_and_timed(run, tmp_path):
    for name, epochs in (("a", 1), ("b", 2)):
        train_run("digits", folder=tmp_path / name, epochs=epochs, verbose=0, recipe="digits", report=False)
    code, text, error = run("compare", tmp_path / "a", tmp_path / "b", "--data", "digits", "--speed")
    assert code == 0, error
    lines = {line.split("  ")[0]: line for line in text.splitlines()}
    accuracies = [float(word) for word in lines["accuracy"].split()[1:]]
    for folder, accuracy in zip("ab", accuracies, strict=True):
        code, told, _ = run("evaluate", tmp_path / folder, "digits", "--json")
        assert json.loads(told)["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert "95 % interval" in text
    assert "samples a second" in text
    assert "intervals " in text
    with pytest.raises(ArgumentError, match="name two"):
        compare_runs({"a": tmp_path / "a"})
