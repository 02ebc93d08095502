"""audio_edit from a Footage built by hand to its finding: spans, curve, abstentions, bounds."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from facevalue.errors import UsageError
from facevalue.examiners.audio_edit import AudioEditExaminer, examiner
from facevalue.examiners.audio_edit.look import MAX_UNITS, NAMES, AudioCalibration, Scale
from facevalue.examiners.audio_edit.spans import MAX_POINTS, MAX_SPANS
from facevalue.examiners.audio_edit.trace import Mark, Trace
from facevalue.examiners.audio_edit.words import INNOCENT, LABELS
from facevalue.examiners.base import Card, Examiner, Subject
from facevalue.exhibit import Exhibit
from facevalue.finding import Finding, Question, Status
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo, Sound
from facevalue.opinion.calibrate import LogisticCalibration

_spec = importlib.util.spec_from_file_location("audio_edit_sounds", Path(__file__).with_name("sounds.py"))
assert _spec is not None
assert _spec.loader is not None
sounds = sys.modules.setdefault(_spec.name, importlib.util.module_from_spec(_spec))
_spec.loader.exec_module(sounds)
RATE = sounds.RATE


def subject(samples: np.ndarray | None, start_s: float = 0.0, gaps: tuple[tuple[float, float], ...] = ()) -> Subject:
    info = ClipInfo("wav", 0, 0, 10.0, 0.0, "", "", 0, 0, 1, True, ())
    sound = None if samples is None else Sound(samples, start_s, RATE, 1, "pcm_s16le", None, gaps=gaps)
    footage = Footage(info, None, (), None, np.empty(0), sound)
    return Subject(Exhibit("a.wav", b"", "", "audio/wav"), None, {}, None, None, footage)


def examine(samples: np.ndarray | None, **kwargs: float) -> Finding:
    return AudioEditExaminer().examine(subject(samples, **kwargs))


def test_it_is_an_examiner_of_sound_with_a_card() -> None:
    made = AudioEditExaminer()
    assert isinstance(made, Examiner)
    assert (made.name, made.question, made.kinds) == ("audio_edit", Question.EDITED, {"audio", "video"})
    assert Card.load(made.folder).question == "edited"
    assert list(made.weights()) == [f"audio_edit/{name}" for name in examiner.FILES]
    assert set(LABELS) == set(INNOCENT) == set(NAMES)


# Abstentions


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        (None, "no sound"),
        (np.zeros(0, np.int16), "no sound"),
        (np.ones(2 * RATE, np.int16), "below 3 s"),
        (np.zeros(5 * RATE, np.int16), "digital silence"),
        (np.full(5 * RATE, -32768, np.int16), "digital silence"),
    ],
)
def test_it_says_why_it_cannot_look(samples: np.ndarray | None, why: str) -> None:
    finding = examine(samples)
    assert finding.status is Status.INAPPLICABLE
    assert finding.log10_lr is None
    assert why in finding.why


def test_a_picture_has_no_sound() -> None:
    bare = Subject(Exhibit("a.png", b"", "", "image/png"), None, {}, None, None)
    assert AudioEditExaminer().examine(bare).status is Status.INAPPLICABLE


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_without_a_calibration_it_abstains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    for name in examiner.FILES[:2]:
        shutil.copyfile(examiner.FOLDER / name, tmp_path / name)
    if content is not None:
        (tmp_path / "calibration.json").write_text(content)
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)
    examiner.calibration.cache_clear()
    finding = examine(sounds.recording(4))
    examiner.calibration.cache_clear()
    assert finding.status is Status.INAPPLICABLE
    assert "calibration.json" in finding.why


def test_without_a_network_it_abstains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copyfile(examiner.FOLDER / examiner.CALIBRATION_FILE, tmp_path / examiner.CALIBRATION_FILE)
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)
    finding = examine(sounds.recording(4))
    assert finding.status is Status.INAPPLICABLE
    assert "joints.onnx" in finding.why


# What it says


def test_a_copied_stretch_is_found_where_it_lies_in_the_presentation() -> None:
    samples = sounds.recording(20, 7)
    copied = samples.copy()
    copied[int(14.03 * RATE) : int(15.53 * RATE)] = samples[int(4.0 * RATE) : int(5.5 * RATE)]
    finding = examine(copied, start_s=100.0)
    assert finding.status is Status.FOUND
    assert finding.log10_lr is not None
    assert finding.log10_lr >= 1
    spans = [r for r in finding.regions if r.kind == "span" and r.details.get("trace") == "repeat"]
    # Which of the two is the copy cannot be told: both are spans, and each names the other.
    assert sorted(r.span for r in spans[:2]) == [pytest.approx(s, abs=0.4) for s in ((104.0, 105.5), (114.03, 115.53))]
    assert "again at" in str(spans[0].details["measured"])
    assert "innocently" in finding.why
    curve = next(r for r in finding.regions if "curve" in r.details)
    assert curve.span == pytest.approx((100.0, 120.0))
    assert curve.details["log10_lr"] == pytest.approx(finding.log10_lr, abs=1e-3)
    times, lrs = zip(*curve.details["curve"], strict=True)
    strongest = times[int(np.argmax(lrs))]
    assert 103 <= strongest <= 106.5 or 113 <= strongest <= 116.5
    json.dumps(finding.to_dict(), allow_nan=False)


def test_unedited_sound_is_clear_and_never_proves_it() -> None:
    finding = examine(sounds.recording(15, 11))
    assert finding.status is Status.CLEAR
    assert finding.log10_lr is not None
    assert -1 < finding.log10_lr < 1
    assert finding.score is not None
    assert 0 < finding.score < 1
    assert "careful cut" in finding.why


@pytest.mark.parametrize("seed", range(3))
def test_hostile_samples_give_a_finding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-32768, 32768, 4 * RATE).astype(np.int16)
    samples[rng.integers(0, len(samples) - 9000) :][:8000] = rng.choice([-32768, 0, 32767])
    if seed:
        samples = np.sign(samples).astype(np.int16) * 32767
    finding = examine(samples)
    assert finding.status in (Status.FOUND, Status.CLEAR)
    assert finding.log10_lr is not None
    assert np.isfinite(finding.log10_lr)
    json.dumps(finding.to_dict(), allow_nan=False)


def test_equal_sound_gives_equal_findings_and_is_not_written_to() -> None:
    samples = sounds.recording(5, 2)
    samples.setflags(write=False)
    assert examine(samples).to_dict() == examine(samples.copy()).to_dict()


# Weighing


def made(coefficients: tuple[float, ...] = (1.0,) * len(NAMES)) -> AudioCalibration:
    scales = {n: Scale(1.0, 3.0, 0.5) for n in NAMES}
    return AudioCalibration({}, scales, LogisticCalibration(NAMES, coefficients, -0.5, -1.0, 2.0))


def test_units_start_at_the_usual_and_end() -> None:
    scale = Scale(1.0, 3.0, 0.5)
    assert scale.units(1.0, 15.0) == 0.0
    assert scale.units(3.0, 15.0) == pytest.approx(1.0)
    assert scale.units(1e9, 15.0) == MAX_UNITS
    assert scale.units(3.0, 1500.0) == 0.0  # a hundred times longer makes as much by chance


def test_a_calibration_survives_its_file() -> None:
    one = made()
    assert AudioCalibration.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    for broken in ({}, {"prior": {}, "scales": {}, "weigh": {}}, {**one.to_dict(), "weigh": {"kind": "isotonic"}}):
        with pytest.raises(UsageError):
            AudioCalibration.from_dict(broken)


def test_traces_that_meet_say_more_than_traces_that_do_not() -> None:
    def traces(at: float) -> dict[str, Trace]:
        splice, other = Mark(5.0, 5.001, 2.5, "x"), Mark(at, at + 0.4, 2.5, "x")
        return {"splice": Trace("splice", (splice,)), "background": Trace("background", (other,))}

    together, apart = (made().log10_lr(traces(at), 15.0) for at in (5.1, 11.0))
    alone = made().mark_log10_lr("splice", 2.5, 15.0)
    assert together > apart == pytest.approx(alone)
    assert made().curve(traces(5.1), 15.0).shape == (30,)
    assert made().log10_lr({}, 15.0) == pytest.approx(-0.5, abs=0.02)  # the intercept, softly bounded


def test_regions_are_bounded_and_uncounted_traces_are_not_shown() -> None:
    from facevalue.examiners.audio_edit.spans import curve_region, mark_regions, note_regions

    marks = tuple(Mark(float(i), i + 0.1, 9.0, "x") for i in range(300))
    traces = {"splice": Trace("splice", marks), "hum": Trace("hum", marks), "reverb": Trace("reverb", note="too short")}
    counted = made(tuple(0.0 if n == "hum" else 1.0 for n in NAMES))
    regions = mark_regions(traces, counted, 30_000.0)
    assert len(regions) == MAX_SPANS
    assert {r.details["trace"] for r in regions} == {"splice"}
    assert len(curve_region(traces, counted, 30_000.0).details["curve"]) == MAX_POINTS
    assert [r.field_name for r in note_regions(traces)] == ["reverb"]
