"""Keys that sign claims: which algorithm a key can have, PKCS#8 files, and signatures in the form that COSE wants.

COSE writes an ECDSA signature as r and s side by side, each as long as the curve's order (RFC 9053, section 2.1);
most libraries and key services answer in DER instead. Both are taken here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from facevalue.errors import UsageError

MAX_KEY_FILE_BYTES = 64 << 10
MAX_SIGNATURE_BYTES = 4096
# C2PA 2.2, section 13.2.1. The curve belongs to the algorithm here, although COSE would let them differ.
CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
ALGORITHMS = (*CURVES, "PS256", "PS384", "PS512", "Ed25519")
_DIGESTS: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")

Sign: TypeAlias = Callable[[bytes], bytes]
PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

PKCS8_HINT = "openssl pkcs8 -topk8 -nocrypt -in KEY -out key.pem"
# What the first line of a PEM file says, and why it is not taken. Only the two PKCS#8 forms are.
_OTHER_FORMS = {
    "EC PRIVATE KEY": "an EC key in SEC1 form, not PKCS#8",
    "RSA PRIVATE KEY": "an RSA key in PKCS#1 form, not PKCS#8",
    "DSA PRIVATE KEY": "a DSA key, which no claim may be signed with",
    "OPENSSH PRIVATE KEY": "a key in OpenSSH's own form, not PKCS#8",
    "EC PARAMETERS": "an EC key in SEC1 form, with its parameters before it, not PKCS#8",
    "CERTIFICATE": "a certificate, not a private key",
    "PUBLIC KEY": "a public key, not a private one",
    "CERTIFICATE REQUEST": "a request for a certificate, not a private key",
}


def algorithm_of(key: object) -> str | None:
    """The algorithm that a key (public or private) signs with by default; None for one that C2PA does not allow."""
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        return next((name for name, curve in CURVES.items() if key.curve.name == curve), None)
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey):
        return "PS256"
    return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey) else None


def fits(key: object, algorithm: str) -> bool:
    """Whether signatures of that algorithm can be made with a key of that kind."""
    own = algorithm_of(key)
    return own is not None and (own == algorithm or (own == "PS256" and algorithm in ("PS256", "PS384", "PS512")))


def signs_with(key: PrivateKey, algorithm: str) -> Sign:
    """A function that signs bytes with a private key held in this process; raw signatures, as COSE has them."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign
    digest = _DIGESTS[algorithm[2:]]()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return lambda data: key.sign(data, ec.ECDSA(digest))
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return lambda data: key.sign(data, pss, digest)


def cose_signature(answer: object, algorithm: str, public: PublicKey, message: bytes) -> bytes:
    """What a key's holder answered, as COSE wants it, once it was seen to be a signature of the message.

    Raises ValueError, with the reason, when it is none by this key.
    """
    if not isinstance(answer, bytes | bytearray) or not 0 < len(answer) <= MAX_SIGNATURE_BYTES:
        raise ValueError(f"the key's holder must answer bytes, not {type(answer).__name__}")
    raw = bytes(answer)
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            return _of_curve(raw, algorithm, public, message)
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(raw, message)
        else:
            digest = _DIGESTS[algorithm[2:]]()
            public.verify(raw, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    except InvalidSignature:
        raise ValueError(
            f"the signature was not made with the key of the certificate, or not with {algorithm}"
        ) from None
    return raw


def _of_curve(raw: bytes, algorithm: str, public: ec.EllipticCurvePublicKey, message: bytes) -> bytes:
    half = (public.curve.key_size + 7) // 8
    digest = ec.ECDSA(_DIGESTS[algorithm[2:]]())
    if len(raw) == 2 * half:
        r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        try:
            public.verify(utils.encode_dss_signature(r, s), message, digest)
        except InvalidSignature:  # a DER signature may happen to have that length too
            pass
        else:
            return raw
    public.verify(raw, message, digest)
    r, s = utils.decode_dss_signature(raw)
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


# -- files ---------------------------------------------------------------------------------------------------------


def key_form(data: bytes) -> str:
    """The label of the first PEM block, such as "PRIVATE KEY" (PKCS#8); empty when there is none."""
    found = _LABEL.search(data)
    return found[1].decode("ascii") if found else ""


def form_fault(data: bytes) -> str | None:
    """Why the bytes of a key file are not taken, in words that complete "it is ..."; None for PKCS#8."""
    form = key_form(data)
    if form in ("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"):
        return None
    if not form:
        return "no PEM file: it holds no line -----BEGIN PRIVATE KEY-----"
    return _OTHER_FORMS.get(form, f"a file of the kind {form}, not a private key in PKCS#8")


def is_encrypted(data: bytes) -> bool:
    """Whether a passphrase is needed."""
    return key_form(data) == "ENCRYPTED PRIVATE KEY"


def read_key_file(path: Path) -> bytes:
    """The bytes of a key file. Raises UsageError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the key {path.name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # an embedded NUL
        raise UsageError(f"not a usable path: {error}") from None
    if len(data) > MAX_KEY_FILE_BYTES:
        raise UsageError(f"the key {path.name} is larger than any key is")
    return data


def load_private_key(data: bytes, name: str, passphrase: str | None = None) -> PrivateKey:
    """The private key in a PKCS#8 file. name: for messages.

    Raises UsageError for another form (with the command that converts it), a wrong or missing passphrase, and a key of
    a kind that no claim may be signed with.
    """
    if fault := form_fault(data):
        raise UsageError(f"the key {name} is {fault}; convert it: {PKCS8_HINT}")
    if is_encrypted(data) and not passphrase:
        raise UsageError(f"the key {name} is encrypted: it needs its passphrase")
    given = passphrase.encode() if passphrase and is_encrypted(data) else None
    try:
        key = load_pem_private_key(data, given)
    except (ValueError, TypeError):
        why = "its passphrase is wrong, or it is damaged" if given else "it is damaged"
        raise UsageError(f"the key {name} cannot be opened: {why}") from None
    except Exception as error:  # an algorithm that this installation does not know
        raise UsageError(f"the key {name} cannot be opened ({type(error).__name__})") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise UsageError(f"the key {name} is of a kind that no claim may be signed with: {type(key).__name__}")
    return key


def readable_by_others(path: Path) -> bool:
    """Whether the permission bits let anybody but the owner read the file; never on Windows."""
    return os.name != "nt" and bool(path.stat().st_mode & 0o077)
