"""The data layout, the face bank, and the views that training reads."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from facevalue.lab import data as layout
from facevalue.lab import facebank
from facevalue.lab.features import cache_path, read_rgb, sample_views


def test_matched_gives_both_forms_with_labels(data: Path) -> None:
    samples = list(layout.matched(data))
    assert Counter((s.form, s.label) for s in samples) == {(f, y): 24 for f in ("whole", "native") for y in (0, 1)}
    assert {s.source for s in samples} == set("abcdef")
    assert {s.generator for s in samples if s.label} == {"blocks"}


def test_wild_and_photographs_are_real(data: Path) -> None:
    assert {s.label for s in layout.wild(data)} == {0}
    assert len(list(layout.wild(data))) == 16
    assert [s.path.name for s in layout.photographs(data)] == ["0.jpg", "1.jpg", "2.jpg"]


def test_faces_are_labelled_by_their_folder(data: Path) -> None:
    counts = Counter((s.source, s.label, s.generator) for s in layout.faces(data))
    assert counts == {
        ("faces_real_people", 0, "-"): 12,
        ("faces_gan_one", 1, "one"): 12,
        ("faces_diffusion_two", 1, "two"): 12,
    }
    assert max(Counter(s.source for s in layout.faces(data, limit=5)).values()) == 5


def test_swap_pairs_share_a_clip(data: Path) -> None:
    for fake, real in layout.swap_pairs(data):
        assert (fake.label, real.label) == (1, 0)
        assert fake.pair == real.pair == real.path.stem


def test_keys_and_seeds_do_not_depend_on_where_the_data_lie(data: Path, tmp_path: Path) -> None:
    sample = next(layout.faces(data))
    moved = layout.Sample(tmp_path / sample.path.name, sample.source, sample.label, sample.generator, sample.form)
    assert (moved.key, moved.seed(3)) == (sample.key, sample.seed(3))
    assert sample.seed(3) != sample.seed(4)
    assert cache_path(tmp_path, sample, 0) != cache_path(tmp_path, sample, 1)


def test_a_picture_that_does_not_decode_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        read_rgb(broken)


def test_what_is_absent_is_named_and_skipped(data: Path, tmp_path: Path) -> None:
    assert layout.absent(data) == []
    assert "images/matched/index.tsv" in layout.absent(tmp_path)
    assert list(layout.matched(tmp_path)) == list(layout.wild(tmp_path)) == list(layout.swap_pairs(tmp_path)) == []
    assert list(layout.faces(tmp_path)) == list(layout.photographs(tmp_path)) == []


def test_frames_of_a_clip_are_spread_over_it(tmp_path: Path) -> None:
    folder = tmp_path / "videos" / "real"
    folder.mkdir(parents=True)
    writer = cv2.VideoWriter(str(folder / "phone_1.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for i in range(20):
        writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
    writer.release()
    (clip,) = layout.real_clips(tmp_path)
    assert (clip.label, clip.source) == (0, "phone")
    frames = list(layout.clip_frames(clip.path, 4))
    assert len(frames) == 4
    levels = [float(frame.mean()) for frame in frames]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 80


def test_views_of_a_sample_by_form(data: Path) -> None:
    face = next(layout.faces(data))
    # The face picture is 256 px: too small for native windows.
    assert [name for name, _ in sample_views(face, 0)] == ["whole", "portrait"]
    whole, native = list(layout.matched(data))[:2]
    assert [name for name, _ in sample_views(whole, 0)] == ["whole"]
    assert [(name, view.shape) for name, view in sample_views(native, 1)] == [("window", (240, 240, 3))]
    assert list(sample_views(face, 0, windows_only=True)) == []
    photograph = list(layout.photographs(data))[-1]
    cv2.imwrite(str(photograph.path), np.random.default_rng(0).integers(0, 255, (420, 640, 3), np.uint8))
    assert [name for name, _ in sample_views(photograph, 0, windows_only=True)] == ["window0", "window1"]
    assert [name for name, _ in sample_views(face, 0, whole_only=True)] == ["whole"]


def test_a_trip_depends_on_sample_and_variant_alone(data: Path) -> None:
    face = next(layout.faces(data))
    first, again, other = (next(iter(sample_views(face, v)))[1] for v in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_a_bank_is_kept_and_read_back(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [s for pair in layout.swap_pairs(data) for s in pair][:6]
    made = facebank.build(samples, tmp_path / "sub" / "bank.npz")
    assert len(made) == 6
    monkeypatch.setattr(facebank, "bank_face", None)  # a second build finds no face anew
    read = facebank.build(samples, tmp_path / "sub" / "bank.npz")
    for a, b in zip(made, read, strict=True):
        assert (a.box, a.source, a.label, a.pair, a.key) == (b.box, b.source, b.label, b.pair, b.key)
        assert np.array_equal(a.face.pixels, b.face.pixels)
        assert np.array_equal(a.face.landmarks, b.face.landmarks)


def test_a_bank_face_keeps_its_geometry(data: Path, tmp_path: Path) -> None:
    sample = next(layout.faces(data))
    kept = facebank.bank_face(sample)
    assert kept is not None
    side = kept.face.pixels.shape[0]
    assert kept.face.pixels.shape == (side, side, 3)
    assert side <= facebank.BANK_MAX_PX
    x, y, w, h = kept.box
    assert ((kept.face.landmarks > (x, y)) & (kept.face.landmarks < (x + w, y + h))).all()


def test_a_picture_without_a_face_is_left_out(data: Path, tmp_path: Path) -> None:
    assert facebank.build(layout.photographs(data), tmp_path / "bank.npz") == []
