"""One line of results.jsonl: what one examination of one labelled picture said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facevalue.bench.sets import Item
from facevalue.bench.split import Split, held_out

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A labelled picture, under one laundering step, and the answers to it.

    held_out: by question. quality: short_side and face_px in pixels, jpeg_quality 1..100; None where unknown.
    questions: the opinion by question, {"log10_lr", "status"}; findings: by examiner, {"question", "status",
    "score", "log10_lr"}. build: a digest of version and weights, so that a resumed run shows if they changed.
    """

    key: str
    set: str
    source: str
    generator: str
    group: str
    cluster: str
    label: int
    asked: tuple[str, ...]
    launder: str
    held_out: Mapping[str, bool]
    verdict: str
    log10_lr: float | None
    questions: Mapping[str, Answer] = field(default_factory=dict)
    findings: Mapping[str, Answer] = field(default_factory=dict)
    quality: Mapping[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0
    build: str = ""

    @property
    def job(self) -> str:
        """What a resumed run skips by."""
        return job_key(self.key, self.launder)

    def to_json(self) -> str:
        """One line, keys in a fixed order."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)


def job_key(item_key: str, launder: str) -> str:
    """The name of one examination in results.jsonl."""
    return f"{item_key}|{launder}"


def record(item: Item, launder: str, examination: Mapping[str, Any] | None, splits: Iterable[Split]) -> Record:
    """Join an item with its examination as a dictionary (schema facevalue.examination/1); None: none came back."""
    splits, exam = list(splits), examination or {}
    opinion = exam.get("opinion", {})
    tool = exam.get("tool", {})
    build = json.dumps([tool.get("version"), tool.get("weights")], sort_keys=True) if tool else ""
    return Record(
        key=item.key,
        set=item.set,
        source=item.source,
        generator=item.generator,
        group=item.group,
        cluster=item.cluster or item.key,
        label=item.label,
        asked=item.questions,
        launder=launder,
        held_out={question: held_out(item, question, splits) for question in item.questions},
        verdict=str(opinion.get("verdict", "unexamined")),
        log10_lr=opinion.get("log10_lr"),
        questions={q: _pick(a, "log10_lr", "status") for q, a in opinion.get("questions", {}).items()},
        findings={f["examiner"]: _pick(f, "question", "status", "score", "log10_lr") for f in exam.get("findings", ())},
        quality=_quality(exam),
        seconds=round(_seconds(exam.get("timings_s", {})), 4),
        build=hashlib.sha256(build.encode()).hexdigest()[:12] if build else "",
    )


def relabelled(old: Record, item: Item, splits: Iterable[Split]) -> Record:
    """The same answers under what the sets and splits say now."""
    kept = {question: held_out(item, question, splits) for question in item.questions}
    return replace(
        old, source=item.source, generator=item.generator, group=item.group, cluster=item.cluster or item.key,
        label=item.label, asked=item.questions, held_out=kept,
    )  # fmt: skip


def _pick(answer: Answer, *names: str) -> dict[str, Any]:
    return {name: answer.get(name) for name in names}


def _seconds(timings: Mapping[str, float]) -> float:
    return float(timings.get("total", sum(timings.values())))


def _quality(exam: Mapping[str, Any]) -> dict[str, float | None]:
    stated = exam.get("opinion", {}).get("quality", {})
    sides = [v for v in (exam.get("exhibit", {}).get("width"), exam.get("exhibit", {}).get("height")) if v]
    details = [r.get("details", {}) for f in exam.get("findings", ()) for r in f.get("regions", ())]
    faces = [d["size_px"] for inner in details for d in (inner, inner.get("quality") or {}) if d.get("size_px")]
    return {
        "short_side": stated.get("short_side", min(sides, default=None)),
        "jpeg_quality": stated.get("jpeg_quality"),
        "face_px": max(faces, default=stated.get("face_px")),
    }


def load_records(path: Path) -> list[Record]:
    """Read results.jsonl; a line cut off by an interruption is left out, and will be examined again."""
    records = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                raw = json.loads(line)
                records.append(Record(**{**raw, "asked": tuple(raw["asked"])}))
            except (ValueError, TypeError, KeyError):
                continue
    return records
