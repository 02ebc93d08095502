"""The cases that the standard's published test files hold, made on the spot.

Elsewhere: laundered files, ingredients of strangers and broken ones, several manifests, wrong hashes and tampered
assertions (test_verify.py), revoked signers (test_online.py), expired ones, with and without a time stamp
(test_verify.py, test_parts.py).
"""

from __future__ import annotations

import base64
import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import c2pa
import make_credentials as kit
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

import facevalue as fv
from facevalue.provenance.record import AxisStatus
from facevalue.provenance.signer import judge_signer
from facevalue.provenance.trust import trust_set


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + length]
        at += length


def label(superbox: bytes) -> str:
    kind, content = next(boxes(superbox))
    return content[17:].partition(b"\0")[0].decode() if kind == b"jumd" else ""


def without(store: bytes, dropped: str) -> bytes:
    """A manifest store less every superbox with that label."""
    kept = b""
    for kind, content in boxes(store):
        if kind == b"jumb":
            if label(content) == dropped:
                continue
            content = without(content, dropped)
        kept += struct.pack(">I4s", len(content) + 8, kind) + content
    return kept


def updated(data: bytes, *actions: dict[str, object]) -> bytes:
    """Signed again by an update manifest, which binds no content of its own."""
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}}] if actions else []
    tree = {
        "title": "update",
        "claim_generator_info": [{"name": "test desk", "version": "1"}],
        "assertions": assertions,
    }
    with c2pa.Context.from_dict(kit._SETTINGS) as context:
        builder = c2pa.Builder(json.dumps(tree), context)
        builder.set_intent(c2pa.C2paBuilderIntent.UPDATE)
        out = io.BytesIO()
        signer = c2pa.Signer.from_callback(kit.signer().sign, c2pa.C2paSigningAlg.ES256, kit.signer().pem())
        builder.sign(signer, "image/jpeg", io.BytesIO(data), out)
    return out.getvalue()


class TestUpdates:
    def test_an_update_rests_on_the_hash_of_what_it_updates(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(updated(signed), trust=trust)
        assert (found.state, str(found.axes["binding"].status)) == (fv.State.VERIFIED, "passed")
        assert [entry.relationship for entry in found.history] == [None, "parentOf"]
        twice = updated(updated(signed))  # on which the two verifiers disagree
        assert fv.verify(twice, trust=trust, second_opinion=False).state is fv.State.VERIFIED
        assert fv.verify(twice, trust=trust).state in {fv.State.VERIFIED, fv.State.VERIFIED_WITH_WARNINGS}

    def test_content_changed_after_an_update_is_altered(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(kit.flipped(updated(signed), -20), trust=trust)
        assert (found.state, found.content_differs) == (fv.State.ALTERED, True)

    def test_content_changed_before_an_update_is_not_verified(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(updated(kit.flipped(signed, -20)), trust=trust)
        assert found.state in {fv.State.ALTERED, fv.State.VERIFIED_WITH_WARNINGS}
        assert any("dataHash.mismatch" in line for axis in found.axes.values() for line in axis.evidence)


class TestMissingParts:
    @pytest.mark.parametrize("part", ["c2pa.signature", "c2pa.claim.v2", "c2pa.assertions", "c2pa.hash.data"])
    def test_a_credential_without_one_of_its_parts_proves_nothing(self, part: str, trust: Path, tmp_path: Path) -> None:
        data, store = kit.sign_aside(kit.picture())
        aside = tmp_path / "a.c2pa"
        aside.write_bytes(store)
        assert fv.verify(data, trust=trust, sidecar=aside).state is fv.State.VERIFIED
        cut = without(store, part)
        assert len(cut) < len(store)
        aside.write_bytes(cut)
        found = fv.verify(data, trust=trust, sidecar=aside)
        assert found.state in {fv.State.ALTERED, fv.State.ERROR}
        assert not found.trusted

    def test_one_part_less_inside_the_file(self, signed: bytes, trust: Path) -> None:
        """The signature's box loses its name: whatever reads it all the same, it does not go unsaid."""
        found = fv.verify(signed.replace(b"c2pa.signature\0", b"c2pa.sicnature\0", 1), trust=trust)
        assert found.state is not fv.State.VERIFIED or str(found.axes["second_opinion"].status) == "not_available"


class TestStapled:
    def reading(self, state: ocsp.OCSPCertStatus, by: kit.Party, chain: list[kit.Party]) -> dict[str, object]:
        gone = kit.NOW - kit.DAY if state is ocsp.OCSPCertStatus.REVOKED else None
        leaf, issuer = kit.signer().certificate, kit.intermediate().certificate
        builder = ocsp.OCSPResponseBuilder().add_response(
            leaf, issuer, hashes.SHA1(), state, kit.NOW - kit.DAY, kit.NOW + kit.DAY, gone, None
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
        answer = builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        ders = [p.certificate.public_bytes(serialization.Encoding.DER) for p in chain]
        signature = {"chain": [base64.b64encode(d).decode() for d in ders], "ocsp": [base64.b64encode(answer).decode()]}
        return {"results": [{"code": "signingCredential.trusted", "kind": "success"}], "signature": signature}

    def test_a_revocation_in_the_file_counts(self, trust: Path) -> None:
        chain = [kit.signer(), kit.intermediate()]
        reading = self.reading(ocsp.OCSPCertStatus.REVOKED, kit.intermediate(), chain)
        facts = judge_signer(reading, trust_set(trust), kit.NOW)
        assert (facts.revocation.status, facts.trusted) == (AxisStatus.FAILED, False)

    def test_a_namesake_of_the_authority_cannot_vouch(self, trust: Path) -> None:
        """The signer fills the chain in the file: a certificate of the authority's name, with the signer's own key."""
        namesake = kit.issue(kit.Wish("Test intermediate", ca=True))
        chain = [kit.signer(), kit.intermediate(), namesake]
        facts = judge_signer(self.reading(ocsp.OCSPCertStatus.GOOD, namesake, chain), trust_set(trust), kit.NOW)
        assert facts.revocation.status is AxisStatus.UNKNOWN
        good = judge_signer(
            self.reading(ocsp.OCSPCertStatus.GOOD, kit.intermediate(), chain), trust_set(trust), kit.NOW
        )
        assert good.revocation.status is AxisStatus.PASSED

    def test_the_anchor_itself_may_be_the_issuer(self, tmp_path: Path) -> None:
        lists = trust_set(kit.anchors(tmp_path, kit.intermediate()))
        reading = self.reading(ocsp.OCSPCertStatus.GOOD, kit.intermediate(), [kit.signer()])
        assert judge_signer(reading, lists, kit.NOW).revocation.status is AxisStatus.PASSED
