"""How fast the registry takes entries and finds fingerprints, and what that costs as it grows; not a test.

    python bench/registry.py [--sizes 10000 100000 1000000] [--db postgresql://...] [--folder DIR] [--json FILE]

For each size, rows of fingerprints are put into the table, and a registry opens on them: reading them, building the
index, and opening again with the index at hand are measured. Then signed submissions go through the whole registry in
batches (durable: database and log are flushed before each acknowledgement), and what they registered is looked up at
distances 0 to 31 beside strangers. Two lookups are told apart: `search` is the index alone, `find` is everything that
Registry.find_binding does, claims fetched. Recall is measured on both. Fingerprints are random (`uniform`) or come in
families, with bits of uneven chance and one fingerprint in a hundred the same (`clustered`), as those of pictures do.

From the sizes, the cost at 100 million is projected with fitted lines, and what that rests on is said.
Times are given as the wall saw them and as processor time (`cpu`). On Linux there is a third one for lookups, `own`:
wall time less the time that this thread, or the database's process on the same machine, was ready to run and had no
processor, which is what other programs cost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select, text

from facevalue.registry import Action, Entry, Registry, Request, sign
from facevalue.registry.keys import load_key
from facevalue.registry.store import tables as t
from facevalue.registry.store.bands import MAX_DISTANCE
from facevalue.registry.store.database import reading, writing
from facevalue.registry.words import PDQ, Binding

TARGETS = {"find_p50_ms": 5.0, "find_p99_ms": 25.0, "find_p99_ms_postgresql": 20.0, "ingest_per_s": 200.0}
PROJECTED = 100_000_000
PIECE = 50_000
_WATCHED = [Path("/proc/thread-self/schedstat")]
# Rows that belong to no claim get entries from here on: they are searched like all others, and then not shown.
NOWHERE = 1 << 40
Values = npt.NDArray[np.uint8]


class Timed(NamedTuple):
    """Seconds that a call took by the clock, of processor time, and by the clock less waiting for a processor."""

    wall: float
    cpu: float
    own: float
    result: Any


def timed(call: Callable[[], Any]) -> Timed:
    """Run it."""
    queued, wall, cpu = _queued(), time.perf_counter(), time.process_time()
    result = call()
    cpu, wall, queued = time.process_time() - cpu, time.perf_counter() - wall, _queued() - queued
    return Timed(wall, cpu, max(wall - queued, cpu), result)  # two processes may stand in line at the same time


def _queued() -> float:
    """Seconds that this thread and what it waits for stood in line for a processor; 0 where that is not counted."""
    seconds = 0.0
    for path in _WATCHED:
        with contextlib.suppress(OSError, IndexError, ValueError):
            seconds += int(path.read_text().split()[1]) / 1e9
    return seconds


def watch_database(registry: Registry) -> None:
    """Count the database's processes in, where it is a server on this machine."""
    del _WATCHED[1:]
    if registry.engine.dialect.name == "postgresql":
        with reading(registry.engine) as connection:
            _WATCHED.append(Path(f"/proc/{connection.scalar(text('SELECT pg_backend_pid()'))}/schedstat"))


# -- fingerprints --------------------------------------------------------------------------------------------------


def uniform(count: int, rng: np.random.Generator) -> Values:
    """Random bits: uint8 (count, 32)."""
    return rng.integers(0, 256, (count, 32), dtype=np.uint8)


def clustered(count: int, rng: np.random.Generator) -> Values:
    """Families about random centres, the large ones many times the small ones; uneven bits; 1% blank."""
    chances = rng.uniform(0.2, 0.8, 256)
    centres = rng.random((1000, 256)) < chances
    sizes = 1.0 / np.arange(1, 1001)
    out = np.empty((count, 32), np.uint8)
    for start in range(0, count, PIECE):
        n = min(PIECE, count - start)
        bits = centres[rng.choice(1000, n, p=sizes / sizes.sum())]
        bits ^= rng.random((n, 256), dtype=np.float32) < rng.uniform(0.05, 0.5, (n, 1))
        bits[rng.random(n) < 0.01] = False
        out[start : start + n] = np.packbits(bits, axis=1)
    return out


KINDS = {"uniform": uniform, "clustered": clustered}


def flipped(value: bytes, bits: int, rng: np.random.Generator) -> bytes:
    """The fingerprint with so many bits changed."""
    unpacked = np.unpackbits(np.frombuffer(value, np.uint8))
    unpacked[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(unpacked).tobytes()


# -- loading -------------------------------------------------------------------------------------------------------


def load(registry: Registry, values: Values) -> None:
    """Put fingerprints uint8 (n, 32) into the table by the driver's fastest way. They belong to no claim."""
    number = _number(registry)
    with registry.engine.connect() as connection:
        _without_foreign_keys(connection)
        connection.commit()
    for start in range(0, len(values), PIECE):
        piece = values[start : start + PIECE].tobytes()
        rows = ((NOWHERE + start + n, number, piece[32 * n : 32 * n + 32]) for n in range(len(piece) // 32))
        with writing(registry.engine) as connection:
            put(connection, rows)
    with registry.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)" if sqlite else "VACUUM ANALYZE bindings")


def put(connection: Connection, rows: Iterable[tuple[int, int, bytes]]) -> None:
    """Insert rows of bindings: executemany in SQLite, COPY in PostgreSQL."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO bindings (entry, algorithm, value) VALUES (?, ?, ?)", list(rows))
        return
    copied = "COPY bindings (entry, algorithm, value) FROM STDIN"
    with connection.connection.cursor() as cursor, cursor.copy(copied) as copy:
        for row in rows:
            copy.write_row(row)


def _without_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")  # one pooled connection serves all
    else:
        connection.execute(text("ALTER TABLE bindings DROP CONSTRAINT fk_bindings_entry"))


# -- measuring -----------------------------------------------------------------------------------------------------


def opening(registry: Registry) -> dict[str, float]:
    """The first lookup (all rows are read), the index built beside it, and a second registry that takes it over."""
    index = registry.fingerprints.of(_number(registry))
    with reading(registry.engine) as connection:
        read = timed(lambda: index.refresh(connection))
    built = timed(registry.fingerprints.close)
    again = Registry.open(registry.folder.root, url=_url(registry))
    adopted = timed(lambda: again.find_binding(Binding(PDQ.name, bytes(31) + b"x")))
    again.close()
    return {
        "read_s": read.wall,
        "read_cpu_s": read.cpu,
        "build_s": built.wall,
        "build_cpu_s": built.cpu,
        "adopt_s": adopted.wall,
        "adopt_cpu_s": adopted.cpu,
        "index_bytes": sum(path.stat().st_size for path in index.folder.glob("*.bands"))
        if index.folder.exists()
        else 0,
        "table_bytes": _table_bytes(registry),
    }


def ingest(registry: Registry, values: Iterator[bytes], batches: int, size: int) -> tuple[dict[str, float], list[Any]]:
    """Signed submissions through the whole registry; entries a second, signing left out; and what was registered."""
    watch_database(registry)
    key, done = load_key(registry.folder.owner_key), []
    wall = cpu = own = 0.0
    for _ in range(batches):
        new = [next(values) for _ in range(size)]
        claims = [Entry(v[::-1], "image/jpeg", bindings=(Binding(PDQ.name, v),)) for v in new]
        requests = [Request(sign(key, registry.origin, Action.REGISTER, entry=claim)) for claim in claims]
        took = timed(lambda r=requests: registry.submit(r))
        wall, cpu, own = wall + took.wall, cpu + took.cpu, own + took.own
        done += [(value, receipt.leaf) for value, receipt in zip(new, took.result, strict=True)]
    count = batches * size
    return {"ingest_per_s": count / wall, "ingest_per_own_s": count / own, "ingest_per_cpu_s": count / cpu}, done


def lookups(registry: Registry, known: Sequence[Any], values: Values, count: int, seed: int) -> dict[str, Any]:
    """Times and recall of `count` lookups of each kind, half of something registered, half of strangers."""
    rng, index = np.random.default_rng(seed), registry.fingerprints.of(_number(registry))
    out: dict[str, Any] = {}
    watch_database(registry)
    strange = [flipped(values[place].tobytes(), 100, rng) for place in rng.integers(len(values), size=count)]
    planted = [(known[place], int(rng.integers(MAX_DISTANCE + 1))) for place in rng.integers(len(known), size=count)]
    finds, searches, hits, met = [], [], 0, 0
    for (value, leaf), bits in planted[: count // 2]:
        query = flipped(value, bits, rng)
        finds.append(timed(lambda q=query: registry.find_binding(Binding(PDQ.name, q))))
        hits += leaf in {claim.leaf for claim in finds[-1].result}
    for query in strange[: count // 2]:
        finds.append(timed(lambda q=query: registry.find_binding(Binding(PDQ.name, q))))
    with reading(registry.engine) as connection:
        for place, bits in zip(rng.integers(len(values), size=count // 2).tolist(), range(count), strict=False):
            query = flipped(values[place].tobytes(), bits % (MAX_DISTANCE + 1), rng)
            searches.append(timed(lambda q=query: index.near(connection, q)))
            met += NOWHERE + place in searches[-1].result
        searches += [timed(lambda q=query: index.near(connection, q)) for query in strange[: count // 2]]
    for name, times in (("find", finds), ("search", searches)):
        for clock in ("wall", "cpu", "own"):
            taken = [getattr(call, clock) * 1e3 for call in times]
            mark = "" if clock == "wall" else f"{clock}_"
            out |= {f"{name}_{mark}p{which}_ms": float(np.percentile(taken, which)) for which in (50, 99)}
    out["recall_find"], out["recall_search"] = hits / (count // 2), met / (count // 2)
    out["most_found"] = max(len(call.result) for call in searches)
    return out


def measure(kind: str, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Everything at one size."""
    rng = np.random.default_rng(size)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        registry = Registry.create(Path(folder) / "registry", "bench.example", url=options.db)
        try:
            made = KINDS[kind](size + options.batches * options.batch, rng)
            values, fresh = made[:size], iter(v.tobytes() for v in made[size:])
            loaded = timed(lambda: load(registry, values))
            row: dict[str, Any] = {"size": size, "fingerprints": kind, "load_s": loaded.wall, "load_cpu_s": loaded.cpu}
            row |= opening(registry)
            rates, known = ingest(registry, fresh, options.batches, options.batch)
            row |= rates | lookups(registry, known, values, options.lookups, seed=size + 1)
        finally:
            registry.close()
            if options.db:
                _empty(registry)
    return row


def project(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Costs at 100 million by straight lines through what was measured (least squares).

    A lookup probes 272 runs whatever the size and compares size / 65,536 fingerprints of each: a constant and a linear
    part. Reading the table, building and bytes are linear. All of it holds while the index fits into memory. Sizes that
    are too small for an index are left out.
    """
    rows = [row for row in rows if row["index_bytes"]]
    sizes = np.array([row["size"] for row in rows], np.float64)
    out: dict[str, Any] = {"size": PROJECTED, "from": [int(size) for size in sizes]}
    for name in ("search_cpu_p50_ms", "read_cpu_s", "build_cpu_s", "adopt_cpu_s", "index_bytes", "table_bytes"):
        slope, constant = np.polyfit(sizes, [row[name] for row in rows], 1)
        out[name] = float(slope * PROJECTED + constant)
    out["compared_per_lookup_uniform"] = 272 * PROJECTED / 65_536
    return out


def _number(registry: Registry) -> int:
    with reading(registry.engine) as connection:
        return int(connection.scalar(select(t.algorithms.c.id).where(t.algorithms.c.name == PDQ.name)))


def _url(registry: Registry) -> str | None:
    if registry.engine.dialect.name == "sqlite":
        return None
    return registry.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _table_bytes(registry: Registry) -> int:
    if registry.engine.dialect.name == "postgresql":
        with reading(registry.engine) as connection:
            return int(connection.scalar(text("SELECT pg_total_relation_size('bindings')")))
    return sum(path.stat().st_size for path in registry.folder.root.glob("registry.sqlite*"))


def _empty(registry: Registry) -> None:
    with registry.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    registry.engine.dispose()


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 300_000])
    parser.add_argument("--fingerprints", choices=list(KINDS), default="uniform")
    parser.add_argument("--db", help="an empty PostgreSQL database; its schema is dropped afterwards")
    parser.add_argument("--folder", help="where to put the registry; default the system's temporary folder")
    parser.add_argument("--lookups", type=int, default=400)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        rows.append(measure(options.fingerprints, size, options))
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
        sys.stdout.flush()
    report = {"machine": platform.machine(), "python": platform.python_version(), "targets": TARGETS, "rows": rows}
    if sum(row["index_bytes"] > 0 for row in rows) > 1:
        report["projection"] = project(rows)
        sys.stdout.write(json.dumps(report["projection"]) + "\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
