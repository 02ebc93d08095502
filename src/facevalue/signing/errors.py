"""What signing may refuse. One plain sentence each; nothing half done is left behind.

FacevalueError
└── SigningError           a step of signing failed, so that nothing was written
    ├── SignerError        the key's callback or the time-stamping authority did not do its part
    └── RejectedError      the signed file did not stand up to verification, and was removed
"""

from __future__ import annotations

from facevalue.errors import FacevalueError


class SigningError(FacevalueError):
    """Signing failed; there is no output."""


class SignerError(SigningError):
    """The key or the time-stamping authority failed, or answered what cannot be used."""


class RejectedError(SigningError):
    """The result was verified again and not accepted; it was removed."""


__all__ = ["RejectedError", "SignerError", "SigningError"]
