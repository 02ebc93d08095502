"""Every examination validates against the schema that ships, and the schema is strict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import handmade
import handmade_clip
import pytest

import facevalue
from facevalue.finding import Question, Status, Verdict
from facevalue.reports import write_report
from facevalue.reports.json import json_bytes, load_schema

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = load_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "make", [handmade.suspect, handmade.declared, handmade.unreadable, lambda: handmade.unreadable(sha256="")]
)
def test_examinations_validate(make: Callable[[], facevalue.Examination], validator: Any) -> None:
    validator.validate(json.loads(json_bytes(make())))


@pytest.mark.parametrize(
    ("make", "kind", "frames"), [(handmade_clip.suspect, "video", 60), (handmade_clip.call, "audio", 0)]
)
def test_clips_and_recordings_validate(
    make: Callable[..., facevalue.Examination], kind: str, frames: int, validator: Any
) -> None:
    exam = make()
    record = json.loads(json_bytes(exam))
    validator.validate(record)
    assert (record["exhibit"]["kind"], record["exhibit"]["frames_examined"]) == (kind, frames)
    assert record["exhibit"]["duration_s"] == (12.0 if kind == "video" else 20.0)
    spans = [r["span"] for f in record["findings"] for r in f["regions"] if r["kind"] == "span"]
    assert [5.2, 7.9] in spans


def _objects(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of every key in the parts that the contract fixes."""
    found = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict):
            found.append((*path, key))
        if isinstance(inner, dict | list) and key not in {"quality", "details", "provenance", "timings_s", "weights"}:
            found += _objects(inner, (*path, key))
    return found


OPTIONAL = {"box", "field", "value", "span", "details", "mask_png"}
PATHS = [p for p in _objects(handmade.suspect().to_dict()) if p[-1] not in OPTIONAL and p[-2:-1] != ("questions",)]


@pytest.mark.parametrize("path", PATHS, ids=lambda p: ".".join(map(str, p)))
def test_schema_rejects_a_missing_key(path: tuple[Any, ...], validator: Any) -> None:
    record = handmade.suspect().to_dict()
    parent = record
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    assert not validator.is_valid(record)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("surplus",), 1),
        (("schema",), "facevalue.examination/2"),
        (("opinion", "verdict"), "probably_fake"),
        (("opinion", "band"), "moderate_for_fake"),
        (("opinion", "questions", "aliens"), {"log10_lr": 1.0, "band": "weak", "status": "examined", "why": ""}),
        (("findings", 0, "status"), "maybe"),
        (("findings", 0, "score"), 1.2),
        (("findings", 0, "regions", 0, "kind"), "circle"),
        (("findings", 0, "regions", 0, "surplus"), 1),
        (("exhibit", "sha256"), "abc"),
        (("timings_s", "decode"), -1),
    ],
)
def test_schema_rejects_what_the_contract_does_not_know(path: tuple[Any, ...], value: Any, validator: Any) -> None:
    record = handmade.suspect().to_dict()
    parent = record
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    assert not validator.is_valid(record)


def test_schema_knows_the_words_of_the_code() -> None:
    schema = load_schema()
    assert schema["properties"]["opinion"]["properties"]["verdict"]["enum"] == [str(v) for v in Verdict]
    assert schema["$defs"]["question"]["enum"] == [str(q) for q in Question]
    assert schema["properties"]["findings"]["items"]["properties"]["status"]["enum"] == [str(s) for s in Status]


def test_a_name_that_is_no_text_still_gives_valid_json(validator: Any) -> None:
    exam = handmade.suspect(exhibit=handmade.exhibit("caf\udce9.jpg"))
    record = json.loads(json_bytes(exam).decode("utf-8"))
    assert record["exhibit"]["name"] == "caf\udce9.jpg"
    validator.validate(record)


def test_json_matches_its_reference(golden: Callable[[str, str], None]) -> None:
    record = handmade.suspect().to_dict()
    record["tool"]["version"] = "VERSION"
    for finding in record["findings"]:
        for region in finding["regions"]:
            if "mask_png" in region:  # its bytes depend on the version of zlib
                region["mask_png"] = "PNG"
    golden("handmade_suspect.json", json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def test_suffix_chooses_the_writer(tmp_path: Path) -> None:
    path = handmade.suspect().save(tmp_path / "new" / "report.json")
    assert json.loads(path.read_text(encoding="utf-8"))["opinion"]["verdict"] == "suspect"
    assert write_report(handmade.suspect(), tmp_path / "r.HTML").read_text(encoding="utf-8").startswith("<!doctype")


@pytest.mark.parametrize("name", ["report.docx", "report", ".json.bak"])
def test_unknown_suffix_names_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(facevalue.UsageError, match=r"\.html or \.json"):
        write_report(handmade.suspect(), tmp_path / name)


def test_an_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(facevalue.UnreadableError, match="cannot write"):
        write_report(handmade.suspect(), tmp_path / "file" / "report.json")
