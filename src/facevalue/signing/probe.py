"""Asking the engine itself what it makes of a chain: it signs a tiny picture with it, without any key.

The engine judges a certificate before it signs and does not look at the signature, so that one of the right length
serves; the picture is thrown away.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from facevalue.errors import FacevalueError, UsageError
from facevalue.provenance.content import SOURCE_TYPES
from facevalue.signing.engine import Order, build
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import definition

_CAPTURE = next(iter(SOURCE_TYPES))


class _Keyless(Identity):
    """An identity whose signatures are as long as they must be, and nothing else."""

    def signature(self, message: bytes) -> bytes:
        """Bytes of the length that the algorithm has."""
        lengths = {"ES256": 64, "ES384": 96, "ES512": 132, "Ed25519": 64}
        size = getattr(self.certificates[0].public_key(), "key_size", 2048)
        return b"\1" * lengths.get(self.algorithm, size // 8)


def ask_engine(chain: Sequence[x509.Certificate]) -> tuple[bool | None, str]:
    """Whether the engine signs with this chain, and what it said. None: it could not be asked."""
    try:
        identity = _Keyless(tuple(chain), lambda data: data)
    except UsageError as error:
        return None, str(error)
    manifest = definition(
        "probe",
        media_type="image/png",
        source_type=_CAPTURE,
        sources=(),
        bindings=(),
        whole_sha256=None,
        edited=False,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="facevalue-probe-") as folder:
            source, target = Path(folder) / "a.png", Path(folder) / "b.png"
            source.write_bytes(_pixel())
            build(Order(manifest, source, target, "image/png", 100), identity)
    except FacevalueError as error:
        said = str(error).removeprefix("the engine could not sign it: ").partition("; facevalue")[0]
        return False, said
    except OSError as error:
        return None, f"it could not be asked: {error.strerror or error}"
    return True, "the engine signs with it"


def _pixel() -> bytes:
    """A PNG of one grey pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"\0\x80")), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
