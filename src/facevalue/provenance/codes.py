"""Validation status codes (C2PA 2.2, section 15.2), sorted by what they mean for a reader."""

from __future__ import annotations

import re

# The content, an assertion, the claim or its signature is not what was signed, or something that was there is gone.
_BINDING = re.compile(r"assertion\.(dataHash|bmffHash|boxesHash|collectionHash|multiAssetHash)\.mismatch$")
_CLAIM = re.compile(
    r"(claimSignature\.(mismatch|missing)|claim\.missing|assertion\.(hashedURI\.mismatch|missing|undeclared|inaccessible)"
    r"|ingredient\.(manifest\.(missing|mismatch)|claimSignature\.(missing|mismatch)|hashedURI\.mismatch)|hashedURI\.mismatch)$"
)
_TRUST = re.compile(
    r"(signingCredential\.(untrusted|expired|revoked|ocsp\.revoked|ocsp\.unknown|invalid)|claimSignature\.outsideValidity)$"
)
_TIME = re.compile(r"timeStamp\.")
_IDENTITY = re.compile(r"cawg\.")


def is_binding(code: str) -> bool:
    """The content is not what was hashed."""
    return bool(_BINDING.search(code))


def is_tampering(code: str) -> bool:
    """The manifest itself is not what was signed: its claim, signature, an assertion, or an ingredient's manifest."""
    return bool(_CLAIM.search(code))


def is_trust(code: str) -> bool:
    """Who signed is not vouched for, or no longer."""
    return bool(_TRUST.search(code))


def is_time(code: str) -> bool:
    """The time stamp does not fit or is not vouched for."""
    return bool(_TIME.match(code))


def is_identity(code: str) -> bool:
    """A named actor's identity (CAWG) could not be confirmed."""
    return bool(_IDENTITY.match(code))


def is_malformed(code: str) -> bool:
    """Any other failure: the manifest breaks a rule of the standard, so that nothing can rest on it."""
    return not any(judge(code) for judge in (is_binding, is_tampering, is_trust, is_time, is_identity))
