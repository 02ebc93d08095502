"""Consent records: what they say, what they refuse, and that nobody can change one."""

from __future__ import annotations

import base64
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.consent import (
    PURPOSES,
    ConsentError,
    Record,
    create_record,
    parse_record,
    read_licence,
    read_record,
    read_revocations,
    revoke,
)
from facevalue.consent.record import SAME_PERSON

NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def face(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=128)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def turned(vector: np.ndarray, cosine: float) -> np.ndarray:
    """Another embedding with this cosine to the first."""
    across = face(99) - (face(99) @ vector) * vector
    across /= np.linalg.norm(across)
    return (cosine * vector + (1 - cosine**2) ** 0.5 * across).astype(np.float32)


def record(**changes: Any) -> Record:
    said: dict[str, Any] = {
        "subject": "Ada Example",
        "face": face(1),
        "purposes": ["swap"],
        "grantee": "Studio X",
        "valid_from": NOW - DAY,
        "valid_until": NOW + DAY,
        "key": KEY,
        **changes,
    }
    return create_record(**said)


def test_a_record_comes_back_from_its_file_and_admits_its_person(tmp_path: Path) -> None:
    made = record()
    (tmp_path / "ada.json").write_text(made.to_json())
    found = read_record(tmp_path / "ada.json")
    assert found.fields() == made.fields()
    assert found.admit("swap", face(1), now=NOW) == pytest.approx(1.0, abs=1e-4)
    assert found.admit("swap", now=NOW, key=KEY.public_key().public_bytes_raw()) is None


@pytest.mark.parametrize(
    ("purpose", "who", "options", "sentence"),
    [
        ("swap", face(1), {"now": NOW - 2 * DAY}, "not valid yet: it begins 2026-05-31 12:00 UTC"),
        ("swap", face(1), {"now": NOW + DAY}, "has expired: it ended 2026-06-02 12:00 UTC"),
        ("voice", face(1), {"now": NOW}, "does not cover 'voice'; it covers: swap"),
        ("swap", face(2), {"now": NOW}, "not that of Ada Example"),
        ("swap", face(1), {"now": NOW, "key": OTHER.public_key().public_bytes_raw()}, "another key"),
        ("swap", np.zeros(128, np.float32), {"now": NOW}, "length 1"),
        ("swap", face(1)[:64], {"now": NOW}, "128"),
    ],
)
def test_what_it_does_not_cover_is_refused(
    purpose: str, who: np.ndarray, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConsentError, match=sentence):
        record().admit(purpose, who, **options)


@pytest.mark.parametrize(("cosine", "same"), [(SAME_PERSON - 0.01, False), (SAME_PERSON + 0.01, True)])
def test_the_threshold_decides_who_is_the_same_person(cosine: float, same: bool) -> None:
    if same:
        record().admit("swap", turned(face(1), cosine), now=NOW)
    else:
        with pytest.raises(ConsentError, match=r"similarity 0\.44"):
            record().admit("swap", turned(face(1), cosine), now=NOW)


def test_a_revoked_record_is_refused(tmp_path: Path) -> None:
    made = record()
    path = tmp_path / "revoked.json"
    path.write_text(revoke([made.id], NOW, KEY))
    revoked = read_revocations(path, made)
    with pytest.raises(ConsentError, match="was revoked"):
        made.admit("swap", now=NOW, revoked=revoked)
    record().admit("swap", now=NOW, revoked=revoked)
    path.write_text(revoke([made.id], NOW, OTHER))
    with pytest.raises(ConsentError, match="not signed with the key of Ada Example"):
        read_revocations(path, made)
    path.write_text(revoke([made.id], NOW, KEY).replace(made.id, "0" * 32))
    with pytest.raises(ConsentError, match="signature of the revocation list does not hold"):
        read_revocations(path, made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "Eve Example"),
        ("grantee", "Studio Y"),
        ("purposes", ["swap", "voice"]),
        ("valid_until", "2030-01-01T00:00:00+00:00"),
        ("id", "0" * 32),
        ("public_key", base64.b64encode(OTHER.public_key().public_bytes_raw()).decode()),
    ],
)
def test_a_changed_record_does_not_hold(name: str, value: object) -> None:
    told = json.loads(record().to_json())
    with pytest.raises(ConsentError, match="signature of the consent record does not hold"):
        parse_record(json.dumps({**told, name: value}).encode())


def test_a_face_put_into_another_record_does_not_hold() -> None:
    told, other = json.loads(record().to_json()), json.loads(record(face=face(2)).to_json())
    with pytest.raises(ConsentError, match="does not hold"):
        parse_record(json.dumps({**told, "face": other["face"]}).encode())


def test_a_record_made_in_memory_is_checked_as_well() -> None:
    import dataclasses

    with pytest.raises(ConsentError, match="does not hold"):
        dataclasses.replace(record(), purposes=("swap", "voice")).admit("voice", now=NOW)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": "facevalue.consent/2"}, "its schema is not"),
        ({"id": "abc"}, "32 hexadecimal"),
        ({"subject": ""}, "text of 1 to 200"),
        ({"subject": "a\u202eb"}, "control characters"),
        ({"purposes": []}, "list of one or more"),
        ({"purposes": ["swap", "swap"]}, "none twice"),
        ({"purposes": ["fly"]}, "unknown purpose 'fly'"),
        ({"valid_from": "2026-06-01T00:00:00"}, "offset from UTC"),
        ({"valid_from": 7}, "must be a time"),
        ({"valid_until": "2026-05-01T00:00:00+00:00"}, "more than 0"),
        ({"valid_until": "2126-05-01T00:00:00+00:00"}, "at most 3660 days"),
        ({"public_key": "AAAA"}, "32 bytes in base64"),
        ({"signature": "%%%"}, "64 bytes in base64"),
        ({"face": {"model": "another", "embedding": ""}}, "with a model that is not"),
        ({"face": {"model": "sface-2021dec-int8", "embedding": "AAAA"}}, "512 bytes"),
        ({"face": None}, "needs the embedding"),
        ({"limits": "none"}, "does not know: 'limits'"),
    ],
)
def test_a_record_of_another_form_is_a_sentence(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConsentError, match=sentence):
        parse_record(json.dumps({**json.loads(record().to_json()), **change}).encode())


@pytest.mark.parametrize("name", ["schema", "id", "face", "signature"])
def test_a_record_that_lacks_a_field_is_a_sentence(name: str) -> None:
    told = json.loads(record().to_json())
    del told[name]
    with pytest.raises(ConsentError, match=f"lacks the field '{name}'|schema is not"):
        parse_record(json.dumps(told).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"\xff", b'{"a":NaN}', b"[" * 9999, b" " * (65 << 10)])
def test_bytes_that_are_no_record_are_a_sentence(data: bytes) -> None:
    with pytest.raises(ConsentError):
        parse_record(data)


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(ConsentError):
        parse_record(data)


@given(st.integers(0, 2_000), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_no_changed_byte_is_accepted(at: int, value: int) -> None:
    data = bytearray(record().to_json().encode())
    at %= len(data)
    before = json.loads(data)
    data[at] = value
    try:
        found = parse_record(bytes(data))
    except ConsentError:
        return
    told = json.loads(found.to_json())
    assert told == before, "only spaces may differ"


def test_a_voice_needs_no_face() -> None:
    made = record(face=None, purposes=["voice"])
    made.admit("voice", now=NOW)
    with pytest.raises(ConsentError, match="names no face"):
        made.admit("voice", face(1), now=NOW)


def test_every_purpose_can_be_given() -> None:
    made = record(purposes=list(PURPOSES))
    assert all(made.admit(purpose, face(1), now=NOW) == pytest.approx(1.0) for purpose in PURPOSES)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="cannot be read"):
        read_record(tmp_path / "nowhere.json")


# Licences


def licence(**changes: object) -> dict[str, object]:
    return {
        "schema": "facevalue.licence/1",
        "data_set": "Faces of Example",
        "licence": "CC BY 4.0",
        "purposes": ["swap"],
        "files": ["ab" * 32],
        **changes,
    }


def test_a_licence_covers_the_files_that_it_lists(tmp_path: Path) -> None:
    path = tmp_path / "licence.json"
    path.write_text(json.dumps(licence()))
    found = read_licence(path)
    found.admit("swap", "ab" * 32)
    with pytest.raises(ConsentError, match="not a file of Faces of Example"):
        found.admit("swap", "cd" * 32)
    with pytest.raises(ConsentError, match="does not cover 'voice'"):
        found.admit("voice", "ab" * 32)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": "x"}, "schema is not"),
        ({"licence": ""}, "text of 1 to 200"),
        ({"purposes": ["fly"]}, "purposes of a licence"),
        ({"purposes": []}, "purposes of a licence"),
        ({"files": ["abc"]}, "64 hexadecimal"),
        ({"files": "all"}, "64 hexadecimal"),
        ({"more": 1}, "does not know"),
    ],
)
def test_a_licence_of_another_form_is_a_sentence(change: dict[str, object], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "licence.json"
    path.write_text(json.dumps(licence(**change)))
    with pytest.raises(ConsentError, match=sentence):
        read_licence(path)
