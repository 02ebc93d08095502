"""Monitors and witnesses: a log that only grows satisfies them, one that was rewritten or forked does not."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facevalue.registry.errors import ForkError, LogError
from facevalue.registry.log.checkpoint import open_checkpoint
from facevalue.registry.log.monitor import Monitor
from facevalue.registry.log.note import VerifierKey
from facevalue.registry.log.reader import LogReader
from facevalue.registry.log.source import Folder, open_source
from facevalue.registry.log.witness import Witness, make_request
from facevalue.registry.log.writer import LogWriter

KEY = Ed25519PrivateKey.generate()
SECRET = Ed25519PrivateKey.generate()


def new_log(folder: Path, *items: bytes) -> LogWriter:
    log = LogWriter(folder, "log.example.org", KEY)
    log.create()
    if items:
        log.append(list(items))
    return log


@pytest.fixture
def log(tmp_path: Path) -> LogWriter:
    return new_log(tmp_path / "log", b"a", b"b", b"c")


@pytest.fixture
def monitor(tmp_path: Path, log: LogWriter) -> Monitor:
    monitor = Monitor(tmp_path / "state", log.verifier)
    monitor.visit(Folder(log.folder))
    return monitor


def test_a_growing_log_satisfies_a_monitor(log: LogWriter, monitor: Monitor) -> None:
    assert monitor.seen() == log.head()
    log.append([b"d"] * 300)
    sighting = monitor.visit(Folder(log.folder))
    assert (sighting.before.size, sighting.now.size, sighting.checked) == (3, 303, 303)
    assert monitor.visit(Folder(log.folder)).checked == 0
    assert monitor.visit(Folder(log.folder), everything=True).checked == 303


def test_a_rewritten_log_is_noticed_and_the_evidence_kept(tmp_path: Path, log: LogWriter, monitor: Monitor) -> None:
    forged = new_log(tmp_path / "forged", b"a", b"B", b"c", b"d")
    with pytest.raises(ForkError, match="do not extend the 3 seen before"):
        monitor.visit(Folder(forged.folder))
    assert monitor.seen() == log.head()  # what held is kept
    (evidence,) = monitor.folder.glob("evidence-*")
    before = open_checkpoint((evidence / "before.note").read_bytes(), log.verifier)[0]
    now = open_checkpoint((evidence / "now.note").read_bytes(), log.verifier)[0]
    assert (before, now) == (log.head(), forged.head())


def test_a_fork_of_the_same_size_is_noticed(tmp_path: Path, monitor: Monitor) -> None:
    forged = new_log(tmp_path / "forged", b"a", b"b", b"C")
    with pytest.raises(ForkError, match="different roots"):
        monitor.visit(Folder(forged.folder))


def test_a_log_that_shrank_is_noticed(tmp_path: Path, monitor: Monitor) -> None:
    shorter = new_log(tmp_path / "shorter", b"a", b"b")
    with pytest.raises(ForkError, match="went back from 3 to 2"):
        monitor.visit(Folder(shorter.folder))


def test_an_old_checkpoint_is_not_called_a_fork(log: LogWriter, monitor: Monitor) -> None:
    stale = (log.folder / "checkpoint").read_bytes()
    log.append([b"d"])
    monitor.visit(Folder(log.folder))
    (log.folder / "checkpoint").write_bytes(stale)
    with pytest.raises(LogError, match="old checkpoint") as told:
        monitor.visit(Folder(log.folder))
    assert not isinstance(told.value, ForkError)


def test_tiles_that_do_not_fit_the_checkpoint_are_noticed(log: LogWriter, monitor: Monitor, tmp_path: Path) -> None:
    log.append([b"d"])
    tile = log.folder / "tile/0/000.p/4"
    tile.write_bytes(tile.read_bytes()[:-1] + b"\0")
    with pytest.raises(LogError, match="do not hash to its own checkpoint"):
        monitor.visit(Folder(log.folder))


def test_changed_entries_are_noticed(log: LogWriter, monitor: Monitor) -> None:
    path = log.folder / "tile/entries/000.p/3"
    path.write_bytes(path.read_bytes().replace(b"b", b"B"))
    monitor.visit(Folder(log.folder))  # nothing new, nothing read
    with pytest.raises(LogError, match="do not hash to the log's tile"):
        monitor.visit(Folder(log.folder), everything=True)


@pytest.fixture
def over_http(log: LogWriter, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The log's folder behind a server that knows nothing of logs."""
    monkeypatch.setenv("FACEVALUE_OFFLINE", "0")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Quiet, directory=log.folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_static_files_are_all_that_a_monitor_needs(log: LogWriter, monitor: Monitor, over_http: str) -> None:
    log.append([b"d"] * 260)
    assert monitor.visit(open_source(over_http)).now.size == 263
    with pytest.raises(LogError, match="no checkpoint"):
        LogReader(open_source(over_http + "/nowhere")).checkpoint()
    with pytest.raises(LogError, match="cannot be reached"):
        LogReader(open_source("http://127.0.0.1:9")).checkpoint()


@pytest.fixture
def witness(tmp_path: Path, log: LogWriter) -> Witness:
    return Witness(tmp_path / "witness", "w.example", SECRET, [log.verifier], clock=lambda: 1_700_000_000)


def request_of(log: LogWriter, old: int) -> str:
    reader = LogReader(Folder(log.folder))
    return make_request(old, reader.consistency(old, log.head().size), reader.checkpoint().decode())


def test_a_witness_cosigns_a_log_that_grows(log: LogWriter, witness: Witness) -> None:
    line = witness.add_checkpoint(request_of(log, 0))
    note = log.attach(line, witness.verifier)
    assert len(note.signatures) == 2
    assert (log.folder / "cosigned").read_text() == (log.folder / "checkpoint").read_text() == str(note)
    monitor = Monitor(log.folder.parent / "m", log.verifier, (witness.verifier,))
    assert monitor.visit(Folder(log.folder)).cosigned == (("w.example", 1_700_000_000),)
    log.append([b"d"])
    again = witness.add_checkpoint(request_of(log, 3))
    log.append([b"e"])
    with pytest.raises(LogError, match="neither"):
        log.attach(again, witness.verifier)
    assert "\n3\n" in (log.folder / "cosigned").read_text()


def test_a_witness_never_cosigns_a_fork(tmp_path: Path, log: LogWriter, witness: Witness) -> None:
    witness.add_checkpoint(request_of(log, 0))
    forged = new_log(tmp_path / "forged", b"a", b"B", b"c", b"d")
    with pytest.raises(ForkError):
        witness.add_checkpoint(request_of(forged, 3))
    shorter = new_log(tmp_path / "shorter", b"a", b"b")
    with pytest.raises(ForkError):
        witness.add_checkpoint(make_request(3, (), (shorter.folder / "checkpoint").read_text()))
    with pytest.raises(LogError, match="last saw 3 entries, not 0"):
        witness.add_checkpoint(request_of(forged, 0))
    restarted = Witness(witness.folder, witness.name, SECRET, [log.verifier])
    with pytest.raises(ForkError):
        restarted.add_checkpoint(request_of(forged, 3))


@pytest.mark.parametrize("request_", ["", "old 0\n", "old -1\n\nx", "old 00\n\nx", "old 0\nAA\n\nx", "old 0\n!!\n\nx"])
def test_malformed_requests_are_refused(witness: Witness, request_: str) -> None:
    with pytest.raises(LogError):
        witness.add_checkpoint(request_)


def test_a_witness_cosigns_only_logs_it_knows(tmp_path: Path, log: LogWriter) -> None:
    stranger = Witness(tmp_path / "w", "w.example", SECRET, [VerifierKey("other.example", bytes(32))])
    with pytest.raises(LogError, match="does not watch"):
        stranger.add_checkpoint(request_of(log, 0))


def test_evidence_outlives_the_log(tmp_path: Path, log: LogWriter, monitor: Monitor) -> None:
    shutil.rmtree(log.folder)
    with pytest.raises(LogError, match="not a folder"):
        open_source(log.folder)
    assert monitor.seen().size == 3
