"""Work that takes long says how far it is: often, never backwards, and to the end."""

import numpy as np
import pytest

import striate as st
from striate import layers, look
from striate.pages import write_look


@pytest.fixture(scope="module")
def net():
    st.set_seed(0)
    return st.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Conv2D(3, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, "softmax"),
        ]
    )


PICTURE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
WORK = {
    "gradcam": (lambda net, go: look.gradcam(net, PICTURE, check=True, progress=go), 3),
    "saliency": (lambda net, go: look.saliency(net, PICTURE, check=True, progress=go), 3),
    "integrated": (lambda net, go: look.integrated(net, PICTURE, steps=64, check=True, progress=go), 4),
    "occlusion": (lambda net, go: look.occlusion(net, PICTURE, window=4, check=True, progress=go), 3),
    "sanity": (lambda net, go: look.sanity(net, PICTURE, method={"cam": look.gradcam}, progress=go), 4),
    "attributions": (lambda net, go: look.attributions(net, PICTURE, steps=4, stages=(0.5,), progress=go), 20),
    "own method": (lambda net, go: look.attributions(net, PICTURE, method={"own": own}, progress=go), 5),
    "why": (lambda net, go: look.why(net, PICTURE, progress=go), 4),
}


def own(model, pictures, target=None):
    """A method of a user's own, which knows nothing of progress."""
    return look.gradcam(model, pictures, target)


@pytest.mark.parametrize("what", WORK)
def test_progress_only_goes_forward_and_to_the_end(net, what):
    told = []
    work, least = WORK[what]
    work(net, lambda done, whole: told.append(done / whole))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(set(told)) >= least


@pytest.mark.slow
def test_the_page_with_everything_tells_of_each_technique_from_within(net, tmp_path):
    told = []
    write_look(tmp_path / "page.html", net, PICTURE, progress=lambda done, whole: told.append(done / whole))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(set(told)) > 60
