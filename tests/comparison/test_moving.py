"""`facevalue.compare` on clips and sounds: what was removed, inserted and replaced, with its time."""

from __future__ import annotations

import io
import json
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from scenes import jpeg, scene, tune

import facevalue as fv
from facevalue.comparison.frames import _path, _runs
from facevalue.comparison.timeline import Stretch, changed_share, gaps
from facevalue.reports.comparison import render_comparison
from facevalue.reports.json import load_schema

RATE = 16_000


def wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def clip(path: Path, frames: list[np.ndarray]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", 10)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 900_000
        for frame in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def shots(count: int, seed: int = 0) -> list[np.ndarray]:
    """A pan over another scene every second."""
    views = [scene(200 + seed + second, 320, 220) for second in range(count // 10 + 1)]
    return [views[n // 10][2 * (n % 10) : 2 * (n % 10) + 180, 4 * (n % 10) : 4 * (n % 10) + 240] for n in range(count)]


def check(found: fv.Comparison) -> fv.Comparison:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator(load_schema("comparison-1")).validate(json.loads(found.to_json()))
    return found


def test_a_cut_and_an_insertion_are_found_where_they_are() -> None:
    whole, new = tune(10, 5), tune(2, 6)
    edited = np.concatenate([whole[: 3 * RATE], new, whole[3 * RATE : 5 * RATE], whole[7 * RATE :]])
    found = check(fv.compare(wav(whole), wav(edited)))
    inserted = [c for c in found.changes if c.kind == "inserted"]
    removed = [c for c in found.changes if c.kind == "removed"]
    assert inserted[0].suspect_span == pytest.approx((3, 5), abs=0.3)
    assert removed[0].span == pytest.approx((5, 7), abs=0.3)


def test_a_replaced_word_is_found() -> None:
    whole = tune(8, 7)
    edited = whole.copy()
    edited[4 * RATE : 5 * RATE] = tune(1, 8)
    found = check(fv.compare(wav(whole), wav(edited)))
    assert {c.kind for c in found.changes} == {"replaced"}
    start = min(c.span[0] for c in found.changes if c.span)
    end = max(c.span[1] for c in found.changes if c.span)
    assert (start, end) == pytest.approx((4, 5), abs=0.35)


def test_a_quieter_noisy_sound_is_unchanged() -> None:
    whole = tune(6, 9)
    noisy = whole * 0.5 + np.random.default_rng(0).normal(0, 60, len(whole))
    found = check(fv.compare(wav(whole), wav(noisy.astype(np.int16))))
    assert found.common
    assert found.changes == ()


def test_strange_sounds_have_nothing_in_common() -> None:
    assert not check(fv.compare(wav(tune(6, 10)), wav(tune(6, 11)))).common


def test_a_clip_with_frames_removed_inserted_and_changed(tmp_path: Path) -> None:
    frames = shots(80)
    edited = [frame.copy() for frame in frames]
    for frame in edited[50:]:
        cv2.circle(frame, (170, 60), 26, (20, 220, 20), -1)
    edited = edited[:20] + shots(20, 50) + edited[20:30] + edited[50:]
    found = check(fv.compare(clip(tmp_path / "o.mp4", frames), clip(tmp_path / "s.mp4", edited)))
    by_kind = {kind: [c for c in found.changes if c.kind == kind] for kind in ("inserted", "removed", "region")}
    assert by_kind["inserted"][0].suspect_span == pytest.approx((2, 4), abs=0.45)
    assert by_kind["removed"][0].span == pytest.approx((3, 5), abs=0.45)
    x, y, width, height = max(by_kind["region"], key=lambda c: c.share or 0).box or (0, 0, 0, 0)
    assert abs(x + width / 2 - 170) < 12
    assert abs(y + height / 2 - 60) < 12
    html = render_comparison(found)
    assert "Key moments" in html
    assert "inserted" in html


def test_a_recoded_clip_is_unchanged_and_a_stranger_has_nothing_in_common(tmp_path: Path) -> None:
    frames = shots(40)
    small = [cv2.resize(frame, (180, 136), interpolation=cv2.INTER_AREA) for frame in frames]
    original = clip(tmp_path / "o.mp4", frames)
    found = check(fv.compare(original, clip(tmp_path / "s.mp4", small)))
    assert found.common
    assert found.changes == ()
    assert not fv.compare(original, clip(tmp_path / "x.mp4", shots(40, 70))).common


def test_a_still_of_a_clip_is_found_in_it(tmp_path: Path) -> None:
    frames = shots(30)
    found = check(fv.compare(clip(tmp_path / "o.mp4", frames), jpeg(frames[15], 80)))
    assert found.common


def test_gaps_between_stretches() -> None:
    shared = [Stretch((0, 2), (0, 2)), Stretch((4, 6), (2, 4)), Stretch((7, 9), (6, 8))]
    found = gaps(shared, (9, 9), 0.5, "sound")
    assert [(c.kind, c.span, c.suspect_span) for c in found] == [
        ("removed", (2, 4), None),
        ("replaced", (6, 7), (4, 6)),
        ("inserted", None, (8, 9)),
    ]
    assert changed_share(found, (9, 9)) == pytest.approx(5 / 9)


def test_the_path_follows_an_insertion() -> None:
    scores = np.full((6, 9), -1, np.float32)
    for i in range(6):
        scores[i, i if i < 3 else i + 3] = 1
    assert _runs(_path(scores), 2) == [[(0, 0), (1, 1), (2, 2)], [(3, 6), (4, 7), (5, 8)]]
