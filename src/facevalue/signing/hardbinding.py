"""The hash of a manifest's hard binding: what the credential calls the content (C2PA 2.2, sections 18.5, 18.6)."""

from __future__ import annotations

import cbor2

from facevalue.provenance.jumbf import BadStore, parse_store

_LENGTHS = (32, 48, 64)
_KINDS = ("c2pa.hash.data", "c2pa.hash.bmff")


def asset_hash(store: bytes, manifest: str) -> bytes | None:
    """The hash over the whole content in the manifest of that label; None where there is none, as with hashed boxes."""
    try:
        found = parse_store(store).child(manifest)
        assertions = found.child("c2pa.assertions") if found else None
        boxes = assertions.children if assertions else ()
        held = next((box for box in boxes if box.label.startswith(_KINDS)), None)
        body = next((body for kind, body in held.contents if kind == b"cbor"), b"") if held else b""
        value = cbor2.loads(body).get("hash") if body else None
    except (BadStore, cbor2.CBORDecodeError, AttributeError, ValueError):
        return None
    return value if isinstance(value, bytes) and len(value) in _LENGTHS else None
