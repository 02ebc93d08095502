"""Examining every picture of the sets with the public API, resumably."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from facevalue.bench.records import Record, job_key, load_records, record, relabelled
from facevalue.bench.robust import AS_IS, STEP_NAMES, known_steps, relaunder
from facevalue.bench.sets import Item
from facevalue.bench.split import Split
from facevalue.errors import DecodeError, UsageError

RESULTS = "results.jsonl"
# Bounds the temporary copies on disk; large enough that starting workers anew does not show.
CHUNK_JOBS = 256


class _Exhibit(Protocol):
    @property
    def sha256(self) -> str: ...


class _Examination(Protocol):
    @property
    def exhibit(self) -> _Exhibit: ...
    def to_dict(self) -> dict[str, Any]: ...


Check = Callable[..., Iterable[_Examination]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One examination to do: a picture under one laundering step ("none" for the file as it is)."""

    item: Item
    launder: str

    @property
    def key(self) -> str:
        """Its name in results.jsonl."""
        return job_key(self.item.key, self.launder)


def plan(items: Iterable[Item], presets: Sequence[str]) -> list[Job]:
    """Every exhibit as it is, then under each preset of its kind. Raises UsageError for an unknown preset."""
    if unknown := [preset for preset in presets if preset not in known_steps()]:
        raise UsageError(f"no laundering step {', '.join(unknown)}; there are {', '.join(known_steps())}")
    listed = list(items)
    copies = [Job(i, step) for step in dict.fromkeys(presets) for i in listed if step in STEP_NAMES[i.kind]]
    return [*(Job(item, AS_IS) for item in listed), *copies]


def run(
    jobs: Sequence[Job],
    out: Path,
    *,
    splits: Sequence[Split] = (),
    workers: int = 2,
    check: Check | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Do the jobs that out/results.jsonl does not hold yet, appending a line each; returns the jobs' records.

    Safe to interrupt: what was written stays, and the next call goes on. What it finds there is told anew which
    pictures are held out, since the splits may be others by now. check defaults to facevalue.check_many; progress is
    called with (done, total).
    """
    out.mkdir(parents=True, exist_ok=True)
    results = out / RESULTS
    done = _resumed(results, jobs, splits)
    missing = [job for job in jobs if job.key not in done]
    finished = len(jobs) - len(missing)
    _end_line(results)
    with results.open("a", encoding="utf-8") as stream:
        for new in _examine(missing, splits, workers, check or _public_check()):
            stream.write(new.to_json() + "\n")
            stream.flush()
            done[new.job] = new
            finished += 1
            if progress is not None:
                progress(finished, len(jobs))
    return [done[job.key] for job in jobs]


def _resumed(results: Path, jobs: Sequence[Job], splits: Sequence[Split]) -> dict[str, Record]:
    """Records on disk by job, their held_out brought up to date there too."""
    items = {job.key: job.item for job in jobs}
    old = load_records(results)
    new = [relabelled(r, items[r.job], splits) if r.job in items else r for r in old]
    if new != old:
        rewritten = results.with_suffix(".tmp")
        rewritten.write_text("".join(r.to_json() + "\n" for r in new), encoding="utf-8")
        rewritten.replace(results)
    return {r.job: r for r in new}


def _public_check() -> Check:
    import facevalue

    check: Check = facevalue.check_many
    return check


def _end_line(results: Path) -> None:
    """End a line that an interruption cut off, so that the next record starts on one of its own."""
    if results.is_file() and (data := results.read_bytes()) and not data.endswith(b"\n"):
        with results.open("ab") as stream:
            stream.write(b"\n")


def _examine(jobs: Sequence[Job], splits: Sequence[Split], workers: int, check: Check) -> Iterator[Record]:
    for start in range(0, len(jobs), CHUNK_JOBS):
        with tempfile.TemporaryDirectory(prefix="facevalue-bench-") as folder:
            yield from _examine_chunk(jobs[start : start + CHUNK_JOBS], Path(folder), splits, workers, check)


def _examine_chunk(
    jobs: Sequence[Job], folder: Path, splits: Sequence[Split], workers: int, check: Check
) -> Iterator[Record]:
    # Examinations come back in any order, and are known by their bytes; equal files are examined once.
    waiting: dict[str, list[Job]] = {}
    sources: list[Path] = []
    for number, job in enumerate(jobs):
        try:
            path, sha256 = _prepare(job, folder / str(number))
        except (DecodeError, OSError):
            yield record(job.item, job.launder, None, splits)
            continue
        if sha256 not in waiting:
            sources.append(path)
        waiting.setdefault(sha256, []).append(job)
    for examination in check(sources, workers=workers):
        for job in waiting.pop(examination.exhibit.sha256, ()):
            yield record(job.item, job.launder, examination.to_dict(), splits)
    for job in (job for left in waiting.values() for job in left):
        yield record(job.item, job.launder, None, splits)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _prepare(job: Job, folder: Path) -> tuple[Path, str]:
    """The file to examine and its sha256; a laundered copy is written into the folder."""
    if job.launder == AS_IS:
        return job.item.path, _sha256(job.item.path)
    name, data = relaunder(job.item.path, job.launder)
    folder.mkdir()
    (folder / name).write_bytes(data)
    return folder / name, hashlib.sha256(data).hexdigest()
