"""The container examiner: declarations and writers from facts, spans from frames, and when it says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.examiners.base import Card, Examiner, Subject
from facevalue.examiners.container import ContainerExaminer, examiner
from facevalue.examiners.container.declared import declarations
from facevalue.examiners.container.fields import field_regions
from facevalue.examiners.container.spans import INNOCENT, LABELS
from facevalue.examiners.container.tests.stand_in import table, thumbs
from facevalue.examiners.container.traces import FEATURES
from facevalue.exhibit import Exhibit
from facevalue.finding import DECLARES_SYNTHETIC, Finding, Status
from facevalue.footage import Footage
from facevalue.media.clip import ClipInfo, FrameTable, Sound
from facevalue.opinion.calibrate import LogisticCalibration


def footage(frames: FrameTable | None, sound: Sound | None = None, codec: str = "h264") -> Footage:
    end = float(frames.time_s[-1]) if frames is not None and len(frames) else 0.0
    info = ClipInfo(
        "mp4", 320 if frames is not None else 0, 240, end, 25.0, codec, "yuv420p", 0, 1, 1, True, ((0.0, end),)
    )
    return Footage(info, frames, (), None, np.zeros(0), sound)


def examine(frames: FrameTable | None = None, facts: Any = None, sound: Sound | None = None, **how: Any) -> Finding:
    seen = footage(frames, sound, **how) if frames is not None or sound is not None else None
    exhibit = Exhibit.open(b"\0\0\0\x18ftypisom")
    finding = ContainerExaminer().examine(
        Subject(exhibit, None, {"container": facts} if facts else {}, None, None, seen)
    )
    json.dumps(finding.to_dict(), allow_nan=False)
    return finding


def traces(finding: Finding) -> list[str]:
    return [str(r.details.get("trace")) for r in finding.regions if r.kind == "span"]


@pytest.fixture
def uncalibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)


@pytest.fixture
def strong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A calibration in which every unit of every trace adds one to the log10 LR."""
    made = LogisticCalibration(FEATURES, (1.0,) * len(FEATURES), -0.5, -1.0, 2.0)
    (tmp_path / "calibration.json").write_text(json.dumps({"clip": made.to_dict()}))
    monkeypatch.setattr(examiner, "FOLDER", tmp_path)
    examiner.calibration.cache_clear()
    yield
    examiner.calibration.cache_clear()


def frozen() -> FrameTable:
    frames = thumbs(150)
    frames[60:80] = frames[60]
    return table(frames)


# -- what it is --------------------------------------------------------------------------------------------------------


def test_it_is_an_examiner_of_clips_and_sounds_with_a_card() -> None:
    made = ContainerExaminer()
    assert isinstance(made, Examiner)
    assert made.kinds == {"video", "audio"}
    card = Card.load(made.folder)
    assert (card.name, card.question) == ("container", str(made.question))
    assert set(LABELS) == set(INNOCENT)


def test_the_shipped_calibration_fits_the_features_and_never_takes_a_trace_for_innocence() -> None:
    shipped = examiner.calibration()
    assert shipped.names == FEATURES
    assert min(shipped.coefficients) >= 0
    assert shipped.low is not None
    assert shipped.high is not None
    assert shipped.low <= 0 <= shipped.high
    assert list(ContainerExaminer().weights()) == ["container/calibration.json"]


def test_nothing_to_read_is_inapplicable() -> None:
    finding = examine()
    assert finding.status is Status.INAPPLICABLE
    assert finding.log10_lr is None


# -- frames ------------------------------------------------------------------------------------------------------------


def test_a_calm_clip_is_clear() -> None:
    finding = examine(table(thumbs(150)))
    assert finding.status is Status.CLEAR
    assert finding.log10_lr is not None
    assert finding.log10_lr < 0.5
    assert "without a break" in finding.why


def test_a_freeze_is_a_span_with_its_innocent_cause(strong: None) -> None:
    finding = examine(frozen())
    assert finding.status is Status.FOUND
    (region,) = [r for r in finding.regions if r.details.get("trace") == "frozen"]
    assert region.span == pytest.approx((2.44, 3.2), abs=0.05)
    assert region.details["innocent"] == INNOCENT["frozen"]
    assert region.details["log10_lr"] > 0
    assert finding.score is not None
    assert finding.score > 0.9
    assert "innocent" in finding.why


def test_without_a_calibration_there_is_no_ratio_and_no_accusation(uncalibrated: None) -> None:
    finding = examine(frozen())
    assert "frozen" in traces(finding)
    assert finding.log10_lr is None
    assert finding.score is None
    assert finding.status is Status.CLEAR
    assert ContainerExaminer().weights() == {}


def test_innocent_patterns_are_named_and_do_not_raise_the_ratio() -> None:
    calm = examine(table(thumbs(150))).log10_lr
    pulled = np.concatenate([np.repeat(part, [1, 1, 1, 2], axis=0) for part in np.split(thumbs(120), 30)])
    finding = examine(table(pulled))
    assert "copied_frames" in traces(finding)
    assert finding.log10_lr is not None
    assert calm is not None
    assert finding.log10_lr <= calm + 0.1
    unsteady = np.cumsum(np.random.default_rng(2).uniform(0.025, 0.07, 150))
    varying = examine(table(thumbs(150), times=unsteady.tolist()))
    assert "variable_rate" in traces(varying)
    assert varying.log10_lr == pytest.approx(calm, abs=0.3)


def test_codecs_whose_frame_kinds_are_unknown_get_no_former_grid() -> None:
    size = np.exp(7 + 1.0 * (np.arange(300) % 12 == 3) + np.random.default_rng(0).normal(0, 0.1, 300))
    assert "former_encoding" in traces(examine(table(thumbs(300), size=size)))
    assert "former_encoding" not in traces(examine(table(thumbs(300), size=size), codec="av1"))


def test_few_frames_and_no_frames() -> None:
    assert "fewer than" in examine(table(thumbs(10))).why
    assert examine(None, {"format": "wav"}).status is Status.CLEAR


# -- sound -------------------------------------------------------------------------------------------------------------


def voice(seconds: float, gaps: tuple[tuple[float, float], ...] = ()) -> Sound:
    return Sound(np.zeros(round(16_000 * seconds), np.int16), 0.0, 16_000, 1, "opus", None, gaps=gaps)


def test_gaps_of_sound_alone_are_found_without_a_ratio() -> None:
    finding = examine(sound=voice(5, ((1.5, 0.4),)))
    assert finding.status is Status.FOUND
    assert finding.log10_lr is None
    (region,) = [r for r in finding.regions if r.kind == "span"]
    assert region.span == pytest.approx((1.5, 1.9))


def test_sound_that_ends_early_is_a_span() -> None:
    assert "lengths" in traces(examine(table(thumbs(150)), sound=voice(3)))
    assert "lengths" not in traces(examine(table(thumbs(150)), sound=voice(6)))


# -- fields ------------------------------------------------------------------------------------------------------------


def text(key: str, value: str) -> dict[str, str]:
    return {"where": "moov/udta", "key": key, "value": value}


@pytest.mark.parametrize(
    ("key", "value", "strength"),
    [
        ("encoder", "Runway Gen-3", "statement"),
        ("©too", "OpenAI Sora 2", "statement"),
        ("software", "Google Veo 3", "statement"),
        ("TSSE", "ElevenLabs", "statement"),
        ("comment", "Made with Suno; created=2024-05-01", "statement"),
        ("©cmt", "This video was generated by AI", "statement"),
        ("description", "AI-generated video", "statement"),
        ("aigc_info", '{"aigc_label_type":2}', "hint"),
        ("aigc_info", '{"aigc_label_type":0}', None),
        ("aigc_info", "[[[", None),
        ("encoder", "Lavf60.16.100", None),
        ("title", "Sora in Tokyo", None),
        ("artist", "Sora", None),
        ("encoder", "Pikachu", None),
        ("comment", "We compare videos made with Runway and Pika to real ones", None),
        ("title", "Kling AI", None),
    ],
)
def test_only_statements_declare(key: str, value: str, strength: str | None) -> None:
    found = declarations([text(key, value)])
    assert [r["strength"] for r in found] == ([strength] if strength else [])


def test_a_declaration_is_found_and_labelled_as_for_pictures() -> None:
    finding = examine(None, {"format": "iso_bmff", "strings": [text("encoder", "HeyGen 3.1")]})
    assert finding.status is Status.FOUND
    (region,) = [r for r in finding.regions if r.label == DECLARES_SYNTHETIC]
    assert (region.kind, region.details["strength"]) == ("field", "statement")
    assert finding.log10_lr is None


def test_what_was_joined_and_rewritten() -> None:
    facts = {
        "format": "iso_bmff", "order": ["ftyp", "moov", "mdat"], "brands": {"major": "qt"},
        "movie": {"created": "2024-01-05T10:00:00+00:00"},
        "tracks": [{"kind": "video", "edits": [[500, -1], [500, 0], [500, 900]], "sample_descriptions": 2,
                    "media_created": "2023-01-05T10:00:00+00:00"}],
        "writers": [{"writer": "an Apple camera", "kind": "camera", "evidence": ["make: Apple"]},
                    {"writer": "CapCut", "kind": "editor", "evidence": ["software: CapCut"]}],
        "marks": [{"where": "data", "encoder": "x264", "version": "164", "settings": {"crf": "23"}}],
        "oddities": ["there are several moov boxes"], "location": True,
    }  # fmt: skip
    labels = [r.label for r in field_regions(facts)]
    assert labels == ["joined", "joined", "rewritten", "times differ", "structure", "writer", "writer",
                      "encoder settings", "order", "location"]  # fmt: skip
    assert all("innocent" in r.details for r in field_regions(facts)[:5])
    assert "consistent with an Apple camera" in examine(None, facts).why


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["tracks", "strings", "writers", "marks", "movie", "edits", "key", "value", "writer",
                         "settings", "created", "order", "brands", "oddities", "media_created", "sample_descriptions"]),
        inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    facts=st.dictionaries(st.sampled_from(["tracks", "strings", "writers", "marks", "movie", "order", "error"]), JUNK)
)
def test_facts_of_any_shape_are_survived(facts: dict[str, Any]) -> None:
    for region in field_regions(facts):
        assert region.kind == "field"
        assert len(region.value or "") <= 300


# -- made clips --------------------------------------------------------------------------------------------------------


def made_table(frames: list[np.ndarray], options: dict[str, str]) -> FrameTable:
    calibrate = pytest.importorskip("facevalue.lab.calibrate_container")
    edit = pytest.importorskip("facevalue.lab.edit_clips")
    out: FrameTable = calibrate.read_table(edit.encode(edit.Shots(frames, 25), options))[0]
    return out


def pictures(count: int) -> list[np.ndarray]:
    """Frames uint8 (128, 160, 3) in which a bright patch wanders."""
    small = thumbs(count, speed=5.0)
    return [np.repeat(np.kron(t, np.ones((4, 5), np.uint8))[..., None], 3, axis=2) for t in small]


FAST = {"preset": "ultrafast", "crf": "22"}


def test_a_made_clip_runs_through_and_its_forged_copy_does_not() -> None:
    frames = pictures(100)
    assert not {"frozen", "repeated"} & set(traces(examine(made_table(frames, FAST))))
    held = [*frames[:50], *[frames[50]] * 20, *frames[70:]]
    assert "frozen" in traces(examine(made_table(held, FAST)))
    covered = [*frames[:70], *frames[20:50], *frames[70:]]
    assert "repeated" in traces(examine(made_table(covered, FAST)))
