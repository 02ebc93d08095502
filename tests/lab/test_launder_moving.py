"""The trips that clips and recordings take, and that no label is lost on them."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

import facevalue as fv
from facevalue.errors import DecodeError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.finding import Verdict
from facevalue.lab.cli import app
from facevalue.lab.labels import TRAINED_TYPE
from facevalue.lab.labels.stated import xmp_box
from facevalue.lab.launder import launder
from facevalue.lab.launder_moving import CLIP_TRIPS, SOUND_TRIPS, launder_moving
from facevalue.lab.sound_trips import decode, encode

RATE = 16_000


def tune(seconds: float = 1.0) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    sound = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 6000 * t)
    return (sound * 32767 * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))).astype(np.int16)


def film(frames: int = 8, size: tuple[int, int] = (96, 64)) -> bytes:
    """A moving ramp with a tone, MP4."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        video = target.add_stream("libx264", rate=25, options={"crf": "18"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = target.add_stream("aac", rate=RATE, layout="mono")
        rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
        for number in range(frames):
            picture = np.stack([rows * 3, columns * 2, (rows + columns + 9 * number) % 256], axis=-1).astype(np.uint8)
            target.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        target.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray((tune(0.3) / 32768).astype(np.float32)[None], format="fltp", layout="mono")
        sound.sample_rate = RATE
        target.mux(audio.encode(sound))
        target.mux(audio.encode(None))
    return out.getvalue()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "film.mp4"
    path.write_bytes(film())
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sounds") / "tune.wav"
    path.write_bytes(encode(tune(), "wav"))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["launder", *(str(a) for a in arguments)])


def seen(data: bytes) -> tuple[list[np.ndarray], int]:
    with av.open(io.BytesIO(data)) as source:
        return [f.to_ndarray(format="rgb24") for f in source.decode(video=0)], len(source.streams.audio)


@pytest.mark.parametrize("name", list(CLIP_TRIPS))
def test_a_clip_keeps_its_frames_and_its_sound_and_repeats(name: str, clip: Path) -> None:
    data = launder_moving(Exhibit.open(clip), name, 4)
    frames, tracks = seen(data)
    assert (len(frames), tracks) == (8, 1)
    assert all(side % 2 == 0 for side in frames[0].shape[:2])
    assert data == launder_moving(Exhibit.open(clip), name, 4)
    original, _ = seen(clip.read_bytes())
    assert frames[0].shape != original[0].shape or not np.array_equal(frames[0], original[0])


@pytest.mark.parametrize("name", list(SOUND_TRIPS))
def test_a_recording_keeps_its_length_and_its_tune_and_repeats(name: str, sound: Path) -> None:
    data = launder_moving(Exhibit.open(sound), name, 4)
    assert data == launder_moving(Exhibit.open(sound), name, 4)
    back = decode(data)[: len(tune())].astype(float)
    assert len(back) == len(tune())
    power = np.abs(np.fft.rfft(back)) ** 2
    hertz = np.fft.rfftfreq(len(back), 1 / RATE)
    assert 430 < hertz[power.argmax()] < 450
    high = power[hertz > 4500].sum() / power.sum()
    assert (high < 1e-3) == (name == "phone")


def test_chat_applications_shrink_clips(tmp_path: Path) -> None:
    frames, _ = seen(launder_moving(Exhibit.open(film(2, (960, 640))), "whatsapp", 0))
    assert frames[0].shape == (480, 720, 3)


def test_trips_follow_each_other(clip: Path, sound: Path, portrait: np.ndarray) -> None:
    both = launder_moving(Exhibit.open(clip), "whatsapp+phone", 1)
    assert both not in (launder_moving(Exhibit.open(clip), name, 1) for name in ("whatsapp", "phone"))
    assert len(decode(launder_moving(Exhibit.open(sound), "phone+telegram", 1))) >= RATE
    assert launder(portrait, "whatsapp+screenshot", 1).shape[0] > portrait.shape[0] * 0.6
    assert not np.array_equal(launder(portrait, "q50+q70", 1), launder(portrait, "q70+q50", 1))


def test_what_declares_itself_goes_on_declaring_it(clip: Path, tmp_path: Path) -> None:
    declared = tmp_path / "made.mp4"
    declared.write_bytes(clip.read_bytes() + xmp_box(TRAINED_TYPE, 'a "tool" <&>'))
    assert fv.check(declared).opinion.verdict is Verdict.DECLARED_SYNTHETIC
    result = run(declared, "--out", tmp_path / "out", "--preset", "whatsapp+x")
    copy = Path(result.stdout.strip())
    assert copy.name == "made-whatsapp+x.mp4"
    assert fv.check(copy).opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert b"digitalsourcetype" not in launder_moving(Exhibit.open(clip), "x", 0)


def test_a_declared_recording_goes_on_declaring_it(sound: Path, tmp_path: Path) -> None:
    declared = tmp_path / "made.m4a"
    declared.write_bytes(launder_moving(Exhibit.open(sound), "x", 0) + xmp_box(TRAINED_TYPE, "tool"))
    copy = Path(run(declared, "--out", tmp_path / "out", "--preset", "phone").stdout.strip())
    assert copy.suffix == ".m4a"
    assert fv.check(copy).opinion.verdict is Verdict.DECLARED_SYNTHETIC


def test_the_command_takes_a_folder_of_everything(
    clip: Path, sound: Path, tmp_path: Path, encode: object, drawing: np.ndarray
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(clip.read_bytes())
    (folder / "b.wav").write_bytes(sound.read_bytes())
    (folder / "c.png").write_bytes(encode(drawing, "PNG"))  # type: ignore[operator]
    (folder / "d.mp4").write_bytes(b"\0\0\0\x18ftypisom nothing")
    result = run(folder, "--out", tmp_path / "out", "--preset", "telegram")
    assert result.exit_code == 0, result.exception
    assert [Path(line).name for line in result.stdout.splitlines()] == [
        "a-telegram.mp4",
        "b-telegram.m4a",
        "c-telegram.png",
    ]
    assert "d.mp4" in result.stderr


def test_trips_that_an_exhibit_cannot_take_are_refused(clip: Path, sound: Path) -> None:
    for path in (clip, sound):
        with pytest.raises(UsageError, match="take no trip called 'print'"):
            launder_moving(Exhibit.open(path), "print", 0)
    assert isinstance(run(clip, "--out", clip.parent / "out", "--preset", "x+moon").exception, UsageError)
    with pytest.raises(DecodeError):
        launder_moving(Exhibit.open(b"\0\0\0\x18ftypisom" + b"\0" * 40), "x", 0)
