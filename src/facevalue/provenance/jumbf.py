"""The manifest store as boxes: JUMBF superboxes (ISO/IEC 19566-5), by label.

Only what our own checks need is found here: the claim and the signature of one manifest. The engine reads the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_BOXES = 20_000
MAX_DEPTH = 8
SIGNATURE = "c2pa.signature"
CLAIMS = ("c2pa.claim.v2", "c2pa.claim")


class BadStore(ValueError):
    """The bytes are not boxes that fit into each other."""


@dataclass(frozen=True, slots=True)
class Box:
    """One superbox: its label and the payloads of its content boxes, (type, bytes) each; children are superboxes."""

    label: str
    contents: tuple[tuple[bytes, bytes], ...]
    children: tuple[Box, ...]

    def child(self, label: str) -> Box | None:
        """The first child of that label."""
        return next((box for box in self.children if box.label == label), None)


def parse_store(data: bytes) -> Box:
    """The outermost superbox. Raises BadStore."""
    budget = [MAX_BOXES]
    for kind, body in _boxes(data, budget):
        if kind == b"jumb":
            return _superbox(body, budget, 0)
    raise BadStore("there is no JUMBF superbox")


def claim_and_signature(data: bytes, manifest: str) -> tuple[bytes, bytes]:
    """The CBOR of the claim and of the COSE signature of the manifest of that label. Raises BadStore."""
    found = parse_store(data).child(manifest)
    if found is None:
        raise BadStore("the store does not hold the manifest that the engine names")
    claim = next((box for label in CLAIMS if (box := found.child(label))), None)
    signature = found.child(SIGNATURE)
    if claim is None or signature is None:
        raise BadStore("the manifest has no claim or no signature")
    return _cbor(claim), _cbor(signature)


def _cbor(box: Box) -> bytes:
    body = next((body for kind, body in box.contents if kind == b"cbor"), None)
    if body is None:
        raise BadStore(f"the box {box.label} holds no CBOR")
    return body


def _superbox(body: bytes, budget: list[int], depth: int) -> Box:
    if depth > MAX_DEPTH:
        raise BadStore("boxes are nested too deeply")
    label, contents, children = "", list[tuple[bytes, bytes]](), list[Box]()
    for number, (kind, inner) in enumerate(_boxes(body, budget)):
        if number == 0:
            if kind != b"jumd":
                raise BadStore("a superbox does not begin with its description")
            label = _label(inner)
        elif kind == b"jumb":
            children.append(_superbox(inner, budget, depth + 1))
        else:
            contents.append((kind, inner))
    return Box(label, tuple(contents), tuple(children))


def _label(description: bytes) -> str:
    """The label of a description box: a type (16 bytes), toggles (1), and a zero-terminated string if bit 1 is set."""
    if len(description) < 17:
        raise BadStore("a description box is too short")
    if not description[16] & 0x02:
        return ""
    return description[17:].partition(b"\0")[0].decode("utf-8", "replace")


def _boxes(data: bytes, budget: list[int]) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of the boxes that follow each other. A length of 1 is followed by 64 bits, 0 means to the end."""
    at = 0
    while at + 8 <= len(data):
        budget[0] -= 1
        if budget[0] < 0:
            raise BadStore("there are too many boxes")
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(data) - at
        if size < head or at + size > len(data):
            raise BadStore("a box reaches past the end of its parent")
        yield kind, data[at + head : at + size]
        at += size
