"""The watermark examiner: what it says of marked and unmarked exhibits, and what `check` makes of it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facevalue as fv
from facevalue.examiners.base import Card, Examiner, Subject
from facevalue.examiners.watermark import WatermarkExaminer
from facevalue.exhibit import Exhibit
from facevalue.finding import DECLARES_SYNTHETIC, Finding, Question, Status
from facevalue.footage import Footage
from facevalue.media import Picture
from facevalue.media.clip import ClipInfo, Frame, Sound
from facevalue.watermark import Payload, picture, speech


def scene(height: int = 260, width: int = 340, seed: int = 0) -> np.ndarray:
    """Texture whose power falls with frequency."""
    rng = np.random.default_rng(seed)
    falling = 1 / np.maximum(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]), 0.006) ** 1.3
    grey = np.fft.ifft2(np.fft.fft2(rng.normal(size=(height, width))) * falling).real
    return np.repeat(np.clip(grey / grey.std() * 45 + 120, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def murmur(seconds: float = 24.0) -> np.ndarray:
    """Noise in the telephone's band whose level wanders: as much as the mark of speech needs."""
    rng = np.random.default_rng(1)
    count = round(seconds * 16_000)
    spectrum = np.fft.rfft(rng.normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / 16_000)
    band = np.fft.irfft(spectrum * ((hertz > 200) & (hertz < 4000)), count)
    level = np.interp(np.arange(count) / 1600, np.arange(count // 1600 + 2), rng.uniform(0.3, 1, count // 1600 + 2))
    return (0.2 * band * level / band.std()).astype(np.float32)


def of_picture(pixels: np.ndarray) -> Finding:
    shown = Picture(pixels, "PNG", "RGB", (pixels.shape[1], pixels.shape[0]))
    return _examined(Subject(Exhibit.open(b"x"), shown, {}, None, None))


def of_footage(stills: list[np.ndarray], samples: np.ndarray | None) -> Finding:
    size = stills[0].shape if stills else (0, 0)
    info = ClipInfo("mp4", size[1], size[0], 9.0, 25.0, "h264", "yuv420p", 0, 1, 1, True, ((0.0, 9.0),))
    frames = tuple(Frame(k, k / 5, still) for k, still in enumerate(stills))
    pcm = None if samples is None else (samples * 32767).astype(np.int16)
    sound = None if pcm is None else Sound(pcm, 0.0, 16_000, 1, "pcm_s16le", None)
    footage = Footage(info, None, frames, None, np.zeros(0), sound)
    return _examined(Subject(Exhibit.open(b"x"), None, {}, None, None, footage))


def _examined(subject: Subject) -> Finding:
    finding = WatermarkExaminer().examine(subject)
    json.dumps(finding.to_dict(), allow_nan=False)
    assert (finding.examiner, finding.question, finding.log10_lr) == ("watermark", Question.PROVENANCE, None)
    return finding


def test_it_is_an_examiner_with_a_card() -> None:
    examiner = WatermarkExaminer()
    assert isinstance(examiner, Examiner)
    assert Card.load(examiner.folder).question == str(examiner.question)
    assert examiner.weights() == {}


def test_the_record_of_figures_is_readable_where_it_is() -> None:
    record = Path(WatermarkExaminer().folder) / "marks.json"
    measured = json.loads(record.read_text(encoding="utf-8"))
    assert all(part["command"].startswith("python bench/watermark.py") for part in measured.values())


@pytest.mark.parametrize("synthetic", [False, True])
def test_a_marked_picture_is_found_and_its_flag_told(synthetic: bool) -> None:
    payload = Payload.random(synthetic, seed=3)
    finding = of_picture(picture.embed(scene(), payload).rgb)
    assert finding.status is Status.FOUND
    (region,) = finding.regions
    assert (region.label == DECLARES_SYNTHETIC) is synthetic
    assert region.details["payload"] == payload.to_bytes().hex()
    assert region.details["identifier"] == str(payload.ident)
    assert region.details["log10_false_alarm"] <= -9
    assert "a model made it" in finding.why if synthetic else "does not show" in finding.why


def test_an_unmarked_picture_is_clear_with_the_rate_of_false_alarms() -> None:
    finding = of_picture(scene())
    assert finding.status is Status.CLEAR
    assert "10^9" in finding.why
    assert "absence proves nothing" in finding.why


def test_too_little_to_look_at_is_inapplicable() -> None:
    assert of_picture(scene()[:20]).status is Status.INAPPLICABLE
    assert of_footage([], murmur(1.0)).status is Status.INAPPLICABLE


def test_frames_and_sound_are_read_each_for_itself() -> None:
    seen, said = Payload.random(seed=4), Payload.random(True, seed=5)
    stills = [picture.embed(scene(seed=s), seen).rgb for s in range(3)]
    sound = speech.embed(murmur(), 16_000, said).samples
    finding = of_footage(stills, sound)
    assert [r.details["payload"] for r in finding.regions] == [str(seen), str(said)]
    assert [r.label == DECLARES_SYNTHETIC for r in finding.regions] == [False, True]
    assert of_footage(stills[:1], murmur()).regions[0].details["payload"] == str(seen)
    assert of_footage([scene()], murmur()).status is Status.CLEAR


@pytest.mark.parametrize("synthetic", [False, True])
def test_check_declares_what_the_flag_says(synthetic: bool) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture.embed(scene(), Payload.random(synthetic, seed=3)).rgb).save(buffer, "JPEG", quality=80)
    exam = fv.check(buffer.getvalue(), questions=["provenance"])
    assert exam["watermark"].status is Status.FOUND
    assert (exam.opinion.verdict is fv.Verdict.DECLARED_SYNTHETIC) is synthetic
