"""What the engine (c2pa-python) is told, as a typed record: it takes a misspelt key in silence, so nobody writes one.

The engine's defaults fetch remote manifests. Here it never gets the network: what a user wants fetched is fetched by
online.py, within bounds, and handed to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from facevalue.errors import UsageError

# Extended key usages that may sign a claim (C2PA 2.2, section 14.4.1, and RFC 5280, section 4.2.1.12).
CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"
EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4"
DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
CLAIM_EKUS = (CLAIM_SIGNING, EMAIL_PROTECTION, DOCUMENT_SIGNING)

_OID = re.compile(r"[0-2](\.\d{1,10}){2,20}")


def _is_pem(value: object) -> bool:
    return value == "" or (isinstance(value, str) and "-----BEGIN CERTIFICATE-----" in value)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of one reading. Raises UsageError for a value of the wrong form.

    claim_anchors, tsa_anchors: PEM text, empty for none. ekus: object identifiers that may sign a claim.
    """

    claim_anchors: str = ""
    tsa_anchors: str = ""
    ekus: tuple[str, ...] = CLAIM_EKUS

    def __post_init__(self) -> None:
        for name, value in (("claim_anchors", self.claim_anchors), ("tsa_anchors", self.tsa_anchors)):
            if not _is_pem(value):
                raise UsageError(f"{name} must be certificates in PEM")
        if not self.ekus or not all(map(_OID.fullmatch, self.ekus)):
            raise UsageError("ekus must be object identifiers such as 1.3.6.1.5.5.7.3.36")

    def to_engine(self) -> dict[str, Any]:
        """The engine's own form; every key in it was seen to have its effect (tests/provenance/test_settings.py)."""
        anchors = [
            {"trust_anchors": pem, "trust_uri": f"urn:facevalue:{kind}", "trust_kind": kind}
            for kind, pem in (("manifest", self.claim_anchors), ("tsa", self.tsa_anchors))
            if pem
        ]
        return {
            "verify": {
                "verify_after_reading": True,
                "verify_trust": True,
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
            },
            "core": {"allowed_network_hosts": []},
            "trust": {"anchors": anchors, "trust_config": "\n".join(self.ekus)},
        }
