"""What a mark holds: 64 bits, most significant first: version (4), "made by a model" (1), identifier (59)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np

from facevalue.errors import UsageError

VERSION = 1
PAYLOAD_BYTES = 8
IDENT_BITS = 59
_IDENTS = 1 << IDENT_BITS


@dataclass(frozen=True, slots=True)
class Payload:
    """ident: 0 .. 2**59 - 1, whatever its publisher registers it as. synthetic: "made by a model".

    Raises UsageError for an identifier out of range.
    """

    ident: int
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.ident < _IDENTS:
            raise UsageError(f"an identifier is a whole number from 0 to 2**{IDENT_BITS} - 1")

    @classmethod
    def random(cls, synthetic: bool = False, seed: int | None = None) -> Payload:
        """An identifier that nobody else has: from the system's randomness, or from a seed (for tests)."""
        if seed is None:
            return cls(secrets.randbits(IDENT_BITS), synthetic)
        return cls(int(np.random.default_rng(seed).integers(_IDENTS)), synthetic)

    def to_bytes(self) -> bytes:
        """The 64 bits, big endian: the value of the soft binding."""
        word = VERSION << (IDENT_BITS + 1) | int(self.synthetic) << IDENT_BITS | self.ident
        return word.to_bytes(PAYLOAD_BYTES, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> Payload:
        """Read what to_bytes wrote. Raises UsageError for another length or version."""
        if len(data) != PAYLOAD_BYTES:
            raise UsageError(f"a watermark's payload has {PAYLOAD_BYTES} bytes, not {len(data)}")
        word = int.from_bytes(data, "big")
        if word >> (IDENT_BITS + 1) != VERSION:
            raise UsageError(f"this version reads marks of version {VERSION} only, not {word >> (IDENT_BITS + 1)}")
        return cls(word & (_IDENTS - 1), bool(word >> IDENT_BITS & 1))

    def __str__(self) -> str:
        return self.to_bytes().hex()
