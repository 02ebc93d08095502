"""The claim signature, read and checked by ourselves: COSE_Sign1 (RFC 9052) over the claim (C2PA 2.2, section 13.2).

The engine's word is not taken alone: earlier engines called claims trusted that no key had signed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import cbor2
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

MAX_CERTIFICATES = 16
MAX_CERTIFICATE_BYTES = 64 << 10
MAX_TOKENS = 8
MAX_TOKEN_BYTES = 256 << 10
COSE_SIGN1 = 18
_ALG, _X5CHAIN = 1, 33

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
# IANA registry of COSE algorithms: those that C2PA allows (section 13.2.1).
ALGORITHMS = {-7: "ES256", -35: "ES384", -36: "ES512", -37: "PS256", -38: "PS384", -39: "PS512", -8: "EdDSA"}


class BadSignature(ValueError):
    """The bytes are no COSE_Sign1 that C2PA allows."""


def read_signature(cose: bytes, claim: bytes) -> dict[str, Any]:
    """What a claim's signature box holds, JSON-ready, and whether the leaf's key signed the claim.

    "alg": name. "chain": DER certificates, leaf first, base64. "own": "valid", "invalid" or "unknown", with "why".
    "timestamps": [{"kind": "sigTst" or "sigTst2", "token": base64}]. "ocsp": stapled responses, base64.
    Raises BadSignature.
    """
    protected_raw, unprotected, signature = _parts(cose)
    protected = _decode(protected_raw) if protected_raw else {}
    if not isinstance(protected, Mapping):
        raise BadSignature("the protected header is not a map")
    number = protected.get(_ALG)
    alg = ALGORITHMS.get(number, "unknown") if isinstance(number, int) else "unknown"
    chain = _chain(protected, unprotected)
    own, why = _verify(chain, alg, signature, protected_raw, claim)
    return {
        "alg": alg,
        "chain": [_b64(der) for der in chain],
        "own": own,
        "why": why,
        "timestamps": _timestamps(unprotected),
        "ocsp": _ocsp(unprotected),
    }


def _decode(data: bytes) -> Any:
    try:
        return cbor2.loads(data, max_depth=24, allow_duplicate_keys=False)
    except Exception as error:  # the decoder raises its own family and those of the codecs
        raise BadSignature(f"unreadable CBOR ({type(error).__name__})") from None


def _parts(cose: bytes) -> tuple[bytes, Mapping[Any, Any], bytes]:
    body = _decode(cose)
    if isinstance(body, cbor2.CBORTag):
        if body.tag != COSE_SIGN1:
            raise BadSignature("the signature box holds no COSE_Sign1")
        body = body.value
    if not isinstance(body, list | tuple) or len(body) != 4:
        raise BadSignature("a COSE_Sign1 must have four parts")
    protected, unprotected, payload, signature = body
    if payload is not None:
        raise BadSignature("the payload must be detached")
    if not isinstance(protected, bytes) or not isinstance(unprotected, Mapping) or not isinstance(signature, bytes):
        raise BadSignature("the parts of the COSE_Sign1 have the wrong types")
    return protected, unprotected, signature


def _chain(protected: Mapping[Any, Any], unprotected: Mapping[Any, Any]) -> list[bytes]:
    """The x5chain (RFC 9360): protected in C2PA 2, and in either header, by number or by name, before."""
    for header in (protected, unprotected):
        for key in (_X5CHAIN, "x5chain"):
            value = header.get(key)
            certificates = [value] if isinstance(value, bytes) else value
            if isinstance(certificates, list | tuple) and certificates:
                good = [der for der in certificates if isinstance(der, bytes) and len(der) <= MAX_CERTIFICATE_BYTES]
                return good[:MAX_CERTIFICATES]
    return []


def _verify(chain: list[bytes], alg: str, signature: bytes, protected: bytes, claim: bytes) -> tuple[str, str]:
    if not chain:
        return "invalid", "the signature carries no certificate"
    message = cbor2.dumps(["Signature1", protected, b"", claim])
    try:
        key = x509.load_der_x509_certificate(chain[0]).public_key()
        _check(key, alg, signature, message)
    except InvalidSignature:
        return "invalid", "the key of the certificate did not sign this claim"
    except Exception as error:  # an unknown curve, a broken certificate: not judged here, and said so
        return "unknown", f"it could not be checked ({type(error).__name__}: {str(error)[:120]})"
    return "valid", "the key of the certificate signed this claim"


def _check(key: Any, alg: str, signature: bytes, message: bytes) -> None:
    kind = _HASHES.get(alg[2:])
    digest = kind() if kind else None
    if alg.startswith("ES") and isinstance(key, ec.EllipticCurvePublicKey) and digest:
        half = (key.curve.key_size + 7) // 8
        if len(signature) != 2 * half:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(digest))
    elif alg.startswith("PS") and isinstance(key, rsa.RSAPublicKey) and digest:
        pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
        key.verify(signature, message, pss, digest)
    elif alg == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, message)
    else:
        raise TypeError(f"the algorithm {alg} does not fit the key")


def _timestamps(unprotected: Mapping[Any, Any]) -> list[dict[str, str]]:
    """RFC 3161 tokens: {"tstTokens": [{"val": bytes}]} (C2PA 2.2, section 13.2.5)."""
    out = []
    for kind in ("sigTst2", "sigTst"):
        holder = unprotected.get(kind)
        tokens = holder.get("tstTokens") if isinstance(holder, Mapping) else None
        for entry in tokens if isinstance(tokens, list | tuple) else ():
            value = entry.get("val") if isinstance(entry, Mapping) else None
            if isinstance(value, bytes) and len(value) <= MAX_TOKEN_BYTES:
                out.append({"kind": kind, "token": _b64(value)})
    return out[:MAX_TOKENS]


def _ocsp(unprotected: Mapping[Any, Any]) -> list[str]:
    """Stapled OCSP responses: {"rVals": {"ocspVals": [bytes]}}."""
    holder = unprotected.get("rVals")
    values = holder.get("ocspVals") if isinstance(holder, Mapping) else None
    found = values if isinstance(values, list | tuple) else ()
    return [_b64(v) for v in found if isinstance(v, bytes) and len(v) <= MAX_TOKEN_BYTES][:MAX_TOKENS]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
