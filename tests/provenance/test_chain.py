"""Our own check of certificate chains: each rule refuses, and says why."""

from __future__ import annotations

import base64
import datetime

import make_credentials as kit
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from facevalue.provenance.chain import ChainResult, check_claim_chain, check_tsa_chain, fingerprint, subject_of
from facevalue.provenance.revocation import read_stapled
from facevalue.provenance.timestamp import certificates_in, check_token, content_info

ROOT, MIDDLE = kit.root(), kit.intermediate()


def check(party: kit.Party, *anchors: kit.Party, moment: datetime.datetime = kit.NOW) -> ChainResult:
    return check_claim_chain(party.chain, [a.certificate for a in anchors or (ROOT,)], moment)


def test_a_good_chain_is_trusted_and_shows_its_path() -> None:
    result = check(kit.signer())
    assert (result.trusted, result.reasons) == (True, ())
    assert [name.partition(" (")[0] for name in result.path] == ["Press signer", "Test intermediate", "Test root"]
    assert result.anchor == fingerprint(ROOT.certificate)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (kit.Wish(ekus=()), "extended key usage none"),
        (kit.Wish(ekus=(kit.TIME_STAMPING,)), "extended key usage timeStamping"),
        (kit.Wish(ekus=(kit.EMAIL, kit.OCSP_SIGNING)), "stand alone or not at all: OCSPSigning"),
        (kit.Wish(ekus=(kit.EMAIL, x509.ObjectIdentifier("2.5.29.37.0"))), "anyExtendedKeyUsage"),
        (kit.Wish(usage_signs=False), "may not make digital signatures"),
        (kit.Wish(ca=True, usage_signs=True), "that of an authority"),
        (kit.Wish(start=kit.NOW - 9 * kit.DAY, end=kit.NOW - kit.DAY), "was expired on"),
        (kit.Wish(start=kit.NOW + kit.DAY), "was not valid yet on"),
        (
            kit.Wish(extra=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), True),)),
            "critical extension that is not understood",
        ),
    ],
)
def test_each_rule_for_the_leaf_refuses_with_its_reason(wish: kit.Wish, reason: str) -> None:
    result = check(kit.issue(wish, MIDDLE))
    assert not result.trusted
    assert reason in " ".join(result.reasons)


def test_a_self_signed_leaf_is_refused_even_where_it_is_an_anchor() -> None:
    alone = kit.issue(kit.Wish("Alone"))
    for anchor in (ROOT, alone):
        result = check(alone, anchor)
        assert "self-signed" in " ".join(result.reasons)


def test_a_missing_intermediate_is_a_missing_anchor() -> None:
    result = check_claim_chain(kit.signer().chain[:1], [ROOT.certificate], kit.NOW)
    assert "no anchor of claim signers issued" in result.reasons[0]


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (kit.Wish("Weak", ca=True, end=kit.NOW - kit.DAY), "was expired on"),
        (kit.Wish("Narrow", ca=True, extra=((x509.ExtendedKeyUsage([kit.TIME_STAMPING]), False),)), "other purposes"),
        (kit.Wish("No authority", ca=False), "is not an authority"),
        (
            kit.Wish(
                "Strange", ca=True, extra=((x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True),)
            ),
            "critical",
        ),
    ],
)
def test_each_rule_for_an_authority_refuses_with_its_reason(wish: kit.Wish, reason: str) -> None:
    result = check(kit.issue(kit.Wish("Leaf"), kit.issue(wish, ROOT)))
    assert not result.trusted
    assert reason in " ".join(result.reasons)


def test_an_authority_with_a_purpose_of_its_vendor_may_vouch() -> None:
    vendor = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.2.840.113583.1.1.5")])
    above = kit.issue(kit.Wish("Vendor", ca=True, extra=((vendor, False),)), ROOT)
    assert check(kit.issue(kit.Wish(), above)).trusted


def test_the_path_length_is_kept() -> None:
    short = kit.issue(kit.Wish("Short", ca=True, path_length=0), ROOT)
    below = kit.issue(kit.Wish("Below", ca=True), short)
    assert check(kit.issue(kit.Wish(), short)).trusted
    assert "more authorities below it" in " ".join(check(kit.issue(kit.Wish(), below)).reasons)


def test_a_forged_issuer_of_the_same_name_does_not_help() -> None:
    twin = kit.issue(kit.Wish("Test root", ca=True))
    assert not check(kit.issue(kit.Wish(), twin)).trusted
    # With the right one beside it the right path is still found.
    good = kit.signer()
    result = check_claim_chain(good.chain, [twin.certificate, ROOT.certificate], kit.NOW)
    assert result.trusted


def test_a_store_made_to_explode_ends() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    same = [kit.issue(kit.Wish("Same", ca=True)) for _ in range(14)]
    leaf = kit.issue(kit.Wish("Leaf"), same[0])
    result = check_claim_chain([leaf.certificate, *(p.certificate for p in same)], [ROOT.certificate], kit.NOW)
    assert not result.trusted
    assert key


def test_every_flip_in_a_chain_is_judged_without_a_crash() -> None:
    ders = [c.public_bytes(serialization.Encoding.DER) for c in kit.signer().chain]
    read = 0
    for number, der in enumerate(ders):
        for at in range(0, len(der), 3):
            changed = [*ders[:number], kit.flipped(der, at), *ders[number + 1 :]]
            try:
                chain = [x509.load_der_x509_certificate(d) for d in changed]
            except Exception:  # it is no certificate any more
                continue
            result = check_claim_chain(chain, [ROOT.certificate], kit.NOW)
            assert not result.trusted or number == 2  # the root that came along is not needed: the anchor is
            assert all(map(subject_of, chain))
            read += 1
    assert read > 100


def test_no_certificate_at_all_is_a_reason() -> None:
    assert check_claim_chain([], [ROOT.certificate], kit.NOW).reasons == ("no certificate came with the signature",)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "p384", "short rsa", "p224"])
def test_kinds_of_keys(kind: str) -> None:
    make = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "short rsa": lambda: rsa.generate_private_key(65537, 1024),
        "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    }[kind]
    key = make()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, kind)]))
        .issuer_name(ROOT.certificate.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(kit.NOW - kit.DAY)
        .not_valid_after(kit.NOW + kit.DAY)
        .add_extension(x509.BasicConstraints(False, None), True)
        .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
        .add_extension(x509.ExtendedKeyUsage([kit.EMAIL]), False)
    )
    leaf = builder.sign(ROOT.key, hashes.SHA256())
    result = check_claim_chain([leaf], [ROOT.certificate], kit.NOW)
    assert result.trusted is (kind not in ("short rsa", "p224"))
    assert subject_of(leaf) == kind


class TestTimeStamps:
    authority = kit.issue(kit.Wish("Clock", ekus=(kit.TIME_STAMPING,)), MIDDLE)

    def token(self, *, wrapped: bool = False) -> str:
        """A CMS SignedData that holds the certificates of the authority, as a time-stamp token does."""
        der = pkcs7.serialize_certificates(self.authority.chain, serialization.Encoding.DER)
        if wrapped:
            body = b"\x30\x03\x02\x01\x00" + der
            der = b"\x30\x82" + len(body).to_bytes(2, "big") + body
        return base64.b64encode(der).decode()

    @pytest.mark.parametrize("wrapped", [False, True], ids=["sigTst2", "sigTst"])
    def test_the_authority_is_measured_against_its_own_anchors(self, wrapped: bool) -> None:
        token = self.token(wrapped=wrapped)
        good = check_token(token, [ROOT.certificate], kit.NOW)
        assert good is not None
        assert good.trusted
        bad = check_token(token, [kit.stranger().certificate], kit.NOW)
        assert bad is not None
        assert not bad.trusted

    def test_all_certificates_are_found(self) -> None:
        found = certificates_in(content_info(base64.b64decode(self.token())))
        assert {hash(x509.load_der_x509_certificate(der)) for der in found} == {hash(c) for c in self.authority.chain}

    def test_a_claim_signer_stamps_no_time(self) -> None:
        assert not check_tsa_chain(kit.signer().chain, [ROOT.certificate], kit.NOW).trusted

    @given(st.binary(max_size=200))
    def test_any_bytes_are_judged_without_a_crash(self, data: bytes) -> None:
        assert check_token(base64.b64encode(data).decode(), [], kit.NOW) is None
        for read in (content_info, certificates_in):
            try:
                read(data)
            except ValueError:
                continue

    def test_every_cut_of_a_real_token_is_judged_without_a_crash(self) -> None:
        der = base64.b64decode(self.token(wrapped=True))
        for end in range(0, len(der), 7):
            check_token(base64.b64encode(der[:end]).decode(), [ROOT.certificate], kit.NOW)


class TestRevocation:
    def response(self, status: ocsp.OCSPCertStatus, signer: kit.Party, responder: kit.Party | None = None) -> str:
        leaf, issuer = kit.signer().certificate, MIDDLE.certificate
        gone = kit.NOW - kit.DAY if status is ocsp.OCSPCertStatus.REVOKED else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            leaf, issuer, hashes.SHA1(), status, kit.NOW - kit.DAY, kit.NOW + kit.DAY, gone, None
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if responder:
            builder = builder.certificates([responder.certificate])
        return base64.b64encode(
            builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        ).decode()

    def test_the_authority_itself_may_answer(self) -> None:
        good = read_stapled([self.response(ocsp.OCSPCertStatus.GOOD, MIDDLE)], kit.signer().chain)[0]
        assert (good.status, good.genuine, good.revoked) == ("good", True, None)
        gone = read_stapled([self.response(ocsp.OCSPCertStatus.REVOKED, MIDDLE)], kit.signer().chain)[0]
        assert (gone.status, gone.genuine) == ("revoked", True)
        assert gone.revoked is not None

    def test_so_may_a_responder_that_it_certified(self) -> None:
        named = kit.issue(kit.Wish("Responder", ekus=(kit.OCSP_SIGNING,)), MIDDLE)
        answer = self.response(ocsp.OCSPCertStatus.GOOD, named, named)
        assert read_stapled([answer], kit.signer().chain)[0].genuine

    @pytest.mark.parametrize("other", [kit.stranger(), kit.signer()], ids=["a stranger", "the signer itself"])
    def test_nobody_else_may(self, other: kit.Party) -> None:
        answer = self.response(ocsp.OCSPCertStatus.GOOD, other, other)
        assert not read_stapled([answer], kit.signer().chain)[0].genuine

    def test_answers_about_others_and_rubbish_say_nothing(self) -> None:
        other = kit.issue(kit.Wish("Other"), MIDDLE)
        answer = self.response(ocsp.OCSPCertStatus.GOOD, MIDDLE)
        assert read_stapled([answer, "AAAA", base64.b64encode(b"x" * 99).decode()], other.chain) == []
