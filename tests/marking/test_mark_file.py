"""Marking files: every format keeps what it can, says what it does not, and is read back before it is handed out."""

from __future__ import annotations

import io
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image, features

from facevalue.errors import UnreadableError, UsageError
from facevalue.marking import MARKABLE, mark_file, read_file
from facevalue.watermark import PICTURE_ALGORITHM, SPEECH_ALGORITHM, Payload

sys.path.insert(0, str(Path(__file__).parent.parent / "watermark"))

from make_host import scene, voice

PAYLOAD = Payload.random(seed=21)


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(scene())


def marked(source: Path) -> Path:
    out = source.with_name("marked" + source.suffix)
    before = source.read_bytes()
    told = mark_file(source, out, PAYLOAD)
    assert source.read_bytes() == before
    assert told.path == out
    assert told.distortion_db > 12
    assert str(PAYLOAD) in told.sentence
    assert sorted(p.name for p in source.parent.iterdir()) == sorted({source.name, out.name})
    return out


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_jpeg_keeps_tables_sampling_and_metadata(photo: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274], exif[271] = 6, "a maker"
    extra = {"exif": exif.tobytes(), "icc_profile": b"profile" * 40, "xmp": b"<x:xmpmeta/>", "comment": b"a comment"}
    source = saved(photo, tmp_path / "a.jpg", quality=83, subsampling=2, progressive=True, **extra)
    with Image.open(source) as before, Image.open(marked(source)) as after:
        assert after.quantization == before.quantization
        assert after.layer == before.layer
        assert after.info.get("progressive") == before.info.get("progressive")
        for key in ("exif", "icc_profile", "xmp", "comment"):
            assert after.info[key] == before.info[key]
    reading = read_file(tmp_path / "marked.jpg")
    assert reading is not None
    assert (reading.payload, reading.orientation) == (PAYLOAD, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_mark_lies_upright_in_every_orientation(photo: Image.Image, tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    source = saved(photo, tmp_path / "a.png", exif=exif.tobytes())
    reading = read_file(marked(source))
    assert reading is not None
    assert (reading.payload, reading.orientation) == (PAYLOAD, 0)


def test_png_keeps_alpha_and_chunks(photo: Image.Image, tmp_path: Path) -> None:
    image = photo.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(photo.size))
    source = saved(image, tmp_path / "a.png", dpi=(300, 300), icc_profile=b"profile" * 9)
    with Image.open(source) as before, Image.open(marked(source)) as after:
        assert (np.asarray(after)[:, :, 3] == np.asarray(before)[:, :, 3]).all()
        assert after.info["dpi"] == before.info["dpi"]
        assert after.info["icc_profile"] == before.info["icc_profile"]


@pytest.mark.parametrize("channels", [1, 3])
def test_png_of_16_bits_keeps_them(tmp_path: Path, channels: int) -> None:
    rng = np.random.default_rng(0)
    deep = scene().astype(np.uint16) * 257 // 2 + rng.integers(0, 257, (300, 400, 3)).astype(np.uint16)
    deep = deep if channels == 3 else deep[:, :, 0]
    source = tmp_path / "a.png"
    cv2.imwrite(str(source), deep)
    after = cv2.imread(str(marked(source)), cv2.IMREAD_UNCHANGED)
    assert after.dtype == np.uint16
    assert after.shape == deep.shape
    assert len(np.unique(after)) > 300
    assert ((after.astype(int) - deep) % 257 == 0).all()


@pytest.mark.parametrize(("name", "options"), [
    ("a.webp", {"quality": 80}), ("b.webp", {"lossless": True}), ("a.bmp", {}),
    ("a.tif", {"compression": "tiff_lzw"}), ("b.tif", {"compression": "jpeg", "quality": 90}),
])  # fmt: skip
def test_other_pictures(photo: Image.Image, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    out = marked(saved(photo, tmp_path / name, **options))
    with Image.open(out) as after, Image.open(tmp_path / name) as before:
        assert (after.format, after.size, after.mode) == (before.format, before.size, before.mode)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_avif(photo: Image.Image, tmp_path: Path) -> None:
    with Image.open(marked(saved(photo, tmp_path / "a.avif", quality=85, speed=9))) as after:
        assert (after.format, after.size) == ("AVIF", photo.size)


def test_grey_and_palette_pictures(photo: Image.Image, tmp_path: Path) -> None:
    with Image.open(marked(saved(photo.convert("L"), tmp_path / "a.jpg", quality=90))) as after:
        assert after.mode == "L"
    for file in tmp_path.iterdir():
        file.unlink()
    told = mark_file(saved(photo.quantize(128), tmp_path / "b.png"), tmp_path / "c.png", PAYLOAD)
    assert any("palette" in note for note in told.notes)


REFUSED = {
    "a.gif": ("palette leaves no room", lambda i, p: i.save(p)),
    "cmyk.jpg": ("CMYK", lambda i, p: i.convert("CMYK").save(p)),
    "moving.webp": ("holds 2 pictures", lambda i, p: i.save(p, save_all=True, append_images=[i.rotate(90)])),
    "small.png": ("200 pixels", lambda i, p: i.resize((120, 90)).save(p)),
    "text.txt": ("cannot be marked", lambda _, p: p.write_text("hello, this is text")),
    "deep.tif": ("16 bits", lambda i, p: cv2.imwrite(str(p), np.asarray(i).astype(np.uint16) * 257)),
    "cut.jpg": ("could not be decoded", lambda i, p: p.write_bytes(_jpeg(i)[:900])),
}


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_marked_says_so(photo: Image.Image, tmp_path: Path, name: str) -> None:
    why, write = REFUSED[name]
    source = tmp_path / name
    write(photo, source)
    with pytest.raises(UsageError, match=why):
        mark_file(source, tmp_path / f"out-{name}", PAYLOAD)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_original_is_never_replaced(photo: Image.Image, tmp_path: Path) -> None:
    source = saved(photo, tmp_path / "a.png")
    with pytest.raises(UsageError, match="must not replace"):
        mark_file(source, source, PAYLOAD)
    with pytest.raises(UsageError, match="cannot write"):
        mark_file(source, tmp_path / "nowhere" / "a.png", PAYLOAD)
    with pytest.raises(UnreadableError):
        mark_file(tmp_path / "missing.png", tmp_path / "b.png", PAYLOAD)


def clip(path: Path, *, sound: bool = True) -> Path:
    """A second of a texture that pans, at uneven times, with a tone."""
    wide = cv2.GaussianBlur(scene(240, 360, seed=2), (0, 0), 1.5)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        tone = out.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for k in range(20):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[:, k : k + 320]), format="rgb24")
            frame.pts, frame.time_base = 40 * k + k % 3, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        if tone is not None:
            samples = 0.2 * np.sin(np.arange(38_400) / 20).astype(np.float32)
            for start in range(0, len(samples), 1024):
                part = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = 48_000, start, Fraction(1, 48_000)
                out.mux(tone.encode(part))
            out.mux(tone.encode(None))
        out.mux(stream.encode(None))
    return path


def stamps(path: Path) -> tuple[list[float], list[bytes]]:
    """Times of the frames, and the packets of the sound."""
    with av.open(str(path)) as source:
        times = [round(f.time, 4) for f in source.decode(video=0)]
    with av.open(str(path)) as source:
        return times, [bytes(p) for p in source.demux(audio=0) if p.size] if source.streams.audio else []


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_clips_keep_time_stamps_and_sound(tmp_path: Path, name: str) -> None:
    source = clip(tmp_path / name)
    out = marked(source)
    (times, sound), (times_before, sound_before) = stamps(out), stamps(source)
    assert times == times_before
    assert sound == sound_before
    reading = read_file(out)
    assert reading is not None
    assert reading.payload == PAYLOAD


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "flac", "libmp3lame"])
def test_sounds_keep_codec_rate_and_channels(tmp_path: Path, codec: str) -> None:
    suffix = {"flac": ".flac", "libmp3lame": ".mp3"}.get(codec, ".wav")
    source, sound = tmp_path / f"a{suffix}", voice(24.0)
    with av.open(str(source), "w") as out:
        stream = out.add_stream(codec, rate=16_000, layout="stereo")
        form, size = stream.codec_context.format.name, stream.codec_context.frame_size or 0
        resampler = av.AudioResampler(form, "stereo", 16_000, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.stack([sound, 0.5 * sound]), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 0, Fraction(1, 16_000)
        for part in (frame, None):
            for piece in resampler.resample(part):
                out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    target = marked(source)
    kept = [_sound_facts(path) for path in (source, target)]
    assert kept[0] == kept[1]
    reading = read_file(target)
    assert reading is not None
    assert reading.payload == PAYLOAD


def _sound_facts(path: Path) -> tuple[str, int, int, str]:
    with av.open(str(path)) as source:
        track = source.streams.audio[0]
        return track.codec_context.name, track.rate, track.channels, track.codec_context.format.name


def test_files_without_a_mark_give_nothing(photo: Image.Image, tmp_path: Path) -> None:
    assert read_file(saved(photo, tmp_path / "a.jpg")) is None
    assert read_file(saved(photo.resize((20, 20)), tmp_path / "b.png")) is None
    assert read_file(clip(tmp_path / "c.mp4", sound=False)) is None


def test_what_can_be_marked_is_listed() -> None:
    assert {"image/jpeg", "image/png", "video/mp4", "audio/wav"} <= MARKABLE
    assert "image/gif" not in MARKABLE
    assert PICTURE_ALGORITHM != SPEECH_ALGORITHM
