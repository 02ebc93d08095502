"""Canonical JSON (RFC 8785, JCS), for values without fractions: one value has one spelling, so it can be hashed.

Numbers are integers of at most 53 bits; a float is refused, because what is committed to must not depend on how a
language prints it. Strings are kept as they are (no Unicode normalisation) and must be valid Unicode.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_INTEGER = (1 << 53) - 1
MAX_DEPTH = 16


def canonical(value: Any) -> bytes:
    """The UTF-8 bytes of a JSON value's one spelling (RFC 8785, section 3.2).

    Raises ValueError for a float, an integer beyond 53 bits, a key that is not text, a lone surrogate, nesting
    deeper than MAX_DEPTH, or a value that JSON does not have.
    """
    try:
        return _text(value, 0).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("the text is not valid Unicode") from None


def parse(data: bytes | str) -> Any:
    """Read JSON strictly: no NaN, no key twice. Raises ValueError, with a reason, for anything else."""
    try:
        return json.loads(data, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _text(value: Any, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ValueError(f"the value is nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise ValueError("an integer is larger than 53 bits")
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(item, depth + 1)}" for key, item in _sorted(value)) + "}"
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return "[" + ",".join(_text(item, depth + 1) for item in value) + "]"
    raise ValueError(f"canonical JSON has no {type(value).__name__}")


def _sorted(value: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    if not all(isinstance(key, str) for key in value):
        raise ValueError("a key is not text")
    # JCS sorts by UTF-16 code units, which differs from code points beyond U+FFFF.
    order = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return [(json.dumps(key, ensure_ascii=False), value[key]) for key in order]


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
