"""Text out of hostile bytes: decoding, cleaning, and bounding of everything that leaves this package."""

from __future__ import annotations

import math
import unicodedata
import zlib
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 1_000
MAX_ITEMS = 150
MAX_DEPTH = 8
# All facts of one file together: a report that nobody can open helps nobody.
MAX_TOTAL = 200_000
MAX_INFLATED = 1 << 20


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """The text on one line without control, format (bidirectional override) or surrogate characters, clipped.

    Markup is left as it is: it is text here, and every writer escapes it.
    """
    head = text[: limit * 4]
    if not head.isascii() or not head.isprintable():
        head = "".join(_harmless(char) for char in head)
    head = " ".join(head.split())
    return head if len(head) <= limit else head[: limit - 1] + "…"


def _harmless(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cc":
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else char


def decode(raw: bytes) -> str:
    """UTF-8 when it is valid UTF-8, else Latin-1; a trailing NUL and what follows it are dropped."""
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def inflate(raw: bytes, limit: int = MAX_INFLATED) -> bytes:
    """At most `limit` bytes of a zlib stream; what a cut-off stream still yields. Raises zlib.error."""
    return zlib.decompressobj().decompress(raw, limit)


def bounded(tree: Any) -> Any:
    """A JSON-ready copy: strings cleaned and clipped, collections and depth limited, at most MAX_TOTAL characters."""
    return _bounded(tree, 0, [MAX_TOTAL])


def _bounded(value: Any, depth: int, budget: list[int]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)[:40]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str):
        return _spend(clean(value), budget)
    if depth >= MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return _bounded_mapping(value, depth, budget)
    if isinstance(value, list | tuple):
        return [_bounded(item, depth + 1, budget) for item in value[:MAX_ITEMS] if budget[0] > 0]
    return _spend(clean(str(value)), budget)


def _bounded_mapping(value: Mapping[Any, Any], depth: int, budget: list[int]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in value.items():
        # The outermost keys are the sections; callers may rely on every one of them.
        if depth and (len(out) >= MAX_ITEMS or budget[0] <= 0):
            break
        out[_spend(clean(str(key), 120), budget) if depth else str(key)] = _bounded(item, depth + 1, budget)
    return out


def _spend(text: str, budget: list[int]) -> str:
    kept = text[: max(budget[0], 0)]
    budget[0] -= len(kept) + 8
    return kept
