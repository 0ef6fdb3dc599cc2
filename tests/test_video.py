"""Films: every frame at its time, upright, annotated; whole on disk or not there; faults in words."""

import json
import os
import socket
import sys
import threading
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from striate import Input, Model, data, layers
from striate.data.sets.scenes import scenes
from striate.errors import StriateError
from striate.tasks.film import VIDEOS, film, is_video, video_file
from striate.tasks.found import Decoding, detections
from striate.tasks.video import annotate_video

NEAR = 12  # grey levels, on average, that the encoder may change a smooth picture by


def pictures(count, size=(48, 64)):
    """Smooth frames that differ: a bright square that moves to the right over a slope."""
    height, width = size
    made = np.zeros((count, height, width, 3), np.uint8)
    made[..., 0] = np.linspace(40, 200, width).astype(np.uint8)
    for i, frame in enumerate(made):
        frame[8:24, 2 * i : 2 * i + 16] = 255
    return made


def write(path, frames, times=None, rate=25.0, kind=None):
    with video_file(str(path), kind or path.suffix, rate) as sink:
        for i, frame in enumerate(frames):
            sink.write(frame, i / rate if times is None else times[i])
    return path


def at_the_front(path, frames):
    """A film whose index stands before its frames, as those have that begin to play while they load."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(next(n for n in VIDEOS[".mp4"][1] if n in av.codecs_available), rate=10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def folder(path, frames):
    path.mkdir()
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(path / f"frame{i + 1}.png")  # frame10 comes after frame2
    return path


def leftovers(path):
    """Files that are neither the film nor what a test made itself."""
    return [name for name in os.listdir(path) if name.startswith(".")]


# -- folders: no package is needed ------------------------------------------------------------------------------------
def test_a_folder_of_frames_comes_in_the_order_of_its_numbers_and_goes_into_a_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    frames = pictures(11)
    told = []
    done = annotate_video(
        None,
        folder(tmp_path / "in", frames),
        tmp_path / "out",
        draw=lambda frame: (255 - frame, {"mean": int(frame.mean())}),
        rate=10,
        show_rate=False,
        lines=tmp_path / "found.jsonl",
        progress=lambda frame, whole: told.append((frame, whole)),
    )
    assert told == [(i + 1, 11) for i in range(11)]
    assert done.frames == 11
    assert done.seconds == pytest.approx(1.0)
    assert done.rate > 0
    rows = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    assert rows == list(done.found)
    assert [row["frame"] for row in rows] == list(range(11))
    assert [row["seconds"] for row in rows] == pytest.approx([i / 10 for i in range(11)])
    assert [row["mean"] for row in rows] == [int(frame.mean()) for frame in frames]
    for i, frame in enumerate(frames):
        shown = np.asarray(Image.open(tmp_path / "out" / f"frame{i + 1}.jpg")).astype(int)
        assert np.abs(shown - (255 - frame.astype(int))).mean() < NEAR
    assert leftovers(tmp_path) == []


def test_only_every_third_frame_is_taken_where_so_asked(tmp_path):
    asked = []
    done = annotate_video(
        None, folder(tmp_path / "in", pictures(8)), tmp_path / "out", draw=lambda x: (asked.append(x), x)[1], every=3
    )
    assert done.frames == len(asked) == 3
    assert done.seconds == pytest.approx(6 / 25)
    assert sorted(os.listdir(tmp_path / "out")) == ["frame1.jpg", "frame4.jpg", "frame7.jpg"]


def test_frames_are_answered_together_and_the_answers_do_not_depend_on_how_many(tmp_path, monkeypatch):
    """batch_size frames go through the network at a time, whichever are taken; draw gets its frames one by one."""
    source = folder(tmp_path / "in", pictures(11))
    start = Input((32, 32, 3))
    model = Model(start, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(start)))
    sizes = []
    whole = type(model).predict

    def predict(self, x, *args, **kwargs):
        sizes.append(len(x))
        return whole(self, x, *args, **kwargs)

    monkeypatch.setattr(type(model), "predict", predict)
    found = {}
    for batch in (1, 4, 100):
        sizes.clear()
        seen = []
        done = annotate_video(
            model,
            source,
            tmp_path / f"out{batch}",
            every=2,
            batch_size=batch,
            progress=lambda n, of, seen=seen: seen.append(n),
        )
        found[batch] = done.found
        assert sizes == {1: [1] * 6, 4: [4, 2], 100: [6]}[batch]
        assert seen == list(range(1, 12))
    assert [one["frame"] for one in found[1]] == [0, 2, 4, 6, 8, 10]
    for batch in (4, 100):
        for one, other in zip(found[1], found[batch], strict=True):
            assert one["top"][0]["probability"] == pytest.approx(other["top"][0]["probability"], abs=1e-5)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(StriateError, match="batch_size"):
            annotate_video(model, source, tmp_path / "none", batch_size=wrong)


def test_the_frame_rate_is_written_into_the_corner(tmp_path):
    source = folder(tmp_path / "in", [np.full((96, 128, 3), 128, np.uint8)] * 3)
    for place, shown in (("with", True), ("without", False)):
        annotate_video(None, source, tmp_path / place, draw=lambda x: x, show_rate=shown)
        last = np.asarray(Image.open(tmp_path / place / "frame3.jpg")).astype(int)
        assert (np.abs(last[76:, :60] - 128).max() > 60) == shown
        assert np.abs(last[:60] - 128).max() < 10


def test_faults_of_folders_and_arguments_are_said_and_nothing_is_left(tmp_path):
    def failing(frame):
        raise RuntimeError("of the user's own")

    mixed = folder(tmp_path / "mixed", [*pictures(2), *pictures(1, (48, 66))])
    good = folder(tmp_path / "good", pictures(2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no film")
    flat = Input((4,))
    other = Model(flat, layers.Dense(2)(flat))
    same = {"draw": lambda x: x}
    for arguments, options, said in (
        ((None, mixed, tmp_path / "out"), same, "frame 2 is 66 x 48, the ones before are 64 x 48"),
        ((None, tmp_path / "empty", tmp_path / "out"), same, "no picture in this folder"),
        ((None, tmp_path / "absent", tmp_path / "out"), same, "no such file or folder"),
        ((None, good, tmp_path / "mixed"), same, "is there already"),
        ((None, good, tmp_path / "out.gif"), same, "ends in .mp4"),
        ((None, good, tmp_path / "out"), same | {"every": 0}, "every=0 must be a whole number of at least 1"),
        ((None, good, tmp_path / "out"), same | {"rate": 0.0}, "above 0"),
        ((None, good, tmp_path / "out"), same | {"engine": "abacus"}, "engine"),
        ((None, good, tmp_path / "out"), {"draw": lambda x: x[:4]}, "gives a frame uint8"),
        ((None, good, tmp_path / "out"), {}, "give a model"),
        ((None, good, tmp_path / "out"), {"draw": lambda x: (x, 3)}, "and a int"),
        ((other, good, tmp_path / "out"), {}, "not pictures"),
    ):
        with pytest.raises(StriateError, match=said):
            annotate_video(*arguments, **options)
        assert not (tmp_path / "out").exists()
        assert leftovers(tmp_path) == []
    with pytest.raises(RuntimeError, match="own"):
        annotate_video(None, good, tmp_path / "out", draw=failing)
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "out").exists()


def test_without_pyav_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(StriateError, match=r"striate\[video\]"):
        annotate_video(None, tmp_path / "film.mp4", tmp_path / "out", draw=lambda x: x)
    with pytest.raises(StriateError, match=r"striate\[video\]"):
        annotate_video(None, folder(tmp_path / "in", pictures(1)), tmp_path / "out.mp4", draw=lambda x: x)


def test_boxes_are_in_pixels_of_the_frame(tmp_path):
    """Frames of 96 x 128, a network of 32 x 32: by hand, three times as high and four times as wide."""
    start = Input((32, 32, 3))
    x = layers.Conv2D(5 + 2, 8, 8)(start)
    model = Model(start, layers.YoloBoxes(4, 1, 32)(x))
    model.decoding = Decoding(least=0.0, most=5)
    model.preprocessing = data.Preprocessing.pictures((32, 32), 3)
    frames = [np.kron(one, np.ones((3, 4, 1), np.uint8)) for one in scenes(2, size=32).x]
    done = annotate_video(model, folder(tmp_path / "in", frames), tmp_path / "out")
    rows = model.predict(frames)
    for row, said in zip(rows, done.found, strict=True):
        found = detections(row, least=0.0, most=5)
        assert [one["label"] for one in said["boxes"]] == [str(k) for k in found.classes]
        wanted = np.clip(found.boxes * [4, 3, 4, 3], 0, [128, 96, 128, 96])
        np.testing.assert_allclose([one["box"] for one in said["boxes"]], wanted, atol=0.6)


# -- video files ------------------------------------------------------------------------------------------------------
@pytest.fixture
def av():
    return pytest.importorskip("av")


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov", ".webm"])
def test_uneven_times_and_all_frames_are_kept(tmp_path, av, ending):
    times = [0.0, 0.04, 0.05, 0.3, 0.31, 1.0, 2.5]  # as a telephone takes them
    source = write(tmp_path / f"in{ending}", pictures(7), times)
    done = annotate_video(None, source, tmp_path / f"out{ending}", draw=lambda frame: 255 - frame, show_rate=False)
    assert done.frames == 7
    frames = list(film(tmp_path / f"out{ending}").frames())
    assert [frame.number for frame in frames] == list(range(7))
    assert [frame.seconds for frame in frames] == pytest.approx(times, abs=0.0011)  # mkv counts milliseconds
    for frame, wanted in zip(frames, pictures(7), strict=True):
        assert np.abs(frame.pixels.astype(int) - (255 - wanted.astype(int))).mean() < NEAR
    assert leftovers(tmp_path) == []


def test_sound_is_left_out_with_a_word_said(tmp_path, av):
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=8000)
        for frame in pictures(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 8000
        container.mux([*sound.encode(tone), *sound.encode(None), *stream.encode(None)])
    done = annotate_video(None, source, tmp_path / "out.mp4", draw=lambda x: x)
    assert "sound is left out (1 track)" in str(done)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [each.type for each in container.streams] == ["video"]
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        container.mux([*sound.encode(tone), *sound.encode(None)])
    with pytest.raises(StriateError, match="holds no moving pictures, but audio"):
        film(tmp_path / "song.mp4")


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_film_that_was_held_otherwise_is_upright(tmp_path, av, turn):
    upright = pictures(3)
    stored = np.rot90(upright, -turn // 90, axes=(1, 2))
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = stored.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.set_display_rotation(turn)
        for frame in stored:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    for frame, wanted in zip(film(source).frames(), upright, strict=True):
        assert frame.pixels.shape == wanted.shape
        assert np.abs(frame.pixels.astype(int) - wanted.astype(int)).mean() < NEAR
    annotate_video(None, source, tmp_path / "out.mp4", draw=lambda x: x)
    assert next(film(tmp_path / "out.mp4").frames()).pixels.shape == (48, 64, 3)


def test_a_film_without_index_or_times_is_read_to_its_end(tmp_path, av):
    source = tmp_path / "camera.m4v"
    with av.open(str(source), "w", format="m4v") as container:  # a bare stream, by an encoder that every FFmpeg has
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for frame in pictures(9):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    told = []
    done = annotate_video(
        None, source, tmp_path / "out.mkv", draw=lambda x: x, progress=lambda frame, whole: told.append(whole)
    )
    assert done.frames == 9
    assert told == [None] * 9
    times = [frame.seconds for frame in film(tmp_path / "out.mkv").frames()]
    assert len(times) == 9
    assert all(a < b for a, b in pairwise(times))


def test_odd_sides_get_a_row_and_a_column_more_and_flat_pixels_stay_flat(tmp_path, av):
    write(tmp_path / "odd.mp4", pictures(2, (47, 63)))
    frame = next(film(tmp_path / "odd.mp4").frames()).pixels
    assert frame.shape == (48, 64, 3)
    with video_file(str(tmp_path / "wide.mp4"), ".mp4", 25.0, Fraction(4, 3)) as sink:
        for i, each in enumerate(pictures(2)):
            sink.write(each, i / 25)
    annotate_video(None, tmp_path / "wide.mp4", tmp_path / "again.mp4", draw=lambda x: x)
    assert film(tmp_path / "again.mp4").shape == Fraction(4, 3)


def test_broken_films_are_one_error_in_words_and_leave_nothing(tmp_path, av):
    whole = write(tmp_path / "whole.mp4", pictures(20)).read_bytes()
    broken = {
        "half.mp4": whole[: len(whole) // 2],  # its index stands at the end
        "empty.mp4": b"",
        "text.mp4": b"no film at all " * 100,
        "random.mkv": np.random.default_rng(0).bytes(5000),
    }
    front = at_the_front(tmp_path / "front.mp4", pictures(20)).read_bytes()
    broken |= {"index.mp4": front[:300], "first.mp4": front[: front.index(b"mdat") + 40]}
    damaged = "is cut off or damaged"
    said = dict.fromkeys(["half.mp4", "index.mp4", "first.mp4"], damaged) | {"empty.mp4": r"is empty \(0 bytes\)"}
    said |= dict.fromkeys(["text.mp4", "random.mkv"], "cannot be read as a video: .* no film")
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StriateError, match=f"{name}: {said[name]}"):
            annotate_video(None, tmp_path / name, tmp_path / "out.mp4", draw=lambda x: x)
        assert not (tmp_path / "out.mp4").exists()
        assert leftovers(tmp_path) == []
    with pytest.raises(StriateError, match="not a file"):
        film(os.devnull)
    with pytest.raises(StriateError, match="is the film itself"):
        annotate_video(None, tmp_path / "whole.mp4", tmp_path / "whole.mp4", draw=lambda x: x)
    assert (tmp_path / "whole.mp4").read_bytes() == whole


def test_of_a_damaged_film_every_frame_that_can_be_read_is_annotated_and_the_lost_are_counted(tmp_path, av):
    noise = np.random.default_rng(0).integers(0, 255, (100, 6, 8, 3)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    content = bytearray(write(tmp_path / "in.mp4", noise, rate=10.0).read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    (tmp_path / "in.mp4").write_bytes(bytes(content))
    with pytest.raises(StriateError, match=r"is broken after \d+ frames"):
        list(film(tmp_path / "in.mp4").frames())
    done = annotate_video(None, tmp_path / "in.mp4", tmp_path / "out.mp4", draw=lambda x: x)
    assert (done.frames + done.lost, done.seconds) == (100, pytest.approx(9.9))  # the end is there, past the damage
    assert 0 < done.lost < 50
    assert f"{done.lost} of 100 frames could not be read; it is cut off or damaged" in str(done)
    whole = at_the_front(tmp_path / "front.mp4", noise).read_bytes()
    (tmp_path / "front.mp4").write_bytes(whole[: len(whole) // 2])
    done = annotate_video(None, tmp_path / "front.mp4", tmp_path / "out.mp4", draw=lambda x: x)
    assert (done.frames + done.lost, done.frames) == (100, pytest.approx(done.seconds * 10 + 1))
    assert f"{done.lost} of 100 frames could not be read" in str(done)
    content = write(tmp_path / "in.mkv", noise, rate=10.0).read_bytes()
    (tmp_path / "in.mkv").write_bytes(content[: len(content) // 2])
    done = annotate_video(None, tmp_path / "in.mkv", tmp_path / "out.mkv", draw=lambda x: x)
    assert done.frames < 90
    assert f"ends after {done.seconds:.1f} s, its file says 10.0 s" in str(done)


def test_a_key_that_ends_the_work_leaves_what_was_there(tmp_path, av):
    source = write(tmp_path / "in.mp4", pictures(5))
    (tmp_path / "out.mp4").write_bytes(b"of yesterday")

    def interrupted(frame):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        annotate_video(None, source, tmp_path / "out.mp4", draw=interrupted)
    assert (tmp_path / "out.mp4").read_bytes() == b"of yesterday"
    assert leftovers(tmp_path) == []


def test_a_list_of_parts_does_not_lead_to_the_net(tmp_path, av):
    """An .m3u8 names its parts by address; nobody is called."""
    called = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)

        def listen():
            try:
                called.append(server.accept())
            except OSError:
                return

        thread = threading.Thread(target=listen)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/part.ts"
        (tmp_path / "list.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(StriateError):
            list(film(tmp_path / "list.m3u8").frames())
        thread.join()
    assert called == []


def test_names_of_videos_are_known_by_their_endings():
    assert is_video("a/B.MP4")
    assert not is_video("a/frames")
    assert not is_video("a.gif")


@pytest.mark.parametrize("where", ["film.mp4", "seen.mp4", "folder", "frames/0.png", "seen/found.jsonl"])
def test_lines_never_lie_on_a_film_and_nothing_is_read_before_that_is_known(tmp_path, where):
    write(tmp_path / "film.mp4", pictures(3))
    (tmp_path / "frames").mkdir()
    (tmp_path / "folder").mkdir()
    Image.fromarray(pictures(1)[0]).save(tmp_path / "frames" / "0.png")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    source = "frames" if "/" in where else "film.mp4"
    out = tmp_path / ("seen" if "/" in where else "seen.mp4")

    def never(frame):
        raise AssertionError("a frame was asked for")

    with pytest.raises(StriateError, match=r"lines names a file|another name"):
        annotate_video(None, tmp_path / source, out, draw=never, lines=tmp_path / where)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_film_of_which_few_frames_are_taken_is_not_said_to_be_cut_off(tmp_path):
    write(tmp_path / "film.mp4", pictures(40), rate=10.0)
    done = annotate_video(None, tmp_path / "film.mp4", tmp_path / "few", draw=lambda frame: frame, every=100)
    assert (done.frames, done.notes) == (1, ())


@pytest.mark.parametrize("wrong", [{"rate": 1e-9}, {"rate": "a"}, {"every": 1.5}, {"draw": 5}], ids=str)
def test_settings_of_films_that_are_none_are_said_in_words(tmp_path, wrong):
    (tmp_path / "frames").mkdir()
    for i, frame in enumerate(pictures(3)):
        Image.fromarray(frame).save(tmp_path / "frames" / f"{i}.png")
    with pytest.raises(StriateError):
        annotate_video(None, tmp_path / "frames", tmp_path / "seen.mp4", **{"draw": lambda frame: frame, **wrong})
    assert not (tmp_path / "seen.mp4").exists()


@pytest.mark.parametrize("said", [{"a": {1, 2}}, {"a": float("nan")}, {"a": np.float32(1)}], ids=str)
def test_what_is_no_json_ends_a_film_at_once(tmp_path, said):
    write(tmp_path / "film.mp4", pictures(3))
    asked = []
    how = {"draw": lambda frame: asked.append(1) or (frame, said), "lines": tmp_path / "found.jsonl"}
    with pytest.raises(StriateError, match="frame 0"):
        annotate_video(None, tmp_path / "film.mp4", tmp_path / "seen.mp4", **how)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert len(asked) == 1
