"""Which software or camera wrote the file, with the fields that say so."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

# Needle in a lower-case software field -> kind. Only fields that name software are searched, so substrings are safe.
_SOFTWARE: tuple[tuple[str, str], ...] = (
    ("photoshop", "editor"),
    ("lightroom", "editor"),
    ("adobe", "editor"),
    ("gimp", "editor"),
    ("affinity", "editor"),
    ("capture one", "editor"),
    ("darktable", "editor"),
    ("rawtherapee", "editor"),
    ("paint.net", "editor"),
    ("pixelmator", "editor"),
    ("snapseed", "editor"),
    ("picsart", "editor"),
    ("facetune", "editor"),
    ("meitu", "editor"),
    ("faceapp", "editor"),
    ("canva", "editor"),
    ("picasa", "editor"),
    ("photos", "editor"),
    ("photo editor", "editor"),
    ("acdsee", "editor"),
    ("dxo", "editor"),
    ("luminar", "editor"),
    ("paintshop", "editor"),
    ("corel", "editor"),
    ("krita", "editor"),
    ("inkscape", "editor"),
    ("figma", "editor"),
    ("sketch", "editor"),
    ("microsoft windows", "editor"),
    ("imagemagick", "library"),
    ("gd-jpeg", "library"),
    ("lavc", "library"),
    ("ffmpeg", "library"),
    ("exiftool", "library"),
    ("libvips", "library"),
    ("pillow", "library"),
    ("matplotlib", "library"),
    ("image::", "library"),
    ("gnome-screenshot", "screenshot"),
    ("screenshot", "screenshot"),
    ("instagram", "messenger"),
    ("whatsapp", "messenger"),
    ("snapchat", "messenger"),
    ("google", "service"),
    ("hdr+", "camera"),
)
_VERSION_ONLY = re.compile(r"^[\w.]*\d[\w .()-]*$")


def kind_of(software: str) -> str:
    """ "editor", "library", "screenshot", "messenger", "service", "camera" or "unknown"."""
    lowered = software.lower()
    return next((kind for needle, kind in _SOFTWARE if needle in lowered), "unknown")


def is_editor(software: str) -> bool:
    """Whether a software field names a program that people edit pictures with."""
    return kind_of(software) == "editor"


def name_writer(facts: Mapping[str, Any]) -> dict[str, Any]:
    """ "software" (the last writer's name), "kind", "camera", "encoder" and "evidence": every field that names one."""
    evidence = [{"field": field, "value": value} for field, value in _named(facts) if value]
    exif = facts.get("exif") or {}
    camera = _camera(exif.get("make"), exif.get("model"))
    software = evidence[0]["value"] if evidence else None
    kind = kind_of(software) if software else None
    # A phone writes its system version there ("17.5.1"), a camera its firmware.
    if kind == "unknown" and camera and software and _VERSION_ONLY.match(software):
        kind = "camera"
    out = {
        "software": software,
        "kind": kind or ("camera" if camera else None),
        "camera": camera,
        "encoder": _encoder(facts),
        "evidence": evidence[:20],
    }
    return {key: value for key, value in out.items() if value not in (None, [])}


def _named(facts: Mapping[str, Any]) -> Sequence[tuple[str, str | None]]:
    exif, xmp = facts.get("exif") or {}, (facts.get("xmp") or {}).get("properties") or {}
    iptc, png = facts.get("iptc") or {}, facts.get("png") or {}
    generator, c2pa = facts.get("generator") or {}, facts.get("c2pa") or {}
    history = (facts.get("xmp") or {}).get("history") or []
    program = " ".join(str(iptc[k]) for k in ("OriginatingProgram", "ProgramVersion") if isinstance(iptc.get(k), str))
    texts = {t.get("keyword"): t.get("text") for t in png.get("texts") or [] if isinstance(t, Mapping)}
    comments = [
        c for c in (facts.get("jpeg") or {}).get("comments") or [] if re.match(r"CREATOR:|Lavc|File written by", c)
    ]
    return [
        ("generator record", generator.get("tool")),
        ("EXIF Software", exif.get("software")),
        ("XMP xmp:CreatorTool", xmp.get("xmp:CreatorTool")),
        ("XMP history", str(history[-1].get("softwareAgent") or "") if history else None),
        ("XMP tiff:Software", xmp.get("tiff:Software")),
        ("EXIF ProcessingSoftware", (exif.get("texts") or {}).get("ProcessingSoftware")),
        ("IPTC OriginatingProgram", program or None),
        ("PNG Software", texts.get("Software")),
        ("C2PA claim generator", (c2pa.get("active") or {}).get("claim_generator")),
        *(("JPEG comment", comment) for comment in comments[:2]),
    ]


def _camera(make: Any, model: Any) -> str | None:
    make, model = str(make or "").strip(), str(model or "").strip()
    if not make and not model:
        return None
    return model if make and model.lower().startswith(make.lower().split()[0]) else f"{make} {model}".strip()


def _encoder(facts: Mapping[str, Any]) -> str | None:
    """A plain description of the JPEG encoding; it narrows the writer down, it does not name it."""
    jpeg = facts.get("jpeg") or {}
    tables = jpeg.get("quantisation") or {}
    if not tables.get("quality"):
        return None
    family = {
        "ijg": "IJG library tables",
        "mozjpeg": "mozjpeg tables",
        "adobe": "Adobe tables",
        "flat": "flat tables",
    }.get(str(tables.get("family")), "tables of its own")
    nearly = "quality" if tables.get("exact") else "about quality"
    huffman = jpeg.get("huffman")
    return f"{family}, {nearly} {tables['quality']}, {jpeg.get('frame', 'unknown frame')}, {huffman} Huffman codes"
