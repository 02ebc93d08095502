"""A C2PA credential for what the generator draws: created by a trained model, by this tool, signed with the user's key.

C2PA 2.2, section on actions: `c2pa.created` with digitalSourceType `trainedAlgorithmicMedia`. The key signs in this
process and is handed to nobody; nothing reaches for the network (no timestamp, no OCSP).
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from facevalue._version import __version__
from facevalue.errors import UsageError
from facevalue.lab.forge import TRAINED_TYPE

MOST_BYTES = 1 << 20
# Settings of the C2PA engine: no request to anywhere, and no judgement on the signer's certificate.
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False, "verify_after_sign": False},
    "core": {"allowed_network_hosts": []},
}
_CURVES: dict[str, tuple[str, hashes.HashAlgorithm, int]] = {
    "secp256r1": ("ES256", hashes.SHA256(), 32),
    "secp384r1": ("ES384", hashes.SHA384(), 48),
    "secp521r1": ("ES512", hashes.SHA512(), 66),
}


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and its certificate chain, the signer's first, as PEM."""

    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    chain: str

    @classmethod
    def read(cls, key: Path, chain: Path) -> Signer:
        """From two PEM files. Raises UsageError: unreadable, encrypted, another kind of key, or not a pair."""
        try:
            private: Any = serialization.load_pem_private_key(_bytes(key), None)
        except TypeError:
            raise UsageError(f"{key.name} is encrypted; give a key without a passphrase") from None
        except ValueError:
            raise UsageError(f"{key.name} holds no private key in PEM") from None
        if not isinstance(private, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise UsageError(f"{key.name} is neither an elliptic curve key nor an Ed25519 key")
        if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name not in _CURVES:
            raise UsageError(f"{key.name} is on the curve {private.curve.name}, which C2PA does not allow")
        text = _bytes(chain)
        try:
            certificates = x509.load_pem_x509_certificates(text)
        except ValueError:
            raise UsageError(f"{chain.name} holds no certificate in PEM") from None
        if certificates[0].public_key() != private.public_key():
            raise UsageError(f"the first certificate of {chain.name} is not that of {key.name}")
        pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)
        return cls(private, pem.decode("ascii"))

    def sign(self, data: bytes, media_type: str) -> bytes:
        """The file with its credential inside. Raises UsageError when the engine refuses the certificate."""
        import c2pa

        name = "Ed25519" if isinstance(self.key, ed25519.Ed25519PrivateKey) else _CURVES[self.key.curve.name][0]
        out = io.BytesIO()
        try:
            with c2pa.Context.from_dict(_SETTINGS) as context:
                builder = c2pa.Builder(json.dumps(_manifest()), context)
                engine = c2pa.Signer.from_callback(self._sign, c2pa.C2paSigningAlg[name.upper()], self.chain)
                builder.sign(engine, media_type, io.BytesIO(data), out)
        except c2pa.C2paError as error:
            raise UsageError(f"the picture could not be signed: {error}") from None
        return out.getvalue()

    def _sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        _, digest, size = _CURVES[self.key.curve.name]
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")  # COSE has the two numbers, not DER


def _manifest() -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": TRAINED_TYPE}
    return {
        "title": "drawn by a generator",
        "claim_generator_info": [{"name": "facevalue lab", "version": __version__}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path.name} cannot be read: {error.strerror or error}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{path.name} is too large to be a PEM file")
    return data
