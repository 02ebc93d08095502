"""Signed notes, verifier keys, checkpoints and cosignatures, as C2SP has them."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from facevalue.registry.errors import LogError
from facevalue.registry.log.checkpoint import (
    Checkpoint,
    cosign,
    cosigned_at,
    open_checkpoint,
    read_checkpoint,
    sign_checkpoint,
    with_signatures,
)
from facevalue.registry.log.merkle import EMPTY_ROOT
from facevalue.registry.log.note import COSIGNATURE, ED25519, VerifierKey, b64, parse_note, parse_vkey, sign_note

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
LOG = VerifierKey("log.example.org", KEY.public_key().public_bytes_raw())
# The example of Go's sumdb/note package, which C2SP's specification describes.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
)


def test_a_note_made_elsewhere_verifies() -> None:
    note = parse_note(f"{GO_TEXT}\n{GO_SIGNATURE}\n")
    key = parse_vkey(GO_VKEY)
    assert str(key) == GO_VKEY
    assert note.signed_by(key)
    assert not note.signed_by(LOG)


def test_the_key_id_is_that_of_the_specification() -> None:
    wanted = hashlib.sha256(b"log.example.org\n\x01" + LOG.public).digest()[:4]
    assert LOG.key_id == wanted
    witness = VerifierKey("w.example", LOG.public, COSIGNATURE)
    assert witness.key_id == hashlib.sha256(b"w.example\n\x04" + LOG.public).digest()[:4]
    assert parse_vkey(str(witness)) == witness


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        GO_VKEY[:-4],
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        "a b" + GO_VKEY,
        "+" + GO_VKEY,
    ],
)
def test_malformed_verifier_keys_are_refused(text: str) -> None:
    with pytest.raises(LogError):
        parse_vkey(text)


def checkpoint(size: int = 5, root: bytes = EMPTY_ROOT) -> Checkpoint:
    return Checkpoint(LOG.name, size, root)


def test_a_checkpoint_round_trip() -> None:
    note = sign_checkpoint(checkpoint(), KEY)
    assert str(note).startswith(f"log.example.org\n5\n{b64(EMPTY_ROOT)}\n\n— log.example.org ")
    assert open_checkpoint(str(note).encode(), LOG) == (checkpoint(), note)
    # The text may hold empty lines and further signatures; unknown ones are ignored.
    stranger = sign_note(note.text, "stranger.example", Ed25519PrivateKey.generate())
    assert open_checkpoint(str(with_signatures(note, [stranger])), LOG)[0] == checkpoint()


def test_a_checkpoint_of_another_log_or_key_is_refused() -> None:
    note = str(sign_checkpoint(checkpoint(), KEY))
    for key in (VerifierKey("other.example", LOG.public), VerifierKey(LOG.name, bytes(32))):
        with pytest.raises(LogError):
            open_checkpoint(note, key)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.replace("\n5\n", "\n6\n"),  # the signature is over another size
        lambda t: t.replace("\n5\n", "\n05\n"),
        lambda t: t.replace("\n5\n", "\n-5\n"),
        lambda t: t.replace("\n5\n", "\n٥\n"),
        lambda t: t.replace("\n5\n", "\n" + "9" * 30 + "\n"),
        lambda t: t.replace("\n\n", "\n"),
        lambda t: t.replace("— ", "- "),
        lambda t: t.rstrip("\n"),
        lambda t: t[:-3] + "!!\n",
        lambda t: t.replace("log.example.org\n5", "log.example.org\r\n5"),
        lambda t: "\0" + t,
        lambda t: t + t.splitlines(keepends=True)[-1] * 100,
        lambda t: "x" * 70_000 + t,
        lambda t: "",
    ],
)
def test_malformed_checkpoints_are_refused(spoil) -> None:
    with pytest.raises(LogError):
        open_checkpoint(spoil(str(sign_checkpoint(checkpoint(), KEY))), LOG)


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(LogError, match="UTF-8"):
        parse_note(b"\xff\n\n\xe2\x80\x94 a AAAAAAAA\n")
    with pytest.raises(LogError, match="UTF-8"):
        parse_note("\ud800\n\n— a AAAAAAAA\n")


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    for parse in (parse_note, parse_vkey, lambda t: read_checkpoint(parse_note(t))):
        outcome = "it parses"
        try:
            parse(text)
        except LogError as error:
            outcome = str(error)
        assert outcome


def test_a_cosignature_verifies_and_tells_its_time() -> None:
    note = sign_checkpoint(checkpoint(), KEY)
    secret = Ed25519PrivateKey.generate()
    witness = VerifierKey("w.example/1", secret.public_key().public_bytes_raw(), COSIGNATURE)
    signature = cosign(note, witness.name, secret, 1_679_315_147)
    assert len(signature.value) == 8 + 64
    secret.public_key().verify(signature.value[8:], b"cosignature/v1\ntime 1679315147\n" + note.text.encode())
    both = parse_note(str(with_signatures(note, [signature])))
    assert cosigned_at(both, witness) == 1_679_315_147
    assert cosigned_at(note, witness) is None
    assert open_checkpoint(str(both), LOG)[0] == checkpoint()
    later = with_signatures(both, [cosign(note, witness.name, secret, 1_700_000_000)])
    assert len(later.signatures) == 2
    assert cosigned_at(later, witness) == 1_700_000_000


def test_a_cosignature_over_something_else_is_refused() -> None:
    note, other = sign_checkpoint(checkpoint(), KEY), sign_checkpoint(checkpoint(6), KEY)
    secret = Ed25519PrivateKey.generate()
    witness = VerifierKey("w.example", secret.public_key().public_bytes_raw(), COSIGNATURE)
    with pytest.raises(LogError, match="does not verify"):
        cosigned_at(with_signatures(other, [cosign(note, witness.name, secret, 1)]), witness)
    assert witness.kind != ED25519
