"""How rows of boxes become detections is said once, by the model, and every file of it says it too."""

import json

import numpy as np
import onnx
import pytest

import striate as st
from striate import Input, Model, layers
from striate.errors import ArgumentError, BundleError, DataError
from striate.tasks.found import Decoding, detections


def rows_to_boxes():
    """A network whose input is the numbers before its layer of boxes: 24 + 6 places, 2 classes."""
    x = Input((30, 2 + 4 * 4))
    return Model(x, layers.DistanceBoxes(((4, 6, 8), (2, 3, 16)), bins=4)(layers.ReLU(max_value=9.0)(x)))


@pytest.mark.parametrize("name", ["folder", "model.keras", "model.h5"])
def test_every_file_of_a_model_holds_its_decoding(tmp_path, name):
    model = rows_to_boxes()
    model.decoding = Decoding(least=0.25, overlap=0.5, most=7, considered=40)
    model.save(tmp_path / name)
    assert st.models.load_model(tmp_path / name).decoding == Decoding(least=0.25, overlap=0.5, most=7, considered=40)


def test_a_file_says_the_settings_and_networks_without_boxes_say_nothing(tmp_path):
    rows_to_boxes().save(tmp_path / "boxes")
    said = json.loads((tmp_path / "boxes" / "model.json").read_text())["decoding"]
    assert said == Decoding().to_dict() == {"least": None, "overlap": 0.6, "most": 300, "considered": 1000}
    st.Sequential([layers.Dense(2, input_shape=(3,))]).save(tmp_path / "plain")
    assert "decoding" not in json.loads((tmp_path / "plain" / "model.json").read_text())


@pytest.mark.parametrize("least", [None, 0.05, 0.3])
def test_whether_a_score_was_chosen_is_kept_in_every_file(tmp_path, least):
    """0.05, the usual score, can be chosen too: then it is not taken for one that nobody chose."""
    model = rows_to_boxes()
    model.decoding = Decoding(least=least)
    assert model.decoding.threshold == (0.05 if least is None else least)
    model.save(tmp_path / "model")
    assert st.models.load_model(tmp_path / "model").decoding.least == least
    model.export_onnx(tmp_path / "model.onnx")
    said = {each.key: each.value for each in onnx.load(tmp_path / "model.onnx").metadata_props}
    told = json.loads(said["decoding"])
    assert (told["least"], told["chosen"]) == (model.decoding.threshold, least is not None)


def test_a_decoding_in_a_file_is_checked(tmp_path):
    rows_to_boxes().save(tmp_path)
    file = tmp_path / "model.json"
    whole = json.loads(file.read_text())
    for wrong in ({"least": 2}, {"overlap": None}, {"most": 0}, {"considered": 1.5}, {"leest": 0.1}, [1]):
        file.write_text(json.dumps(whole | {"decoding": wrong}))
        with pytest.raises(BundleError, match="decoding"):
            st.models.load_model(tmp_path)


@pytest.mark.parametrize("wrong", [{"least": -0.1}, {"overlap": float("nan")}, {"most": True}, {"considered": 0}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(DataError, match=next(iter(wrong))):
        Decoding(**wrong)


def test_a_models_decoding_is_a_decoding():
    model = rows_to_boxes()
    with pytest.raises(ArgumentError, match=r"Decoding\(least=0.3\)"):
        model.decoding = {"least": 0.3}


def test_detections_are_cut_and_thinned_as_the_model_says():
    rows = np.array([[0, 0, 10, 10, 0.9, 0.1], [1, 0, 11, 10, 0.8, 0.3], [50, 50, 60, 60, 0.2, 0.7]], np.float32)
    assert detections(rows).classes.tolist() == [0, 1, 1, 0]
    model = rows_to_boxes()
    model.decoding = Decoding(least=0.5, overlap=0.9)
    found = detections(rows, **model.decoding.to_dict())
    assert found.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
