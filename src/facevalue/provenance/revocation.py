"""Stapled OCSP responses (RFC 6960): what was recorded about revocation. Nothing is fetched here."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509 import ocsp

from facevalue.provenance.chain import OCSP_SIGNING, extended_key_usages


@dataclass(frozen=True, slots=True)
class Stapled:
    """One response about the leaf. status: "good", "revoked" or "unknown"; genuine: signed by whoever may say so.

    produced, revoked: moments, aware of their time zone; revoked is None unless status is "revoked".
    """

    status: str
    genuine: bool
    produced: datetime.datetime
    revoked: datetime.datetime | None


def read_stapled(responses: Sequence[str], chain: Sequence[x509.Certificate]) -> list[Stapled]:
    """The responses (base64 DER) that are about the leaf of a chain; others, and unreadable ones, are passed over."""
    found = []
    for text in responses:
        try:
            response = ocsp.load_der_ocsp_response(base64.b64decode(text))
            if response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
                found += _about(response, chain)
        except Exception:  # noqa: S112 - whatever a hostile response provokes, it then says nothing
            continue
    return found


def _about(response: ocsp.OCSPResponse, chain: Sequence[x509.Certificate]) -> list[Stapled]:
    if not chain or response.serial_number != chain[0].serial_number:
        return []
    state = response.certificate_status
    gone = response.revocation_time_utc if state is ocsp.OCSPCertStatus.REVOKED else None
    genuine = any(_speaks(response, issuer) for issuer in chain[1:] if issuer.subject == chain[0].issuer)
    return [Stapled(state.name.lower(), genuine, response.produced_at_utc, gone)]


def _speaks(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether the issuer signed the response, or a responder that it certified for that (RFC 6960, section 4.2.2.2)."""
    delegates = [c for c in response.certificates if OCSP_SIGNING in extended_key_usages(c) and _issued(c, issuer)]
    return any(_signed(response, signer) for signer in (issuer, *delegates))


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # a wrong signature or an algorithm that is not known
        return False
    return True


def _signed(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), response.signature_hash_algorithm or hashes.SHA256()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), digest)
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(response.signature, response.tbs_response_bytes)
        else:
            return False
    except Exception:  # InvalidSignature, or a digest that the key does not take
        return False
    return True
