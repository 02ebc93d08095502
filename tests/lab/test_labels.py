"""Whatever the lab writes says what it is: in its metadata, by its watermark alone, and in its credential."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import facevalue as fv
from facevalue.errors import UsageError
from facevalue.finding import DECLARES_SYNTHETIC, Verdict
from facevalue.lab.labels import (
    ALGORITHMIC_TYPE,
    COMPOSITE_TYPE,
    MANIFEST,
    TRAINED_TYPE,
    Labelled,
    Made,
    marked,
    note,
    notes,
    put,
    visible_mark,
    write_clip,
    write_mask,
    write_picture,
    write_sound,
)
from facevalue.marking import read_file
from facevalue.signing.store import init_identity

sys.path.insert(0, str(Path(fv.__file__).parent / "examiners/voice/tests"))
from make_speech import RATE, speech_like

sys.path.pop(0)
MADE = Made("facevalue lab: test", COMPOSITE_TYPE, parameters={"strength": 0.5}, seed=3)


def said(path: Path) -> set[str]:
    """The ways in which a file declares itself."""
    exam = fv.check(path)
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    return {str(r.details.get("kind")) for f in exam.findings for r in f.regions if r.label == DECLARES_SYNTHETIC}


def film(path: Path, pixels: np.ndarray, side: int, frames: int = 12, sound: bool = False) -> Path:
    """A pan over a picture."""
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=25, options={"threads": "1", "preset": "veryfast"})
        video.width = video.height = side
        video.pix_fmt = "yuv420p"
        audio = target.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[i : i + side, i : i + side]), format="rgb24")
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if audio is not None:
            hum = (np.sin(np.arange(8_192) * 0.1) * 3_000).astype(np.int16)[None]
            block = av.AudioFrame.from_ndarray(hum, format="s16", layout="mono")
            block.sample_rate = 16_000
            resampler = av.AudioResampler("fltp", "mono", 16_000, frame_size=1024)
            for piece in [*resampler.resample(block), *resampler.resample(None)]:
                target.mux(audio.encode(piece))
            target.mux(audio.encode(None))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("source") / "astronaut.png"
    Image.fromarray(portrait).save(path)
    return path


# Pictures


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_is_labelled_in_every_way(suffix: str, portrait: np.ndarray, source: Path, tmp_path: Path) -> None:
    made = Made("facevalue lab: test", COMPOSITE_TYPE, (source,), {"strength": 0.5}, 3)
    file = write_picture(portrait, tmp_path / f"made{suffix}", made)
    assert file.labels == ("visible_mark", "watermark", "digital_source_type", "c2pa")
    assert file.notes == ()
    assert said(file.path) == {"iptc_digital_source_type", "c2pa", "watermark"}
    found = fv.verify(file.path)
    assert str(found.state) == "untrusted_signer"
    assert found.axes["binding"].status.value == "passed"
    told = json.dumps(found.to_dict())
    assert "compositeWithTrainedAlgorithmicMedia" in told
    assert "astronaut.png" in told, "what it was made from is an ingredient"
    assert [path.name for path in tmp_path.iterdir()] == [file.path.name], "nothing else is left behind"


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_its_watermark_says_it_when_metadata_are_gone(suffix: str, portrait: np.ndarray, tmp_path: Path) -> None:
    file = write_picture(portrait, tmp_path / f"made{suffix}", MADE)
    bare = tmp_path / "bare.jpg"
    Image.fromarray(np.asarray(Image.open(file.path).convert("RGB"))).save(bare, quality=50)
    assert said(bare) == {"watermark"}


def test_the_same_pixels_and_seed_give_the_same_content(portrait: np.ndarray, tmp_path: Path) -> None:
    files = [
        write_picture(portrait, tmp_path / f"{i}.jpg", Made(MADE.tool, TRAINED_TYPE, seed=seed))
        for i, seed in enumerate((1, 1, 2))
    ]
    assert files[0].content_sha256 == files[1].content_sha256 != files[2].content_sha256
    assert files[0].sha256 != files[1].sha256, "each credential has a number of its own"


def test_a_mark_that_says_it_already_is_kept(portrait: np.ndarray, tmp_path: Path) -> None:
    first = write_picture(portrait, tmp_path / "first.png", MADE)
    again = write_picture(np.asarray(Image.open(first.path)), tmp_path / "again.png", Made("another", TRAINED_TYPE))
    one, other = read_file(first.path), read_file(again.path)
    assert one is not None
    assert other is not None
    assert one.payload == other.payload


@pytest.mark.parametrize("side", [16, 64, 199])
def test_what_is_too_small_for_a_watermark_says_so(side: int, portrait: np.ndarray, tmp_path: Path) -> None:
    file = write_picture(portrait[:side, :side], tmp_path / "small.png", Made("test", TRAINED_TYPE))
    assert file.labels == ("visible_mark", "digital_source_type", "c2pa")
    assert "200 pixels" in file.notes[0]
    assert said(file.path) == {"iptc_digital_source_type", "c2pa"}


def test_what_is_too_plain_for_a_watermark_says_so(tmp_path: Path) -> None:
    file = write_picture(np.full((256, 256, 3), 255, np.uint8), tmp_path / "white.jpg", Made("test", ALGORITHMIC_TYPE))
    assert ("watermark" in file.labels) == (not file.notes)
    fv.check(file.path)


def test_whose_name_stands_under_it_can_be_chosen(portrait: np.ndarray, tmp_path: Path) -> None:
    who = init_identity("studio", folder=tmp_path).open()
    file = write_picture(portrait, tmp_path / "made.png", MADE, who=who)
    assert "studio" in fv.verify(file.path).summary


def test_an_original_is_never_overwritten(source: Path, portrait: np.ndarray) -> None:
    before = source.read_bytes()
    with pytest.raises(UsageError, match="original"):
        write_picture(portrait, source, Made("test", COMPOSITE_TYPE, (source,)))
    assert source.read_bytes() == before


def test_a_failure_leaves_what_was_there(portrait: np.ndarray, tmp_path: Path) -> None:
    out = tmp_path / "made.png"
    out.write_bytes(b"earlier")
    with pytest.raises(fv.UnreadableError):
        write_picture(portrait, out, Made("test", COMPOSITE_TYPE, (tmp_path / "nowhere.png",)))
    assert out.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["made.png"]


def test_an_ingredient_that_no_credential_can_hold_is_a_note(portrait: np.ndarray, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("nothing to see")
    file = write_picture(portrait, tmp_path / "made.png", Made("test", COMPOSITE_TYPE, (text,)))
    assert "c2pa" in file.labels
    assert "notes.txt cannot be taken over" in file.notes[0]


# Clips


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_clip_is_labelled_in_every_way(suffix: str, portrait: np.ndarray, source: Path, tmp_path: Path) -> None:
    draft = film(tmp_path / "draft.mkv", portrait, 256, sound=True)
    made = Made("facevalue lab: test", COMPOSITE_TYPE, (source,), seed=1)
    file = write_clip(draft, tmp_path / "out" / f"made{suffix}", made)
    assert file.labels == ("visible_mark", "watermark", "digital_source_type", "c2pa")
    assert said(file.path) >= {"iptc_digital_source_type", "c2pa", "watermark"}
    with av.open(str(file.path)) as clip:
        assert clip.streams.audio[0].codec_context.name == "aac"
        frames = [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]
    assert len(frames) == 12
    plate = marked(np.full((256, 256, 3), 128, np.uint8))[..., 0]
    corner = (plate != 128) & ((plate == 0) | (plate == 255))
    for frame in frames:
        assert np.abs(frame[corner].astype(int) - plate[corner]).mean() < 25
        assert np.abs(frame[:200, :200].astype(int) - frames[0][:200, :200]).mean() < 60


def test_a_clip_that_was_encoded_anew_says_it_by_its_watermark(portrait: np.ndarray, tmp_path: Path) -> None:
    file = write_clip(film(tmp_path / "draft.mp4", portrait, 320, 40), tmp_path / "made.mp4", MADE)
    bare = tmp_path / "bare.mp4"
    with av.open(str(file.path)) as clip, av.open(str(bare), "w") as target:
        video = target.add_stream("libx264", rate=25, options={"threads": "1", "crf": "24", "preset": "veryfast"})
        video.width = video.height = 320
        video.pix_fmt = "yuv420p"
        for frame in clip.decode(video=0):
            target.mux(video.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")))
        target.mux(video.encode(None))
    assert said(bare) == {"watermark"}


def test_a_small_clip_says_what_it_lacks(portrait: np.ndarray, tmp_path: Path) -> None:
    file = write_clip(film(tmp_path / "draft.mp4", portrait, 128), tmp_path / "made.mp4", MADE)
    assert file.labels == ("visible_mark", "digital_source_type", "c2pa")
    assert "200 pixels" in file.notes[-1]
    said(file.path)


# Recordings


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".m4a"])
def test_a_recording_is_labelled_in_every_way(suffix: str, tmp_path: Path) -> None:
    file = write_sound(speech_like(9.0), RATE, tmp_path / f"made{suffix}", Made("facevalue lab: test", TRAINED_TYPE))
    assert file.labels == ("watermark", "digital_source_type", "c2pa")
    assert said(file.path) >= {"c2pa", "watermark"}


def test_a_recording_says_it_by_its_watermark_alone(tmp_path: Path) -> None:
    from facevalue.lab.sound_trips import decode, trip

    file = write_sound(speech_like(9.0), RATE, tmp_path / "made.wav", Made("facevalue lab: test", TRAINED_TYPE))
    bare = tmp_path / "bare.wav"
    samples = trip(decode(file.path.read_bytes()), "mp3 64k")
    with av.open(str(bare), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=RATE, layout="mono")
        block = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        block.sample_rate = RATE
        target.mux(stream.encode(block))
        target.mux(stream.encode(None))
    assert said(bare) == {"watermark"}


def test_a_short_recording_says_what_it_lacks(tmp_path: Path) -> None:
    sound = (np.sin(np.arange(RATE) * 0.2) * 0.2).astype(np.float32)
    file = write_sound(sound, RATE, tmp_path / "made.wav", Made("test", ALGORITHMIC_TYPE))
    assert file.labels == ("digital_source_type", "c2pa")
    assert "2 s" in file.notes[0]
    said(file.path)


# Wrong use


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda out, p: write_picture(p, out / "a.webp", MADE), ".png or .jpg"),
        (lambda out, p: write_picture(p[..., 0], out / "a.png", MADE), "uint8"),
        (lambda out, p: write_picture(p[:8], out / "a.png", MADE), "16 pixels"),
        (
            lambda out, p: write_picture(p, out / "a.png", Made("x", "digitalCapture")),
            "nothing as digitalCapture",
        ),
        (lambda out, p: write_picture(p, out / "a.png", Made("x", "magic")), "unknown digitalSourceType"),
        (lambda out, p: Made("x", TRAINED_TYPE, parameters={"a": {1}}), "JSON"),
        (lambda out, p: write_sound(np.zeros(10, np.float64), RATE, out / "a.wav", MADE), "float32 or int16"),
        (lambda out, p: write_sound(np.full(10, np.nan, np.float32), RATE, out / "a.wav", MADE), "finite"),
        (lambda out, p: write_sound(np.zeros(10, np.int16), 400, out / "a.wav", MADE), "Hz"),
        (lambda out, p: write_sound(np.zeros(10, np.int16), RATE, out / "a.ogg", MADE), ".wav"),
        (lambda out, p: write_clip(out / "in.mp4", out / "a.webm", MADE), ".mp4"),
        (lambda out, p: write_mask(p, out / "m.png"), "mask"),
    ],
)
def test_wrong_use_is_a_sentence(
    write: Callable[[Path, np.ndarray], object], sentence: str, portrait: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=sentence):
        write(tmp_path, portrait)
    assert not list(tmp_path.iterdir())


def test_a_clip_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "draft.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"\0" * 40)
    with pytest.raises(UsageError, match="clip cannot be"):
        write_clip(tmp_path / "draft.mp4", tmp_path / "made.mp4", MADE)
    assert [path.name for path in tmp_path.iterdir()] == ["draft.mp4"]


# The visible mark


@pytest.mark.parametrize("side", [16, 32, 64, 128, 300])
@pytest.mark.parametrize("ground", [0, 128, 255])
def test_the_mark_can_be_read_and_leaves_the_picture_to_be_seen(side: int, ground: int) -> None:
    plain = np.full((side, side, 3), ground, np.uint8)
    changed = (marked(plain) != plain).any(axis=2)
    assert marked(plain).max() == 255
    assert marked(plain).min() < 30
    assert 0.003 < changed.mean() < 0.25
    assert changed[: side // 2].sum() == 0
    assert (plain == ground).all()


@pytest.mark.parametrize("shape", [(40, 40), (300, 80), (80, 900), (1200, 1600)])
def test_the_words_fit_on_any_ground(shape: tuple[int, int]) -> None:
    for ground in (0, 128, 255):
        plain = np.full((*shape, 3), ground, np.uint8)
        out = visible_mark(plain)
        assert out.shape == plain.shape
        assert int(out.max()) - int(out.min()) > 150
        assert (plain == ground).all()


# Manifests, masks and data


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9)), max_size=12))
@settings(max_examples=30, deadline=None)
def test_a_manifest_has_the_last_word_on_each_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    for name, value in rows:
        note(folder, {"file": name, "value": value})
    lines = (folder / MANIFEST).read_text().splitlines() if rows else []
    assert {r["file"]: r["value"] for r in map(json.loads, lines)} == dict(rows)
    assert len(lines) == len(dict(rows))


def test_a_line_that_a_killed_writer_left_is_dropped(tmp_path: Path) -> None:
    notes(tmp_path, [{"file": "a"}, {"file": "b"}])
    with (tmp_path / MANIFEST).open("a") as stream:
        stream.write('{"file": "c", "val')
    note(tmp_path, {"file": "d"})
    rows = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [row["file"] for row in rows] == ["a", "b", "d"]


def test_a_file_that_another_line_only_mentions_keeps_that_line(tmp_path: Path) -> None:
    note(tmp_path, {"file": "b", "source": {"file": "a"}})
    note(tmp_path, {"file": "a"})
    note(tmp_path, {"file": "a"})
    rows = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [row["file"] for row in rows] == ["b", "a"]


def test_data_and_masks_are_written_whole(tmp_path: Path) -> None:
    put(tmp_path / "deep" / "a.json", b"{}")
    assert (tmp_path / "deep" / "a.json").read_bytes() == b"{}"
    write_mask(np.array([[0.0, 1.0]], np.float32), tmp_path / "m.png")
    assert np.asarray(Image.open(tmp_path / "m.png")).tolist() == [[0, 255]]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot be written"):
        put(tmp_path / "file" / "a", b"")


# The share that is to be reached


@pytest.mark.slow
def test_watermarks_survive_q50_without_metadata(portrait: np.ndarray, scene: np.ndarray, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    read = total = 0
    for number in range(24):
        side = int(rng.integers(256, 428))
        pixels = (portrait, scene)[number % 2]
        top, left = (int(rng.integers(0, size - side + 1)) for size in pixels.shape[:2])
        file: Labelled = write_picture(pixels[top : top + side, left : left + side], tmp_path / f"{number}.png", MADE)
        buffer = BytesIO()
        Image.fromarray(np.asarray(Image.open(file.path).convert("RGB"))).save(buffer, "JPEG", quality=50)
        (tmp_path / "bare.jpg").write_bytes(buffer.getvalue())
        found = read_file(tmp_path / "bare.jpg")
        read, total = read + (found is not None and found.payload.synthetic), total + 1
    assert read / total >= 0.95, f"{read} of {total}"
