"""The certificate profile, rule by rule, each held against what the engine itself does."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import make_credentials as kit
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import facevalue as fv
from facevalue.reports.json import load_schema
from facevalue.signing.lint import EngineView, Linted, Outcome, lint, lint_chain, lint_subject
from facevalue.signing.lint import Subject as Judged
from facevalue.signing.store import init_identity, private_pem

OID = x509.ObjectIdentifier
ANY, SERVER, CLAIMS = OID("2.5.29.37.0"), OID("1.3.6.1.5.5.7.3.1"), OID("1.3.6.1.4.1.62558.2.1")
SIGNS = (True, False, False, False, False, False, False, False, False)


@dataclass(frozen=True)
class Wish:
    """A signer's certificate, good unless wished otherwise."""

    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    usage: tuple[bool, ...] | None = SIGNS
    usage_critical: bool = True
    ekus: tuple[OID, ...] = (kit.EMAIL,)
    issuer_id: bool = True
    own_id: bool = True
    basic: tuple[bool, int | None] | None = (False, None)
    start: datetime.datetime = kit.NOW - kit.DAY
    end: datetime.datetime = kit.NOW + kit.DAY
    own: bool = False
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()


def leaf(wish: Wish) -> x509.Certificate:
    issuer = kit.intermediate()
    signing = wish.key if wish.own else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(kit._name("Signer"))
        .issuer_name(kit._name("Signer") if wish.own else issuer.certificate.subject)
        .public_key(wish.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wish.start)
        .not_valid_after(wish.end)
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = list(wish.extra)
    if wish.basic is not None:
        extensions.append((x509.BasicConstraints(*wish.basic), True))
    if wish.usage is not None:
        extensions.append((x509.KeyUsage(*wish.usage), wish.usage_critical))
    if wish.ekus:
        extensions.append((x509.ExtendedKeyUsage(wish.ekus), False))
    if wish.issuer_id:
        extensions.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), False))
    if wish.own_id:
        extensions.append((x509.SubjectKeyIdentifier.from_public_key(wish.key.public_key()), False))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signing, hashes.SHA256())


def usage(*places: int) -> tuple[bool, ...]:
    return tuple(n in places for n in range(9))


def judged(*chain: x509.Certificate, ask_engine: bool = True, key: bytes | None = None) -> Linted:
    found = lint_subject(Judged(tuple(chain), kit.NOW, key), "a chain", ask_engine=ask_engine)
    jsonschema = pytest.importorskip("jsonschema")
    schema = load_schema("identity-lint-1")
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(found.to_dict())))
    return found


def outcomes(found: Linted, outcome: Outcome) -> set[str]:
    return {c.rule.name for c in found.rules if c.outcome is outcome}


# Each breaks one rule (or those that go with it), and what the engine does then was seen, not assumed.
BROKEN: dict[str, tuple[Callable[[], Wish], set[str]]] = {
    "no usage": (lambda: Wish(usage=None), {"key-usage"}),
    "usage for encryption": (lambda: Wish(usage=usage(2)), {"key-usage"}),
    "may sign certificates": (lambda: Wish(usage=usage(0, 5)), {"no-cert-sign"}),
    "no purpose": (lambda: Wish(ekus=()), {"eku-present", "eku-claims"}),
    "any purpose": (lambda: Wish(ekus=(kit.EMAIL, ANY)), {"eku-not-any"}),
    "web server": (lambda: Wish(ekus=(SERVER,)), {"eku-claims"}),
    "no issuer's key": (lambda: Wish(issuer_id=False), {"issuer-key-id"}),
    "authority": (lambda: Wish(basic=(True, None), usage=usage(0, 5)), {"not-authority"}),
    "expired": (lambda: Wish(start=kit.NOW - 9 * kit.DAY, end=kit.NOW - kit.DAY), {"valid-now"}),
    "not valid yet": (lambda: Wish(start=kit.NOW + kit.DAY, end=kit.NOW + 9 * kit.DAY), {"valid-now"}),
    "odd critical": (lambda: Wish(extra=((x509.UnrecognizedExtension(OID("1.2.3.4"), b"\4\0"), True),)), {"critical"}),
    "other curve": (lambda: Wish(key=ec.generate_private_key(ec.SECP256K1())), {"key"}),
    "short RSA": (lambda: Wish(key=rsa.generate_private_key(65537, 1024)), {"key"}),
    "claims and stamps": (lambda: Wish(ekus=(CLAIMS, kit.TIME_STAMPING)), {"eku-alone"}),
    # Those that the engine signs with all the same: here they are refused, because verifiers should.
    "stamps alone": (lambda: Wish(ekus=(kit.TIME_STAMPING,)), {"eku-claims", "eku-alone"}),
    "OCSP alone": (lambda: Wish(ekus=(kit.OCSP_SIGNING,)), {"eku-claims", "eku-alone"}),
    "non-repudiation alone": (lambda: Wish(usage=usage(1)), {"key-usage"}),
    "self-signed": (lambda: Wish(own=True), {"not-self-signed", "chain-order"}),
}
ENGINE_SIGNS = {"stamps alone", "OCSP alone", "non-repudiation alone", "self-signed"}


class TestTheLeaf:
    @pytest.mark.parametrize("name", list(BROKEN))
    def test_a_broken_rule_is_found_and_the_engine_does_what_is_said(self, name: str) -> None:
        wish, broken = BROKEN[name]
        certificate = leaf(wish())
        found = judged(certificate, kit.intermediate().certificate)
        assert outcomes(found, Outcome.FAILED) == broken
        assert not found.usable
        assert all(found[rule].fix and found[rule].found for rule in broken)
        if found.engine_accepts is not None:  # a key that no identity can have is not even offered to it
            assert found.engine_accepts is (name in ENGINE_SIGNS), found.engine_said

    @pytest.mark.parametrize(
        "wish",
        [
            Wish,
            lambda: Wish(ekus=(CLAIMS,)),
            lambda: Wish(ekus=(CLAIMS, OID("1.3.6.1.5.5.7.3.36"))),
            lambda: Wish(basic=None),
            lambda: Wish(key=ec.generate_private_key(ec.SECP521R1())),
            lambda: Wish(key=rsa.generate_private_key(65537, 2048)),
            lambda: Wish(key=ed25519.Ed25519PrivateKey.generate()),
        ],
        ids=["email", "claims", "both", "no constraints", "P-521", "RSA", "Ed25519"],
    )
    def test_good_ones_pass_and_the_engine_agrees(self, wish: Callable[[], Wish]) -> None:
        found = judged(leaf(wish()), kit.intermediate().certificate)
        assert (outcomes(found, Outcome.FAILED), found.engine_accepts, found.usable) == (set(), True, True)

    @pytest.mark.parametrize(
        ("wish", "rule"),
        [(Wish(usage_critical=False), "key-usage-critical"), (Wish(own_id=False), "own-key-id")],
        ids=["not critical", "no own identifier"],
    )
    def test_what_should_be_is_advice(self, wish: Wish, rule: str) -> None:
        found = judged(leaf(wish), kit.intermediate().certificate)
        assert outcomes(found, Outcome.ADVICE) == {rule}
        assert (found.usable, found[rule].rule.engine, found.engine_accepts) == (True, EngineView.ACCEPTS, True)

    def test_unique_identifiers(self) -> None:
        found = lint_chain([unique(leaf(Wish()))])
        assert "unique-ids" in outcomes(found, Outcome.FAILED)

    def test_version_one(self) -> None:
        found = lint_chain([version_one(leaf(Wish()))])
        assert {"version", "key-usage", "eku-present"} <= outcomes(found, Outcome.FAILED)

    def test_an_exponent_that_signs_nothing(self) -> None:
        key = rsa.RSAPublicNumbers(1, rsa.generate_private_key(65537, 2048).public_key().public_numbers().n)
        certificate = leaf(Wish(key=rsa.generate_private_key(65537, 2048)))
        changed = certificate.public_bytes(Encoding.DER).replace(b"\x02\x03\x01\x00\x01", b"\x02\x03\x00\x00\x01")
        assert key.e == 1
        with pytest.raises(Exception, match=r"."):  # the library itself refuses such a key, and so does the rule
            x509.load_der_x509_certificate(changed).public_key()
        assert "key" in outcomes(lint_chain([x509.load_der_x509_certificate(changed)]), Outcome.FAILED)

    def test_a_malformed_extension_is_a_failed_rule_not_a_crash(self) -> None:
        data = leaf(Wish()).public_bytes(Encoding.DER)
        at = data.index(bytes.fromhex("551d25")) + 7  # the sequence inside extendedKeyUsage
        broken = x509.load_der_x509_certificate(data[:at] + b"\x31" + data[at + 1 :])
        found = lint_chain([broken])
        assert "cannot be read" in found["eku-claims"].found


def unique(certificate: x509.Certificate) -> x509.Certificate:
    """The same with an issuerUniqueID before its extensions; its signature no longer holds, which is not judged."""
    return rebuilt(certificate, lambda parts: [*parts[:-1], b"\x81\x02\x00\x01", parts[-1]])


def version_one(certificate: x509.Certificate) -> x509.Certificate:
    """The same without its version and extensions."""
    return rebuilt(certificate, lambda parts: parts[1:-1])


def rebuilt(certificate: x509.Certificate, change: Callable[[list[bytes]], list[bytes]]) -> x509.Certificate:
    import make_signing as der

    outer = whole(der._fields(certificate.public_bytes(Encoding.DER))[0][1])
    inner = change(whole(der._fields(outer[0])[0][1]))
    return x509.load_der_x509_certificate(der._seq(der._seq(*inner), *outer[1:]))


def whole(body: bytes) -> list[bytes]:
    """The DER values that follow each other, tag and length included."""
    import make_signing as der

    return [der._der(tag, content) for tag, content in der._fields(body)]


class TestTheChain:
    def test_the_wrong_order(self) -> None:
        signer = kit.signer()
        found = judged(*reversed(signer.chain[:2]))
        assert {"chain-order", "not-authority"} <= outcomes(found, Outcome.FAILED)
        assert found.engine_accepts is False

    def test_an_order_that_the_engine_lets_pass(self) -> None:
        certificate, middle, top = kit.signer().chain
        found = judged(certificate, top, middle)
        assert outcomes(found, Outcome.FAILED) == {"chain-order"}
        assert (found["chain-order"].rule.engine, found.engine_accepts) == (EngineView.ACCEPTS, True)
        assert found["chain-order"].fix.startswith("put the certificates in order")

    def test_an_issuer_that_is_not_among_them(self) -> None:
        certificate, middle, _ = kit.signer().chain
        found = judged(certificate, kit.stranger().certificate)
        assert "its issuer is not among them" in found["chain-order"].fix
        assert middle.subject != kit.stranger().certificate.subject

    def test_the_leaf_alone_is_advice_and_so_is_the_root(self) -> None:
        assert outcomes(judged(kit.signer().certificate), Outcome.ADVICE) == {"chain-complete"}
        assert outcomes(judged(*kit.signer().chain), Outcome.ADVICE) == {"no-root"}

    def test_authorities_that_may_not_issue(self) -> None:
        weak = kit.issue(kit.Wish("Below", ca=True), kit.issue(kit.Wish("Top", ca=True, path_length=0)))
        signer = kit.issue(kit.Wish("Signer"), weak)
        found = judged(*signer.chain)
        assert "allows fewer authorities below it" in found["authorities"].found
        other = kit.issue(kit.Wish("Signer"), kit.issue(kit.Wish("No authority"), kit.root()))
        assert "is not an authority" in judged(*other.chain)["authorities"].found

    def test_an_authority_that_is_expired(self) -> None:
        old = kit.issue(kit.Wish("Old", ca=True, end=kit.NOW - kit.DAY), kit.root())
        assert outcomes(judged(*kit.issue(kit.Wish("Signer"), old).chain), Outcome.FAILED) == {"chain-valid-now"}

    def test_a_weak_signature(self) -> None:
        sha1 = kit.signer().certificate.public_bytes(Encoding.DER)
        weak = sha1.replace(bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d040301"))
        found = lint_chain([x509.load_der_x509_certificate(weak)])
        assert "signature-algorithm" in outcomes(found, Outcome.FAILED)


class TestTheKey:
    def test_forms_and_fit(self) -> None:
        signer = kit.signer()
        good = judged(*signer.chain[:2], key=private_pem(signer.key, None), ask_engine=False)
        assert [good[r].outcome for r in ("key-form", "key-opens", "key-matches")] == [Outcome.PASSED] * 3
        sec1 = signer.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        bad = judged(*signer.chain[:2], key=sec1, ask_engine=False)
        assert outcomes(bad, Outcome.FAILED) == {"key-form"}
        assert "openssl pkcs8 -topk8 -nocrypt -in" in bad["key-form"].fix
        other = judged(*signer.chain[:2], key=private_pem(kit.stranger().key, None), ask_engine=False)
        assert outcomes(other, Outcome.FAILED) == {"key-matches"}
        above = judged(*signer.chain[:2], key=private_pem(kit.intermediate().key, None), ask_engine=False)
        assert "another certificate of the chain" in above["key-matches"].found

    def test_the_engine_refuses_the_form_that_is_refused_here(self) -> None:
        import c2pa

        signer = kit.signer()
        for form, good in ((PrivateFormat.PKCS8, True), (PrivateFormat.TraditionalOpenSSL, False)):
            key = signer.key.private_bytes(Encoding.PEM, form, NoEncryption())
            info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, signer.pem().encode(), key, None)
            if good:
                c2pa.Signer.from_info(info).close()
            else:
                with pytest.raises(c2pa.C2paError, match="PKCS#8"):
                    c2pa.Signer.from_info(info)

    def test_an_encrypted_key_is_judged_as_far_as_it_can_be(self, home: Path) -> None:
        init_identity("desk", passphrase="correct horse")
        closed = lint("desk", ask_engine=False)
        assert closed["key-opens"].outcome is Outcome.NOT_JUDGED
        assert lint("desk", passphrase="correct horse", ask_engine=False)["key-matches"].outcome is Outcome.PASSED
        wrong = lint("desk", passphrase="wrong", ask_engine=False)
        assert outcomes(wrong, Outcome.FAILED) == {"key-opens"}

    def test_a_key_that_others_can_read(self, home: Path) -> None:
        stored = init_identity("desk")
        stored.key_file.chmod(0o644)
        assert lint("desk", ask_engine=False)["key-private"].outcome is Outcome.ADVICE


class TestWhatIsJudged:
    def test_an_identity_by_name_and_by_folder(self, home: Path) -> None:
        stored = init_identity("desk")
        by_name, by_folder = lint("desk"), lint(stored.folder, ask_engine=False)
        assert by_name.usable
        assert by_name.engine_said == "the engine signs with it"
        assert by_name.rules == by_folder.rules

    def test_a_file_in_pem_or_der(self, tmp_path: Path) -> None:
        signer = kit.signer()
        (tmp_path / "a.pem").write_text(signer.pem())
        (tmp_path / "a.der").write_bytes(signer.certificate.public_bytes(Encoding.DER))
        assert lint(tmp_path / "a.pem", ask_engine=False).sha256 == lint(tmp_path / "a.der", ask_engine=False).sha256

    @pytest.mark.parametrize("data", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAA\n"])
    def test_files_that_hold_none(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.pem").write_bytes(data)
        with pytest.raises(fv.UsageError, match="certificate"):
            lint(tmp_path / "a.pem")

    def test_nothing_of_that_name(self, home: Path) -> None:
        with pytest.raises(fv.UsageError, match="there is no identity"):
            lint("nobody")
        with pytest.raises(fv.UsageError, match="no certificate to judge"):
            lint_chain([])
