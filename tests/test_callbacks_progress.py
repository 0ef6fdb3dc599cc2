"""The progress bar: in a file, in a terminal, of unknown length, in ASCII."""

import io
import re

import pytest
from pretend_training import Model, fit, losses

from striate.train.callbacks import (
    CallbackList,
    ProgressBar,
)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_file_gets_one_line_per_epoch() -> None:
    out = io.StringIO()
    fit(ProgressBar(stream=out), [{"loss": 0.5, "val_loss": 0.0001, "accuracy": 0.75, "learning_rate": 0.01}] * 2)
    lines = out.getvalue().splitlines()
    assert [lines[0], lines[2]] == ["Epoch 1/2", "Epoch 2/2"]
    pattern = (
        r"2/2 ━{20} 0s \d+[mu]?s/step - accuracy: 0.7500 - loss: 0.5000 - val_loss: 1.0000e-04 - learning_rate: 0.0100"
    )
    assert re.fullmatch(pattern, lines[1])
    assert len(lines) == 4


def test_a_terminal_gets_a_bar_that_moves_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    out = Terminal()
    hooks = CallbackList(ProgressBar(stream=out), model=Model(), epochs=1)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0, steps=100)
    for batch in range(100):
        clock[0] += 0.015
        hooks.on_train_batch_end(batch, lambda: {"loss": 0.125, "accuracy": 0.5, "another_long_name": 0.5})
    clock[0] += 0.5  # validation
    hooks.on_epoch_end(0, {"loss": 0.25})
    drawn = out.getvalue().split("\r\x1b[K")[1:]
    assert len(drawn) == 15
    assert drawn[0].startswith("  7/100 ━                    1s 15ms/step - accura")
    assert all(len(line) < 60 for line in drawn[:-1])
    assert drawn[-1] == f"100/100 {'━' * 20} 2s 15ms/step - loss: 0.2500\n"


def test_verbose_two_prints_lines_and_zero_nothing() -> None:
    for verbose, lines in ((2, 2), (0, 0)):
        out = Terminal()
        fit(ProgressBar(verbose, out), losses(1))
        assert "\r" not in out.getvalue()
        assert out.getvalue().count("\n") == lines - (verbose == 2)  # one epoch needs no title


def test_a_bar_without_a_known_length_counts() -> None:
    out = io.StringIO()
    bar = ProgressBar(stream=out)
    hooks = CallbackList(bar, model=Model(), epochs=1)
    hooks.on_epoch_begin(0)
    for batch in range(3):
        hooks.on_train_batch_end(batch)
    hooks.on_epoch_end(0, {"per_class": [0.5, 0.25]})
    assert re.fullmatch(r"3/3 ━{20} 0s \d+[mu]?s/step - per_class: \[0.5000 0.2500\]\n", out.getvalue())


def test_an_output_that_knows_only_ascii_gets_ascii() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    fit(ProgressBar(stream=out), losses(1))
    out.seek(0)
    assert "=" * 20 in out.read()


def test_evaluation_has_a_bar_of_its_own() -> None:
    out = io.StringIO()
    hooks = CallbackList(ProgressBar(stream=out), model=Model())
    hooks.on_begin("test", steps=2)
    for batch in range(2):
        hooks.on_batch("test", "end", batch)
    hooks.on_end("test", {"loss": 0.5})
    assert re.fullmatch(r"2/2 ━{20} 0s \d+[mu]?s/step - loss: 0.5000\n", out.getvalue())
