"""One reading of one file by the engine, and by us beside it; run it in the worker, since it reads hostile bytes."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from facevalue.provenance.cose import BadSignature, read_signature
from facevalue.provenance.jumbf import BadStore, claim_and_signature
from facevalue.provenance.reduce import reduce_report
from facevalue.provenance.second import MAX_BYTES as SECOND_MAX_BYTES
from facevalue.provenance.second import ask
from facevalue.provenance.uncovered import uncovered

MAX_REPORT_CHARS = 64 << 20
# What the sniffer calls a type, where the engine has another name for it.
_ENGINE_TYPES = {"audio/x-flac": "audio/flac", "image/x-canon-cr3": "", "video/3gpp": "video/mp4"}
_REMOTE = "must fetch remote manifests from url "


def read(
    stream: BinaryIO, media_type: str, settings: Mapping[str, Any], sidecar: bytes | None, second: bool
) -> dict[str, Any]:
    """Everything the axes need, JSON-ready; "status" is "read", "none" (no manifest) or "failed" with "why".

    stream: the file, seekable. settings: EngineSettings.to_engine(). sidecar: a manifest store kept apart from the
    file. second: whether to ask the second verifier too. "remote" is the address of a manifest kept elsewhere.
    """
    import c2pa

    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    kind = _ENGINE_TYPES.get(media_type, media_type)
    base: dict[str, Any] = {"engine": f"c2pa-python {_version()} (c2pa-rs {c2pa.sdk_version()})", "remote": None}
    if not kind or kind not in c2pa.Reader.get_supported_mime_types():
        return {**base, "status": "unsupported", "why": f"no method here reads credentials in {media_type}"}
    context = c2pa.Context.from_dict(dict(settings))
    try:
        reader = c2pa.Reader.try_create(kind, stream, sidecar, context)
        if reader is None:
            return {**base, "status": "none"}
        with reader:
            out = {**base, "status": "read", **_observations(reader, stream, size)}
    except c2pa.C2paError as error:
        return {**base, **_refusal(str(error))}
    finally:
        context.close()
    if second:
        data = _whole(stream, size)
        out["second"] = ask(data, kind, sidecar)
    return out


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("c2pa-python")
    except PackageNotFoundError:
        return "of unknown version"


def _refusal(message: str) -> dict[str, Any]:
    """The engine's error, told apart by its text: it has one family for many causes."""
    if _REMOTE in message:
        return {"status": "none", "remote": message.partition(_REMOTE)[2].strip()[:2_000]}
    return {"status": "failed", "why": message[:300]}


def _observations(reader: Any, stream: BinaryIO, size: int) -> dict[str, Any]:
    raw = reader.detailed_json()
    if len(raw) > MAX_REPORT_CHARS:
        raise MemoryError
    report = reduce_report(json.loads(raw))
    store = _store(reader, str(report["active"]))
    active = report["manifests"].get(report["active"]) or {}
    return {
        **report,
        **_signature(store, str(report["active"])),
        "state": str(reader.get_validation_state()),
        "embedded": bool(reader.is_embedded()),
        "remote": reader.get_remote_url() or None,
        "store": {"bytes": len(store), "sha256": hashlib.sha256(store).hexdigest() if store else None},
        "uncovered": _uncovered(active.get("bindings") or [], stream, size, store),
    }


def _store(reader: Any, label: str) -> bytes:
    """The manifest store; the engine answers with all of it when it is asked for a box that is no resource."""
    held = io.BytesIO()
    try:
        reader.resource_to_stream(f"self#jumbf=/c2pa/{label}/c2pa.signature", held)
    except Exception:  # then our own checks abstain, and say so
        return b""
    return held.getvalue()


def _signature(store: bytes, label: str) -> dict[str, Any]:
    """What we read from the store ourselves; where that fails, "own_failed" says why and our own check abstains."""
    try:
        return {"signature": read_signature(*reversed(claim_and_signature(store, label))), "own_failed": None}
    except Exception as error:  # compressed, broken, or unlike any manifest known here
        return {"signature": None, "own_failed": _plain(error)}


def _plain(error: Exception) -> str:
    known = isinstance(error, BadStore | BadSignature)
    return str(error) if known else f"{type(error).__name__}: {str(error)[:160]}"


def _uncovered(
    bindings: Sequence[Mapping[str, Any]], stream: BinaryIO, size: int, store: bytes
) -> dict[str, Any] | None:
    try:
        return uncovered(stream, size, bindings[0], store) if bindings else None
    except (ValueError, TypeError, OSError):
        return None


def _whole(stream: BinaryIO, size: int) -> bytes:
    stream.seek(0)
    return stream.read(size if size <= SECOND_MAX_BYTES else SECOND_MAX_BYTES + 1)


def open_fd(fd: int) -> BinaryIO:
    """A file object with a position of its own over an inherited descriptor."""
    stream = os.fdopen(os.dup(fd), "rb")
    stream.seek(0)
    return stream
