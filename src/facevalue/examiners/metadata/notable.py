"""From facts to what is worth knowing without being a declaration or a contradiction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from facevalue.examiners.metadata.fields import Facts, field_region, items, records, section
from facevalue.finding import Region

MAX_EVENTS = 10
_SETTINGS = ("ExposureTime", "FNumber", "ISOSpeedRatings", "PhotographicSensitivity", "FocalLength")


def notable(facts: Facts) -> list[Region]:
    """Field regions labelled "writer", "camera", "structure" and "history"."""
    return [*_writer(facts), *_camera(facts), *_structure(facts), *_history(facts)]


def _writer(facts: Facts) -> Iterator[Region]:
    writer = section(facts, "writer")
    if writer.get("software"):
        evidence = [f"{e.get('field')}: {e.get('value')}" for e in records(facts, "writer", "evidence")][:8]
        kind = str(writer.get("kind") or "unknown")
        yield field_region("writer", "software", writer["software"], kind=kind, evidence=evidence)


def _camera(facts: Facts) -> Iterator[Region]:
    camera = section(facts, "writer").get("camera")
    if not camera:
        return
    exif = section(facts, "exif")
    settings = section(facts, "exif", "fields", "Exif")
    missing = []
    if not any(name in settings for name in _SETTINGS):
        missing.append("no exposure settings")
    if "maker_note" not in exif:
        missing.append("no maker note")
    if "DateTimeOriginal" not in section(facts, "exif", "dates"):
        missing.append("no capture date")
    maker = section(facts, "exif", "maker_note").get("maker")
    yield field_region("camera", "camera", camera, kind="camera", missing=missing, maker_note=maker)


def _structure(facts: Facts) -> Iterator[Region]:
    writer, jpeg, png = section(facts, "writer"), section(facts, "jpeg"), section(facts, "png")
    if writer.get("encoder"):
        sampling = f"; colour {jpeg['subsampling']}" if jpeg.get("subsampling") else ""
        order = " ".join(map(str, items(facts, "jpeg", "order")[:24]))
        yield field_region("structure", "JPEG encoding", f"{writer['encoder']}{sampling}", kind="encoding", order=order)
    for name, held in (("JPEG", jpeg), ("PNG", png)):
        trailer = held.get("trailer")
        if isinstance(trailer, Mapping):
            value = f"{trailer.get('bytes')} bytes after the end: {str(trailer.get('kind')).replace('_', ' ')}"
            yield field_region("structure", f"{name} trailing data", value, kind="trailer")
        if held and not held.get("ended", True):
            yield field_region("structure", f"{name} end", "the file ends before its end marker", kind="cut_off")
    bad = items(facts, "png", "bad_checksums")
    if bad:
        yield field_region("structure", "PNG checksums", f"wrong in {', '.join(map(str, bad))}", kind="checksum")
    errors = items(facts, "errors")
    if errors:
        yield field_region("structure", "unreadable blocks", "; ".join(map(str, errors)), kind="errors")


def _history(facts: Facts) -> Iterator[Region]:
    for event in records(facts, "xmp", "history")[-MAX_EVENTS:]:
        parts = (event.get("action"), event.get("softwareAgent"), event.get("when"), event.get("parameters"))
        yield field_region("history", "XMP history", ", ".join(str(p) for p in parts if p), kind="xmp_history")
    c2pa = section(facts, "c2pa")
    if c2pa.get("read"):
        active = section(facts, "c2pa", "active")
        actions = [str(a.get("action")) for a in records(facts, "c2pa", "active", "actions")][:12]
        value = f"claimed by {active.get('claim_generator')}, signed by {active.get('signer')}: {', '.join(actions)}"
        yield field_region(
            "history", "C2PA manifest", value, kind="c2pa", validation_state=c2pa.get("validation_state")
        )
    elif c2pa:
        where = c2pa.get("where") or c2pa.get("remote")
        yield field_region(
            "history", "C2PA manifest", f"{where}: {c2pa.get('why')}", kind="c2pa", validation_state=None
        )
