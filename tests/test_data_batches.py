import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from striate.data import Batches, Dataset, Preprocessing
from striate.errors import DataError, StriateError


def numbered(count):
    """Examples whose first number and label are their own number."""
    return Dataset(np.arange(count, dtype=np.float32).reshape(-1, 1), np.arange(count))


def numbers(batches, *args):
    seen = []
    for x, y in batches.epoch(*args):
        assert x[:, 0].tolist() == y.tolist()
        seen.append(y.tolist())
    return seen


def flat(listed):
    return [i for batch in listed for i in batch]


PICTURES = np.random.RandomState(0).randint(0, 256, (7, 5, 4, 3)).astype(np.uint8)


def test_pictures_are_nchw_in_channels_last_memory_with_the_numbers_of_the_preprocessing():
    prepare = Preprocessing.pictures(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    x, y = next(Batches(Dataset(PICTURES, np.arange(7), preprocessing=prepare), 7, shuffle=False).epoch())
    assert x.shape == (7, 3, 5, 4)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert y.dtype == torch.int64
    for n, c, h, w in np.ndindex(*x.shape):
        value = np.float32(PICTURES[n, h, w, c])
        assert x[n, c, h, w] == pytest.approx((value / 255 - prepare.mean[c]) / prepare.std[c], abs=1e-6)


def test_sequences_and_ids_have_their_forms():
    x, _ = next(iter(Batches(Dataset(np.zeros((3, 8, 2), np.float32)), 3)))
    assert x.shape == (3, 2, 8)
    ids = np.arange(6).reshape(2, 3)
    x, y = next(iter(Batches(Dataset(ids, np.array([[0.5], [1.0]])), 2, shuffle=False)))
    assert x.dtype == torch.int64
    assert x.tolist() == ids.tolist()
    assert y.dtype == torch.float32
    assert y.tolist() == [[0.5], [1.0]]
    assert next(iter(Batches(Dataset(ids))))[1] is None


def test_the_order_is_the_documented_one():
    for seed, epoch in [(0, 0), (0, 5), (7, 3), (2**40, 1), (-3, 2)]:
        generator = torch.Generator().manual_seed((seed * 2654435761 + epoch) % 2**63)
        expected = torch.randperm(20, generator=generator).tolist()
        assert flat(numbers(Batches(numbered(20), 6, seed=seed), epoch)) == expected


def test_the_order_does_not_touch_or_depend_on_the_global_generator():
    before = torch.get_rng_state()
    first = numbers(Batches(numbered(20), 6), 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert numbers(Batches(numbered(20), 6), 1) == first


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {tuple(flat(numbers(Batches(numbered(50), 8, seed=seed), k))) for seed in range(4) for k in range(4)}
    assert len(orders) == 16


@given(st.integers(1, 40), st.integers(1, 12), st.booleans(), st.booleans(), st.integers(1, 4))
def test_batches_cover_the_set_as_promised(count, size, shuffle, drop_last, world):
    parts = []
    for rank in range(world):
        try:
            batches = Batches(numbered(count), size, shuffle, 1, rank, world, drop_last)
        except DataError:
            assert count < world * (size if drop_last else 1)
            return
        parts.append(numbers(batches))
        assert len(parts[-1]) == len(batches)
        assert sum(map(len, parts[-1])) == batches.examples
        assert all(len(batch) == size for batch in parts[-1][:-1])
        assert not drop_last or len(parts[-1][-1]) == size
    seen = flat(map(flat, parts))
    if shuffle:
        assert len({len(part) for part in parts}) == 1
        assert len({sum(map(len, part)) for part in parts}) == 1
    if drop_last:
        assert len(set(seen)) == len(seen)
        assert len(seen) > count - world * size - world
    elif shuffle:
        assert set(seen) == set(range(count))
        assert len(seen) - count < world
    else:
        assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_processes_together_see_the_batches_of_one(shuffle):
    whole = numbers(Batches(numbered(48), 12, shuffle, seed=3))
    parts = [numbers(Batches(numbered(48), 4, shuffle, seed=3, rank=rank, world=3)) for rank in range(3)]
    assert [sorted(batch) for batch in whole] == [sorted(flat(step)) for step in zip(*parts, strict=True)]


@given(st.integers(0, 6))
def test_an_epoch_can_be_taken_up_at_any_batch(start):
    batches = Batches(numbered(20), 3, seed=5)
    assert numbers(batches, 2, start) == numbers(batches, 2)[start:]


def test_batches_are_the_networks_to_change():
    x = np.ones((4, 2), np.float32)
    for shuffle in (True, False):
        for batch, _ in Batches(Dataset(x), 2, shuffle).epoch():
            batch.zero_()
    assert (x == 1).all()


def test_the_set_is_not_copied():
    data = Dataset(PICTURES, np.arange(7))
    batches = Batches(data, 2)
    assert batches._xs[0].data_ptr() == data.x.ctypes.data
    assert batches._ys[0].data_ptr() == data.y.ctypes.data


def test_read_only_and_strided_arrays_are_fine():
    frozen = PICTURES.copy()
    frozen.flags.writeable = False
    for x in (frozen, PICTURES[::-1], PICTURES[:, ::2]):
        batch, _ = next(Batches(Dataset(x), 7, shuffle=False).epoch())
        assert np.array_equal(batch.numpy(), x.transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"batch_size": 0}, "batch_size=0 must be a whole number"),
        ({"rank": 2, "world": 2}, "process 2 of 2"),
        ({"batch_size": 9, "drop_last": True}, "not one batch of 9"),
        ({"rank": 8, "world": 9, "shuffle": False}, "9 processes"),
    ],
)
def test_batches_that_cannot_be_are_refused(options, fragment):
    with pytest.raises(StriateError, match=fragment):
        Batches(numbered(8), **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gets_the_same_batches():
    prepare = Preprocessing.pictures(mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    data = Dataset(PICTURES, np.arange(7), preprocessing=prepare)
    for (x, y), (gx, gy) in zip(Batches(data, 3).epoch(1), Batches(data, 3, device="cuda").epoch(1), strict=True):
        assert gx.device.type == "cuda"
        assert torch.equal(x, gx.cpu())
        assert torch.equal(y, gy.cpu())
