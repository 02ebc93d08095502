"""A certificate chain to try things out with: root, intermediate, signer. Nobody else trusts it.

The profile is that of C2PA 2.2, section 14.5.1. The keys of the two authorities are thrown away as soon as the
signer's certificate is issued: nobody can issue another one under that root, not even its maker.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from facevalue.provenance.settings import CLAIM_SIGNING, DOCUMENT_SIGNING

ROOT_DAYS = 3650
# A clock that is a little behind must not find the certificate not valid yet.
_BACKDATED = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class TestChain:
    """leaf, intermediate, root, and the leaf's key (P-256)."""

    leaf: x509.Certificate
    intermediate: x509.Certificate
    root: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issue_chain(name: str, organisation: str, days: int, now: datetime.datetime | None = None) -> TestChain:
    """A new chain; the signer's certificate is valid for that many days. now: aware of its time zone."""
    moment = now or datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    titles = [f"{name} test root", f"{name} test intermediate", name]
    names = [_name(title, organisation) for title in titles]
    spans = [max(ROOT_DAYS, days), max(ROOT_DAYS, days), days]
    made = list[x509.Certificate]()
    for place in range(3):
        above = max(place - 1, 0)
        builder = _builder(names[place], names[above], keys[place].public_key(), moment, spans[place])
        authority = place < 2
        builder = builder.add_extension(x509.BasicConstraints(authority, 1 - place if authority else None), True)
        builder = builder.add_extension(_usage(authority), True)
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage(_PURPOSES), False)
        own = x509.SubjectKeyIdentifier.from_public_key(keys[place].public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[above].public_key())
        builder = builder.add_extension(own, False).add_extension(issuer, False)
        made.append(builder.sign(keys[above], hashes.SHA256()))
    return TestChain(made[2], made[1], made[0], keys[2])


_PURPOSES = [x509.ObjectIdentifier(CLAIM_SIGNING), x509.ObjectIdentifier(DOCUMENT_SIGNING)]


def _name(common: str, organisation: str) -> x509.Name:
    pairs = [(NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, organisation)]
    return x509.Name([x509.NameAttribute(oid, value[:64]) for oid, value in pairs])


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, moment: datetime.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - _BACKDATED)
        .not_valid_after(moment + datetime.timedelta(days=days))
    )
