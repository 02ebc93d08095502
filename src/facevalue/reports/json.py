"""The examination as JSON, and the schema that every such file meets."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from facevalue.examine import Examination


def json_bytes(exam: Examination, *, indent: int | None = None) -> bytes:
    """The examination as UTF-8 JSON text, one newline at the end.

    A name whose bytes are no valid text holds lone surrogates; they become JSON's own \\udcff escapes.
    """
    return exam.to_json(indent=indent).encode("utf-8", "backslashreplace") + b"\n"


def write_json(exam: Examination, path: Path) -> Path:
    """Write the examination as indented JSON."""
    path.write_bytes(json_bytes(exam, indent=2))
    return path


def load_schema(name: str = "examination-1") -> dict[str, Any]:
    """A JSON Schema (2020-12) that ships in the package: "examination-1" or "provenance-1"."""
    text = (files("facevalue") / "schema" / f"{name}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
