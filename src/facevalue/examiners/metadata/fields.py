"""Small helpers over facts: reading them without trusting their shape, and making field regions of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from facevalue.finding import Region
from facevalue.media.facts.text import clean

MAX_VALUE = 300
Facts = Mapping[str, Any]


def section(facts: Facts, *path: str) -> Mapping[str, Any]:
    """The mapping at a path, empty when there is none."""
    node: Any = facts
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}


def items(facts: Facts, *path: str) -> Sequence[Any]:
    """The list at a path, empty when there is none."""
    node = section(facts, *path[:-1]).get(path[-1])
    return node if isinstance(node, list) else []


def records(facts: Facts, *path: str) -> list[Mapping[str, Any]]:
    """The mappings of the list at a path."""
    return [item for item in items(facts, *path) if isinstance(item, Mapping)]


def texts(value: Any) -> Iterator[str]:
    """A string, or every string of a list."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and item.strip():
            yield item


def field_region(label: str, name: str, value: object, **details: Any) -> Region:
    """A region that points at a metadata field; its value is harmless text of at most MAX_VALUE characters."""
    return Region(
        kind="field",
        label=label,
        field_name=clean(name, 120),
        value=clean(str(value), MAX_VALUE),
        details={key: _harmless(item) for key, item in details.items()},
    )


def _harmless(item: Any) -> Any:
    if isinstance(item, list):
        return [_harmless(part) for part in item]
    return clean(item, MAX_VALUE) if isinstance(item, str) else item
