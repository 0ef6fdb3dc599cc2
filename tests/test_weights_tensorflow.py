"""TensorFlow's checkpoints, both kinds, read without TensorFlow; slim's networks by their scopes; hostile files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import MAGIC, block, crc32c, number, shape, table, text, varint, write_v1, write_v2
from hypothesis import given, settings
from hypothesis import strategies as some
from steps import steps
from weight_files import fill

import striate as st
from striate import layers, zoo
from striate.errors import ArgumentError, BundleError
from striate.primitives import DepthwiseConv
from striate.weights.crc32c import masked_crc32c
from striate.weights.layout import slots_of
from striate.weights.read import read_weights
from striate.weights.sorted_table import TableError, entries, unsqueezed
from striate.weights.tensorflow_files import _fields

ORACLE = Path(__file__).parent / "oracles" / "tensorflow_files"


def written_by_tensorflow() -> dict[str, np.ndarray]:
    """What the files in oracles/tensorflow_files hold: TensorFlow 2.15 was given these."""
    shapes = {
        "net/conv1/weights": (3, 2, 2, 4),
        "net/conv1/biases": (4,),
        "net/conv1/BatchNorm/moving_mean": (4,),
        "net/logits/weights": (1, 1, 4, 3),
        "net/logits/weights/Momentum": (1, 1, 4, 3),
    }
    arrays = {
        name: (np.arange(np.prod(sizes)) * 0.25 + i).reshape(sizes).astype("float32")
        for i, (name, sizes) in enumerate(shapes.items())
    }
    return arrays | {"global_step": np.int64(7).reshape(()), "net/wide/weights": np.arange(40.0).reshape(8, 5) / 8}


KERAS = {"weights": "kernel", "biases": "bias", "moving_mean": "moving_mean"}


def assert_read(path: Path, arrays: dict[str, np.ndarray]) -> None:
    read = {name: array.numpy() for name, array in read_weights(path).arrays()}
    wanted = {}
    for name, array in arrays.items():
        scope, _, last = name.rpartition("/")
        if last in KERAS:
            wanted[f"{scope}/{KERAS[last]}"] = array
    assert {name: array for name, array in read.items() if name.startswith("net/")}.keys() == wanted.keys()
    for name, array in wanted.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array), name


@pytest.mark.parametrize("name", ["v1.ckpt", "v2.ckpt", "v2.ckpt.index", "v2.ckpt.data-00000-of-00001"])
def test_files_that_tensorflow_wrote_give_every_number(name):
    assert_read(ORACLE / name, written_by_tensorflow())


def test_an_array_that_tensorflow_saved_in_pieces_is_put_together():
    pieces = dict(read_weights(ORACLE / "v1.ckpt").arrays())["cut/part/kernel"]
    assert pieces.shape == (6, 4)
    first, second, third = np.split(pieces.numpy(), 3)  # drawn with one seed, so alike
    assert np.array_equal(first, second)
    assert np.array_equal(first, third)
    assert len(np.unique(first)) == 8


@pytest.mark.parametrize("squeezed", [False, True])
@pytest.mark.parametrize("per_block", [1, 3, 1000])
def test_both_kinds_give_every_number_however_they_are_laid_out(tmp_path, squeezed, per_block):
    arrays = written_by_tensorflow()
    write_v1(tmp_path / "one.ckpt", arrays, squeezed=squeezed, per_block=per_block)
    write_v1(tmp_path / "cut.ckpt", arrays, cut=2, squeezed=squeezed, per_block=per_block)
    write_v2(tmp_path / "two", arrays, shards=3, squeezed=squeezed, per_block=per_block)
    for name in ("one.ckpt", "cut.ckpt", "two", "two.index"):
        assert_read(tmp_path / name, arrays)


def test_what_these_tests_write_is_what_tensorflow_writes(tmp_path):
    """Names, messages, checksums and numbers; TensorFlow only shortens the keys of the blocks' index."""
    write_v2(tmp_path / "v2.ckpt", written_by_tensorflow())
    ours, theirs = (folder / "v2.ckpt.data-00000-of-00001" for folder in (tmp_path, ORACLE))
    assert ours.read_bytes() == theirs.read_bytes()
    ours, theirs = (
        {key: sorted(fields(value)) for key, value in entries(memoryview((folder / "v2.ckpt.index").read_bytes()))}
        for folder in (tmp_path, ORACLE)
    )
    assert {key: ours[key] for key in ours if key} == {key: theirs[key] for key in theirs if key}


def fields(message: memoryview) -> list[tuple[int, int, object]]:
    """Numbers that are 0 may be left out."""
    found = [(number, kind, value if kind == 0 else bytes(value)) for number, kind, value in _fields(message)]
    return [one for one in found if one[2] not in (0, b"")]


@given(some.binary(max_size=300), some.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_the_checksum_is_that_of_a_sum_byte_by_byte(data, times):
    assert masked_crc32c(data) == crc32c(data)
    assert masked_crc32c(data * times) == crc32c(data * times)


def test_the_checksum_of_long_data_is_that_of_a_sum_byte_by_byte():
    """Long data are summed in stretches side by side."""
    for size in (64 * 4096 * 4 - 1, 64 * 4096 * 4, 64 * 4096 * 4 + 3):
        data = np.random.default_rng(size).integers(0, 256, size, "uint8").tobytes()
        # x -> crc(x) is linear apart from its start, so one changed byte changes a long sum as it does behind zeros
        other = bytearray(data)
        other[-100] ^= 255
        apart, zeros = bytearray(200), bytes(200)
        apart[100] ^= 255

        def plain(data: bytes, of: Callable[[bytes], int]) -> int:
            turned = (of(data) - 0xA282EAD8) & 0xFFFFFFFF
            return (turned >> 17 | turned << 15) & 0xFFFFFFFF

        change = plain(data, masked_crc32c) ^ plain(bytes(other), masked_crc32c)
        assert change == plain(bytes(apart), crc32c) ^ plain(zeros, crc32c)


def test_weights_that_were_averaged_over_training_are_taken(tmp_path):
    one, average = np.ones((1, 1, 2, 3), "float32"), np.full((1, 1, 2, 3), 2.0, "float32")
    write_v2(tmp_path / "net", {"net/a/weights": one, "net/a/weights/ExponentialMovingAverage": average})
    read = read_weights(tmp_path / "net")
    assert [(name, float(array.max())) for name, array in read.arrays()] == [("net/a/kernel", 2.0)]
    assert read.notes == ["1 array as averaged over training"]


def test_weights_that_keras_2_wrote_as_a_checkpoint_give_its_answers():
    """Keras 2.15 trained this network, wrote oracles/tensorflow_files/objects.*, and answered what objects.npz holds."""
    model = st.Sequential(
        [
            layers.Input((8, 8, 2)),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(),
            layers.SeparableConv2D(4, 3),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    report = model.load_weights(ORACLE / "objects")
    assert "matched by class and order" in report.notes[-1]
    with np.load(ORACLE / "objects.npz") as held:
        np.testing.assert_allclose(model.predict(held["x"], verbose=0), held["y"], rtol=1e-5, atol=1e-6)


# -- networks of slim -------------------------------------------------------------------------------------------------
def slim_arrays(model: st.Model) -> dict[str, np.ndarray]:
    """A network's arrays under slim's names and in its layout, turned here index by index of the axes."""
    (source,) = [s for s in model.origin.sources if s.library == "slim"]
    state = {key: array.numpy() for key, array in model._state().items()}
    found = {}
    for slot in slots_of(model.graph.check()):
        array, scope, depthwise = (
            state[slot.key],
            source.name(slot.path),
            isinstance(slot.primitive, DepthwiseConv),
        )
        if slot.own == "weight" and array.ndim == 4:
            turned = np.transpose(array, (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
            found[f"{scope}/{'depthwise_weights' if depthwise else 'weights'}"] = np.ascontiguousarray(turned)
        elif slot.own == "weight" and array.ndim == 2:
            found[f"{scope}/weights"] = np.ascontiguousarray(array.T)[None, None]
        else:
            norm = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
            found[f"{scope}/{norm[slot.own] if 'running_mean' in norms(model, slot.path) else 'biases'}"] = array
    return found


def norms(model: st.Model, path: str) -> set[str]:
    return {slot.own for slot in slots_of(model.graph.check()) if slot.path == path}


@pytest.fixture(scope="module")
def mobilenet() -> st.Model:
    return fill(zoo.create("mobilenet", alpha=0.25, classes=1001, input_shape=(32, 32, 3)))


@pytest.mark.parametrize("kind", ["one file", "index and data"])
def test_a_checkpoint_of_slim_becomes_the_network_with_its_preprocessing_and_classes(tmp_path, mobilenet, kind):
    path = tmp_path / "mobilenet_v1_0.25_224.ckpt"
    (write_v1 if kind == "one file" else write_v2)(path, slim_arrays(mobilenet))
    model = zoo.create("mobilenet", weights=str(path), input_shape=(32, 32, 3))
    assert model.origin.variant["alpha"] == 0.25
    assert (model.labels[0], model.labels[1], len(model.labels)) == ("background", "tench, Tinca tinca", 1001)
    assert model.preprocessing == zoo.preprocessing_of(model.origin.sources[-1], (32, 32, 3))
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), "uint8")
    mobilenet.preprocessing = model.preprocessing
    np.testing.assert_array_equal(model.predict(x, verbose=0), mobilenet.predict(x, verbose=0))
    mobilenet.preprocessing = None


def test_a_checkpoint_of_another_network_says_what_does_not_fit(tmp_path, mobilenet):
    write_v2(tmp_path / "net.ckpt", slim_arrays(mobilenet))
    with pytest.raises(BundleError, match=r"MobilenetV1/Conv2d_0.*Nothing was changed\.$"):
        zoo.create("squeezenet1_1", weights=str(tmp_path / "net.ckpt"))
    with pytest.raises(BundleError, match="not this network's"):
        zoo.create("mobilenet", alpha=0.5, classes=1001).load_weights(tmp_path / "net.ckpt")


SLIM = [
    pytest.param(card.name, source, id=f"{card.name} {source.model} {source.variant.get('alpha', '')}")
    for card in map(zoo.card, zoo.names())
    for source in card.sources
    if source.library == "slim"
]


@pytest.mark.parametrize(("name", "source"), SLIM)
def test_every_layer_has_a_scope_of_its_own_in_slim(name, source):
    model = zoo.create(name, **source.variant)
    paths = {slot.path for slot in slots_of(model.graph.check())}
    scopes = {source.name(path) for path in paths}
    assert len(scopes) == len(paths)
    first = {scope.partition("/")[0] for scope in scopes}
    assert all(":" not in scope and "|" not in scope and "adjust" not in scope for scope in scopes)
    assert len(first) == 1 or name.startswith("nasnet")


def test_slims_files_are_not_fetched_and_it_is_said_where_they_are():
    with pytest.raises(ArgumentError, match=r"research/slim.*path"):
        zoo.create("inception_v3", weights="slim")
    with pytest.raises(ArgumentError, match="not written"):
        zoo.create("mobilenet", alpha=0.25).export_weights("net.ckpt", source="slim")


# -- damaged and hostile ----------------------------------------------------------------------------------------------
def small(folder: Path) -> list[Path]:
    arrays = {"net/a/weights": np.arange(6, dtype="float32").reshape(1, 1, 2, 3), "net/a/biases": np.ones(3, "float32")}
    write_v1(folder / "one.ckpt", arrays)
    write_v1(folder / "squeezed.ckpt", arrays, squeezed=True)
    write_v2(folder / "two", arrays)
    return [folder / "one.ckpt", folder / "squeezed.ckpt", folder / "two.index", folder / "two.data-00000-of-00001"]


@given(some.integers(0, 3), some.integers(0, 2000), some.integers(0, 255), some.sampled_from(["change", "cut", "grow"]))
@settings(max_examples=150, deadline=1000)
def test_damaged_checkpoints_are_errors_or_give_the_same_numbers(tmp_path_factory, which, place, value, how):
    folder = tmp_path_factory.mktemp("damaged")
    file = small(folder)[which]
    content = bytearray(file.read_bytes())
    whole = {name: array.numpy() for name, array in read_weights(file).arrays()}
    place %= len(content)
    if how == "change":
        content[place] = value
    elif how == "cut":
        del content[place:]
    else:
        content[place:place] = bytes([value]) * 7
    file.write_bytes(content)
    with contextlib.suppress(BundleError):
        read = {name: array.numpy() for name, array in read_weights(file).arrays()}
        assert all(np.array_equal(array, whole[name]) for name, array in read.items())


def entry(sizes: tuple[int, ...], size: int, *, kind: int = 1, shard: int = 0, start: int = 0) -> bytes:
    held = number(1, kind) + text(2, shape(sizes)) + number(3, shard) + number(4, start) + number(5, size)
    return held + bytes([6 << 3 | 5]) + crc32c(b"").to_bytes(4, "little")


HEADER = number(1, 1)
HOSTILE: dict[str, dict[bytes, bytes]] = {
    "a shape beyond memory": {b"": HEADER, b"net/a/weights": entry((1 << 30, 1 << 30), 1 << 62)},
    "a size beyond the file": {b"": HEADER, b"net/a/weights": entry((1 << 20,), 4 << 20)},
    "a start beyond the file": {b"": HEADER, b"net/a/weights": entry((1,), 4, start=1 << 40)},
    "a shape that is not the size": {b"": HEADER, b"net/a/weights": entry((3,), 8)},
    "negative sizes": {b"": HEADER, b"net/a/weights": entry(((1 << 64) - 1,), 8)},
    "more axes than there are": {b"": HEADER, b"net/a/weights": entry((1,) * 70, 4)},
    "a data file that is none": {b"": HEADER, b"net/a/weights": entry((1,), 4, shard=5)},
    "many data files": {b"": number(1, 1 << 40), b"net/a/weights": entry((1,), 4)},
    "a type that is none": {b"": HEADER, b"net/a/weights": entry((1,), 4, kind=88)},
    "the same bytes over and over": {b"": HEADER}
    | {f"n/{i:05d}/weights".encode(): entry((2,), 8) for i in range(2000)},
    "a message that ends too soon": {b"": HEADER, b"net/a/weights": b"\x12\xff\xff\x03"},
    "a name that is no text": {b"": HEADER, b"\xff\xfe/weights": entry((1,), 4)},
    "high bytes first": {b"": number(1, 1) + number(2, 1), b"net/a/weights": entry((1,), 4)},
    "nothing but counters": {b"": HEADER, b"global_step": entry((), 8, kind=9)},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_index_that_asks_for_what_is_not_there_is_one_error_at_once(tmp_path, what):
    (tmp_path / "net.index").write_bytes(table(HOSTILE[what]))
    (tmp_path / "net.data-00000-of-00001").write_bytes(bytes(8))
    with steps(1_000_000), pytest.raises(BundleError) as caught:
        read_weights(tmp_path / "net")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        varint(1 << 40) + b"\0a",  # a length that no such bytes can have
        varint(50) + bytes([49 << 2]),  # a piece beyond the end
        varint(8) + b"\0a" + bytes([7 << 2 | 2, 9, 0]),  # a copy from before the start
        varint(8) + b"\0a" + bytes([7 << 2 | 2, 0, 0]),  # a copy from itself
        varint(2) + b"\0a",  # too short
        b"\xff" * 12,
        b"",
    ],
)
def test_squeezed_bytes_that_are_damaged_are_refused(data):
    with pytest.raises(TableError):
        unsqueezed(data)


def test_squeezed_bytes_may_repeat_what_they_have_just_given():
    assert unsqueezed(varint(9) + b"\x04ab" + bytes([6 << 2 | 2, 2, 0])) == b"ababababa"
    assert unsqueezed(varint(7) + b"\x08abc" + bytes([0 << 2 | 1, 3])) == b"abcabca"


def test_blocks_that_lie_on_each_other_are_refused(tmp_path):
    """An index may name one block a thousand times; reading it a thousand times would never end."""
    first = block([(b"", HEADER)]) + b"\0"
    out = first + crc32c(first).to_bytes(4, "little")
    handle = varint(0) + varint(len(first) - 1)
    index = block([(bytes([i]), handle) for i in range(2)]) + b"\0"
    footer = (varint(0) + varint(4) + varint(len(out)) + varint(len(index) - 1)).ljust(40, b"\0")
    content = out + index + crc32c(index).to_bytes(4, "little") + footer + MAGIC.to_bytes(8, "little")
    (tmp_path / "net.index").write_bytes(content)
    with pytest.raises(BundleError, match="overlap"):
        read_weights(tmp_path / "net")


def test_a_checkpoint_whose_numbers_are_missing_says_which_file(tmp_path):
    write_v2(tmp_path / "net", {"net/a/weights": np.ones((1, 1), "float32")})
    (tmp_path / "net.data-00000-of-00001").unlink()
    with pytest.raises(BundleError, match=r"net\.data-00000-of-00001, which is not beside it"):
        read_weights(tmp_path / "net")


def test_a_packed_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "inception_v3.tar.gz").write_bytes(b"\x1f\x8b\x08" + bytes(40))
    with pytest.raises(BundleError, match="unpack it"):
        read_weights(tmp_path / "inception_v3.tar.gz")
