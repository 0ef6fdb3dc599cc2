"""What becomes of a network by an edit, and the network as Python: what the page runs, run here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from browser import Opened
from page_edits import after, assert_is_sizes, edit, executed, inside

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError
from striate.graph import from_json, to_json
from striate.graph.code import to_code
from striate.page.editing import editing, insertable, kinds
from striate.page.python import carried_modules
from striate.page.workshop import edited
from striate.size import opened_rows

COMPARED = ["lenet5", "cifar_resnet20", "googlenet"]
EVERY = [*COMPARED, *(pytest.param(n, marks=pytest.mark.slow) for n in zoo.names() if n not in COMPARED)]


# -- edits ------------------------------------------------------------------------------------------------------------
def test_an_argument_is_set_and_taken_back_to_its_usual_value():
    graph = zoo.create("lenet5").graph
    answer = after(graph, edit("set", layer="conv2d", argument="strides", value=2))
    assert_is_sizes(
        answer["told"], edited(to_json(graph), {"do": "set", "layer": "conv2d", "argument": "strides", "value": 2})
    )
    assert answer["told"]["layers"][0]["shape"] == [14, 14, 6]
    assert after(answer["description"], edit("set", layer="conv2d", argument="strides"))["description"] == to_json(
        graph
    )


def test_what_breaks_off_is_told_up_to_there_with_the_error_on_its_layer():
    graph = zoo.create("cifar_resnet20").graph
    answer = after(graph, edit("set", layer="layer1_0_conv1", argument="strides", value=2))
    told = answer["told"]
    assert answer["fault"] == "add"
    faulty = next(layer for layer in told["layers"] if layer["name"] == "add")
    assert "Bring them to the same size first" in faulty["misfit"]
    assert len(told["layers"]) == len(graph.flat().nodes)
    before = told["layers"][: told["layers"].index(faulty)]
    assert all(layer["shape"] for layer in before)
    assert not any(layer["shape"] for layer in told["layers"][len(before) :])
    assert len(faulty["inputs"]) == 2
    assert all(told["tensors"][tensor] for tensor in faulty["inputs"])
    back = after(answer["description"], edit("set", layer="layer1_0_conv1", argument="strides", value=1))
    assert back["description"] == to_json(graph)


def test_not_even_the_first_layer_may_fit():
    answer = after(zoo.create("lenet5").graph, edit("set", layer="conv2d", argument="filters", value=0))
    assert answer["fault"] == "conv2d"
    assert answer["told"]["totals"]["weights"] == 0
    assert len(answer["told"]["layers"]) == 8


def test_a_layer_is_put_behind_another_and_whatever_read_that_reads_it():
    graph = zoo.create("cifar_resnet20").graph
    answer = after(graph, edit("insert", after="re_lu", **{"class": "Dropout"}, arguments={"rate": 0.2}))
    made = from_json(answer["description"])
    new = made.node("new_dropout")
    assert [tensor.node.layer.name for tensor in new.inputs] == ["re_lu"]
    readers = [node.layer.name for node in made.nodes if new in [tensor.node for tensor in node.inputs]]
    assert readers == ["layer1_0_conv1", "add"]
    again = after(answer["description"], edit("insert", after="re_lu", **{"class": "Dropout"}, arguments={"rate": 0.2}))
    assert {"new_dropout", "new_dropout_2"} <= {layer["name"] for layer in again["told"]["layers"]}
    assert after(answer["description"], edit("remove", layer="new_dropout"))["description"] == to_json(graph)


def test_a_layer_behind_the_last_one_is_the_output():
    answer = after(zoo.create("lenet5").graph, edit("insert", after="dense_2", **{"class": "ReLU"}, arguments={}))
    assert answer["description"]["outputs"] == ["new_re_lu"]


def test_what_reads_a_layer_that_is_taken_out_reads_its_first_input():
    answer = after(zoo.create("cifar_resnet20").graph, edit("remove", layer="add"))
    made = from_json(answer["description"])
    assert [tensor.node.layer.name for tensor in made.node("re_lu_2").inputs] == ["layer1_0_bn2"]


def test_what_goes_with_a_layer_that_joins_others_is_said():
    graph = zoo.create("cifar_resnet20").graph
    assert after(graph, edit("remove", layer="add"))["lost"] == (
        '"add" joined "layer1_0_bn2" and "re_lu": what read it reads "layer1_0_bn2" alone.'
    )
    assert after(graph, edit("remove", layer="re_lu"))["lost"] == ""
    assert after(graph, edit("set", layer="conv1", argument="filters", value=16))["lost"] == ""
    left, right = layers.Input((8, 8, 3), name="left"), layers.Input((8, 8, 3), name="right")
    ends = layers.Conv2D(2, 3, name="a")(left), layers.ReLU(name="c")(layers.Conv2D(2, 3, name="b")(right))
    model = st.Model([left, right], layers.Flatten()(layers.Concatenate(name="both")(list(ends))))
    answer = after(model.graph, edit("remove", layer="both"))
    assert answer["lost"].endswith('reads "a" alone. Nothing reads "right", "b" or "c" any more.')
    there = {layer["name"] for layer in answer["told"]["layers"]}
    assert not {"b", "c", "both"} & there
    assert after(inside().graph, edit("remove", layer="add"))["lost"].startswith('"add" joined "shared#2" and "shared"')
    assert after(inside().graph, edit("remove", layer="shared"))["lost"] == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edit("remove", layer="input_layer"), "cannot do without it"),
        (edit("remove", layer="nobody"), 'no layer here is called "nobody"'),
        (edit("set", layer="conv2d", argument="inputs", value=["dense"]), "cannot be changed"),
        (edit("set", layer="input_layer", argument="shape", value=[0, 28, 1]), "at least 1"),
    ],
)
def test_what_leaves_no_network_is_refused(change, said):
    assert said in after(zoo.create("lenet5").graph, change)["refused"]


def test_the_only_layer_stays():
    model = st.Sequential([layers.Input((4,)), layers.Dense(2, name="d")])
    assert "the only layer" in after(model.graph, edit("remove", layer="d"))["refused"]


def test_layers_of_networks_within_and_those_that_are_called_twice_are_changed_once():
    graph = inside().graph
    answer = after(graph, edit("set", layer="inner#2/c", argument="kernel_size", value=5))
    assert {layer["says"][:10] for layer in answer["told"]["layers"] if layer["name"].endswith("/c")} == {"Conv2D 5x5"}
    assert_is_sizes(answer["told"], answer["description"])
    gone = after(graph, edit("remove", layer="shared#2"))
    assert not any(layer["name"].startswith("shared") for layer in gone["told"]["layers"])


# -- what the page carries --------------------------------------------------------------------------------------------
def test_the_workshop_needs_nothing_but_python(tmp_path):
    for name, text in carried_modules().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    code = (
        "import sys; sys.path.append(sys.argv[1]); from striate.page.workshop import changed; import striate\n"
        "assert striate.__file__.startswith(sys.argv[1]), striate.__file__\n"
        "print(changed(sys.argv[2], sys.argv[3]))"
    )
    graph, change = zoo.create("lenet5").graph, edit("set", layer="dense", argument="units", value=7)
    bare = [sys.executable, "-I", "-S", "-c", code, str(tmp_path), json.dumps(to_json(graph)), change]
    done = subprocess.run(bare, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == after(graph, change)


def test_every_argument_of_every_layer_has_a_field():
    found = kinds()
    assert [name for name, *_ in found["Dense"]][:3] == ["units", "activation", "use_bias"]
    assert found["Conv2D"][0] == ["filters", None, True, "maps of the output", []]
    assert {"Conv2D", "MaxPooling2D", "BatchNormalization", "Flatten"} <= set(insertable())
    assert not {"Add", "Input", "Functional"} & set(insertable())


def test_the_words_that_an_argument_can_be_are_those_that_it_takes():
    found = {(kind, name): words for kind, all in kinds().items() for name, *_, words in all if words}
    assert found["Conv2D", "padding"] == found["MaxPooling2D", "padding"] == ["valid", "same"]
    assert found["Conv1D", "padding"] == ["valid", "same", "causal"]
    assert found["UpSampling2D", "interpolation"] == ["nearest", "bilinear", "bicubic"]
    assert "relu" in found["Dense", "activation"]
    needed = {"filters": 2, "kernel_size": 3, "units": 2, "height": 4, "width": 4, "connections": [[0]]}
    for (kind, name), words in found.items():
        must = {
            each: needed.get(each, 0.5 if "factor" in each else 1)
            for each, _, required, *_ in kinds()[kind]
            if required
        }
        for word in words:
            getattr(layers, kind)(**must | {name: word})


class DoubledOnAPage(layers.Layer):
    def lower(self, x):
        return x


def test_a_network_with_a_users_own_class_is_not_edited_and_the_page_says_so(browser, tmp_path):
    model = st.Sequential([layers.Input((8, 8, 3)), DoubledOnAPage(), layers.Conv2D(2, 3)], name="own")
    with pytest.raises(ArgumentError, match="DoubledOnAPage is a class of"):
        editing(model.graph)
    assert 'id="part-editing"' not in model.page(tmp_path / "a.html").read_text()
    opened = Opened(browser, tmp_path / "a.html")
    assert "DoubledOnAPage is a class of" in opened.page.locator("#fixed").text_content()
    opened.context.close()
    assert opened.faults == []


def test_a_page_may_leave_it_out(run, tmp_path):
    run("page", "lenet5", "-o", str(tmp_path / "a.html"), "--no-editable")
    assert (tmp_path / "a.html").stat().st_size < 400_000
    run("page", "lenet5", "-o", str(tmp_path / "b.html"))
    assert 5_500_000 < (tmp_path / "b.html").stat().st_size < 7_500_000


# -- the network as Python --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVERY)
def test_the_python_of_a_network_makes_it_again(name):
    graph = zoo.create(name).graph
    assert to_json(executed(to_code(graph)).graph) == to_json(graph)


def test_networks_within_shared_layers_and_named_inputs_are_written_too():
    graph = inside().graph
    made = executed(to_code(graph)).graph
    assert opened_rows(made) == opened_rows(graph)
    assert made.auxiliary == graph.auxiliary
    assert (made.nested, made.input_names) == (graph.nested, graph.input_names)
