"""Marks that encoders leave in coded pictures and sound: user data messages and library strings.

x264 and x265 write their settings into an SEI message "user data unregistered" (ITU-T H.264 D.1.7, H.265 D.2.7) under a
UUID of their own, once at the start. libvpx, SVT-AV1 and hardware encoders of phones leave none, so that absence says
nothing.
"""

from __future__ import annotations

import re
from typing import Any

from facevalue.media.facts.text import clean

X264_UUID = bytes.fromhex("dc45e9bde6d948b7962cd820d923eeef")  # x264, encoder/set.c, x264_sei_version_write
X265_UUID = bytes.fromhex("2ca2de09b51747dbbb55a4fe7fc2fc4e")  # x265, source/encoder/encoder.cpp
MAX_SETTINGS = 2_400
MAX_MARKS = 12
_SETTING = re.compile(r"([a-z0-9_-]{1,24})=([^\s/]{1,24})")
# Settings that tell a rate control and a structure; the whole string would drown the rest.
_KEPT = {"crf", "bitrate", "keyint", "min-keyint", "scenecut", "bframes", "ref", "rc", "qp", "open_gop", "open-gop",
         "qpmin", "qpmax", "vbv-maxrate", "vbv-bufsize", "threads", "me", "subme", "rc_lookahead"}  # fmt: skip
_STRINGS = (
    ("Lavc", re.compile(rb"Lavc(\d{1,3}\.\d{1,3}\.\d{1,3})(?: ([\w-]{2,20}))?")),
    ("LAME", re.compile(rb"LAME(3\.\d{2,3}(?:\.\d)?[a-z ]?)")),
    ("XviD", re.compile(rb"XviD(\d{4})")),
    ("DivX", re.compile(rb"DivX(\d{3,4}(?:Build|b)\d{1,6}p?)")),
    ("libfaac", re.compile(rb"libfaac (\d\.\d{1,3}(?:\.\d)?)")),
)


def find_marks(data: bytes, where: str) -> list[dict[str, Any]]:
    """Records {"where", "encoder", "version", "settings", "text"} for every mark in `data`, each encoder once."""
    found = [m for m in (_message(data, X264_UUID, "x264"), _message(data, X265_UUID, "x265")) if m]
    for name, pattern in _STRINGS:
        match = pattern.search(data)
        if match:
            version = match.group(1).decode("latin-1").strip()
            mark: dict[str, Any] = {"encoder": name, "version": version}
            if name == "Lavc" and match.group(2):
                mark["codec"] = match.group(2).decode("latin-1")
            found.append(mark)
    return [{"where": where, **mark} for mark in found[:MAX_MARKS]]


def _message(data: bytes, uuid: bytes, encoder: str) -> dict[str, Any] | None:
    at = data.find(uuid)
    if at < 0:
        return None
    raw = data[at + 16 : at + 16 + MAX_SETTINGS].split(b"\0", 1)[0]
    # A NAL unit's emulation prevention bytes fall nowhere in plain text, so that none need be removed.
    text = clean(raw.decode("latin-1"), MAX_SETTINGS)
    settings = {key: value for key, value in _SETTING.findall(text) if key in _KEPT}
    head = re.match(r"x26[45] (?:- core |\(build )(\d+)\)?(?: (r\d+|- \d[\w.+-]*))?", text)
    version = " ".join(part for part in head.groups() if part) if head else ""
    return {"encoder": encoder, "version": version, "settings": settings, "text": clean(text, 120)}
