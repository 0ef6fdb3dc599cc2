import hashlib
import http.server
import pickle
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from striate import data
from striate.data.sets import catalog
from striate.errors import ArgumentError, DataError


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without any data and no STRIATE_DATA, whatever this machine has."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    return tmp_path / "home"


def idx(array):
    return (
        bytes([0, 0, 8, array.ndim])
        + b"".join(n.to_bytes(4, "big") for n in array.shape)
        + array.astype("u1").tobytes()
    )


def mnist_files(count=3):
    return {
        f"{stem}-{kind}-ubyte.gz": idx(values)
        for stem in ("train", "t10k")
        for kind, values in (("images-idx3", np.full((count, 2, 2), 7)), ("labels-idx1", np.arange(count)))
    }


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def fails(make, *fragments):
    with pytest.raises(DataError) as caught:
        make()
    for fragment in fragments:
        assert fragment in str(caught.value), str(caught.value)


def test_digits_are_always_there():
    splits = data.load("digits")
    assert [len(splits.train), splits.validation, len(splits.test)] == [1438, None, 359]
    assert splits.train.shape == (8, 8, 1)
    assert splits.train.classes == tuple("0123456789")
    assert splits.train.x.max() == 255
    from sklearn.datasets import load_digits

    bunch = load_digits()
    both = np.concatenate([splits.train.x, splits.test.x])[..., 0]
    # v * 255 // 16 keeps all 17 values apart, so the source comes back
    restored = sorted(np.rint(picture.astype(int) * 16 / 255).astype(int).tolist() for picture in both)
    assert restored == sorted(bunch.images.astype(int).tolist())
    expected = {str(i): round(0.2 * n) for i, n in enumerate(np.bincount(bunch.target))}
    assert all(abs(count - expected[name]) <= 1 for name, count in splits.test.class_counts().items())


def test_digits_are_the_same_every_time():
    first, second = data.load("digits"), data.load("digits")
    assert first.test.x.tobytes() == second.test.x.tobytes()
    assert hashlib.sha256(first.test.y.tobytes()).hexdigest()[:16] == "d74cd8f4a6d28b1d"


def test_names_have_a_line_each():
    assert list(data.names()) == [
        *("digits", "scenes", "mnist", "fashion_mnist", "cifar10", "cifar100", "imdb", "bccd", "camvid")
    ]
    assert all(len(line) > 20 and "\n" not in line for line in data.names().values())


def test_mnist_is_found_in_the_path_then_the_variable_then_the_home(tmp_path, home, monkeypatch):
    put(home / ".striate" / "data" / "mnist", mnist_files(3))
    assert len(data.load("mnist").train) == 3
    put(tmp_path / "shared" / "mnist", mnist_files(4))
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path / "shared"))
    assert len(data.load("mnist").train) == 4
    put(tmp_path / "own", mnist_files(5))
    assert len(data.load("mnist", tmp_path / "own").train) == 5
    put(tmp_path / "torch" / "MNIST" / "raw", mnist_files(6))
    assert len(data.load("mnist", tmp_path / "torch").train) == 6


def test_fashion_mnist_has_its_own_names(tmp_path):
    put(tmp_path / "fashion-mnist", mnist_files())
    assert data.load("fashion_mnist", tmp_path).train.classes[9] == "Ankle boot"


def test_cifar_is_found_in_either_version_and_as_a_zip(tmp_path):
    content = {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2]}
    batches = {name: pickle.dumps(content) for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]}
    put(tmp_path / "a" / "cifar-10-batches-py", batches)
    assert len(data.load("cifar10", tmp_path / "a").train) == 10
    hundred = {
        name: pickle.dumps({"data": content["data"], "fine_labels": [98, 99], "coarse_labels": [0, 19]})
        for name in ("train", "test")
    }
    meta = {
        "meta": pickle.dumps(
            {"fine_label_names": [f"f{i}" for i in range(100)], "coarse_label_names": list("abcdefghijklmnopqrst")}
        )
    }
    put(tmp_path / "b" / "cifar-100-python", hundred | meta)
    assert data.load("cifar100", tmp_path / "b").test.classes[98] == "f98"
    assert data.load("cifar100", tmp_path / "b", fine=False).test.classes[19] == "t"
    fails(lambda: data.load("cifar10", tmp_path / "b"), "not on this machine")


def test_what_is_absent_says_where_it_looked_and_how_to_get_it(tmp_path, home, monkeypatch):
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path / "shared"))
    fails(
        lambda: data.load("cifar10"),
        str(tmp_path / "shared" / "cifar-10-batches-bin"),
        str(home / ".striate" / "data" / "cifar10"),
        "https://www.cs.toronto.edu/~kriz/cifar.html",
    )
    fails(lambda: data.load("mnist", tmp_path / "there"), str(tmp_path / "there" / "mnist"), "download=True")
    fails(lambda: data.load("bccd", download=True), "does not download", "BCCD_Dataset")


def test_an_unknown_name_is_compared_with_the_known(tmp_path):
    fails(lambda: data.load("minst"), 'Did you mean "mnist"', "cifar100")
    (tmp_path / "x.txt").write_text("x")
    fails(lambda: data.load(tmp_path / "x.txt"), "no .zip, .csv")


def test_an_option_that_the_reader_lacks_is_refused():
    with pytest.raises(ArgumentError, match=r'"word".*Did you mean "words"'):
        data.load("imdb", word=5)
    with pytest.raises(ArgumentError, match="option of digits"):
        data.load("digits", image_size=9)


def test_a_folder_of_pictures_is_loaded_by_its_path(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "pets" / name / "0.png")
    splits = data.load(tmp_path / "pets", image_size=(2, 2))
    assert splits.train.shape == (2, 2, 3)
    assert splits.validation is None
    with pytest.raises(ArgumentError, match='"imagesize"'):
        data.load(str(tmp_path / "pets"), imagesize=(2, 2))


# download


@pytest.fixture
def server():
    """A web server on this machine: `files` to give, `asked` for, and how many bytes to break off after."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            content = self.server.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: self.server.stop])

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        running.files, running.asked, running.stop = {}, [], None
        running.url = f"http://127.0.0.1:{running.server_address[1]}/"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_fetched_whole_once(server, tmp_path):
    server.files["a.gz"] = bytes(range(256)) * 9000  # more than one chunk
    target = tmp_path / "new" / "folder" / "a.gz"
    for _ in range(2):
        assert data.fetch(server.url + "a.gz", target, digest(server.files["a.gz"])) == target
        assert target.read_bytes() == server.files["a.gz"]
    assert server.asked == ["/a.gz"]


def test_a_damaged_file_in_its_place_is_fetched_again(server, tmp_path):
    server.files["a"] = b"right"
    (tmp_path / "a").write_bytes(b"wrong")
    data.fetch(server.url + "a", tmp_path / "a", digest(b"right"))
    assert (tmp_path / "a").read_bytes() == b"right"


@pytest.mark.parametrize(("stop", "content"), [(None, b"changed"), (3, b"expected"), (0, b"expected")])
def test_a_download_that_is_cut_off_or_changed_leaves_nothing(server, tmp_path, stop, content):
    server.files["a"], server.stop = content, stop
    fails(
        lambda: data.fetch(server.url + "a", tmp_path / "a", digest(b"expected")),
        "SHA-256",
        digest(b"expected"),
        "by hand",
    )
    assert list(tmp_path.glob("*a*")) == []


def test_a_download_that_cannot_be_had_says_why(server, tmp_path):
    fails(lambda: data.fetch(server.url + "none", tmp_path / "a", "0"), "404", "Not Found", str(tmp_path / "a"))
    fails(lambda: data.fetch("http://127.0.0.1:9/none", tmp_path / "a", "0", timeout=5), "failed")
    fails(lambda: data.fetch("nonsense", tmp_path / "a", "0"), "failed")
    (tmp_path / "file").write_text("")
    fails(lambda: data.fetch(server.url + "a", tmp_path / "file" / "a", "0"), "cannot be written")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_mnist_is_downloaded_on_request_and_then_found(server, home, monkeypatch):
    server.files = mnist_files(3)
    sums = {name: digest(content) for name, content in server.files.items()}
    monkeypatch.setitem(catalog.SOURCES, "mnist", replace(catalog.SOURCES["mnist"], url=server.url, sums=sums))
    assert len(data.load("mnist", download=True).train) == 3
    assert len(server.asked) == 4
    assert len(data.load("mnist").train) == 3
    assert sorted(path.name for path in (home / ".striate" / "data" / "mnist").iterdir()) == sorted(sums)


def test_a_download_goes_to_the_path_when_one_is_given(server, tmp_path, monkeypatch):
    server.files = mnist_files(3)
    sums = {name: digest(content) for name, content in server.files.items()}
    monkeypatch.setitem(catalog.SOURCES, "mnist", replace(catalog.SOURCES["mnist"], url=server.url, sums=sums))
    data.load("mnist", tmp_path / "here", download=True)
    assert len(list((tmp_path / "here").iterdir())) == 4


def test_importing_data_loads_neither_torch_nor_scikit_learn_nor_pillow():
    heavy = ("torch", "sklearn", "PIL", "urllib.request")
    code = f"import sys, striate.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
