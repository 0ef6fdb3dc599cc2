"""Files from the web: whole and right, or one clear error and nothing kept, whatever the server does."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import json
import threading
import warnings
from pathlib import Path

import pytest

from striate.doors import budgets, downloads
from striate.doors.downloads import SUMS, fetch
from striate.errors import DataError, Note


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives `server.content`, faulty as `server.fault` says."""

    def do_GET(self):
        server, content = self.server, self.server.content
        server.asked.append(self.path)
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", server.to)
            self.end_headers()
            return
        if server.fault == "forbidden":
            self.send_error(403, "for\x1b[2Jbidden")
            return
        if server.fault == "headers":
            while not server.ended:
                try:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" if not server.sent else b"X-A: 1\r\n")
                except OSError:
                    return
                server.sent += 1
                server.wait.wait(0.02)
        self.send_response(200)
        match server.fault:
            case "endless" | "slow":
                pass
            case "told":
                self.send_header("Content-Length", str(budgets.DOWNLOAD + 1))
            case "nonsense":
                self.send_header("Content-Length", "9" * 5000)
            case "short":
                self.send_header("Content-Length", str(len(content) + 5))
            case _:
                self.send_header("Content-Length", str(len(content)))
        if server.fault == "packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            while server.fault in ("endless", "slow") and not server.ended:
                self.wfile.write(bytes(1 << 16) if server.fault == "endless" else b"x")
                if server.fault == "slow":
                    server.wait.wait(0.02)
            self.wfile.write(content)
        except OSError:
            pass

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.content, running.fault, running.asked, running.to = b"content", "", [], ""
        running.ended, running.sent, running.wait = False, 0, threading.Event()
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.ended = True
        running.wait.set()
        running.shutdown()
        thread.join()


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(url: str, place: Path, *words: str, **options: object) -> None:
    """One line that has these words, and nothing kept."""
    before = place.read_bytes() if place.exists() else None
    with pytest.raises(DataError) as caught:
        fetch(url, place, options.pop("checksum", None), **options)  # type: ignore[arg-type]
    said = str(caught.value)
    assert said.isprintable()
    for word in words:
        assert word in said
    assert (place.read_bytes() if place.exists() else None) == before
    assert [path.name for path in place.parent.glob(".*")] == []


@pytest.mark.parametrize(
    ("fault", "words", "options"),
    [
        ("endless", "more than the limit of 1,000,000 bytes", {"most": 1_000_000}),
        ("told", f"the limit is {budgets.DOWNLOAD:,}. Nothing was fetched", {}),
        ("short", "7 of 12 bytes came; nothing was kept", {}),
        ("slow", "are too few", {"timeout": 0.3}),
        ("headers", "no answer in 0.6 seconds", {"timeout": 0.3}),
        ("packed", "the server packs the file (gzip)", {}),
        ("forbidden", "403", {}),
    ],
)
def test_a_server_that_does_harm_gives_one_clear_error_and_nothing_is_kept(server, tmp_path, fault, words, options):
    server.fault = fault
    refused(f"{server.url}/a", tmp_path / "new" / "a", words, **options)


def test_a_length_that_is_none_is_not_believed(server, tmp_path):
    server.fault = "nonsense"
    fetch(f"{server.url}/a", tmp_path / "a", sha(b"content"))
    assert (tmp_path / "a").read_bytes() == b"content"


def test_a_disk_without_room_is_said_before_anything_is_fetched(server, tmp_path, monkeypatch):
    def full(path: object, size: int, kind: type[Exception]) -> None:
        raise kind(f"{size} bytes are needed and 3 are free.")

    monkeypatch.setattr(downloads, "need_room", full)
    refused(f"{server.url}/a", tmp_path / "a", "7 bytes are needed and 3 are free")


@pytest.mark.parametrize(
    "to", ["http://example.com/a", "ftp://127.0.0.1/a", "file:///etc/passwd", "http://localhost.x/a"]
)
def test_a_redirect_stays_on_https(server, tmp_path, to):
    server.to = to
    refused(f"{server.url}/to/x", tmp_path / "a", "the download failed")
    refused(f"{server.url}/to/x", tmp_path / "a", "the download failed", checksum=sha(b"content"))
    server.to = "/a"
    fetch(f"{server.url}/to/x", tmp_path / "a", sha(b"content"))


def test_from_https_no_redirect_leads_to_http():
    opener = downloads._opener()
    redirects = next(handler for handler in opener.handlers if hasattr(handler, "redirect_request"))
    import urllib.error
    import urllib.request

    asked = urllib.request.Request("https://example.com/a")
    assert (
        redirects.redirect_request(asked, None, 302, "", {}, "https://example.org/b").full_url
        == "https://example.org/b"
    )
    for to in ("http://example.com/a", "http://127.0.0.1/a", "ftp://example.com/a", "file:///a", "data:,a"):
        with pytest.raises(urllib.error.URLError, match="not https"):
            redirects.redirect_request(asked, None, 302, "", {}, to)


@pytest.mark.parametrize(
    "url", ["ftp://example.com/a", "data:,a", "nonsense", "http:///a", "http://[/a", "", "https://"]
)
def test_other_addresses_are_refused(tmp_path, monkeypatch, url):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    refused(url, tmp_path / "a")


def test_http_needs_the_whole_checksum(tmp_path, monkeypatch):
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    for checksum in (None, "sha256:12345678", "md5:12"):
        refused("http://example.com/a", tmp_path / "a", "Give an https address, or its checksum", checksum=checksum)


def test_the_sum_of_the_first_time_is_kept_said_and_compared(server, tmp_path):
    place, url = tmp_path / "a", f"{server.url}/a"
    with pytest.warns(Note, match=f"no checksum is published for this file. It has the SHA-256 {sha(b'content')}"):
        fetch(url, place, None)
    kept = json.loads((tmp_path / "cache" / SUMS).read_text())
    assert kept[url]["sha256"] == sha(b"content")
    fetch(url, place, None)
    assert len(server.asked) == 1
    place.write_bytes(b"damaged")  # as long as the right one
    fetch(url, place, None)
    assert place.read_bytes() == b"content"
    place.unlink()
    server.content = b"another"
    refused(url, place, sha(b"another"), sha(b"content"), SUMS)
    refused(url, tmp_path / "elsewhere", sha(b"content"))
    assert json.loads((tmp_path / "cache" / SUMS).read_text())[url]["sha256"] == sha(b"content")


def test_the_first_digits_of_a_sum_are_completed_by_what_came_first(server, tmp_path, monkeypatch):
    place, url, digits = tmp_path / "a", f"{server.url}/a", f"sha256:{sha(b'content')[:8]}"
    fetch(url, place, digits)
    kept = json.loads((tmp_path / "cache" / SUMS).read_text())
    kept[url]["sha256"] = sha(b"content")[:8] + "0" * 56
    (tmp_path / "cache" / SUMS).write_text(json.dumps(kept))
    place.unlink()
    refused(url, place, "what came the first time", checksum=digits)


@pytest.mark.parametrize(
    "content", ["{", "[]", "null", '{"URL": 3}', '{"URL": {"sha256": "x", "state": 1}}', "[" * 5000]
)
def test_a_damaged_list_of_sums_is_begun_anew(server, tmp_path, content):
    place, url = tmp_path / "a", f"{server.url}/a"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / SUMS).write_text(content.replace("URL", url))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        fetch(url, place, None)
    assert json.loads((tmp_path / "cache" / SUMS).read_text())[url]["sha256"] == sha(b"content")


def test_many_at_once_lose_no_sum(server, tmp_path):
    def one(i: int) -> None:
        fetch(f"{server.url}/{i}", tmp_path / str(i), sha(b"content")[:8])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads((tmp_path / "cache" / SUMS).read_text())) == 8


def test_a_packed_file_of_that_name_comes_as_it_is(server, tmp_path):
    server.content, server.fault = gzip.compress(b"x"), "packed"
    fetch(f"{server.url}/a.gz", tmp_path / "a.gz", sha(server.content))
    assert (tmp_path / "a.gz").read_bytes() == server.content


def test_what_lies_there_as_a_link_is_replaced_and_not_written_through(server, tmp_path):
    (tmp_path / "other").write_bytes(b"mine")
    (tmp_path / "a").symlink_to(tmp_path / "other")
    fetch(f"{server.url}/a", tmp_path / "a", sha(b"content"))
    assert (tmp_path / "other").read_bytes() == b"mine"
    assert not (tmp_path / "a").is_symlink()
