"""Nothing is sent anywhere, and nothing is written but into run folders, the cache and the folder for temporary files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from PIL import Image
from watched import KILLED, sockets_are_watched, watched

from striate.extras import installed

SOURCE = Path(__file__).parent.parent / "src" / "striate"
HERE = "import sys, striate; from striate.doors.libraries import *\n"
OPENVINO = [["predict", "run", "picture.png", "--engine", "openvino"]] if installed("openvino") else []


def test_the_watch_sees_sockets_and_files(tmp_path):
    if not sockets_are_watched(tmp_path):
        pytest.skip("this system cannot refuse sockets to a process (seccomp)")
    assert watched(tmp_path, "-c", "import socket; socket.socket()").code == KILLED
    inside = "import subprocess, sys; sys.exit(-subprocess.run([sys.executable, '-c', OPEN]).returncode)"
    assert watched(tmp_path, "-c", inside.replace("OPEN", repr("import socket; socket.socket()"))).code == -KILLED
    outside = watched(tmp_path, "-c", f"open('in', 'w'); open({str(tmp_path / 'out')!r}, 'w')")
    assert outside.told == [f"open {os.path.realpath(tmp_path / 'out')}"]
    assert watched(tmp_path, "-c", "import pathlib; (pathlib.Path.home() / 'a').touch()").home == ["a"]


def test_onnx_runtime_keeps_no_device_id_and_matplotlib_its_fonts_in_the_cache(tmp_path):
    code = "onnx_runtime(); import matplotlib.font_manager; print(sys.modules['onnxruntime'].__version__)"
    done = watched(tmp_path, "-c", HERE + code, ORT_DISABLE_TELEMETRY="0")
    assert (done.code, done.home, done.told) == (0, [], []), done.output
    assert list((tmp_path / "cache" / "matplotlib").glob("fontlist*"))


def test_openvino_tells_nobody_that_it_was_imported_and_keeps_no_number(tmp_path):
    pytest.importorskip("openvino")
    code = "import openvino; openvino.convert_model; print(openvino.tools.ovc.telemetry)"
    done = watched(tmp_path, "-c", HERE + code, CI="")
    assert (done.code, done.home, done.told) == (0, [], []), done.output
    assert "telemetry_stub" in done.output


def test_the_packages_read_what_turns_them_off(tmp_path):
    pytest.importorskip("huggingface_hub")
    code = (
        "from pathlib import Path; hugging_face(Path('cache')); from huggingface_hub import constants\n"
        "assert constants.HF_HUB_DISABLE_TELEMETRY and constants.HF_XET_CACHE == 'cache/xet', vars(constants)\n"
        "from huggingface_hub.utils import build_hf_headers\n"
        "agent = build_hf_headers(token=False)['user-agent']\n"
        "assert 'torch' not in agent and 'agent' not in agent, agent"
    )
    done = watched(tmp_path, "-c", HERE + code, HF_HUB_DISABLE_TELEMETRY="0", AI_AGENT="x")
    assert (done.code, done.home, done.told) == (0, [], []), done.output


def test_a_style_of_matplotlib_of_the_users_own_still_counts(tmp_path):
    own = tmp_path / "home" / ".config" / "matplotlib"
    own.mkdir(parents=True)
    code = "import os; print(os.environ.get('MPLCONFIGDIR'))"
    assert watched(tmp_path, "-c", HERE + code).output.strip() == str(tmp_path / "cache" / "matplotlib")
    (own / "matplotlibrc").write_text("lines.linewidth: 3\n")
    assert watched(tmp_path, "-c", HERE + code).output.strip() == "None"
    assert watched(tmp_path, "-c", HERE + code, MPLCONFIGDIR="x").output.strip() == "x"


def test_onnx_runtime_is_imported_where_it_is_turned_off():
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if re.search(r"^\s*(import|from) onnxruntime", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == {"doors/libraries.py", "ship/quantization.py"}
    assert "    onnx_quantizer()\n" in (SOURCE / "ship" / "quantization.py").read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_command_opens_a_socket_or_writes_elsewhere(tmp_path):
    if not sockets_are_watched(tmp_path):
        pytest.skip("this system cannot refuse sockets to a process (seccomp)")
    Image.new("L", (8, 8), 90).save(tmp_path / "run" / "picture.png")
    commands = [
        ["demo"],
        ["train", "digits", "--epochs", "1", "--folder", "run"],
        ["predict", "run", "picture.png", "--json"],
        ["quantize", "run", "--samples", "8"],
        *OPENVINO,
        ["bench", "run", "--rounds", "1"],
        ["look", "all", "run", "picture.png", "--data", "digits", "--count", "20"],
    ]
    code = (
        "from striate.cli.main import main\n"
        f"for command in {commands!r}:\n"
        "    try: main(command)\n"
        "    except SystemExit as end: assert not end.code, command\n"
    )
    before = sorted(os.listdir(tmp_path))
    done = watched(tmp_path, "-c", code)
    assert (done.code, done.home, done.told) == (0, [], []), done.output
    assert sorted(os.listdir(tmp_path)) == before
    assert not [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
