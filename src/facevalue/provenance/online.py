"""What is fetched when a user verifies online: a manifest kept elsewhere, and the authority's word on revocation.

The engine itself never gets the network. What comes back is judged like what a file brings along.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from facevalue.provenance.fetch import FetchError, fetch
from facevalue.provenance.revocation import issued_by

MAX_MANIFEST_BYTES = 64 << 20
MAX_RESPONSE_BYTES = 256 << 10
# A certificate names one responder as a rule; no more than two are asked, so that nobody is kept waiting by a list.
MAX_RESPONDERS = 2


def fetch_manifest(url: object) -> tuple[bytes | None, dict[str, Any]]:
    """The manifest store that a file refers to (https only), and what to say of it: "bytes", or "why" there is none."""
    try:
        data = fetch(url, schemes=("https",), most_bytes=MAX_MANIFEST_BYTES)
    except FetchError as error:
        return None, {"why": str(error)}
    return (data, {"bytes": len(data)}) if data else (None, {"why": "the answer is empty"})


def ask_revocation(reading: Mapping[str, Any], anchors: Sequence[x509.Certificate]) -> list[dict[str, Any]]:
    """What the responders that the signer's certificate names say (RFC 6960): each with "by", and "response" (base64)
    or "why" there is none. Empty when it names none, or nobody here issued it.
    """
    chain = _chain(reading)
    issuer = next((c for c in (*chain[1:], *anchors) if chain and issued_by(chain[0], c)), None)
    if issuer is None:
        return []
    request = ocsp.OCSPRequestBuilder().add_certificate(chain[0], issuer, hashes.SHA1())  # noqa: S303 - names, not signs
    return [_ask(url, request.build()) for url in _responders(chain[0])[:MAX_RESPONDERS]]


def _ask(url: str, request: ocsp.OCSPRequest) -> dict[str, Any]:
    """Plain http is usual here: the answer is signed."""
    body = request.public_bytes(serialization.Encoding.DER)
    kind = "application/ocsp-request"
    try:
        data = fetch(url, schemes=("http", "https"), most_bytes=MAX_RESPONSE_BYTES, body=body, content_type=kind)
    except FetchError as error:
        return {"by": url[:200], "why": str(error)}
    return {"by": url[:200], "response": base64.b64encode(data).decode("ascii")}


def _chain(reading: Mapping[str, Any]) -> list[x509.Certificate]:
    out: list[x509.Certificate] = []
    for text in (reading.get("signature") or {}).get("chain") or []:
        try:
            out.append(x509.load_der_x509_certificate(base64.b64decode(text)))
        except Exception:  # the chain ends where it cannot be read; signer.py says so
            break
    return out


def _responders(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except Exception:  # no such extension, or extensions that cannot be read
        return []
    ocsp_only = [d for d in access if d.access_method == AuthorityInformationAccessOID.OCSP]
    return [d.access_location.value for d in ocsp_only if isinstance(d.access_location, x509.UniformResourceIdentifier)]
