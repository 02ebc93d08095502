"""What a stranger may send: everything malformed is refused with a reason, and nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from facevalue.registry.canonical import canonical, parse
from facevalue.registry.errors import RefusedError
from facevalue.registry.jumbf import active_only, read_store
from facevalue.registry.log.note import b64
from facevalue.registry.submission import SCHEMA, Action, open_submission, read_time, sign
from facevalue.registry.words import Algorithm, Binding, Entry, Kind, Match, make_algorithm, time_text

KEY = Ed25519PrivateKey.generate()
CLAIM = Entry(bytes(32), "image/png", "title", bytes(32), "urn:c2pa:1", bytes(32), (Binding("a.b", b"x"),), True)

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_canonical_json_is_json_and_stable(value: Any) -> None:
    try:
        text = canonical(value)
    except ValueError:
        return  # a lone surrogate, or too deep
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


def test_canonical_json_is_that_of_rfc_8785() -> None:
    # Section 3.2.3: keys in the order of their UTF-16 code units.
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical(keys))) == order
    assert canonical({"b": [True, None, "é\n\x01"], "a": -1}) == '{"a":-1,"b":[true,null,"é\\n\\u0001"]}'.encode()
    deep: Any = 1
    for _ in range(20):
        deep = [deep]
    for bad in (1.5, float("nan"), 2**53, "\ud800", {1: 2}, b"x", deep, {"a": object()}):
        with pytest.raises(ValueError):
            canonical(bad)


def test_json_is_read_strictly() -> None:
    assert parse('{"a": 1}') == {"a": 1}
    for bad in ('{"a": 1, "a": 2}', "NaN", "[Infinity]", "", "[" * 100_000, b"\xff"):
        with pytest.raises(ValueError):
            parse(bad)


def test_a_submission_round_trip() -> None:
    envelope = json.loads(json.dumps(sign(KEY, "r.example", Action.REGISTER, entry=CLAIM, now=1_700_000_000.25)))
    opened = open_submission(envelope)
    assert (opened.action, opened.registry, opened.entry) == (Action.REGISTER, "r.example", CLAIM)
    assert opened.time == 1_700_000_000_250_000
    assert opened.public == KEY.public_key().public_bytes_raw()
    revoke = open_submission(sign(KEY, "r.example", Action.REVOKE, leaf=3, reason="x"))
    assert (revoke.leaf, revoke.reason, revoke.entry) == (3, "x", None)


def signed(payload: Any) -> dict[str, Any]:
    signature = KEY.sign(SCHEMA.encode() + b"\n" + canonical(payload))
    return {"payload": payload, "public_key": b64(KEY.public_key().public_bytes_raw()), "signature": b64(signature)}


GOOD = sign(KEY, "r.example", Action.REGISTER, entry=CLAIM)
PAYLOAD = GOOD["payload"]
OTHER = Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        [],
        "x",
        {},
        {**GOOD, "more": 1},
        {**GOOD, "signature": "AAAA"},
        {**GOOD, "signature": 5},
        {**GOOD, "signature": GOOD["signature"] + "\n"},
        {**GOOD, "public_key": b64(OTHER.public_key().public_bytes_raw())},
        {**GOOD, "public_key": b64(bytes(32))},
        {**GOOD, "public_key": None},
        {**GOOD, "payload": {**PAYLOAD, "nonce": "0" * 32}},
        {**GOOD, "payload": {**PAYLOAD, "time": 1.5}},
        signed({}),
        signed({**PAYLOAD, "schema": "other"}),
        signed({**PAYLOAD, "action": "delete"}),
        signed({**PAYLOAD, "action": ["register"]}),
        signed({**PAYLOAD, "action": "revoke"}),
        signed({**PAYLOAD, "more": 1}),
        signed({**PAYLOAD, "nonce": "short"}),
        signed({**PAYLOAD, "nonce": "G" * 32}),
        signed({**PAYLOAD, "nonce": 7}),
        signed({**PAYLOAD, "time": "2026-01-01"}),
        signed({**PAYLOAD, "time": "2026-01-01T00:00:00.0Z"}),
        signed({**PAYLOAD, "time": 0}),
        signed({**PAYLOAD, "registry": 1}),
        signed({**PAYLOAD, "registry": "x" * 10_000}),
        signed({**PAYLOAD, "entry": None}),
        *(
            signed({**PAYLOAD, "entry": {**PAYLOAD["entry"], **changed}})
            for changed in (
                {"content_sha256": "0" * 63},
                {"content_sha256": "G" * 64},
                {"content_sha256": "A" * 64},
                {"content_sha256": None},
                {"media_type": "<script>"},
                {"media_type": ["image/png"]},
                {"title": "x" * 1001},
                {"title": "a\0"},
                {"title": "\x9b31m"},
                {"asset_hash": "00"},
                {"manifest_id": "a b"},
                {"manifest_id": ""},
                {"manifest_id": "x" * 257},
                {"bindings": {}},
                {"bindings": [1]},
                {"bindings": [{"alg": "a b", "value": "AA=="}]},
                {"bindings": [{"alg": "a", "value": "A"}]},
                {"bindings": [{"alg": "a", "value": ""}]},
                {"bindings": [{"alg": "a", "value": "AB=="}]},
                {"bindings": [{"alg": "a", "value": "AA=="}] * 2},
                {"bindings": [{"alg": "a", "value": b64(bytes([n]))} for n in range(65)]},
                {"private": "yes"},
                {"unknown": 1},
            )
        ),
        signed({**{k: v for k, v in PAYLOAD.items() if k != "entry"}, "action": "read", "leaf": -1}),
        signed({**{k: v for k, v in PAYLOAD.items() if k != "entry"}, "action": "read", "leaf": "1"}),
        signed({**{k: v for k, v in PAYLOAD.items() if k != "entry"}, "action": "read", "leaf": True}),
    ],
)
def test_malformed_submissions_are_refused(envelope: Any) -> None:
    with pytest.raises(RefusedError) as refused:
        open_submission(envelope)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


@given(values)
def test_nothing_breaks_the_reader(value: Any) -> None:
    for envelope in (value, {**GOOD, "payload": value}):
        with pytest.raises(RefusedError):
            open_submission(envelope)


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_have_one_spelling(time: int) -> None:
    assert read_time(time_text(time)) == time


def test_algorithms_are_named_on_the_command_line() -> None:
    assert make_algorithm("a.b:watermark") == Algorithm("a.b", Kind.WATERMARK, Match.EXACT)
    assert make_algorithm("a.b:fingerprint:hamming256").match is Match.HAMMING256
    for bad in ("", "a", "a:b", ":watermark", "a:watermark:near", "a b:watermark"):
        with pytest.raises(RefusedError):
            make_algorithm(bad)


def test_manifest_stores() -> None:
    from make_registry import box, manifest_store, superbox

    store = manifest_store("urn:c2pa:one", "urn:c2pa:two")
    assert [m.label for m in read_store(store)] == ["urn:c2pa:one", "urn:c2pa:two"]
    assert active_only(store) == manifest_store("urn:c2pa:two")
    bad = [
        b"",
        b"\0",
        store[:-1],
        store + b"\0",
        store + store,
        box(b"free", b""),
        superbox("other", superbox("urn:c2pa:one")),
        superbox("c2pa"),
        superbox("c2pa", box(b"jumb", b"")),
        superbox("c2pa", superbox("")),
        superbox("c2pa", box(b"jumb", box(b"jumd", bytes(16) + b"\x03" + b"unended"))),
        b"\0\0\0\0jumb" + bytes(100),
        b"\0\0\0\1jumb" + bytes(100),
        b"\xff\xff\xff\xffjumb" + bytes(100),
        manifest_store(*(f"m{n}" for n in range(1001))),
    ]
    for data in bad:
        with pytest.raises(RefusedError):
            read_store(data)


@given(st.binary(max_size=120))
def test_no_bytes_break_the_store_reader(data: bytes) -> None:
    with pytest.raises(RefusedError):
        read_store(data)
