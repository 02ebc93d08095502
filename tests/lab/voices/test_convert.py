"""Conversion: towards the other voice, only with leave, always labelled."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

import facevalue as fv
from facevalue.consent import ConsentError, create_record, read_record, revoke
from facevalue.errors import UsageError
from facevalue.finding import Verdict
from facevalue.lab.cli import app
from facevalue.lab.voices import world
from facevalue.lab.voices.convert import convert, converted
from facevalue.lab.voices.envelope import Voice
from facevalue.lab.voices.mapping import apply, cepstra, learn, warped
from facevalue.lab.voices.measure import stoi
from facevalue.lab.voices.permission import admitted
from facevalue.registry.keys import make_key

RATE = 16_000
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def record(
    path: Path,
    recordings: list[str],
    purposes: tuple[str, ...] = ("voice",),
    begins: datetime.datetime = NOW - DAY,
    key: Ed25519PrivateKey | None = None,
) -> Path:
    key = key or Ed25519PrivateKey.generate()
    made = create_record("Ada Example", None, purposes, "the lab", begins, begins + 2 * DAY, key, recordings)
    path.write_text(made.to_json(), encoding="utf-8")
    return path


def median_pitch(wave: np.ndarray) -> float:
    pitch = world.analyse(wave, RATE).pitch
    return float(np.median(pitch.hertz[pitch.voiced]))


def timbre(voice: Voice) -> np.ndarray:
    """The mean of a voice's envelopes where it is voiced."""
    return cepstra(voice.envelope[voice.pitch.voiced]).mean(axis=0)


def test_a_voice_moves_towards_the_other(low: np.ndarray, high: np.ndarray) -> None:
    low, high = low[: 3 * RATE], high[: 3 * RATE]
    made, mapping = converted(low, [high], np.random.default_rng(0))
    again, _ = converted(low, [high], np.random.default_rng(0))
    np.testing.assert_array_equal(made, again)
    assert (made.dtype, made.shape) == (np.float32, low.shape)
    assert median_pitch(made) == pytest.approx(median_pitch(high), rel=0.08)
    mine, theirs = world.analyse(low, RATE), world.analyse(high, RATE)
    far = np.linalg.norm(timbre(mine) - timbre(theirs))
    assert np.linalg.norm(timbre(apply(mapping, mine)) - timbre(theirs)) < 0.7 * far
    assert mapping.facts()["pitch_ratio"] > 1.5
    assert stoi(low, made, RATE) > 0.3  # of other pitch and timbre, yet in step with it


def test_warping_moves_resonances() -> None:
    bins = np.arange(513)
    envelope = np.exp(-(((bins - 100) / 20.0) ** 2))[None] + 1e-6
    assert int(warped(envelope, 1.2)[0].argmax()) == 120
    np.testing.assert_allclose(warped(envelope, 1.0), envelope)


def test_too_little_speech_is_refused() -> None:
    quiet = world.analyse(np.zeros(RATE), RATE)
    with pytest.raises(UsageError, match="voiced speech"):
        learn([quiet], [quiet], np.random.default_rng(0))


@pytest.mark.slow
def test_with_consent_it_is_made_and_labelled(low_file: Path, high_file: Path, tmp_path: Path) -> None:
    consent = record(tmp_path / "ada.json", [digest(high_file)])
    made = convert(low_file, [high_file], consent, tmp_path / "out.flac", seed=1)
    assert {"digital_source_type", "c2pa"} <= set(made.labels)
    assert ("watermark" in made.labels) != bool(made.notes)  # 8 s may be too little for it, and then a note says so
    assert fv.check(made.path).opinion.verdict is Verdict.DECLARED_SYNTHETIC


@pytest.mark.parametrize("case", ["other recording", "other purpose", "expired", "not a record", "missing", "changed"])
def test_without_leave_nothing_is_made(case: str, low_file: Path, high_file: Path, tmp_path: Path) -> None:
    path, mine = tmp_path / "record.json", [digest(high_file)]
    if case == "other recording":
        record(path, [digest(low_file)])
    elif case == "other purpose":
        record(path, mine, ("train",))
    elif case == "expired":
        record(path, mine, begins=NOW - 9 * DAY)
    elif case == "changed":
        found = json.loads(record(path, [digest(low_file)]).read_text())
        path.write_text(json.dumps(found | {"recordings_sha256": mine}))
    elif case == "not a record":
        path.write_text("[1, 2]")
    out = tmp_path / "out.wav"
    with pytest.raises(ConsentError):
        convert(low_file, [high_file], path, out)
    assert not out.exists()


def test_revoked_and_foreign_keys_are_refused(high_file: Path, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = record(tmp_path / "record.json", [digest(high_file)], key=key)
    assert admitted(path, [high_file], key=key.public_key().public_bytes_raw()).who == "Ada Example"
    gone = tmp_path / "gone.json"
    gone.write_text(revoke([read_record(path).id], NOW, key), encoding="utf-8")
    with pytest.raises(ConsentError, match="was revoked"):
        admitted(path, [high_file], gone)
    with pytest.raises(ConsentError, match="another key"):
        admitted(path, [high_file], key=b"\0" * 32)
    with pytest.raises(ConsentError):
        admitted(path, [])


def test_a_licence_manifest_covers_its_files_only(low_file: Path, high_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "licence.json"
    value = {"schema": "facevalue.licence/1", "data_set": "Voices", "licence": "CC BY 4.0", "purposes": ["voice"]}
    path.write_text(json.dumps(value | {"files": [digest(high_file)]}))
    assert admitted(path, [high_file]).to_dict()["kind"] == "licence"
    with pytest.raises(ConsentError, match="not a file of Voices"):
        admitted(path, [high_file, low_file])


@pytest.mark.parametrize("bad", [[], ["0" * 63], ["0" * 64, "0" * 64], "0" * 64, [1], ["0" * 64] * 501])
def test_odd_lists_of_recordings_are_no_record(bad: object, high_file: Path, tmp_path: Path) -> None:
    found = json.loads(record(tmp_path / "r.json", [digest(high_file)]).read_text())
    (tmp_path / "r.json").write_text(json.dumps(found | {"recordings_sha256": bad}))
    with pytest.raises(ConsentError, match="recordings of a consent record"):
        read_record(tmp_path / "r.json")


def test_a_record_without_recordings_has_no_such_field() -> None:
    made = create_record("Ada", None, ["train"], "x", NOW, NOW + DAY, Ed25519PrivateKey.generate())
    assert "recordings_sha256" not in made.fields()


def test_a_person_makes_a_record_and_the_command_takes_it(low_file: Path, high_file: Path, tmp_path: Path) -> None:
    key, path, out = tmp_path / "key.pem", tmp_path / "ada.json", tmp_path / "out.wav"
    make_key(key)
    words = ["--name", "Ada Example", "--grantee", "the lab", "--key", str(key), "--out", str(path)]
    run = CliRunner().invoke(app, ["consent", "voice", str(high_file.parent), *words])
    assert run.exit_code == 0, run.output
    assert read_record(path).recordings_sha256 == (digest(high_file),)
    refused = CliRunner().invoke(app, ["consent", "voice", str(high_file.parent), *words])
    assert isinstance(refused.exception, UsageError)
    run = CliRunner().invoke(
        app, ["convert", str(low_file), "--to", str(high_file), "--consent", str(path), "--out", str(out)]
    )
    assert run.exit_code == 0, run.output
    assert out.is_file()
