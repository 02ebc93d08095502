"""A second opinion by an independent verifier, encypher-c2pa (Apache-2.0), where the extra is installed.

It shares no code with the engine. Only integrity is compared: whether the signature and the binding hold. Who may be
trusted is decided by our own check of the chain, with the same anchors for everybody.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any

EXTRA = "second-opinion"
MAX_BYTES = 128 << 20  # it takes the whole file in memory
NAME = "encypher-c2pa"
_MAX_CODES = 40


def available() -> bool:
    """Whether the package is installed."""
    return importlib.util.find_spec("encypher_c2pa") is not None


def quiet_environment() -> dict[str, str]:
    """Switches its network, telemetry and saved preferences off, whatever the user once chose for it elsewhere."""
    off = {"ENCYPHER_C2PA_TELEMETRY": "off", "ENCYPHER_C2PA_ONLINE": "off", "ENCYPHER_C2PA_UPDATE_CHECK": "off"}
    return {**off, "ENCYPHER_C2PA_CONFIG_DIR": os.path.join(os.devnull, "none")}  # noqa: PTH118 - not a path of ours


def ask(data: bytes, media_type: str, sidecar: bytes | None) -> dict[str, Any]:
    """ "status": "asked" or "not_available" with "why"; then "integrity", "signature", "hard_binding", "failures".

    Call it in the worker: it reads hostile bytes.
    """
    if not available():
        return {"status": "not_available", "why": f"{NAME} is not installed: pip install 'facevalue[{EXTRA}]'"}
    if len(data) > MAX_BYTES:
        return {"status": "not_available", "why": f"{NAME} takes files up to {MAX_BYTES >> 20} MiB"}
    from encypher_c2pa import __version__, verify

    try:
        report = verify(data, media_type, manifest_store=sidecar, no_default_trust=True, telemetry=False, online=False)
    except Exception as error:  # its own family of errors, and those of its parsers
        return {"status": "not_available", "why": f"{NAME} could not read the file ({type(error).__name__})"}
    return {"status": "asked", "by": f"{NAME} {__version__}", **_reduced(report)}


def _reduced(report: Mapping[str, Any]) -> dict[str, Any]:
    results = report.get("validation_results") or {}
    failures = [str(r.get("code"))[:120] for r in results.get("failure") or () if isinstance(r, Mapping)]
    return {
        "present": bool(report.get("present")),
        "integrity": str(report.get("integrity")),
        "signature": str(report.get("signature")),
        "hard_binding": str(report.get("hard_binding")),
        "failures": failures[:_MAX_CODES],
    }
