"""What the engine (c2pa-python) is told, as a typed record: it takes a misspelt key in silence, so nobody writes one.

The engine's defaults fetch remote manifests. Here the network is off unless it is asked for, and then limited to the
hosts that the exhibit itself names.
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
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def _is_pem(value: object) -> bool:
    return value == "" or (isinstance(value, str) and "-----BEGIN CERTIFICATE-----" in value)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Settings of one reading. Raises UsageError for a value of the wrong form.

    claim_anchors, tsa_anchors: PEM text, empty for none. ekus: object identifiers that may sign a claim. hosts: host
    names that may be asked; empty, as by default, means that no network is used at all. fetch_manifest, fetch_ocsp:
    what may be fetched from them.
    """

    claim_anchors: str = ""
    tsa_anchors: str = ""
    ekus: tuple[str, ...] = CLAIM_EKUS
    hosts: tuple[str, ...] = ()
    fetch_manifest: bool = False
    fetch_ocsp: bool = False

    def __post_init__(self) -> None:
        for name, value in (("claim_anchors", self.claim_anchors), ("tsa_anchors", self.tsa_anchors)):
            if not _is_pem(value):
                raise UsageError(f"{name} must be certificates in PEM")
        if not self.ekus or not all(map(_OID.fullmatch, self.ekus)):
            raise UsageError("ekus must be object identifiers such as 1.3.6.1.5.5.7.3.36")
        if not all(map(_HOST.fullmatch, self.hosts)):
            raise UsageError("hosts must be host names")
        if (self.fetch_manifest or self.fetch_ocsp) and not self.hosts:
            raise UsageError("fetching needs the hosts that may be asked")

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
                "remote_manifest_fetch": self.fetch_manifest,
                "ocsp_fetch": self.fetch_ocsp,
            },
            "core": {"allowed_network_hosts": list(self.hosts)},
            "trust": {"anchors": anchors, "trust_config": "\n".join(self.ekus)},
        }
