"""Several processes, as ``torchrun`` starts them: the same weights as one process with the whole batch."""

import json
import subprocess
import sys

import numpy as np
import pytest

import striate as st
from striate import layers

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import striate as st
from striate import layers
rng = np.random.default_rng(0)
x, y = rng.normal(size=(64, 6)).astype(np.float32), rng.integers(0, 3, 64)
st.set_seed(0)
model = st.Sequential([layers.Dense(8, "relu", input_shape=(6,)), layers.Dense(3, "softmax")])
model.compile(st.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
csv = st.callbacks.CSVLogger(sys.argv[1] + "/log.csv")
history = model.fit(x, y, batch_size=8, epochs=3, seed=4, verbose=0, callbacks=[csv], device="cpu")
rank = model._trainer.accelerator.process_index
result = {"weights": [w.tolist() for w in model.get_weights()], "history": history.history}
open(f"{sys.argv[1]}/{rank}.json", "w").write(json.dumps(result))
"""


@pytest.mark.slow
def test_two_processes_train_like_one_with_twice_the_batch(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*command, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 6)).astype(np.float32), rng.integers(0, 3, 64)
    st.set_seed(0)
    model = st.Sequential([layers.Dense(8, "relu", input_shape=(6,)), layers.Dense(3, "softmax")])
    model.compile(st.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=16, epochs=3, seed=4, verbose=0).history
    for a, b in zip(model.get_weights(), first["weights"], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert history["loss"] == pytest.approx(first["history"]["loss"], rel=1e-5)
    assert history["accuracy"] == pytest.approx(first["history"]["accuracy"])
