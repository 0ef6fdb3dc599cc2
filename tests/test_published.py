"""Weights that somebody trained: fetched once from a server, checked, put into the network of their variant."""

from __future__ import annotations

import hashlib
import http.server
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import errors as hub_errors

import striate as st
from striate import data, layers, zoo
from striate.doors import budgets
from striate.errors import ArgumentError, BundleError, DataError
from striate.graph import Shape
from striate.weights.source import Source
from striate.zoo import registry
from striate.zoo.registry import Paper, architecture

TORCHVISION = Source(
    library="torchvision",
    model="tiny",
    rename=((r"_", "."),),
    variant={"variant": "torch"},
    pixels="torch",
    shorter_side=12,
)
KERAS = Source(library="keras", model="Tiny", rename=((r"^body_", ""),), variant={"variant": "keras"}, pixels="caffe")
WIDE = Source(
    library="keras", model="TinyWide", rename=KERAS.rename, variant={"variant": "keras", "width": 6}, pixels="tf"
)


def tiny(classes: int, input_shape: Shape, variant: str = "torch", width: int = 4) -> st.Model:
    """A network whose two variants differ in a name and in a bias."""
    inputs = layers.Input(input_shape)
    x = layers.Conv2D(width, 3, use_bias=variant == "keras", name="body_conv")(inputs)
    features = layers.BatchNormalization(name="body_bn")(x)
    y = layers.Flatten()(layers.MaxPooling2D(4)(features))
    return registry.network(inputs, features, layers.Dense(classes, activation="softmax", name="head")(y))


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A web server on this machine, and a cache of one's own: `files` by path, what was `asked`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(f"{self.command} {self.path}")
            content = self.server.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content[: self.server.stop])

        do_HEAD = do_GET  # noqa: N815  http.server calls it so

        def log_message(self, *_):
            pass

    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.asked, running.stop = {}, [], None
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def made(server, monkeypatch, tmp_path):
    """The architecture "tiny", with weights on the server for each of its sources; the models they were saved from."""
    monkeypatch.setattr(registry, "_CARDS", dict(registry._CARDS))
    originals, sources = {}, []
    for source, file in ((TORCHVISION, "tiny.pth"), (KERAS, "tiny.h5"), (WIDE, "wide.h5")):
        architecture("tiny", "tiny", Paper("nobody", 2026), (10, 10, 3), 5, sources=[source])(tiny)
        model = zoo.create("tiny", classes=1000, **source.variant)
        rng = np.random.default_rng(len(sources))
        model.set_weights([rng.uniform(0.1, 1, a.shape).astype("float32") for a in model.get_weights()])
        model.export_weights(tmp_path / file, source.library)
        content = server.files[f"/{file}"] = (tmp_path / file).read_bytes()
        sums = {"tiny.pth": "sha256:" + hashlib.sha256(content).hexdigest()[:8]}
        checksum = sums.get(file, "md5:" + hashlib.md5(content, usedforsecurity=False).hexdigest())
        sources.append(
            Source(
                **{k: getattr(source, k) for k in source.__dataclass_fields__}
                | {"url": f"{server.url}/{file}", "checksum": checksum}
            )
        )
        originals[file] = model
    architecture("tiny", "tiny", Paper("nobody", 2026), (10, 10, 3), 5, sources=sources)(tiny)
    return originals


def same(a: st.Model, b: st.Model) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


def fails(error: type[Exception], call, *says: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert "\n" not in str(caught.value)
    for word in says:
        assert word in str(caught.value)


# -- by library -------------------------------------------------------------------------------------------------------
def test_weights_of_a_library_come_with_its_variant_classes_preprocessing_and_labels(made, server):
    model = zoo.create("tiny", weights="torchvision")
    assert same(model, made["tiny.pth"])
    assert model.origin.variant["variant"] == "torch"
    assert model.output.sizes == (1000,)
    assert model.labels == data.imagenet_labels()
    assert model.preprocessing.shorter_side == 12
    assert model.preprocessing.std == (0.229, 0.224, 0.225)
    model = zoo.create("tiny", weights="keras")
    assert same(model, made["tiny.h5"])
    assert model.origin.variant["variant"] == "keras"
    assert model.preprocessing.order == "bgr"
    assert model.preprocessing.shorter_side == 11  # 8/7 of 10
    assert server.asked == ["GET /tiny.pth", "GET /tiny.h5"]


def test_the_source_that_fits_the_arguments_given_is_taken(made):
    assert same(zoo.create("tiny", weights="keras", width=6), made["wide.h5"])
    fails(
        ArgumentError,
        lambda: zoo.create("tiny", weights="keras", variant="torch"),
        "variant='keras'",
        "not variant='torch'",
    )
    fails(
        ArgumentError, lambda: zoo.create("tiny", weights="timm"), "timm publishes no weights", '"keras", "torchvision"'
    )


def test_what_is_in_the_cache_needs_no_network(made, server):
    zoo.create("tiny", weights="torchvision")
    server.files.clear()
    assert same(zoo.create("tiny", weights="torchvision"), made["tiny.pth"])
    assert server.asked == ["GET /tiny.pth"]


@pytest.mark.parametrize("fault", ["absent", "cut off", "changed"])
def test_a_download_that_fails_is_one_clear_error_and_leaves_nothing(made, server, tmp_path, fault):
    if fault == "absent":
        del server.files["/tiny.pth"]
    elif fault == "changed":
        server.files["/tiny.pth"] += b" "
    else:
        server.stop = 100
    fails(DataError, lambda: zoo.create("tiny", weights="torchvision"), server.url, "by hand")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_without_its_head_a_network_takes_the_rest_of_the_weights(made):
    model = zoo.create("tiny", weights="torchvision", include_top=False, pooling="avg", input_shape=(30, 22, 3))
    assert model.output.sizes == (4,)
    assert model.labels is None
    whole = made["tiny.pth"]
    assert np.array_equal(model.get_layer("body_conv").get_weights()[0], whole.get_layer("body_conv").get_weights()[0])


# -- from a file ------------------------------------------------------------------------------------------------------
def test_a_path_chooses_variant_and_classes(made, tmp_path):
    for file, model in made.items():
        if file != "wide.h5":
            assert same(zoo.create("tiny", weights=tmp_path / file), model)
    assert same(zoo.create("tiny", weights=str(tmp_path / "wide.h5"), width=6), made["wide.h5"])
    own = zoo.create("tiny", classes=1001)
    own.save_weights(tmp_path / "own")
    loaded = zoo.create("tiny", weights=tmp_path / "own")
    assert same(loaded, own)
    assert loaded.preprocessing is None  # nobody knows what the network of that file was trained on
    own.export_weights(tmp_path / "own.pth", "torchvision")
    assert zoo.create("tiny", weights=tmp_path / "own.pth").labels[:2] == ["background", data.imagenet_labels()[0]]


def test_what_contradicts_a_file_is_said(made, tmp_path):
    pth, h5 = tmp_path / "tiny.pth", tmp_path / "tiny.h5"
    fails(
        ArgumentError,
        lambda: zoo.create("tiny", weights=pth, classes=7),
        "for 1,000 classes, not 7",
        "include_top=False",
    )
    fails(BundleError, lambda: zoo.create("tiny", weights=h5, variant="torch"), "they fit variant='keras'")
    fails(BundleError, lambda: zoo.create("linear", weights=pth), "another architecture")
    fails(BundleError, lambda: zoo.create("tiny", weights="keas"), 'Did you mean "keras"?')
    fails(ArgumentError, lambda: zoo.create("tiny", weights=True), "hf:owner/name or a path")
    fails(
        BundleError,
        lambda: zoo.create("tiny", classes=1000).load_weights(h5),
        "keras's weights of tiny fit the network made with variant='keras'",
    )


# -- from the hub -----------------------------------------------------------------------------------------------------
@pytest.fixture
def hub(made, monkeypatch, tmp_path):
    """The hub's library without its network: `content` is what comes, `digits` what the hub says of it."""
    made["tiny.pth"].export_weights(tmp_path / "hub.safetensors", "torchvision")

    class Hub:
        content = (tmp_path / "hub.safetensors").read_bytes()
        digits = hashlib.sha256(content).hexdigest()
        asked: list[str] = []
        error: Exception | None = None
        size: int | None = None

        def about(self, url, **_):
            """As get_hf_file_metadata tells of a file."""
            if self.error is not None:
                raise self.error
            return SimpleNamespace(size=len(self.content) if self.size is None else self.size)

        def download(self, repository, file, *, cache_dir, tqdm_class, **_):
            """As hf_hub_download lays a file down: named by its sum, a link from the revision's folder to it."""
            self.asked.append(f"{repository} {file}")
            if self.error is not None:
                raise self.error
            with tqdm_class(total=len(self.content), disable=True) as bar:
                for start in range(0, len(self.content), 1000):
                    bar.update(len(self.content[start : start + 1000]))
            folder = Path(cache_dir) / f"models--{repository.replace('/', '--')}"
            at, blob = folder / "snapshots" / ("0" * 40) / file, folder / "blobs" / self.digits
            for path in (at, blob, folder / "refs" / "main"):
                path.parent.mkdir(parents=True, exist_ok=True)
            (folder / "refs" / "main").write_text("0" * 40)
            blob.write_bytes(self.content)
            at.symlink_to(blob)
            return str(at)

    hub = Hub()
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", hub.about)
    return hub


def test_a_model_on_the_hub_is_fetched_once(made, hub):
    for _ in range(2):
        assert same(zoo.create("tiny", weights="hf:somebody/tiny.v1"), made["tiny.pth"])
    assert hub.asked == ["somebody/tiny.v1 model.safetensors"]


def test_a_hub_file_that_is_not_the_one_announced_is_refused(made, hub, tmp_path):
    whole, hub.content = hub.content, hub.content[:-1] + b"x"
    fails(DataError, lambda: zoo.create("tiny", weights="hf:somebody/tiny.v1"), "SHA-256", "nothing was kept")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.name != "main"]
    hub.content = whole
    assert same(zoo.create("tiny", weights="hf:somebody/tiny.v1"), made["tiny.pth"])


def test_a_hub_file_above_the_limit_or_the_room_on_the_disk_is_not_asked_for(made, hub, monkeypatch):
    hub.asked = []
    for size, says in (
        (budgets.WEIGHTS + 1, f"the limit is {budgets.WEIGHTS:,}"),
        (budgets.WEIGHTS, "free some space"),
    ):
        hub.size = size
        monkeypatch.setattr("shutil.disk_usage", lambda place: SimpleNamespace(free=budgets.WEIGHTS - 1))
        fails(DataError, lambda: zoo.create("tiny", weights="hf:somebody/other"), says)
    assert not hub.asked


def test_a_hub_that_sends_more_than_it_told_is_broken_off(made, hub, tmp_path):
    hub.size = len(hub.content) - 1
    fails(DataError, lambda: zoo.create("tiny", weights="hf:somebody/tiny.v1"), f"more than the {hub.size:,} bytes")
    assert not list((tmp_path / "cache").rglob("blobs"))


def test_a_cache_of_the_hub_whose_names_are_no_text_is_one_clear_error(made, hub, tmp_path):
    zoo.create("tiny", weights="hf:somebody/tiny.v1")
    next((tmp_path / "cache").rglob("refs/main")).write_bytes(b"\x93" * 40)
    fails(DataError, lambda: zoo.create("tiny", weights="hf:somebody/tiny.v1"), "tiny.v1", "damaged. Delete")


def test_what_the_hub_refuses_is_one_clear_error(made, hub):
    response = SimpleNamespace(headers={}, request=None, status_code=404)
    for error, says in (
        (hub_errors.RepositoryNotFoundError("404", response=response), "no such repository"),
        (hub_errors.GatedRepoError("403", response=response), "accept its terms"),
        (hub_errors.EntryNotFoundError("404"), "has no such file"),
        (hub_errors.LocalEntryNotFoundError("no way there"), "the download failed (no way there)"),
        (hub_errors.HfHubHTTPError("500 of the server", response=response), "500 of the server"),
        (OSError(28, "No space left on device"), "No space left"),
    ):
        hub.error = error
        fails(DataError, lambda: zoo.create("tiny", weights="hf:somebody/other"), "somebody/other", says)
    for name in ("hf:tiny", "hf:../tiny", "hf:a/b/c"):
        fails(ArgumentError, lambda name=name: zoo.create("tiny", weights=name), '"owner/name"')


def test_without_a_network_the_hub_is_one_clear_error(made, server):
    fails(DataError, lambda: zoo.create("tiny", weights="hf:somebody/other"), "somebody/other", "give its path")


# -- parts ------------------------------------------------------------------------------------------------------------
def test_pixels_become_what_each_library_feeds_its_networks():
    pixels = np.arange(4 * 4 * 3, dtype="uint8").reshape(1, 4, 4, 3) * 5
    floats = pixels.astype("float64")
    expected = {
        "torch": (floats / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "caffe": floats[..., ::-1] - [103.939, 116.779, 123.68],
        "tf": floats / 127.5 - 1,
        "unit": floats / 255,
        "raw": floats,
    }
    for name, numbers in expected.items():
        source = Source(library="keras", model="x", pixels=name)
        prepared = zoo.preprocessing_of(source, (4, 4, 3))
        np.testing.assert_allclose(prepared.normalise(pixels), numbers, atol=2e-5)
    assert zoo.preprocessing_of(source, (4, 4, 1)) is None


class Terminal:
    """A stream that takes itself for a terminal, or not."""

    def __init__(self, yes: bool) -> None:
        self.yes, self.said = yes, ""

    def isatty(self) -> bool:
        return self.yes

    def write(self, text: str) -> int:
        self.said += text
        return len(text)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("yes", [True, False])
def test_a_progress_bar_is_shown_to_people_only(server, tmp_path, monkeypatch, yes):
    monkeypatch.setattr(sys, "stderr", stream := Terminal(yes))
    server.files["/big.bin"] = bytes(3 << 20)
    data.fetch(server.url + "/big.bin", tmp_path / "big.bin", hashlib.sha256(bytes(3 << 20)).hexdigest())
    assert ("big.bin" in stream.said and "3.1" in stream.said) == yes
    assert yes or not stream.said
    with pytest.raises(ArgumentError, match="checksum"):
        data.fetch(server.url + "/big.bin", tmp_path / "big.bin", "crc:12")


REAL = Path(os.environ["STRIATE_DATA"]) / "weights" if os.environ.get("STRIATE_DATA") else None


@pytest.mark.skipif(REAL is None, reason="STRIATE_DATA, the folder of real data, is not set")
def test_real_files_make_networks_of_their_classes():
    model = zoo.create("mobilenet", weights=REAL / "mobilenet_1_0_224_imagenet1001_keras_legacy.h5")
    assert model.output.sizes == (1001,)
    assert model.labels[1].startswith("tench")
    assert model.preprocessing.scale == 1 / 127.5
    model = zoo.create("cifar_resnet20", weights=REAL / "cifar10_resnet20_torch.th")
    assert model.output.sizes == (10,)
