"""Streams made for broadcast: MPEG transport streams, FLV and ASF. They say little of themselves."""

from __future__ import annotations

import re
import struct

from facevalue.media.facts.container_reader import Found, Window

SCAN_BYTES = 256 << 10
MAX_PAIRS = 60
PACKET = 188
MAX_PIDS = 12


def read_ts(window: Window, found: Found) -> None:
    """The service's name and provider (DVB service description table, ETSI EN 300 468 6.2.33)."""
    head = window.read(0, SCAN_BYTES)
    found.facts["tracks"] = []
    for match in re.finditer(rb"\x48([\x03-\x80])\x01", head):
        at = match.end()
        provider = head[at + 1 : at + 1 + head[at]] if at < len(head) else b""
        name_at = at + 1 + len(provider)
        name = head[name_at + 1 : name_at + 1 + head[name_at]] if name_at < len(head) else b""
        if match.group(1)[0] == 3 + len(provider) + len(name):
            found.say("service description", "provider", provider)
            found.say("service description", "name", name)
            break
    # Packets of 188 bytes cut through an encoder's message; joined again, each programme's part is whole.
    found.extras += [(bytes(part), "data at the start") for part in _payloads(head).values()]


def _payloads(data: bytes) -> dict[int, bytearray]:
    """The payload of each packet identifier (ISO/IEC 13818-1, 2.4.3), at most MAX_PIDS of them."""
    out: dict[int, bytearray] = {}
    for at in range(0, len(data) - PACKET + 1, PACKET):
        if data[at] != 0x47:
            break
        pid, control = (data[at + 1] & 31) << 8 | data[at + 2], data[at + 3] >> 4 & 3
        start = at + 4 + (1 + data[at + 4] if control & 2 else 0)
        if control & 1 and start < at + PACKET and (pid in out or len(out) < MAX_PIDS):
            out.setdefault(pid, bytearray()).extend(data[start : at + PACKET])
    return out


def read_flv(window: Window, found: Found) -> None:
    """Texts and numbers of the onMetaData script tag (Adobe FLV 10.1, E.4.4)."""
    head = window.read(0, 1 << 16)
    found.facts["tracks"] = []
    found.samples.append((0, SCAN_BYTES, "data"))
    at = head.find(b"onMetaData")
    if at < 0:
        return
    at += 10 + 5  # an ECMA array: its marker and a count that writers get wrong
    for _ in range(MAX_PAIRS):
        size = int.from_bytes(head[at : at + 2], "big")
        key = head[at + 2 : at + 2 + size]
        at += 2 + size
        kind = head[at : at + 1]
        if not key or not kind:
            return
        if kind == b"\x00":
            raw = head[at + 1 : at + 9]
            if len(raw) == 8:
                found.say("onMetaData", key.decode("utf-8", "replace"), f"{struct.unpack('>d', raw)[0]:g}")
            at += 9
        elif kind == b"\x01":
            at += 2
        elif kind == b"\x02":
            length = int.from_bytes(head[at + 1 : at + 3], "big")
            found.say("onMetaData", key.decode("utf-8", "replace"), head[at + 3 : at + 3 + length])
            at += 3 + length
        elif kind == b"\x0b":
            at += 11
        else:
            return


def read_asf(window: Window, found: Found) -> None:
    """Names and values of the extended content description, found by their names (ASF 1.20, 3.11)."""
    head = window.read(0, 1 << 17)
    found.facts["tracks"] = []
    for name in ("WMFSDKVersion", "WM/EncodingSettings", "WM/ToolName", "WM/ToolVersion"):
        raw = name.encode("utf-16-le")
        at = head.find(raw)
        if at < 0:
            continue
        at += len(raw) + 2
        size = int.from_bytes(head[at + 2 : at + 4], "little")
        found.say("content description", name, head[at + 4 : at + 4 + size].decode("utf-16-le", "replace"))
