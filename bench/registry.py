"""How fast the registry takes entries and finds fingerprints, and what that costs as it grows; not a test.

    python bench/registry.py [--sizes 10000 100000] [--db postgresql://...] [--folder DIR] [--lookups 300] [--json FILE]

For each size: random 256-bit fingerprints are loaded into the index in one sorted pass (the time to build it), queries
are flipped copies of them at distances 0 to 31 and strangers (lookup times, recall), and then signed submissions go
through the whole registry in batches (durable: database and log are flushed before each acknowledgement). From the
sizes, the cost at 100 million is projected with a fitted line, and what that rests on is said.

Times are given as the wall saw them and as processor time: on a shared machine only the latter says much.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select, text

from facevalue.registry import Action, Entry, Registry, Request, sign
from facevalue.registry.keys import load_key
from facevalue.registry.store import search
from facevalue.registry.store import tables as t
from facevalue.registry.store.bands import BAND_BITS, BANDS, MAX_DISTANCE
from facevalue.registry.store.database import FILE_NAME, reading, writing
from facevalue.registry.words import PDQ, Binding

TARGETS = {"lookup_p50_ms": 5.0, "lookup_p99_ms": 25.0, "ingest_per_s": 200.0}
PROJECTED = 100_000_000
PIECE = 200_000


def timed(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Wall seconds, processor seconds, result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def load(registry: Registry, values: npt.NDArray[np.uint8]) -> None:
    """Put the bands of fingerprints uint8 (n, 32) into the index, in its own order, by the driver's fastest way."""
    number = _number(registry)
    words = values.view(">u2").astype(np.int64) | (np.arange(BANDS) << BAND_BITS) | (number << BAND_BITS + 4)
    keys = words.ravel()
    order = np.argsort(keys, kind="stable")
    with writing(registry.engine) as connection:
        for start in range(0, len(order), PIECE):
            piece = order[start : start + PIECE]
            entries = piece // BANDS
            blobs = values[entries].tobytes()
            pieces = (blobs[i : i + 32] for i in range(0, len(blobs), 32))
            put(connection, list(zip(keys[piece].tolist(), entries.tolist(), pieces, strict=True)))
    if registry.engine.dialect.name == "sqlite":
        with registry.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    if registry.engine.dialect.name == "postgresql":
        with registry.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE bands"))


def put(connection: Connection, rows: list[tuple[int, int, bytes]]) -> None:
    """Insert rows of bands: executemany in SQLite, COPY in PostgreSQL."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO bands VALUES (?, ?, ?)", rows)
        return
    with connection.connection.cursor() as cursor, cursor.copy("COPY bands (key, entry, value) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def lookups(registry: Registry, values: npt.NDArray[np.uint8], count: int, seed: int) -> dict[str, Any]:
    """Times of `count` queries, half planted at distances 0..31, half strangers, and the recall on the planted."""
    rng, number = np.random.default_rng(seed), _number(registry)
    walls, cpus, found, planted, candidates = [], [], 0, 0, []
    with reading(registry.engine) as connection:
        search.near_fingerprints(connection, number, values[0].tobytes())  # prepares the statement
        for turn in range(count):
            place = int(rng.integers(len(values)))
            query = _flipped(values[place], int(rng.integers(0, MAX_DISTANCE + 1)), rng)
            if turn % 2:
                query = rng.bytes(32)
            wall, cpu, hits = timed(lambda q=query: search.near_fingerprints(connection, number, q))
            walls.append(wall)
            cpus.append(cpu)
            if not turn % 2:
                planted += 1
                found += place in hits
        candidates = _candidates(connection, number)
    return {
        "lookup_p50_ms": _percentile(walls, 50),
        "lookup_p99_ms": _percentile(walls, 99),
        "lookup_cpu_p50_ms": _percentile(cpus, 50),
        "lookup_cpu_p99_ms": _percentile(cpus, 99),
        "recall": found / planted,
        "rows_per_key": candidates,
    }


def ingest(registry: Registry, batches: int, size: int, seed: int) -> dict[str, float]:
    """Signed submissions through the whole registry; entries a second, signing left out."""
    key, rng = load_key(registry.folder.owner_key), np.random.default_rng(seed)
    wall = cpu = 0.0
    for _ in range(batches):
        claims = [Entry(rng.bytes(32), "image/jpeg", bindings=(Binding(PDQ.name, rng.bytes(32)),)) for _ in range(size)]
        requests = [Request(sign(key, registry.origin, Action.REGISTER, entry=claim)) for claim in claims]
        took, used, _ = timed(lambda r=requests: registry.submit(r))
        wall, cpu = wall + took, cpu + used
    return {"ingest_per_s": batches * size / wall, "ingest_per_cpu_s": batches * size / cpu}


def measure(size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Everything at one size."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        registry = Registry.create(Path(folder) / "registry", "bench.example", url=options.db)
        try:
            values = np.random.default_rng(size).integers(0, 256, (size, 32), dtype=np.uint8)
            wall, cpu, _ = timed(lambda: load(registry, values))
            row = {"size": size, "build_s": wall, "build_cpu_s": cpu, "index_bytes": _index_bytes(registry)}
            row |= lookups(registry, values, options.lookups, seed=size + 1)
            row |= ingest(registry, options.batches, options.batch, seed=size + 2)
        finally:
            if options.db:
                _empty(registry)
            registry.close()
    return row


def project(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Lookup, index and build at 100 million, by straight lines through what was measured (least squares).

    A lookup probes 272 keys whatever the size, and reads size / 65,536 rows at each: a constant and a linear part.
    """
    sizes = np.array([row["size"] for row in rows], np.float64)
    out: dict[str, Any] = {"size": PROJECTED, "from": [int(size) for size in sizes]}
    for name in ("lookup_cpu_p50_ms", "index_bytes", "build_cpu_s"):
        slope, constant = np.polyfit(sizes, [row[name] for row in rows], 1)
        out[name] = float(slope * PROJECTED + constant)
    out["rows_read_per_lookup"] = 272 * PROJECTED / 65_536
    return out


def _number(registry: Registry) -> int:
    with reading(registry.engine) as connection:
        return int(connection.scalar(select(t.algorithms.c.id).where(t.algorithms.c.name == PDQ.name)))


def _candidates(connection: Any, number: int) -> float:
    low, high = number << BAND_BITS + 4, (number << BAND_BITS + 4) + (1 << BAND_BITS)
    rows = connection.scalar(
        select(func.count()).select_from(t.bands).where(t.bands.c.key >= low, t.bands.c.key < high)
    )
    return rows / (1 << BAND_BITS)


def _flipped(value: npt.NDArray[np.uint8], bits: int, rng: np.random.Generator) -> bytes:
    unpacked = np.unpackbits(value)
    unpacked[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(unpacked).tobytes()


def _percentile(seconds: Sequence[float], which: float) -> float:
    return float(np.percentile(seconds, which) * 1e3)


def _index_bytes(registry: Registry) -> int:
    if registry.engine.dialect.name == "postgresql":
        with reading(registry.engine) as connection:
            return int(connection.scalar(text("SELECT pg_total_relation_size('bands')")))
    return sum(path.stat().st_size for path in registry.folder.root.glob(f"{FILE_NAME}*"))


def _empty(registry: Registry) -> None:
    with registry.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--db", help="an empty PostgreSQL database; its schema is dropped afterwards")
    parser.add_argument("--folder", help="where to put the registry; default the system's temporary folder")
    parser.add_argument("--lookups", type=int, default=300)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for size in options.sizes:
        rows.append(measure(size, options))
        sys.stdout.write(json.dumps(rows[-1]) + "\n")
        sys.stdout.flush()
    report = {"machine": platform.machine(), "python": platform.python_version(), "targets": TARGETS, "rows": rows}
    if len(rows) > 1:
        report["projection"] = project(rows)
        sys.stdout.write(json.dumps(report["projection"]) + "\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
