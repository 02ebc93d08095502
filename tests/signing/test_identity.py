"""Identities and their keys: made, stored, opened, and refused."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import make_credentials as kit
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

import facevalue as fv
from facevalue.signing import SignerError
from facevalue.signing.identity import pem_of
from facevalue.signing.keys import algorithm_of, cose_signature, signs_with
from facevalue.signing.store import all_identities, find_identity, init_identity, private_pem

Sign = Callable[..., fv.Signed]


class TestInit:
    def test_it_makes_a_chain_whose_keys_are_private(self, home: Path) -> None:
        stored = init_identity("desk")
        assert stored.folder == home / "identities" / "desk"
        names = {"chain.pem", "identity.json", "key.pem", "publisher.pem", "trust.pem"}
        assert {path.name for path in stored.folder.iterdir()} == names
        for name in ("key.pem", "publisher.pem"):
            assert stat.S_IMODE((stored.folder / name).stat().st_mode) == 0o600
            assert b"BEGIN PRIVATE KEY" in (stored.folder / name).read_bytes()
        assert stat.S_IMODE(stored.folder.stat().st_mode) == 0o700
        who = stored.open()
        assert (who.algorithm, who.test, len(who.certificates)) == ("ES256", True, 2)
        assert "1.3.6.1.4.1.62558.2.1" in {
            oid.dotted_string
            for oid in who.certificates[0]
            .extensions.get_extension_for_oid(kit.x509.ExtensionOID.EXTENDED_KEY_USAGE)
            .value
        }

    def test_an_identity_is_never_overwritten(self, home: Path) -> None:
        first = init_identity("desk").open().sha256
        with pytest.raises(fv.UsageError, match="desk exists already"):
            init_identity("desk")
        assert find_identity("desk").open().sha256 == first
        assert [p.name for p in (home / "identities").iterdir()] == ["desk"]

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a b", "-x", "a\0b", "x" * 65, "<script>"])
    def test_names_that_are_none(self, name: str, home: Path) -> None:
        with pytest.raises(fv.UsageError, match="an identity's name"):
            init_identity(name)

    @pytest.mark.parametrize(("more", "why"), [({"days": 0}, "1 to 3650"), ({"organisation": "a\nb"}, "printable")])
    def test_wishes_that_cannot_be(self, more: dict, why: str, home: Path) -> None:
        with pytest.raises(fv.UsageError, match=why):
            init_identity("desk", **more)

    def test_a_passphrase_protects_both_keys(self, home: Path) -> None:
        stored = init_identity("desk", passphrase="correct horse")
        for name in ("key.pem", "publisher.pem"):
            assert b"BEGIN ENCRYPTED PRIVATE KEY" in (stored.folder / name).read_bytes()
        assert stored.needs_passphrase
        assert stored.open("correct horse").publisher is not None
        with pytest.raises(fv.UsageError, match="its passphrase is wrong, or it is damaged"):
            stored.open("wrong horse")
        with pytest.raises(fv.UsageError, match="is encrypted: it needs its passphrase"):
            stored.open()

    def test_what_is_there_is_listed(self, home: Path) -> None:
        assert all_identities() == []
        for name in ("b", "a"):
            init_identity(name)
        assert [s.name for s in all_identities()] == ["a", "b"]
        with pytest.raises(fv.UsageError, match="there is no identity 'c'; known here: a, b"):
            find_identity("c")

    def test_a_folder_of_ones_own(self, tmp_path: Path, original: Path) -> None:
        signer, folder = kit.signer(), tmp_path / "own"
        folder.mkdir()
        (folder / "chain.pem").write_text(signer.pem())
        with pytest.raises(fv.UsageError, match=r"holds no key\.pem"):
            find_identity(folder)
        (folder / "key.pem").write_bytes(private_pem(signer.key, None))
        signed = fv.sign(original, None, folder, watermark=False)
        assert (signed.identity.test, signed.identity.subject) == (False, "Press signer (Test newsroom)")


class TestKeys:
    @pytest.mark.parametrize(
        ("make", "form", "why"),
        [
            (lambda: ec.generate_private_key(ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL, "SEC1 form"),
            (lambda: rsa.generate_private_key(65537, 2048), PrivateFormat.TraditionalOpenSSL, "PKCS#1 form"),
            (ed25519.Ed25519PrivateKey.generate, PrivateFormat.OpenSSH, "OpenSSH's own form"),
        ],
        ids=["sec1", "pkcs1", "openssh"],
    )
    def test_other_forms_name_the_command_that_converts(
        self, make: Callable, form: PrivateFormat, why: str, tmp_path: Path
    ) -> None:
        (tmp_path / "chain.pem").write_text(kit.signer().pem())
        (tmp_path / "key.pem").write_bytes(make().private_bytes(Encoding.PEM, form, NoEncryption()))
        with pytest.raises(fv.UsageError, match=f"{why}.*; convert it: openssl pkcs8 -topk8"):
            fv.Identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")

    @pytest.mark.parametrize("data", [b"", b"\0" * 100, b"-----BEGIN CERTIFICATE-----", b"x" * 100_000])
    def test_files_that_hold_no_key(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "chain.pem").write_text(kit.signer().pem())
        (tmp_path / "key.pem").write_bytes(data)
        with pytest.raises(fv.UsageError, match=r"the key key\.pem is"):
            fv.Identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")

    def test_a_damaged_key(self, tmp_path: Path) -> None:
        (tmp_path / "chain.pem").write_text(kit.signer().pem())
        (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        with pytest.raises(fv.UsageError, match="cannot be opened: it is damaged"):
            fv.Identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")

    def test_a_key_of_another_certificate(self, tmp_path: Path) -> None:
        (tmp_path / "chain.pem").write_text(kit.signer().pem())
        (tmp_path / "key.pem").write_bytes(private_pem(kit.stranger().key, None))
        with pytest.raises(fv.UsageError, match=r"does not belong to the first certificate in chain\.pem \(Press"):
            fv.Identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(fv.UsageError, match="cannot be read: No such file"):
            fv.Identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")


def party_with(key: object) -> kit.Party:
    """A signer whose certificate has that key."""
    issuer, signer = kit.intermediate(), kit.signer()
    builder = kit.x509.CertificateBuilder(
        issuer.certificate.subject,
        kit._name("Signer"),
        key.public_key(),
        5,
        kit.NOW - kit.DAY,
        kit.NOW + kit.DAY,
        list(signer.certificate.extensions),
    )
    return kit.Party(builder.sign(issuer.key, hashes.SHA256()), key, tuple(issuer.chain))


KEYS = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS384": lambda: rsa.generate_private_key(65537, 2048),
    "PS512": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


class TestCallbacks:
    @pytest.mark.parametrize("algorithm", list(KEYS))
    def test_every_algorithm_signs_and_is_verified(self, algorithm: str, original: Path) -> None:
        key = KEYS[algorithm]()
        who = fv.Identity(party_with(key).pem(), signs_with(key, algorithm), algorithm)
        signed = fv.sign(original, None, who, watermark=False)
        assert signed.provenance.axes["claim_signature"].details["alg"].lower() in {algorithm.lower(), "eddsa"}
        assert str(signed.provenance.state) == "verified"

    @pytest.mark.parametrize("raw", [False, True], ids=["DER", "r and s"])
    def test_a_service_that_signs_digests(self, raw: bool, original: Path) -> None:
        signer = kit.signer()

        def service(data: bytes) -> bytes:
            digest = hashlib.sha256(data).digest()
            der = signer.key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
            r, s = utils.decode_dss_signature(der)
            return r.to_bytes(32, "big") + s.to_bytes(32, "big") if raw else der

        who = fv.Identity(chain=signer.pem(), sign=service, algorithm="ES256")
        assert str(fv.sign(original, None, who, watermark=False).provenance.state) == "verified"

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (lambda data: b"", "must answer bytes"),
            (lambda data: None, "must answer bytes"),
            (lambda data: "text", "must answer bytes"),
            (lambda data: b"x" * 64, "was not made with the key of the certificate"),
            (lambda data: kit.stranger().sign(data), "was not made with the key of the certificate"),
            (lambda data: kit.signer().sign(data + b"!"), "was not made with the key of the certificate"),
            (lambda data: 1 / 0, "did not sign: ZeroDivisionError"),
        ],
    )
    def test_a_holder_that_does_not_sign_leaves_nothing(self, answer: Callable, why: str, original: Path) -> None:
        who = fv.Identity(kit.signer().pem(), answer)
        with pytest.raises(SignerError, match=why):
            fv.sign(original, None, who, watermark=False)
        assert [p.name for p in original.parent.iterdir()] == ["photo.jpg"]

    def test_the_builder_survives_a_failed_signing(self, original: Path, who: fv.Identity) -> None:
        with pytest.raises(SignerError):
            fv.sign(original, None, fv.Identity(kit.signer().pem(), lambda data: b"x"), watermark=False)
        assert fv.sign(original, None, who, watermark=False).path.is_file()

    def test_an_algorithm_that_does_not_fit(self) -> None:
        with pytest.raises(fv.UsageError, match=r"ES384 does not fit the key .* an EC key on secp256r1"):
            fv.Identity(kit.signer().pem(), kit.signer().sign, "ES384")
        with pytest.raises(fv.UsageError, match="algorithm is one of ES256"):
            fv.Identity(kit.signer().pem(), kit.signer().sign, "HS256")

    @pytest.mark.parametrize("chain", ["", "nonsense", b"\0", [], ["text"]])
    def test_chains_that_are_none(self, chain: object) -> None:
        with pytest.raises(fv.UsageError, match="chain"):
            fv.Identity(chain, kit.signer().sign)

    def test_a_certificate_that_would_be_rejected_does_not_sign(self, original: Path) -> None:
        bad = kit.issue(kit.Wish("Stamper", ekus=(kit.TIME_STAMPING,)), kit.intermediate())
        with pytest.raises(fv.UsageError, match=r"would be rejected: .* \(eku-claims\); facevalue identity lint"):
            fv.sign(original, None, fv.Identity(bad.pem(), bad.sign), watermark=False)

    def test_a_chain_of_the_leaf_alone(self, original: Path) -> None:
        signer = kit.issue(kit.Wish("Signer"), kit.root())
        signed = fv.sign(original, None, fv.Identity(signer.pem(above=False), signer.sign), watermark=False)
        assert str(signed.provenance.state) == "untrusted_signer"

    def test_nobody(self, original: Path) -> None:
        with pytest.raises(fv.UsageError, match="who signs"):
            fv.sign(original)


class TestSignatureForms:
    @given(st.binary(max_size=300))
    def test_nonsense_is_never_a_signature(self, answer: bytes) -> None:
        signer = kit.signer()
        with pytest.raises(ValueError, match=r"signature|bytes"):
            cose_signature(answer, "ES256", signer.key.public_key(), b"message")

    @given(st.binary(max_size=100))
    def test_both_forms_of_ecdsa_become_one(self, message: bytes) -> None:
        key = kit.signer().key
        der = key.sign(message, ec.ECDSA(hashes.SHA256()))
        raw = cose_signature(der, "ES256", key.public_key(), message)
        assert len(raw) == 64
        assert cose_signature(raw, "ES256", key.public_key(), message) == raw

    def test_the_salt_of_pss_is_as_long_as_the_digest(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        short = key.sign(b"m", padding.PSS(padding.MGF1(hashes.SHA256()), 8), hashes.SHA256())
        with pytest.raises(ValueError, match="was not made with the key"):
            cose_signature(short, "PS256", key.public_key(), b"m")

    def test_keys_that_nobody_may_sign_with(self) -> None:
        assert algorithm_of(ec.generate_private_key(ec.SECP256K1())) is None
        assert algorithm_of("a text") is None


def test_an_identity_says_nothing_of_its_keys(who: fv.Identity) -> None:
    assert "publisher" not in repr(who)
    assert who.chain_pem() == "".join(map(pem_of, who.certificates))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root reads everything")
def test_a_key_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text(kit.signer().pem())
    (tmp_path / "key.pem").write_bytes(private_pem(kit.signer().key, None))
    (tmp_path / "key.pem").chmod(0)
    with pytest.raises(fv.UsageError, match="Permission denied"):
        fv.Identity.from_files(tmp_path / "chain.pem", tmp_path / "key.pem")
