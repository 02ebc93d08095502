"""lab reenact: mouths that open as they are told, exact masks, a consent that is asked for, a clip with every label."""

from __future__ import annotations

import datetime
import hashlib
import json
import wave
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import facevalue as fv
from facevalue.consent import ConsentError, create_record
from facevalue.examiners.lips.tests.make_talk import speech_like
from facevalue.faces.embed import embed_face
from facevalue.finding import Verdict
from facevalue.lab.cli import app
from facevalue.lab.edit_clips import Shots, encode
from facevalue.lab.labels import MANIFEST
from facevalue.lab.reenactment import mouths
from facevalue.lab.reenactment.blinking import drawn_blinks, lids_closed, seen_blinks
from facevalue.lab.reenactment.composing import composed
from facevalue.lab.reenactment.driving import SpeechDrive, drive_of
from facevalue.lab.reenactment.run import reenact
from facevalue.lab.reenactment.speaking import shaped, talk_of
from facevalue.lab.reenactment.watching import smooth, watch_clip, watch_picture
from facevalue.lab.reenactment.writing import read_masks

NOW = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture(scope="module")
def face(portrait: np.ndarray) -> np.ndarray:
    """The face at 256 px."""
    return np.ascontiguousarray(cv2.resize(portrait[30:230, 120:320], (256, 256), interpolation=cv2.INTER_CUBIC))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, face: np.ndarray) -> Path:
    folder = tmp_path_factory.mktemp("reenact")
    cv2.imwrite(str(folder / "face.png"), face[..., ::-1])
    with wave.open(str(folder / "speech.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes(speech_like(0.9, 2).tobytes())
    digest = hashlib.sha256((folder / "face.png").read_bytes()).hexdigest()
    licence = {"schema": "facevalue.licence/1", "data_set": "Test faces", "licence": "CC0", "purposes": ["reenact"]}
    (folder / "licence.json").write_text(json.dumps({**licence, "files": [digest]}), encoding="utf-8")
    (folder / "ada.json").write_text(consent(face), encoding="utf-8")
    return folder


def consent(face: np.ndarray, purposes: tuple[str, ...] = ("reenact",), days: int = 30) -> str:
    found, _ = watch_picture(face)
    embedding = embed_face(face, found.landmarks)
    end = NOW + datetime.timedelta(days=days)
    return create_record("Ada Example", embedding, purposes, "Studio X", NOW, end, KEY).to_json()


# Mouths


def test_a_closed_mouth_is_closed_and_opens_as_told(face: np.ndarray) -> None:
    found, lips = watch_picture(face)
    own = mouths.to_mouth(lips, found.landmarks)
    assert mouths.from_mouth(own, found.landmarks) == pytest.approx(lips, abs=1e-3)
    shut = mouths.closed(own)
    assert mouths.gap(shut) == pytest.approx(0, abs=1e-5)
    assert mouths.gap(own) > 0.05, "she smiles"
    gaps = [mouths.gap(mouths.opened(shut, by, 0, 0)) for by in (0.0, 0.1, 0.2)]
    assert gaps[0] == pytest.approx(0, abs=1e-5)
    assert 0.05 < gaps[1] < gaps[2] < 0.25
    widths = [mouths.width(mouths.opened(shut, 0.1, *shape)) for shape in ((0.08, 0), (0, 0), (0, 0.6))]
    assert widths[0] > widths[1] > widths[2]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_closing_twice_changes_nothing_more(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.linspace(-1, 1, 5)
    mouth = np.zeros((22, 2), np.float32)
    upper, lower = -0.1 * (1 - t**2), rng.uniform(0, 0.3) * (1 - t**2)
    mouth[12:17] = np.stack([t * 0.4, upper], axis=1)
    mouth[17:20] = np.stack([t[1:4][::-1] * 0.4, lower[1:4]], axis=1)
    mouth[:7, 0], mouth[:7, 1] = np.linspace(-0.5, 0.5, 7), -0.25
    mouth[7:12, 0], mouth[7:12, 1] = np.linspace(0.4, -0.4, 5), 0.5
    once = mouths.closed(mouth)
    assert mouths.closed(once) == pytest.approx(once, abs=1e-5)


def test_speech_opens_the_mouth_and_silence_does_not() -> None:
    loud = speech_like(2.0, 1)
    talk = shaped(loud, np.ones(62, np.float32))
    assert talk.shapes[:, 0].max() > 0.08
    assert (talk.shapes >= 0).all()
    assert talk.shapes[:, 0].max() < 0.3
    quiet = shaped((loud * 0).astype(np.int16) + 1, np.zeros(62, np.float32))
    assert quiet.shapes[:, 0].max() < 0.02
    # It follows the level.
    level = np.array([np.abs(loud[i * 320 : i * 320 + 640]).mean() for i in range(len(talk.shapes))])
    assert np.corrcoef(level, talk.shapes[:, 0])[0, 1] > 0.5


def test_blinks_are_drawn_and_seen() -> None:
    times = np.arange(0, 12, 0.02)
    closing = drawn_blinks(times, np.random.default_rng(1))
    assert np.array_equal(closing, drawn_blinks(times, np.random.default_rng(1)))
    assert 1 <= ((closing[1:] > 0.5) & (closing[:-1] <= 0.5)).sum() <= 6
    assert closing.max() == pytest.approx(1, abs=0.05)
    eyes = np.random.default_rng(0).integers(60, 200, (1, 2, 20, 40)).repeat(50, 0).astype(np.uint8)
    eyes[20:23] = np.random.default_rng(9).integers(60, 200, (1, 2, 20, 40)).astype(np.uint8)
    seen = seen_blinks(eyes, 25)
    assert seen[20:23].min() > 0.9
    assert max(seen[:18].max(), seen[25:].max()) < 0.1


def test_smoothing_keeps_a_line_and_calms_noise() -> None:
    values = np.random.default_rng(0).normal(0, 1, (60, 2)).astype(np.float32)
    assert smooth(values, 2.0).std() < 0.5 * values.std()
    constant = np.full((9, 3), 4, np.float32)
    assert smooth(constant, 3.0) == pytest.approx(constant)


# Frames


def test_a_frame_changes_inside_its_mask_alone(face: np.ndarray) -> None:
    found, lips = watch_picture(face)
    shut = mouths.closed(mouths.to_mouth(lips, found.landmarks))
    wanted = mouths.from_mouth(mouths.opened(shut, 0.25, 0, 0), found.landmarks)
    out, mask = composed(face, found.landmarks, lips, wanted, 1.0, None)
    assert np.array_equal(out[~mask], face[~mask])
    assert 0.02 < mask.mean() < 0.6
    again, lips_now = watch_picture(out)
    assert mouths.gap(mouths.to_mouth(lips_now, again.landmarks)) > 0.15, "the landmark network sees it open"
    closed, _ = composed(face, found.landmarks, lips, mouths.from_mouth(shut, found.landmarks), 0.0, None)
    again, lips_now = watch_picture(closed)
    own = mouths.gap(mouths.to_mouth(lips, found.landmarks))
    assert mouths.gap(mouths.to_mouth(lips_now, again.landmarks)) < 0.5 * own, "a smile, closed"
    shut_eyes, lids = lids_closed(face, found.landmarks, 1.0)
    x, y = found.landmarks[0].astype(int)
    assert lids[y, x]
    pupil = (slice(y - 3, y + 4), slice(x - 3, x + 4))
    assert shut_eyes[pupil].min() > face[pupil].min() + 20, "skin where the pupil was"
    assert not lids_closed(face, found.landmarks, 0.0)[1].any()


# Files


@pytest.mark.slow
def test_a_picture_speaks_with_a_licence(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    line = reenact(folder / "face.png", folder / "speech.wav", out, folder / "licence.json", seed=3)
    (noted,) = [json.loads(text) for text in (tmp_path / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert noted == line
    assert line["parameters"]["likeness"] == {"kind": "licence", "data_set": "Test faces", "licence": "CC0"}
    assert line["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (line["method"], line["seed"]) == ("speech", 3)
    assert {"visible_mark", "watermark", "c2pa"} <= set(line["labels"])
    with av.open(str(out)) as clip:
        assert {s.codec_context.name for s in clip.streams} == {"h264", "aac"}
        frames = sum(1 for _ in clip.decode(video=0))
    times, masks = read_masks(tmp_path / line["mask"])
    assert len(times) == len(masks) == frames == line["frames"]
    assert masks.shape[1:] == (256, 256)
    assert masks.mean() == pytest.approx(line["share_changed"], abs=1e-4)
    assert fv.check(out).opinion.verdict is Verdict.DECLARED_SYNTHETIC


def test_a_face_drives_what_another_face_does(folder: Path, face: np.ndarray, tmp_path: Path) -> None:
    """A clip made by speech, followed again: its mouth is read as it was drawn."""
    found, lips = watch_picture(face)
    shut = mouths.closed(mouths.to_mouth(lips, found.landmarks))
    speech = SpeechDrive.of(talk_of(folder / "speech.wav"), np.random.default_rng(0))
    gaps = [0.22 * (1 - np.cos(2 * np.pi * i / 10)) / 2 for i in range(20)]
    frames = []
    for gap in gaps:
        wanted = mouths.from_mouth(mouths.opened(shut, gap, 0, 0), found.landmarks)
        frames.append(composed(face, found.landmarks, lips, wanted, 0.0, None)[0])
    (tmp_path / "driver.mp4").write_bytes(encode(Shots(frames, 25), {"crf": "16", "preset": "veryfast"}))
    watched = watch_clip(tmp_path / "driver.mp4")
    drive = drive_of(watched)
    seen = [mouths.gap(drive.mouth(i / 25, shut)) for i in range(20)]
    assert np.corrcoef(gaps, seen)[0, 1] > 0.8
    assert drive.inside(0.2) is not None
    assert speech.inside(0.2) is None
    assert drive.fps == speech.fps == 25


@pytest.mark.slow
def test_a_clip_is_driven_by_a_clip(folder: Path, face: np.ndarray, tmp_path: Path) -> None:
    clip = tmp_path / "still.mp4"
    clip.write_bytes(encode(Shots([face] * 16, 25), {"crf": "16", "preset": "veryfast"}))
    (tmp_path / "ada.json").write_text(consent(face), encoding="utf-8")
    spoken = tmp_path / "spoken.mp4"
    reenact(folder / "face.png", folder / "speech.wav", spoken, tmp_path / "ada.json", now=NOW)
    line = reenact(clip, spoken, tmp_path / "out.mp4", tmp_path / "ada.json", now=NOW)
    assert line["method"] == "face"
    assert line["frames"] == 16
    assert line["parameters"]["likeness"]["similarity"] > 0.6


# Consent


def test_nobody_is_driven_without_consent(folder: Path, face: np.ndarray, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    ask = (folder / "face.png", folder / "speech.wav", out)
    with pytest.raises(ConsentError, match="signed consent record"):
        reenact(*ask, None)  # type: ignore[arg-type]
    record = tmp_path / "record.json"
    record.write_text(consent(face, ("swap",)), encoding="utf-8")
    with pytest.raises(ConsentError, match="does not cover 'reenact'"):
        reenact(*ask, record, now=NOW)
    record.write_text(consent(face), encoding="utf-8")
    with pytest.raises(ConsentError, match="expired"):
        reenact(*ask, record, now=NOW + datetime.timedelta(days=31))
    with pytest.raises(ConsentError, match="another key"):
        reenact(*ask, record, now=NOW, key=b"x" * 32)
    forged = json.loads(consent(face)) | {"subject": "Eve"}
    record.write_text(json.dumps(forged), encoding="utf-8")
    with pytest.raises(ConsentError):
        reenact(*ask, record, now=NOW)
    stranger = create_record(
        "Bob", np.eye(128, dtype=np.float32)[0], ["reenact"], "Studio X", NOW, NOW + datetime.timedelta(days=9), KEY
    )
    with pytest.raises(ConsentError, match="not that of Bob"):
        reenact(*ask, stranger, now=NOW)
    (tmp_path / "licence.json").write_text((folder / "licence.json").read_text().replace("reenact", "swap"))
    with pytest.raises(ConsentError, match="does not cover"):
        reenact(*ask, tmp_path / "licence.json")
    assert not out.exists()
    assert not (tmp_path / MANIFEST).exists()


def test_what_cannot_be_driven_is_a_sentence(folder: Path, tmp_path: Path, drawing: np.ndarray) -> None:
    def told(portrait: Path, driver: Path, *more: str) -> str:
        arguments = ["reenact", str(portrait), str(driver), "--out", str(tmp_path / "out.mp4")]
        result = CliRunner().invoke(app, [*arguments, "--consent", str(folder / "licence.json"), *more])
        assert isinstance(result.exception, fv.FacevalueError)
        return str(result.exception)

    assert "neither a clip nor a recording" in told(folder / "face.png", folder / "face.png")
    assert "by face or speech" in told(folder / "face.png", folder / "speech.wav", "--by", "magic")
    cv2.imwrite(str(tmp_path / "drawing.png"), drawing)
    assert "that the licence manifest lists" in told(tmp_path / "drawing.png", folder / "speech.wav")
    licence = json.loads((folder / "licence.json").read_text())
    licence["files"] = [hashlib.sha256((tmp_path / "drawing.png").read_bytes()).hexdigest()]
    (tmp_path / "licence.json").write_text(json.dumps(licence))
    with pytest.raises(fv.UsageError, match="no face"):
        reenact(tmp_path / "drawing.png", folder / "speech.wav", tmp_path / "out.mp4", tmp_path / "licence.json")
    with pytest.raises(fv.UsageError, match=r"\.mp4 or \.mov"):
        reenact(folder / "face.png", folder / "speech.wav", tmp_path / "out.gif", folder / "licence.json")
    with pytest.raises(fv.UsageError, match="holds no masks"):
        read_masks(folder / "licence.json")
