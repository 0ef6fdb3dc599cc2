"""Faults beside a run: a second writer, a full disk at every moment, damaged and hostile records."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate as st
from striate import layers as L
from striate.cli import main as cli
from striate.data import Dataset, Splits
from striate.doors.locks import locked, waited
from striate.doors.writing import finish_moving, move_up
from striate.errors import ArgumentError, BundleError, Note, StriateError
from striate.runs import read_record, resume_run, train_run
from striate.runs.folders import ASIDE, RUN, free_folder, run_folder

rng = np.random.default_rng(0)
X = rng.integers(0, 256, (24, 6, 6, 1), np.uint8)
Y = np.arange(24) % 2


def small() -> st.Sequential:
    return st.Sequential(
        [L.Flatten(input_shape=(6, 6, 1), name="flat"), L.Dense(2, activation="softmax", name="answer")]
    )


def begin(folder: Path, **more: Any) -> Any:
    part = Dataset(X, Y, ["a", "b"], "dots")
    asked: dict[str, Any] = {"model": small(), "epochs": 1, "report": False, "verbose": 0} | more
    return train_run("dots", folder=folder, splits=Splits(part, part, part), **asked)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != ".lock"}


@contextmanager
def another(folder: Path) -> Iterator[None]:
    """Another process that writes to a folder."""
    code = (
        "import sys; from striate.doors.locks import locked\n"
        "with locked(sys.argv[1], 'x'): print('in', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        yield
        process.communicate("")


# -- two writers -------------------------------------------------------------------------------------------------------
def test_a_second_writer_is_refused_and_changes_nothing(tmp_path):
    from striate.cli.main import main

    run = tmp_path / "run"
    begin(run)
    before = files(run)
    with another(run):
        for write in (
            lambda: begin(run),
            lambda: small().save(run),
            lambda: search(run),
        ):
            with pytest.raises(BundleError, match="another process is writing to this folder"):
                write()
        with pytest.raises(SystemExit) as ended:
            main(["quantize", str(run)])
        assert ended.value.code == 2
    assert files(run) == before
    assert not (run / ASIDE).exists()
    begin(run)  # the lock is free again


@pytest.mark.skipif(os.name != "posix", reason="needs fcntl")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_on_a_disk_that_knows_no_locks_nothing_is_held_and_a_note_says_so(number, tmp_path, monkeypatch):
    import fcntl

    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.warns(Note, match="this disk knows no locks"), locked(tmp_path / "run", "x"):
        pass
    with waited(tmp_path / "table.lock"):
        (tmp_path / "table").write_text("1")


def test_two_runs_without_a_folder_get_one_each(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = free_folder("dots-model")
    first.mkdir(parents=True)
    run = begin(None)  # type: ignore[arg-type]
    assert run.folder == Path("runs/dots-model-2") or run.folder.parent == Path("runs")
    assert run.folder != first


@pytest.mark.parametrize("beside", [(), ("another",)])
@pytest.mark.parametrize("folder", [None, "a/b/c", "there/b"])
def test_what_is_refused_leaves_no_folder_that_was_made_for_it(folder, beside, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    above: list[Path] = []

    def refused() -> None:
        with run_folder(folder, "net", "training") as (target, _):
            above.append(target.parent)
            for name in beside:  # of somebody else
                (target.parent / name).touch()
            raise ArgumentError("refused")

    with pytest.raises(ArgumentError, match="refused"):
        refused()
    if beside:
        assert os.listdir(above[0]) == [*beside]
    else:
        assert os.listdir(tmp_path) == ["there"]
        assert os.listdir(tmp_path / "there") == []


TWICE = """
import sys
import numpy as np
import striate as st
from striate import layers as L
from striate.cli import main as cli
from striate.data import Dataset, Splits
from striate.runs import train_run
x = np.random.default_rng(0).integers(0, 256, (24, 6, 6, 1), np.uint8)
part = Dataset(x, np.arange(24) % 2, ["a", "b"], "dots")
net = st.Sequential([L.Flatten(input_shape=(6, 6, 1)), L.Dense(2, activation="softmax")])
print("ready", flush=True)
for line in sys.stdin:
    try:
        if line.startswith("train"):
            parts = Splits(part, part, part)
            train_run("dots", model=net, epochs=30, folder=sys.argv[1], splits=parts, report=False, verbose=0)
        else:
            with st.doors.locks.locked(sys.argv[1], "quantizing"):
                net.quantize(part, samples=8)
                net.save(sys.argv[1])
        print("done", flush=True)
    except st.StriateError as error:
        print("refused" if "another process is writing" in str(error) else f"wrong: {error}", flush=True)
"""


@pytest.mark.slow
def test_of_two_trainings_and_quantizations_at_once_one_is_refused_or_waits_its_turn_and_nothing_is_lost(tmp_path):
    two = [
        subprocess.Popen(
            [sys.executable, "-c", "import striate.doors.locks\n" + TWICE, str(tmp_path / "run")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [each.stdout.readline() for each in two] == ["ready\n"] * 2
    said = []
    for turn in range(40):
        for each in two:
            each.stdin.write("train\n" if turn % 2 == 0 else "quantize\n")
            each.stdin.flush()
        answers = [each.stdout.readline().strip() for each in two]
        said += answers
        assert "done" in answers
        assert set(answers) <= {"done", "refused"}
        st.models.load_model(tmp_path / "run")
    for each in two:
        each.communicate("")
    assert "refused" in said


# -- a full disk -------------------------------------------------------------------------------------------------------
class Full:
    """A call of the system that fails at the n-th time, as on a full disk; n = 0: it counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, last: int) -> None:
        self.true, self.count, self.last = getattr(os, name), 0, last
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        if self.count == self.last:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.true(*args, **kwargs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["replace", "fsync"])
def test_a_disk_that_is_full_at_any_moment_leaves_the_old_run_or_the_new_one(name, tmp_path, monkeypatch):
    run = tmp_path / "run"
    begin(run, seed=1)
    with monkeypatch.context() as patch:
        counted = Full(patch, name, 0)
        begin(run, seed=2)
    for last in range(1, counted.count + 1):
        before = files(run)
        raised = None
        with monkeypatch.context() as patch:
            Full(patch, name, last)
            try:
                begin(run, seed=last + 2)
            except StriateError as error:
                raised = str(error)
        st.models.load_model(run)
        late = raised is not None and "puts it there" in raised and ASIDE not in raised  # all of it is written
        if late:
            finish_moving(run)
        elif raised is not None:
            assert files(run) == before, raised
        seed = json.loads((run / "model.json").read_bytes())["training"]["seed"]
        assert seed == json.loads((run / RUN).read_bytes())["arguments"]["seed"]
        assert (raised is None or late) == (seed == last + 2), raised
    begin(run)
    assert not [path.name for path in run.iterdir() if path.name.startswith(".") and path.name != ".lock"]


def test_a_rerun_that_fails_leaves_the_records_of_the_run_before(tmp_path):
    run = tmp_path / "run"
    begin(run, report=True)
    before = files(run)

    class Stop(st.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise ArgumentError("no more")

    with pytest.raises(ArgumentError, match="no more"):
        begin(run, callbacks=[Stop()], seed=5)
    assert files(run) == before
    begin(run, seed=6)
    after = files(run)
    assert "report.html" not in after  # it was of the run before
    assert not (run / ASIDE).exists()
    assert json.loads(after[RUN])["arguments"]["seed"] == 6


class KilledError(BaseException):
    """Stands for a kill: nothing is tidied up after it."""


@pytest.mark.parametrize("last", range(1, 6))
def test_files_move_up_together_also_when_the_process_is_killed_between(last, tmp_path, monkeypatch):
    (tmp_path / "aside").mkdir()
    for name in ("a", "b", "old"):
        (tmp_path / name).write_text("1")
    for name in ("a", "b", "z"):
        (tmp_path / "aside" / name).write_text("2")
    true, left = os.replace, [last]

    def replace(*args: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise KilledError
        true(*args)

    with monkeypatch.context() as patch, locked(tmp_path, "x"):
        patch.setattr(os, "replace", replace)
        with pytest.raises(KilledError):
            move_up(tmp_path / "aside", "a", ["old"])
    with locked(tmp_path, "x"):
        pass
    there = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file() and path.name != ".lock"}
    assert there == ({"a": "1", "b": "1", "old": "1"} if last <= 2 else {"a": "2", "b": "2", "z": "2"})


def test_a_run_whose_process_was_killed_while_its_files_moved_up_is_the_one_that_is_gone_on_with(tmp_path, monkeypatch):
    run = tmp_path / "run"
    begin(run, seed=1)
    true = os.replace

    def replace(source: Any, target: Any) -> None:
        if Path(source).parent == run / ".moving":
            raise KilledError
        true(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KilledError):
            begin(run, seed=2)
    assert json.loads((run / RUN).read_bytes())["arguments"]["seed"] == 1
    with suppress(ArgumentError):  # it says that data of one's own must be given again
        read_record(run)
    assert json.loads((run / RUN).read_bytes())["arguments"]["seed"] == 2
    assert [path.name for path in run.glob(".*")] == [".lock"]


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "run", tmp_path / "file"):
        with pytest.raises(StriateError):
            begin(place)
        with pytest.raises(StriateError):
            small().save(place)
    Full(monkeypatch, "mkdir", 1)
    with pytest.raises(BundleError, match="could not write"):
        begin(tmp_path / "new")
    assert not (tmp_path / "new").exists()


# -- damaged and hostile records ---------------------------------------------------------------------------------------
def resumable(folder: Path) -> None:
    train_run("digits", model=None, recipe="digits", epochs=1, folder=folder, report=False, verbose=0, batch_size=512)


BROKEN: list[Any] = [
    b"",
    b"{",
    b"[" * 200_000,
    b"\xff\xfe",
    b"null",
    b"[]",
    {"arguments": []},
    {"arguments": {}, "objects": []},
    {"arguments": {"data": "digits", "options": []}, "objects": []},
    {"arguments": {"data": "digits", "options": {"folder": "/tmp/x"}}, "objects": []},
    {"arguments": {"data": "digits", "options": {}, "folder": "/tmp/x"}, "objects": []},
    {"arguments": {"data": "digits", "options": {}, "resume": False}, "objects": []},
    {"arguments": {"data": "digits", "options": {}, "what": 1}, "objects": []},
    {"arguments": {"data": "digits", "options": {}, "epochs": "many"}, "objects": []},
    {"arguments": {"data": "digits", "options": {}, "validation": [1]}, "objects": []},
    {"arguments": {"data": 7, "options": {}}, "objects": []},
    {"arguments": {"data": "digits", "options": {}}, "objects": 3},
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_damaged_or_hostile_record_of_a_run_is_one_error(content, tmp_path):
    (tmp_path / RUN).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(BundleError, match=r"run\.json"):
        resume_run(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [RUN]


def test_a_record_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "other.json").write_text('{"arguments": {}, "objects": []}')
    run = tmp_path / "run"
    run.mkdir()
    (run / RUN).symlink_to(tmp_path / "other.json")
    with pytest.raises(BundleError, match="is a link"):
        read_record(run)


LINKS = (".training.pt.part", "metrics.csv", "metrics.csv.part", "training.pt", "report.html", "README.md", RUN)
FOLDERS = (".again", ".moving", ".saving", ".stage-2")


def test_links_in_a_strangers_run_lead_nowhere(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    run = tmp_path / "run"
    begin(run)
    for name in LINKS:
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(outside / "file")
    for name in FOLDERS:
        (run / name).symlink_to(outside, target_is_directory=True)
    begin(run, report=True)
    begin(run, callbacks=[st.callbacks.CSVLogger(run / "log.csv")])
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "mine"
    (run / ".lock").unlink()
    (run / ".lock").symlink_to(outside / "file")
    with pytest.raises(BundleError, match="lock"):
        begin(run)


def fitted(folder: Path, epochs: int, callbacks: Any = ()) -> Any:
    st.set_seed(0)
    model = small()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, Y, epochs=epochs, batch_size=8, seed=0, verbose=0, resume=folder, callbacks=callbacks)
    return model


@pytest.mark.parametrize("part", [0.2, 0.4, 0.5, 0.6, 0.8])
def test_a_flipped_bit_in_the_state_of_a_training_is_an_error_or_changes_no_number(part, tmp_path):
    expected = fitted(tmp_path / "whole", 2).get_weights()
    fitted(tmp_path / "run", 1)
    file = tmp_path / "run" / "training.pt"
    content = bytearray(file.read_bytes())
    content[int(len(content) * part)] ^= 64
    file.write_bytes(content)
    found = expected
    with suppress(BundleError):  # what is said of it is in the next test
        found = fitted(tmp_path / "run", 2).get_weights()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_cut_state_and_one_of_another_training_are_one_error(tmp_path):
    from striate.doors.arrays import read_state, write_state

    fitted(tmp_path, 1)
    file = tmp_path / "training.pt"
    state = read_state(file)
    for wrong in (
        {**state, "optimizer": 3},
        {**state, "weights": {}},
        {**state, "epoch": "x"},
        {key: value for key, value in state.items() if key != "random"},
        {**state, "callbacks": {"x": 1}},
        {**state, "signature": None},
    ):
        write_state(file, wrong)
        with pytest.raises(StriateError):
            fitted(tmp_path, 2)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BundleError, match="is damaged"):
        fitted(tmp_path, 2)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\xff", b"epoch,loss\n0,1,2\n", b'a,b\n"', b"a\0b,c\n1,2\n", b"a,b\n" + b"x" * 200_000]
)
def test_a_damaged_table_of_figures_is_one_error(content, tmp_path):
    log = tmp_path / "metrics.csv"
    fitted(tmp_path, 1, [st.callbacks.CSVLogger(log)])
    log.write_bytes(content)
    with pytest.raises(BundleError, match=r"metrics\.csv"):
        fitted(tmp_path, 2, [st.callbacks.CSVLogger(log)])


# -- a search ----------------------------------------------------------------------------------------------------------
def search(folder: Path) -> Any:
    part = Dataset(X, Y, ["a", "b"], "dots")
    return st.tune.tune("dots", 1, folder=folder, model=small(), folds=2, epochs=1, splits=Splits(part, None, part))


def test_a_search_is_where_its_folder_says_whatever_that_is_called(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    for name in ("a?mode=memory", "b#c%41", "file:d"):
        search(tmp_path / name)
        assert (tmp_path / name / "tune.db").stat().st_size > 1000
        assert len(search(tmp_path / name).trials) == 1
    assert len([*tmp_path.iterdir()]) == 3


def test_a_damaged_search_is_one_error(tmp_path):
    pytest.importorskip("optuna")
    search(tmp_path)
    file = tmp_path / "tune.db"
    whole = file.read_bytes()
    for damaged in (b"no database", whole[:5000], whole[:100] + bytes(4000) + whole[4100:]):
        file.write_bytes(damaged)
        with pytest.raises(BundleError, match=r"tune\.db"):
            search(tmp_path)
    file.unlink()
    (tmp_path / "other.db").write_bytes(whole)
    file.symlink_to(tmp_path / "other.db")
    with pytest.raises(BundleError, match=r"tune\.db"):
        search(tmp_path)


# -- what is printed ----------------------------------------------------------------------------------------------------
def test_a_full_disk_behind_standard_output_is_one_line():
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "striate.cli.main", "models"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "striate: No space left on device.\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_whose_streams_are_closed_does_its_work_and_prints_into_no_file(closed, tmp_path):
    command = [sys.executable, "-m", "striate.cli.main"]

    def code(*arguments: str) -> int:
        line = ["sh", "-c", f'exec "$@" {closed}', "sh", *command, *arguments]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, check=False).returncode

    assert code("draw", "lenet5", "-o", "net.svg") == 0
    assert (tmp_path / "net.svg").read_text().strip().endswith("</svg>")
    assert code("size", "nowhere") == 2


def test_where_an_error_cannot_be_said_the_exit_code_says_it():
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "striate.cli.main", "size", "nowhere"]
        assert subprocess.run(command, stdout=subprocess.DEVNULL, stderr=full, check=False).returncode == 2


def test_a_working_folder_that_was_removed_and_too_little_memory_are_one_line(tmp_path, monkeypatch, capsys):
    def ended() -> str:
        with pytest.raises(SystemExit) as end:
            cli.main(["models"])
        assert end.value.code == 2
        return capsys.readouterr().err

    def too_much(arguments: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(cli, "_run", too_much)
        assert (
            ended() == "striate: there is not enough memory for this; close other programs, or take less at a time.\n"
        )
    if os.name == "posix":
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert ended() == "striate: the folder that you are in is not there any more. Change to one that is.\n"
