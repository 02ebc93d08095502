"""A folder of reports for several exhibits: one HTML and one JSON file each, and an index that links them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from facevalue.errors import UnreadableError
from facevalue.examine import Examination
from facevalue.finding import Verdict
from facevalue.reports import overlay, spectrogram, words
from facevalue.reports.clock import clock

THUMBNAIL_PX = 144
INDEX_NAME = "index.html"

_TAGS = {0: "clear", 1: "inapplicable", 2: "contradiction", 3: "found"}


@dataclass(frozen=True, slots=True)
class IndexRow:
    """What the index shows of one examination; rank: the verdict's place in the order of Verdict. note: how
    long a clip or recording is."""

    name: str
    href: str
    sha256: str
    verdict: str
    tone: int
    tag: str
    question: str
    lr: str
    band: str
    reason: str
    thumbnail: str | None
    note: str
    rank: int


@dataclass
class BatchReport:
    """Writes the reports of a batch one by one, so that no more than one picture is held in memory.

    What was added is on disk at once; write_index may be called after an interruption.
    """

    folder: Path
    rows: list[IndexRow] = field(default_factory=list)
    _taken: set[str] = field(default_factory=lambda: {"index"})

    def add(self, exam: Examination) -> Path:
        """Write one examination's HTML and JSON; the HTML's path. Raises UnreadableError when that fails."""
        from facevalue.reports import write_report

        stem = self._stem(exam)
        page = write_report(exam, self.folder / f"{stem}.html")
        write_report(exam, self.folder / f"{stem}.json")
        self.rows.append(_row(exam, page.name))
        return page

    def write_index(self) -> Path:
        """Write index.html, the strongest verdicts first. Raises UnreadableError when that fails."""
        from facevalue.reports.html import render

        rows = sorted(self.rows, key=lambda r: (r.rank, r.name, r.href))
        counts = Counter((r.rank, r.verdict) for r in rows)
        page = render("index.html.j2", rows=rows, counts=[(label, n) for (_, label), n in sorted(counts.items())])
        path = self.folder / INDEX_NAME
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(page.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise UnreadableError(f"cannot write {path}: {error.strerror or error}") from None
        return path

    def _stem(self, exam: Examination) -> str:
        # Of a name only what is safe in every file system and in a link is kept; the hash tells files apart.
        base = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(exam.exhibit.name).stem)[:60].strip("-") or "exhibit"
        stem = first = f"{base}-{exam.exhibit.sha256[:8] or 'unread'}"
        number = 2
        while stem.lower() in self._taken:  # the same file twice; some file systems ignore case
            stem, number = f"{first}-{number}", number + 1
        self._taken.add(stem.lower())
        return stem


def write_index(exams: Iterable[Examination], folder: Path) -> Path:
    """Write a batch's reports and their index into a folder; the index's path."""
    batch = BatchReport(Path(folder))
    for exam in exams:
        batch.add(exam)
    return batch.write_index()


def _row(exam: Examination, href: str) -> IndexRow:
    kind = exam.kind
    opinion, said = exam.opinion, words.verdict_words(exam.opinion.verdict, kind)
    numbered = [q for q in opinion.by_question.values() if q.log10_lr is not None]
    loudest = next((q for q in numbered if q.log10_lr == opinion.log10_lr), None)
    return IndexRow(
        name=words.plain(exam.exhibit.name),
        href=href,
        sha256=exam.exhibit.sha256,
        verdict=said.label,
        tone=said.tone,
        tag=_TAGS[said.tone],
        question=str(loudest.question) if loudest else "",
        lr="" if opinion.log10_lr is None else words.lr_words(opinion.log10_lr),
        band=words.band_words(opinion.band, str(loudest.question) if loudest else None, kind),
        reason=words.plain(opinion.reasons[0]) if opinion.reasons else "",
        thumbnail=_thumbnail(exam),
        note=_length(exam),
        rank=list(Verdict).index(opinion.verdict),
    )


def _thumbnail(exam: Examination) -> str | None:
    """The picture, the middle one of a clip's frames, or else what there is to see of it."""
    if exam.picture is not None:
        return overlay.jpeg_uri(overlay.reduced(exam.picture.pixels, THUMBNAIL_PX), 78)
    footage = exam.footage
    if footage is None:
        return None
    if footage.stills:
        still = footage.stills[len(footage.stills) // 2]
        return overlay.jpeg_uri(overlay.reduced(still.pixels, THUMBNAIL_PX), 78)
    if footage.sound is not None and len(footage.sound.samples):
        return spectrogram.png_uri(spectrogram.spectrogram_image(footage.sound.samples, THUMBNAIL_PX))
    return None


def _length(exam: Examination) -> str:
    footage = exam.footage
    thing = words.thing(exam.kind)
    return f"{thing}, {clock(footage.info.duration_s)}" if footage is not None else ""
