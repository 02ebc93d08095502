"""OCSP responses (RFC 6960): what was recorded about revocation, or answered now. Nothing is fetched here."""

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

# Clocks differ; and an answer that does not say until when it holds is taken for a day.
_SKEW = datetime.timedelta(minutes=10)
_WITHOUT_END = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stapled:
    """One response about the leaf. status: "good", "revoked" or "unknown"; genuine: signed by whoever may say so.

    produced, revoked: moments, aware of their time zone; revoked is None unless status is "revoked". asked: it was
    asked for now, rather than recorded in the file; genuine then says that it is of now, too.
    """

    status: str
    genuine: bool
    produced: datetime.datetime
    revoked: datetime.datetime | None
    asked: bool = False


def read_stapled(
    responses: Sequence[str],
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate] = (),
    asked: datetime.datetime | None = None,
) -> list[Stapled]:
    """The responses (base64 DER) that are about the leaf of a chain; others, and unreadable ones, are passed over.

    anchors: who may have issued the leaf beside the certificates of the chain. asked: when they were asked for; None
    for those that a file brings along.
    """
    found = []
    for text in responses:
        try:
            response = ocsp.load_der_ocsp_response(base64.b64decode(text))
            if response.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
                found += _about(response, chain, anchors, asked)
        except Exception:  # noqa: S112 - whatever a hostile response provokes, it then says nothing
            continue
    return found


def _about(
    response: ocsp.OCSPResponse,
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    asked: datetime.datetime | None,
) -> list[Stapled]:
    if not chain or response.serial_number != chain[0].serial_number:
        return []
    state = response.certificate_status
    gone = response.revocation_time_utc if state is ocsp.OCSPCertStatus.REVOKED else None
    # Whoever makes the file also fills the chain in it: a namesake of the authority must not speak for it.
    issuers = [issuer for issuer in (*chain[1:], *anchors) if issued_by(chain[0], issuer)]
    genuine = any(_speaks(response, issuer) for issuer in issuers) and (asked is None or _fresh(response, asked))
    return [Stapled(state.name.lower(), genuine, response.produced_at_utc, gone, asked is not None)]


def _fresh(response: ocsp.OCSPResponse, asked: datetime.datetime) -> bool:
    """Whether it holds at that moment (RFC 6960, section 4.2.2.1): an old answer may be played again."""
    ends = response.next_update_utc or response.this_update_utc + _WITHOUT_END
    return response.this_update_utc - _SKEW <= asked <= ends + _SKEW


def _speaks(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Whether the issuer signed the response, or a responder that it certified for that (RFC 6960, section 4.2.2.2)."""
    made = response.produced_at_utc
    delegates = [
        c
        for c in response.certificates
        if OCSP_SIGNING in extended_key_usages(c)
        and c.not_valid_before_utc <= made <= c.not_valid_after_utc
        and issued_by(c, issuer)
    ]
    return any(_signed(response, signer) for signer in (issuer, *delegates))


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer has the name that the certificate gives, and its key signed it."""
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
