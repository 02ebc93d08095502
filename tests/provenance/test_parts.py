"""The pure parts: boxes, signatures, byte ranges, the walk through history, settings, lists."""

from __future__ import annotations

import base64
import datetime
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import cbor2
import make_credentials as kit
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from hypothesis import given
from hypothesis import strategies as st

from facevalue.errors import ModelError, OfflineError, UsageError
from facevalue.provenance import codes
from facevalue.provenance.cose import BadSignature, read_signature
from facevalue.provenance.history import walk
from facevalue.provenance.jumbf import BadStore, claim_and_signature, parse_store
from facevalue.provenance.record import AxisStatus
from facevalue.provenance.reduce import MAX_TEXT, kind_of, reduce_report
from facevalue.provenance.settings import EngineSettings
from facevalue.provenance.signer import judge_signer
from facevalue.provenance.trust import (
    SNAPSHOTS,
    STALE_AFTER_DAYS,
    AnchorKind,
    Snapshot,
    TrustSet,
    cut_out,
    installed,
    pull,
    read_pem,
    trust_set,
)
from facevalue.provenance.uncovered import uncovered

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


class TestSettings:
    def test_the_network_is_off_and_kinds_stay_apart(self) -> None:
        pem = kit.root().pem()
        told = EngineSettings(claim_anchors=pem, tsa_anchors=pem).to_engine()
        assert told["verify"]["remote_manifest_fetch"] is False
        assert told["verify"]["ocsp_fetch"] is False
        assert told["core"]["allowed_network_hosts"] == []
        assert [a["trust_kind"] for a in told["trust"]["anchors"]] == ["manifest", "tsa"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"claim_anchors": "no pem"},
            {"tsa_anchors": b"bytes"},
            {"ekus": ()},
            {"ekus": ("emailProtection",)},
        ],
    )
    def test_a_value_of_the_wrong_form_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            EngineSettings(**wrong)

    def test_a_misspelt_key_is_refused(self) -> None:
        with pytest.raises(TypeError):
            EngineSettings(claim_anchor="")  # type: ignore[call-arg]


class TestBoxes:
    def box(self, kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 8 + len(body)) + kind + body

    def super(self, label: str, *inner: bytes) -> bytes:
        description = bytes(16) + b"\x03" + label.encode() + b"\0"
        return self.box(b"jumb", self.box(b"jumd", description) + b"".join(inner))

    def test_claim_and_signature_are_found_by_label(self) -> None:
        parts = [
            self.super("c2pa.claim.v2", self.box(b"cbor", b"C")),
            self.super("c2pa.signature", self.box(b"cbor", b"S")),
        ]
        store = self.super("c2pa", self.super("urn:c2pa:other"), self.super("urn:c2pa:one", *parts))
        assert claim_and_signature(store, "urn:c2pa:one") == (b"C", b"S")
        for label in ("urn:c2pa:other", "urn:c2pa:none"):
            with pytest.raises(BadStore):
                claim_and_signature(store, label)

    @given(st.binary(max_size=400))
    def test_any_bytes_are_boxes_or_a_bad_store(self, data: bytes) -> None:
        outcome = "it parses"
        try:
            parse_store(data)
        except BadStore as error:
            outcome = str(error)
        assert outcome

    def test_nesting_and_numbers_are_bounded(self) -> None:
        deep = b""
        for _ in range(40):
            deep = self.super("x", deep)
        for store in (deep, self.super("y", *[self.box(b"free", b"")] * 30_000)):
            with pytest.raises(BadStore):
                parse_store(store)


class TestSignatures:
    CLAIM = b"\xa1\x61a\x01"

    def cose(self, alg: int, sign: Any, certificate: x509.Certificate, **unprotected: Any) -> bytes:
        der = certificate.public_bytes(serialization.Encoding.DER)
        protected = cbor2.dumps({1: alg, 33: [der]})
        message = cbor2.dumps(["Signature1", protected, b"", self.CLAIM])
        return cbor2.dumps(cbor2.CBORTag(18, [protected, unprotected, None, sign(message)]))

    def certificate(self, key: Any) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "k")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(kit.NOW).not_valid_after(kit.NOW + kit.DAY)
        return builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())

    @pytest.mark.parametrize("name", ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA"])
    def test_every_algorithm_of_the_standard_is_checked(self, name: str) -> None:
        number = {"ES256": -7, "ES384": -35, "ES512": -36, "PS256": -37, "PS384": -38, "PS512": -39, "EdDSA": -8}[name]
        digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}.get(name[2:], hashes.SHA256())
        key: Any
        if name == "EdDSA":
            key = ed25519.Ed25519PrivateKey.generate()
            sign = key.sign
        elif name.startswith("PS"):
            key = rsa.generate_private_key(65537, 2048)
            sign = lambda m: key.sign(m, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)  # noqa: E731
        else:
            curve = {"256": ec.SECP256R1(), "384": ec.SECP384R1(), "512": ec.SECP521R1()}[name[2:]]
            key, half = ec.generate_private_key(curve), (curve.key_size + 7) // 8

            def sign(message: bytes) -> bytes:
                r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
                return r.to_bytes(half, "big") + s.to_bytes(half, "big")

        cose = self.cose(number, sign, self.certificate(key))
        assert read_signature(cose, self.CLAIM)["own"] == "valid"
        assert read_signature(cose, self.CLAIM)["alg"] == name
        assert read_signature(cose, self.CLAIM + b"\0")["own"] == "invalid"
        assert read_signature(cose[:-1] + bytes([cose[-1] ^ 1]), self.CLAIM)["own"] == "invalid"

    def test_a_claim_without_a_certificate_is_signed_by_nobody(self) -> None:
        cose = cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -7}), {}, None, bytes(64)]))
        assert read_signature(cose, self.CLAIM)["own"] == "invalid"

    def test_an_algorithm_that_does_not_fit_the_key_is_not_judged(self) -> None:
        party = kit.signer()
        cose = self.cose(-37, lambda _: bytes(256), party.certificate)
        assert read_signature(cose, self.CLAIM)["own"] == "unknown"

    def test_stapled_answers_and_time_stamps_are_read(self) -> None:
        extra = {"rVals": {"ocspVals": [b"one", 2]}, "sigTst2": {"tstTokens": [{"val": b"t"}, 3]}}
        read = read_signature(self.cose(-7, kit.signer().sign, kit.signer().certificate, **extra), self.CLAIM)
        assert read["own"] == "valid"
        assert [base64.b64decode(v) for v in read["ocsp"]] == [b"one"]
        assert read["timestamps"] == [{"kind": "sigTst2", "token": base64.b64encode(b"t").decode()}]

    @given(st.binary(max_size=300))
    def test_any_bytes_are_a_signature_or_a_bad_one(self, data: bytes) -> None:
        try:
            read_signature(data, b"")
        except BadSignature:
            return

    @given(anything, anything, anything)
    def test_any_parts_are_a_signature_or_a_bad_one(self, protected: Any, unprotected: Any, signature: Any) -> None:
        body = [cbor2.dumps(protected), {"x5chain": unprotected, "sigTst": unprotected, "rVals": protected}, None, b"s"]
        for parts in (body, [protected, unprotected, None, signature]):
            try:
                read_signature(cbor2.dumps(cbor2.CBORTag(18, parts)), b"")
            except BadSignature:
                continue


class TestUncovered:
    @given(st.lists(st.tuples(st.integers(-9, 1200), st.integers(-9, 1200)), max_size=12), st.integers(1, 1000))
    def test_ranges_are_disjoint_and_inside_the_file(self, rows: list[tuple[int, int]], size: int) -> None:
        binding = {"kind": "c2pa.hash.data", "exclusions": [{"start": a, "length": b} for a, b in rows]}
        found = uncovered(io.BytesIO(bytes(size)), size, binding, b"")
        places = [set(range(r["start"], r["start"] + r["length"])) for r in found["ranges"]]
        assert sum(map(len, places)) == len(set().union(*places)) == found["bytes"]
        wanted = {i for a, b in rows if 0 <= a < size for i in range(a, min(size, a + max(b, 0)))}
        assert set().union(*places) == wanted

    def test_boxes_are_found_by_their_path_and_conditions(self) -> None:
        def box(kind: bytes, body: bytes) -> bytes:
            return struct.pack(">I", 8 + len(body)) + kind + body

        moov = box(b"moov", box(b"trak", box(b"mdia", b"")) + box(b"trak", box(b"mdia", b"12345678")))
        data = (
            box(b"ftyp", b"isom") + moov + box(b"uuid", b"A" * 16) + box(b"uuid", b"B" * 16) + box(b"mdat", bytes(40))
        )
        rows = [
            {"xpath": "/ftyp"},
            {"xpath": "/uuid", "data": [{"offset": 8, "value": base64.b64encode(b"B" * 16).decode()}]},
            {"xpath": "/moov/trak[2]/mdia", "subset": [{"offset": 8, "length": 0}]},
            {"xpath": "/mdat", "length": 7},
            {"xpath": None},
        ]
        found = uncovered(io.BytesIO(data), len(data), {"kind": "c2pa.hash.bmff", "exclusions": rows}, b"")
        named = [(data[r["start"] : r["start"] + r["length"]], r["what"]) for r in found["ranges"]]
        assert (data[:12], "box /ftyp") in named
        assert (b"12345678", "part of box /moov/trak/mdia") in named
        assert sum(what == "box /uuid" for _, what in named) == 1
        assert not any("mdat" in what for _, what in named)

    @given(st.binary(max_size=300))
    def test_any_file_has_an_answer(self, data: bytes) -> None:
        rows = [{"xpath": "/moov/trak", "subset": [{"offset": 1, "length": 0}]}, {"xpath": "/free"}]
        found = uncovered(io.BytesIO(data), len(data), {"kind": "c2pa.hash.bmff", "exclusions": rows}, b"")
        assert 0 <= found["bytes"] <= len(data)

    def test_box_hashes_name_what_they_leave_out(self) -> None:
        boxes = [{"names": ["SOI"]}, {"names": ["C2PA"]}, {"names": ["APP1"], "excluded": True}]
        found = uncovered(io.BytesIO(b""), 0, {"kind": "c2pa.hash.boxes", "boxes": boxes}, b"")
        assert [r["what"] for r in found["ranges"]] == ["C2PA", "APP1"]
        assert found["bytes"] is None


class TestHistory:
    def reading(self, **manifests: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "active": "a",
            "manifests": {k: {"title": k, "ingredients": v} for k, v in manifests.items()},
            "results": [],
        }

    def test_cycles_end_and_what_nothing_refers_to_is_told(self) -> None:
        loop = [{"label": "c2pa.ingredient", "manifest": "a", "recorded": []}]
        entries = walk(self.reading(a=[{"label": "i", "manifest": "b"}], b=loop, stray=[]))
        assert [(e.manifest, e.depth, e.reachable) for e in entries] == [
            ("a", 0, True), ("b", 1, True), ("a", 2, True), ("stray", 1, False),
        ]  # fmt: skip

    def test_a_manifest_that_is_not_there_is_a_failure(self) -> None:
        entries = walk(self.reading(a=[{"label": "i", "manifest": "gone"}]))
        assert entries[1].status is AxisStatus.FAILED

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("assertion.dataHash.mismatch", AxisStatus.FAILED),
            ("claimSignature.mismatch", AxisStatus.FAILED),
            ("assertion.action.malformed", AxisStatus.FAILED),
            ("signingCredential.untrusted", AxisStatus.WARNING),
            ("timeStamp.mismatch", AxisStatus.WARNING),
            ("claimSignature.validated", AxisStatus.UNKNOWN),  # nothing bad, and no credentials to judge
            ("ingredient.unknownProvenance", AxisStatus.UNKNOWN),
        ],
    )
    def test_the_worst_recorded_result_rules(self, code: str, status: AxisStatus) -> None:
        row = [{"code": "claimSignature.validated", "kind": "success"}, {"code": code, "kind": kind_of(code)}]
        entries = walk(self.reading(a=[{"label": "i", "manifest": None, "recorded": row}]))
        assert entries[1].status is status

    @given(anything)
    def test_any_report_is_reduced_and_walked(self, report: Any) -> None:
        for tree in (report, {"manifests": {"a": report}, "active_manifest": "a", "validation_results": report}):
            if isinstance(tree, dict):
                walk(reduce_report(tree))

    def test_texts_are_bounded(self) -> None:
        claim = {"dc:title": "x" * 50_000, "claim_generator_info": [{"name": "y" * 50_000}]}
        reduced = reduce_report({"active_manifest": "a", "manifests": {"a": {"claim": claim}}})
        assert all(len(reduced["manifests"]["a"][key]) < MAX_TEXT + 40 for key in ("title", "generator"))


def test_status_codes_fall_into_one_kind_each() -> None:
    judges = (
        codes.is_binding,
        codes.is_tampering,
        codes.is_trust,
        codes.is_time,
        codes.is_identity,
        codes.is_malformed,
    )
    for code in (
        "assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.hashedURI.mismatch", "claim.missing",
        "ingredient.claimSignature.mismatch", "ingredient.manifest.mismatch", "signingCredential.expired",
        "signingCredential.ocsp.revoked", "claimSignature.outsideValidity", "timeStamp.untrusted",
        "cawg.x509.credential.untrusted", "claim.malformed", "manifest.multipleParents", "claim.hardBindings.missing",
    ):  # fmt: skip
        assert sum(judge(code) for judge in judges) == 1, code


class TestTime:
    """The axis time, from a reading such as the engine gives for a stamped claim."""

    authority = kit.issue(kit.Wish("Clock", ekus=(kit.TIME_STAMPING,)), kit.intermediate())
    expired = kit.issue(
        kit.Wish("Old signer", start=kit.NOW - 90 * kit.DAY, end=kit.NOW - 30 * kit.DAY), kit.intermediate()
    )

    def reading(self, *codes: str) -> dict[str, Any]:
        from cryptography.hazmat.primitives.serialization import pkcs7

        token = pkcs7.serialize_certificates(self.authority.chain, serialization.Encoding.DER)
        chain = [c.public_bytes(serialization.Encoding.DER) for c in self.expired.chain]
        told = [{"code": c, "kind": kind_of(c)} for c in ("signingCredential.trusted", *codes)]
        return {
            "active": "a",
            "manifests": {"a": {"signed_at": (kit.NOW - 60 * kit.DAY).isoformat()}},
            "results": told,
            "signature": {
                "chain": [base64.b64encode(der).decode() for der in chain],
                "timestamps": [{"kind": "sigTst2", "token": base64.b64encode(token).decode()}],
            },
        }

    def lists(self, folder: Path, tsa: kit.Party) -> TrustSet:
        return trust_set(kit.anchors(folder, kit.root()), kit.anchors(folder, tsa))

    def test_a_trusted_time_stamp_keeps_an_expired_signer_good(self, tmp_path: Path) -> None:
        facts = judge_signer(self.reading("timeStamp.validated"), self.lists(tmp_path, kit.root()), kit.NOW)
        assert (facts.time.status, facts.trust.status) == (AxisStatus.PASSED, AxisStatus.PASSED)
        assert facts.trusted

    def test_one_that_nobody_vouches_for_does_not(self, tmp_path: Path) -> None:
        facts = judge_signer(self.reading("timeStamp.validated"), self.lists(tmp_path, kit.stranger()), kit.NOW)
        assert (facts.time.status, facts.trust.status) == (AxisStatus.UNKNOWN, AxisStatus.FAILED)

    def test_one_that_does_not_fit_fails(self, tmp_path: Path) -> None:
        facts = judge_signer(self.reading("timeStamp.mismatch"), self.lists(tmp_path, kit.root()), kit.NOW)
        assert (facts.time.status, facts.trusted) == (AxisStatus.FAILED, False)

    def test_a_revoked_signer_is_not_trusted(self, tmp_path: Path) -> None:
        reading = self.reading("timeStamp.validated", "signingCredential.ocsp.revoked")
        facts = judge_signer(reading, self.lists(tmp_path, kit.root()), kit.NOW)
        assert (facts.revocation.status, facts.trusted) == (AxisStatus.FAILED, False)

    def test_a_missing_list_is_named_with_the_way_to_get_it(self) -> None:
        facts = judge_signer(self.reading(), TrustSet((), ("c2pa-trust-list",)), kit.NOW)
        assert facts.trust.status is AxisStatus.NOT_AVAILABLE
        assert "c2pa-trust-list" in facts.trust.summary
        assert "facevalue trust pull" in facts.trust.summary


class TestLists:
    TEXT = b"Subject\tCN=One\n" + kit.root().pem().encode()

    def snapshot(self, **other: Any) -> Snapshot:
        import hashlib

        digest = hashlib.sha256(self.TEXT).hexdigest()
        fields = {"sha256": digest, "size": len(self.TEXT), "begins": b"Subject\tCN=One", **other}
        return Snapshot("one", AnchorKind.CLAIM, datetime.date(2026, 1, 1), **fields)

    def test_exactly_the_pinned_bytes_are_cut_out(self) -> None:
        assert cut_out(self.snapshot(), b"\0" * 9 + b"Subject\tCN=One but not it" + self.TEXT + b"more") == self.TEXT
        assert cut_out(self.snapshot(sha256="0" * 64), self.TEXT) is None
        assert cut_out(self.snapshot(), self.TEXT[:-1]) is None

    def test_the_package_carries_the_published_lists(self) -> None:
        pytest.importorskip("encypher_c2pa", reason="needs the extra second-opinion")
        found = {s.kind: installed(s) for s in SNAPSHOTS.values()}
        assert {kind: len(f.anchors) for kind, f in found.items() if f} == {AnchorKind.CLAIM: 30, AnchorKind.TSA: 22}
        assert all(f and f.dated for f in found.values())

    def test_an_old_snapshot_warns(self) -> None:
        pytest.importorskip("encypher_c2pa", reason="needs the extra second-opinion")
        found = installed(SNAPSHOTS["c2pa-trust-list"])
        assert found is not None
        assert found.dated is not None
        assert found.warning(found.dated + STALE_AFTER_DAYS * kit.DAY) is None
        assert "121 days old" in str(found.warning(found.dated + (STALE_AFTER_DAYS + 1) * kit.DAY))

    def test_anchors_of_a_user_replace_the_published_ones(self, tmp_path: Path) -> None:
        path = kit.anchors(tmp_path, kit.root(), kit.root(), kit.stranger())
        lists = trust_set(path)
        assert lists.of(AnchorKind.CLAIM) == (kit.root().certificate, kit.stranger().certificate)
        assert read_pem(path, AnchorKind.CLAIM).dated is None

    @pytest.mark.parametrize(
        "content", [b"", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
    )
    def test_a_file_without_usable_anchors_is_refused(self, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / "bad.pem"
        path.write_bytes(content)
        for wrong in (path, tmp_path / "gone.pem", tmp_path, "a\0b"):
            with pytest.raises(UsageError, match="anchors"):
                trust_set(wrong)

    def test_pulling_needs_the_network_or_a_wheel(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
        with pytest.raises(OfflineError):
            pull()
        with pytest.raises(UsageError, match="neither a wheel"):
            pull(source=tmp_path)
        wheel = tmp_path / "encypher_c2pa-1.7.1-py3-none-any.whl"
        wheel.write_bytes(b"no wheel")
        with pytest.raises(ModelError, match="no readable wheel"):
            pull(source=wheel)
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("encypher_c2pa/_native.abi3.so", b"another library")
        with pytest.raises(ModelError, match="does not carry the pinned"):
            pull(source=tmp_path)

    def test_a_pulled_list_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from facevalue.provenance import trust

        monkeypatch.setenv("FACEVALUE_HOME", str(tmp_path / "home"))
        monkeypatch.setattr(trust, "SNAPSHOTS", {"one": self.snapshot()})
        wheel = tmp_path / "encypher_c2pa-1.7.1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("encypher_c2pa/_native.abi3.so", b"\x7fELF" + self.TEXT + b"\0")
        assert [done for _, done in pull(source=wheel)] == [True]
        assert [done for _, done in pull(source=wheel)] == [False]
        found = trust_set().lists[0]
        assert (found.source, found.anchors) == ("pulled", (kit.root().certificate,))
        self.snapshot().path.write_bytes(b"tampered with")
        assert trust_set().missing == ("one",)
