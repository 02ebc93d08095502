"""What was acknowledged is there: after kill -9 at any moment, on a full disk, and with two writers at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from make_registry import MARK, ORIGIN, Party, entry, pdq, sha

from facevalue.registry import Action, Binding, Registry, RegistryError, Request, sign, verify_proof
from facevalue.registry.keys import load_key
from facevalue.registry.log.monitor import Monitor
from facevalue.registry.log.reader import LogReader
from facevalue.registry.log.source import Folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


def batch(key: Any, writer: str, start: int, count: int) -> tuple[list[str], list[Request]]:
    names = [f"{writer}/{n}" for n in range(start, start + count)]
    claims = [entry(name, bindings=(pdq(sha(name)), Binding(MARK, sha(name)[:8]))) for name in names]
    return names, [Request(sign(key, ORIGIN, Action.REGISTER, entry=claim)) for claim in claims]


def write_forever(root: Path, url: str | None, writer: str, told: int, limit: int | None = None) -> None:
    """Register batches of 1 to 20, and write down each acknowledgement as "leaf name" once it is given."""
    registry = Registry.open(root, url=url)
    key, rng, done = load_key(registry.folder.owner_key), random.Random(writer), 0
    os.write(told, b"begun\n")
    while limit is None or done < limit:
        names, requests = batch(key, writer, done, rng.randint(1, 20) if limit is None else 1)
        for name, receipt in zip(names, registry.submit(requests), strict=True):
            os.write(told, f"{receipt.leaf} {name}\n".encode())
        done += len(names)
    registry.close()


@contextlib.contextmanager
def writer_process(root: Path, url: str | None, writer: str, limit: int | None = None) -> Iterator[tuple[Any, Any]]:
    """A forked process, and the reading end of what it acknowledges."""
    reading, writing = os.pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=write_forever, args=(root, url, writer, writing, limit))
    process.start()
    os.close(writing)
    with os.fdopen(reading, "rb") as lines:
        yield process, lines
        if process.is_alive():
            process.kill()
        process.join()


def acknowledged(lines: Iterable[bytes]) -> dict[int, str]:
    whole = [line.decode().split() for line in lines if line.endswith(b"\n") and line != b"begun\n"]
    return {int(leaf): name for leaf, name in whole}


def check_everything(root: Path, url: str | None, acks: dict[int, str], seen: Path) -> int:
    """Every acknowledged entry is present and proven, every entry is whole, and the log only grew."""
    from sqlalchemy import func, select

    from facevalue.registry.store import tables as t

    registry = Registry.open(root, url=url)
    size = registry.size()
    assert registry.pending() == 0
    sighting = Monitor(seen, registry.log.verifier).visit(Folder(registry.folder.log), everything=True)
    assert sighting.now.size == size
    assert sighting.checked == size
    entries = [e for n in range(-(-size // 256)) for e in LogReader(Folder(registry.folder.log)).entries(n, size)]
    with registry.engine.connect() as connection:
        rows = connection.execute(select(t.leaves.c.leaf, t.leaves.c.commitment).order_by(t.leaves.c.leaf)).all()
        assert [bytes(row.commitment) for row in rows] == entries
        assert [row.leaf for row in rows] == list(range(size))
        for table, each in ((t.entries, 1), (t.bindings, 2), (t.nonces, 1)):
            assert connection.scalar(select(func.count()).select_from(table)) == each * size, table.name
    assert max(acks, default=-1) < size
    for leaf, name in sorted(acks.items())[-40:]:
        assert [c.leaf for c in registry.find_content(sha(name))] == [leaf]
        assert [c.leaf for c in registry.find_binding(pdq(sha(name)))] == [leaf]
        proven = verify_proof(registry.proof(leaf), log=registry.log.verifier, content=sha(name))
        assert proven.leaf == leaf
    registry.close()
    return size


def check_growth(root: Path, url: str | None, acks: dict[int, str], seen: Path) -> None:
    """What can be checked often: the log only grew, what it gained is whole, and what was acknowledged is there."""
    registry = Registry.open(root, url=url)
    assert registry.pending() == 0
    sighting = Monitor(seen, registry.log.verifier).visit(Folder(registry.folder.log))
    assert sighting.now.size == registry.size() > max(acks, default=-1)
    for leaf, name in acks.items():
        assert [c.leaf for c in registry.find_content(sha(name))] == [leaf]
    for leaf in sorted(acks)[-1:]:
        verify_proof(registry.proof(leaf), log=registry.log.verifier, content=sha(acks[leaf]))
    registry.close()


def kill_at_random(party: Party, times: int, seen: Path, seed: int = 1, every: int = 1, longest: float = 0.3) -> None:
    """Kill a writer so often, each within so many seconds. Everything is checked after every so many kills and at the
    end, and what was gained a few times in between: to check all of a log that grows takes ever longer.
    """
    rng, root = random.Random(seed), party.registry.folder.root
    party.registry.close()
    acks: dict[int, str] = {}
    fresh: dict[int, str] = {}
    for number in range(1, times + 1):
        with writer_process(root, party.url, f"w{number}") as (process, lines):
            assert lines.readline() == b"begun\n"
            if number % 2 == 0:  # every other time, wait for a first acknowledgement
                fresh |= acknowledged([lines.readline()])
            time.sleep(rng.uniform(0, longest))
            os.kill(process.pid, signal.SIGKILL)
            fresh |= acknowledged(lines)
        assert process.exitcode == -signal.SIGKILL
        if number % every == 0 or number == times:
            check_everything(root, party.url, acks := acks | fresh, seen)
        elif number % 5 == 0:
            check_growth(root, party.url, fresh, seen)
            acks, fresh = acks | fresh, {}
    assert len(set(acks.values())) == len(acks) >= times // 2


def test_killed_at_a_few_random_moments(local: Party, tmp_path: Path) -> None:
    kill_at_random(local, 4, tmp_path / "seen")


@pytest.mark.slow
def test_killed_at_two_hundred_random_moments(local: Party, tmp_path: Path) -> None:
    kill_at_random(local, 200, tmp_path / "seen", seed=2, every=50, longest=0.15)


@pytest.mark.slow
def test_killed_at_random_moments_with_postgresql(postgres: str, tmp_path: Path) -> None:
    kill_at_random(Party(tmp_path / "registry", postgres), 20, tmp_path / "seen", seed=3, every=5)


@pytest.mark.parametrize("moment", ["before the tiles", "before the checkpoint", "after the checkpoint"])
def test_killed_at_each_step_of_an_append(local: Party, tmp_path: Path, moment: str) -> None:
    """The process dies exactly there, without unwinding: what the database took is finished by the next one."""
    from facevalue.registry.log.writer import LogWriter

    root, key = local.registry.folder.root, local.owner
    local.registry.close()

    def die(*_: Any, **__: Any) -> None:
        os._exit(9)

    def doomed() -> None:
        registry = Registry.open(root)
        step = {"before the tiles": "_bundles", "before the checkpoint": "_publish", "after the checkpoint": "_tidy"}
        setattr(LogWriter, step[moment], die)
        registry.submit(batch(key, "doomed", 0, 3)[1])

    process = multiprocessing.get_context("fork").Process(target=doomed)
    process.start()
    process.join()
    assert process.exitcode == 9
    assert check_everything(root, None, {}, tmp_path / "seen") == 3


def test_two_writers_at_once_lose_nothing(party: Party, tmp_path: Path) -> None:
    root = party.registry.folder.root
    party.registry.close()
    with writer_process(root, party.url, "one", 12) as one, writer_process(root, party.url, "two", 12) as two:
        first, second = acknowledged(one[1]), acknowledged(two[1])
        one[0].join()
        two[0].join()
        assert (one[0].exitcode, two[0].exitcode) == (0, 0)
    assert len(first) == len(second) == 12
    assert not first.keys() & second.keys()
    assert check_everything(root, party.url, first | second, tmp_path / "seen") == 24


def test_a_reader_never_sees_what_the_log_lacks(local: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    from facevalue.registry.log.writer import LogWriter

    def full(*_: Any, **__: Any) -> None:
        raise RegistryError("no space is left")

    with monkeypatch.context() as broken:
        broken.setattr(LogWriter, "_publish", full)
        request = local.ask(Action.REGISTER, entry=entry())
        with pytest.raises(RegistryError, match="no space"):
            local.registry.submit_one(request)
    assert local.registry.pending() == 1
    assert local.registry.find_content(sha("a")) == []
    local.add(entry("b"))  # the next writer finishes what was begun
    assert [c.leaf for c in local.registry.find_content(sha("a"))] == [0]
    with pytest.raises(RegistryError, match="it became leaf 0"):
        local.registry.submit_one(request)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1.5 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux, to mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def test_a_full_disk_is_said_and_tears_nothing(small_disk: Path, tmp_path: Path) -> None:
    party = Party(small_disk / "registry")
    ballast = small_disk / "ballast"
    acks: dict[int, str] = {}

    def fill() -> RegistryError:
        for number in range(200):
            names, requests = batch(party.owner, "w", 20 * (len(acks) + number), 20)
            try:
                receipts = party.registry.submit(requests)
            except RegistryError as error:
                return error
            acks.update({r.leaf: name for r, name in zip(receipts, names, strict=True)})
        pytest.fail("the disk never filled")

    ballast.write_bytes(bytes(200 << 10))
    assert "no space is left" in str(fill())
    assert "no space is left" in str(fill())  # and again: the refusal does not wear off
    party.registry.close()
    ballast.unlink()
    check_everything(party.registry.folder.root, None, acks, tmp_path / "seen")


def test_a_limit_on_file_sizes_is_said_and_tears_nothing(local: Party, tmp_path: Path) -> None:
    """What needs no root: the kernel refuses to let files grow, as a full disk does."""
    import resource

    root, key = local.registry.folder.root, local.owner
    local.add(entry("before"))
    local.registry.close()
    reading, writing = os.pipe()

    def limited() -> None:
        registry = Registry.open(root)
        size = (root / "registry.sqlite").stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            for number in range(100):
                registry.submit(batch(key, "limited", 50 * number, 50)[1])
        except RegistryError as error:
            os.write(writing, str(error).encode())

    process = multiprocessing.get_context("fork").Process(target=limited)
    process.start()
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        sentence = told.read().decode()
    process.join()
    assert process.exitcode == 0
    assert sentence.startswith(("no space is left", "the registry's database refused"))
    registry = Registry.open(root)
    assert registry.pending() == 0
    assert [c.leaf for c in registry.find_content(sha("before"))] == [0]
    Monitor(tmp_path / "seen", registry.log.verifier).visit(Folder(registry.folder.log), everything=True)
    registry.close()
