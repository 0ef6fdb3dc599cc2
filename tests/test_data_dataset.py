import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from striate.data import Dataset, Preprocessing, arrays
from striate.errors import DataError
from striate.wording import plural


def numbered(labels, classes=None):
    """Pictures whose one pixel is their own number, so that a part shows which examples it holds."""
    x = np.arange(len(labels), dtype=np.float32).reshape(-1, 1)
    return Dataset(x, np.asarray(labels), classes)


def members(part):
    return part.x[:, 0].astype(int).tolist()


def fails(*fragments, make):
    with pytest.raises(DataError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value), str(caught.value)


pictures = np.zeros((4, 2, 2, 1), np.uint8)
floats = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize(
    ("x", "y", "classes", "fragments"),
    [
        (pictures, np.zeros(3, int), None, ["4 pictures", "3 labels"]),
        (floats, np.zeros(5), None, ["4 examples", "5 targets"]),
        (pictures, np.array([0, 1, 2, 5]), ("a", "b"), ["2 labels", "the first 2 at index 2", "0 to 1"]),
        (pictures, np.array([0, -1, 1, -3]), None, ["2 labels are negative", "-1 at index 1", "float32"]),
        (pictures, np.array([0, 1, 1.5, 2.5]), ("a", "b", "c"), ["2 labels are not whole", "1.5 at index 2"]),
        (pictures, np.array([0, np.nan, np.inf, 1]), None, ["y has 2 values", "example 1"]),
        (pictures, np.zeros((4, 3), np.float32), ("a", "b"), ["3 columns", "2 classes"]),
        (pictures, np.array(["a"] * 4), None, ["<U1"]),
        (pictures, [0, 1, 0, 1], None, ["y is a list"]),
        (pictures, np.zeros(0, int), None, ["shape (0,)"]),
        (pictures, np.zeros(4, int), ("a", "a"), ['"a"']),
        (pictures, np.zeros(4, int), (), ["at least one name"]),
        (pictures[:0], None, None, ["(0, 2, 2, 1)"]),
        (pictures[..., 0], None, None, ["(4, 2, 2)", "x[..., None]"]),
        (floats[0], None, None, ["(3,)"]),
        (floats.astype(float), None, None, ["float64", "arrays"]),
        (np.full((4, 3), -2), None, None, ["negative token ids", "example 0"]),
        (np.zeros((4, 3, 3), int), None, None, ["(4, 3, 3)"]),
        ([[1.0]], None, None, ["list"]),
    ],
)
def test_arrays_that_do_not_fit_are_named_with_their_numbers(x, y, classes, fragments):
    fails("mine", *fragments, make=lambda: Dataset(x, y, classes, "mine"))


@given(st.lists(st.integers(0, 29), min_size=1, unique=True), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_values_that_are_not_finite_are_counted_and_the_first_is_found(where, value):
    x = np.ones((10, 3), np.float32)
    x.flat[where] = value
    first = min(where) // 3
    fails(plural(len(where), "value"), f"example {first}.", make=lambda: Dataset(x))


def test_not_finite_values_are_found_beyond_the_first_chunk():
    x = np.zeros((3, 1 << 21), np.float32)
    x[2, 7] = np.nan
    fails("1 value ", "example 2", make=lambda: Dataset(x))


def test_paths_must_be_as_many_as_examples():
    fails("4 pictures", "2 paths", make=lambda: Dataset(pictures, paths=("a", "b")))


def test_an_index_gives_the_stored_example_and_a_slice_a_data_set():
    data = Dataset(np.arange(8, dtype=np.uint8).reshape(4, 2, 1, 1), np.array([3, 1, 0, 2]), paths=tuple("abcd"))
    x, y = data[-1]
    assert x.ravel().tolist() == [6, 7]
    assert y == 2
    assert [int(y) for _, y in data] == [3, 1, 0, 2]
    assert data[1:3].x.ravel().tolist() == [2, 3, 4, 5]
    assert data[[3, 0]].paths == ("d", "a")
    assert data.subset(np.array([False, True, False, True])).y.tolist() == [1, 2]
    with pytest.raises(IndexError, match="example 4 of 4"):
        data[4]


@pytest.mark.parametrize("which", [[4], [-5, 0], [], [0.5], [[0]], [True, False]])
def test_a_subset_of_examples_that_are_not_there_is_an_error(which):
    with pytest.raises(DataError):
        numbered([0, 1, 0, 1]).subset(which)


labels_of = st.lists(st.integers(0, 4), min_size=8, max_size=80)


@given(labels_of, st.floats(0.1, 0.9), st.integers(0, 99), st.booleans())
def test_a_split_is_a_partition_with_the_asked_sizes(labels, fraction, seed, stratify):
    data = numbered(labels)
    parts = data.split(fraction, seed, stratify)
    assert parts.test is None
    assert len(parts.validation) == int(len(labels) * fraction + 0.5)
    assert sorted(members(parts.train) + members(parts.validation)) == list(range(len(labels)))
    for part in parts[:2]:
        assert members(part) == sorted(members(part))
        assert part.y.tolist() == [labels[i] for i in members(part)]


@given(labels_of, st.integers(0, 99))
def test_each_class_has_its_share_of_a_stratified_split_to_within_one_example(labels, seed):
    parts = numbered(labels).split(0.25, seed)
    several = [c for c in set(labels) if labels.count(c) > 1]
    pool = sum(labels.count(c) for c in several)
    wanted = len(parts.validation)
    for c in set(labels):
        got = parts.validation.y.tolist().count(c)
        if pool >= wanted:
            share = wanted / pool * labels.count(c) if c in several else 0
            assert abs(got - share) < 1, (c, got, share)


@given(labels_of, st.integers(0, 99))
def test_three_parts_are_disjoint_complete_and_stratified(labels, seed):
    parts = numbered(labels).split((0.6, 0.2, 0.2), seed)
    assert sorted(i for part in parts for i in members(part)) == list(range(len(labels)))
    if min(labels.count(c) for c in set(labels)) > 4:
        for part in parts:
            for c in set(labels):
                share = labels.count(c) * len(part) / len(labels)
                assert abs(part.y.tolist().count(c) - share) < 2


def test_a_split_is_the_same_for_the_same_seed_and_another_for_another():
    data = numbered([0, 1] * 50)
    assert members(data.split(0.2, seed=1).validation) == members(data.split(0.2, seed=1).validation)
    assert members(data.split(0.2, seed=1).validation) != members(data.split(0.2, seed=2).validation)
    assert len(data.split(0.2, seed=-1).validation) == len(data.split(0.2, seed=2**70).validation) == 20


def test_a_split_never_changes():
    # Printed once and kept: whoever reports a validation score relies on these very examples.
    assert members(numbered([0, 0, 1] * 10).split(0.2, seed=0).validation) == [4, 5, 12, 25, 27, 29]


def test_a_split_is_random_and_not_the_first_of_each_class():
    chosen = {i for seed in range(200) for i in members(numbered([0, 1] * 10).split(0.2, seed).validation)}
    assert chosen == set(range(20))


def test_one_hot_targets_are_stratified_like_labels():
    labels = np.arange(40) % 4
    one_hot = Dataset(np.arange(40, dtype=np.float32)[:, None], np.eye(4)[labels])
    assert members(one_hot.split(0.25).validation) == members(numbered(labels).split(0.25).validation)
    assert one_hot.class_counts() == {"0": 10, "1": 10, "2": 10, "3": 10}


@pytest.mark.parametrize("fraction", [0, 1, 1.5, -0.1, (0.5, 0.6), (0.2, 0.2, 0.2, 0.4), (1.0, 0.0), "half", (), None])
def test_fractions_that_are_no_fractions_are_refused(fraction):
    fails("cannot split", make=lambda: numbered([0, 1] * 10).split(fraction))


def test_a_split_that_leaves_a_part_empty_is_refused():
    fails("3 examples", "0.1", make=lambda: numbered([0, 1, 0]).split(0.1))


@given(labels_of, st.integers(2, 8), st.integers(0, 99))
def test_folds_are_disjoint_cover_all_and_share_the_classes(labels, k, seed):
    data = numbered(labels)
    pairs = list(data.folds(k, seed))
    assert len(pairs) == k
    assert sorted(i for _, validation in pairs for i in members(validation)) == list(range(len(labels)))
    for train, validation in pairs:
        assert not set(members(train)) & set(members(validation))
        assert len(train) + len(validation) == len(labels)
        assert abs(len(validation) - len(labels) / k) < 1
        for c in set(labels):
            assert abs(validation.y.tolist().count(c) - labels.count(c) / k) < 1


@pytest.mark.parametrize("k", [0, 1, 5])
def test_folds_need_two_parts_and_no_more_than_examples(k):
    fails("folds", make=lambda: numbered([0, 1, 0, 1]).folds(k))


@given(labels_of, st.integers(0, 9))
def test_take_samples_without_repeats(labels, seed):
    sample = members(numbered(labels).take(5, seed))
    assert len(set(sample)) == 5
    assert set(sample) <= set(range(len(labels)))


def test_take_keeps_the_shares_of_the_classes():
    assert numbered([0] * 75 + [1] * 25).take(20).class_counts() == {"0": 15, "1": 5}
    fails("take 5 of 4", make=lambda: numbered([0, 1, 0, 1]).take(5))


def test_class_counts_name_every_class_also_an_empty_one():
    assert numbered([2, 0, 2], ("ant", "bee", "cat")).class_counts() == {"ant": 1, "bee": 0, "cat": 2}
    fails("no class labels", make=lambda: Dataset(floats).class_counts())


def test_the_summary_says_how_many_of_what():
    data = Dataset(
        np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1),
        np.array([1, 0]),
        ("ant", "bee"),
        "pets",
        Preprocessing.pictures(),
    )
    assert data.summary() == (
        "pets: 2 pictures of 2 x 2 x 1, uint8 0 to 7\n2 classes: ant 1, bee 1\npreprocessing: / 255"
    )
    assert repr(data) == "<pets: 2 pictures of 2 x 2 x 1, 2 classes>"
    assert "targets: 2, float32 0 to 3" in Dataset(floats[:2], np.arange(4.0).reshape(2, 2)).summary()
    assert "no targets" in Dataset(floats).summary()


# arrays


def test_lists_arrays_and_tensors_become_the_same_data_set():
    torch = pytest.importorskip("torch")
    rows, labels = [[0.5, 1.5], [2.0, 3.0]], [1, 0]
    for x, y in [
        (rows, labels),
        (np.array(rows), np.array(labels, np.int8)),
        (torch.tensor(rows, requires_grad=True), torch.tensor(labels)),
        (torch.tensor(rows).bfloat16(), torch.tensor([[1], [0]])),
    ]:
        data = arrays(x, y)
        assert data.x.dtype == np.float32
        assert data.x.tolist() == rows
        assert data.y.dtype == np.int64
        assert data.y.tolist() == labels
        assert data.preprocessing.identity


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        (np.zeros((2, 3, 3, 1), np.uint8), "uint8"),
        (np.zeros((2, 3, 3, 1), int), "float32"),
        (np.zeros((2, 3), np.int32), "int64"),
        (np.zeros((2, 3), bool), "float32"),
        (np.zeros((2, 3, 4), np.float16), "float32"),
    ],
)
def test_the_kind_of_numbers_decides_what_they_are(x, dtype):
    assert arrays(x).x.dtype == dtype


def test_what_needs_no_conversion_is_not_copied():
    x = np.zeros((2, 3), np.float32)
    assert arrays(x).x is x


def test_whole_numbers_can_be_declared_features():
    data = arrays([[1, 2], [3, -4]], dtype="float32")
    assert data.x.tolist() == [[1.0, 2.0], [3.0, -4.0]]


def test_targets_keep_their_meaning():
    x = np.zeros((3, 2), np.float32)
    assert arrays(x, [0.5, 1.0, 2.0]).y.dtype == np.float32
    assert arrays(x, [[1, 0], [0, 1], [1, 0]]).y.dtype == np.float32
    assert arrays(x, [1.0, 0.0, 1.0], ["no", "yes"]).y.dtype == np.int64
    words = arrays(x, ["dog", "ant", "dog"])
    assert words.classes == ("ant", "dog")
    assert words.y.tolist() == [1, 0, 1]
    assert arrays(x, np.array(["dog", "ant", "dog"], object), ["dog", "cat", "ant"]).y.tolist() == [0, 2, 0]
    maps = arrays(np.zeros((3, 2, 2, 1), np.uint8), np.ones((3, 2, 2), np.int32))
    assert maps.y.dtype == np.int64
    assert maps.labels is None


@pytest.mark.parametrize(
    ("x", "y", "options", "fragment"),
    [
        ([[1, 2], [3]], None, {}, "x is ragged"),
        ([[1.0]], [[1], [2, 3]], {}, "y is ragged"),
        ([["some", "words"]], None, {}, "Vocabulary"),
        ([[1j]], None, {}, "complex"),
        ([[None]], None, {}, "object"),
        ([[1e300]], None, {}, "NaN or infinite"),
        ([[0.5]], None, {"dtype": "int64"}, "int64 cannot hold"),
        ([[[[300]]]], None, {"dtype": "uint8"}, "300"),
        ([[1.0]], None, {"dtype": "float16"}, "float16"),
        ([[1.0]], ["ant"], {"classes": ["bee"]}, '"ant"'),
        ([[1.0]], [["ant"]], {}, "(1, 1)"),
        (np.zeros((2, 28, 28), np.uint8), None, {}, "x[..., None]"),
        (5, None, {}, "expected (N, ...)"),
    ],
)
def test_values_that_cannot_be_examples_are_refused_with_a_remedy(x, y, options, fragment):
    fails(fragment, make=lambda: arrays(x, y, **options))
