"""What all tests share: the same random numbers in every run, and no deadline on slow machines."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import quick
from hypothesis import HealthCheck, settings

settings.register_profile(
    "striate",
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("striate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh", action="store_true", help="write the golden tables anew; look at what changed")
    parser.addoption("--quick", action="store_true", help="leave out what takes long; see quick.py")
    parser.addoption("--measure", action="store_true", help="write the seconds of tests into quick.txt; see quick.py")


def pytest_configure(config: pytest.Config) -> None:
    """Workers of pytest-xdist share the cores: one torch thread each.  Nothing is left in the user's cache."""
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"
    elif config.getoption("--measure"):
        config.pluginmanager.register(quick.Measured())
    os.environ["STRIATE_CACHE"] = tempfile.mkdtemp(prefix="striate-cache-")
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # before anything imports its library


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is collected lives to the end, so the garbage collector looks at it neither now nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked long runs with STRIATE_LONG=1 only; with --quick, what is slow is left out as well."""
    left = [] if os.environ.get("STRIATE_LONG") else [item for item in items if item.get_closest_marker("long")]
    if config.getoption("--quick"):
        table = quick.lines()
        left += [item for item in items if not quick.stays(item.nodeid, table) or item.get_closest_marker("slow")]
    gone = set(left)
    config.hook.pytest_deselected(items=[item for item in items if item in gone])
    items[:] = [item for item in items if item not in gone]


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["STRIATE_CACHE"], ignore_errors=True)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """torch's own function looks at the whole stack for each accelerator that is not there yet, which takes the longest."""
    import numpy as np
    import torch

    np.random.seed(0)
    if torch.accelerator.is_available():
        torch.manual_seed(0)
    else:
        torch.default_generator.manual_seed(0)


@pytest.fixture(autouse=True)
def _notes_are_new() -> None:
    """What is said once in a process is said once in each test."""
    from striate import errors

    errors._SAID.clear()


@pytest.fixture
def soon_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """First weights from a uniform distribution in place of a cut normal one, which takes a fifth of the time."""
    import torch

    def uniform(tensor: Any, mean: float, std: float, a: float, b: float, generator: Any = None) -> Any:
        return tensor.uniform_(mean - 1.7 * std, mean + 1.7 * std, generator=generator)

    monkeypatch.setattr(torch.nn.init, "trunc_normal_", uniform)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for torch: on numbers as few as these, more of them only wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    """Run the command line in this process; returns (exit code, stdout, stderr)."""
    from striate.cli.main import main

    def call(*arguments: object) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(a) for a in arguments])
        out = capsys.readouterr()
        return ended.value.code, out.out, out.err

    return call


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    from browser import chromium

    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def small() -> Any:
    """A small network with something of everything that the page explains."""
    from page_nets import network

    return network()


@pytest.fixture(scope="session")
def written(small: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of `small`, which computes and cannot be edited; a module with another page has its own."""
    from page_nets import HOSTILE

    from striate.page.explorer import write_explorer

    path = tmp_path_factory.mktemp("page") / "a < b.html"
    return write_explorer(path, small.graph, HOSTILE[0], small, editable=False, timed=False)


@pytest.fixture(scope="module")
def asked(browser: Any, written: Path) -> Iterator[Any]:
    """The page of `written`, opened once for tests that ask it and leave it as it is."""
    from browser import Opened

    page = Opened(browser, written)
    yield page
    page.context.close()
    assert page.faults == []
    assert page.asked == []


@pytest.fixture
def opened(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page that the module's fixture `written` gives, in the browser; nothing goes wrong in it, nothing is asked for."""
    from browser import Opened

    page = Opened(browser, request.getfixturevalue("written"))
    yield page
    page.context.close()
    assert page.faults == []
    assert page.asked == []
