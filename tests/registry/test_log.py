"""The log as files: C2SP tlog-tiles paths and contents, appending, and what a reader refuses."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from facevalue.registry.errors import LogError
from facevalue.registry.log import merkle
from facevalue.registry.log.paths import Tile, bundle, parse_path, tile_at, tiles_of
from facevalue.registry.log.reader import LogReader, make_bundle, parse_bundle
from facevalue.registry.log.source import Folder, Memory, open_source
from facevalue.registry.log.writer import LogWriter

ORIGIN = "log.example.org"


@pytest.fixture
def log(tmp_path: Path) -> LogWriter:
    writer = LogWriter(tmp_path / "log", ORIGIN, Ed25519PrivateKey.generate())
    writer.create()
    return writer


def items(count: int, seed: int = 0) -> list[bytes]:
    return [random.Random(seed + i).randbytes(32) for i in range(count)]


def test_paths_are_those_of_the_specification() -> None:
    assert Tile(0, 1234067).path == "tile/0/x001/x234/067"
    assert Tile(1, 0, 17).path == "tile/1/000.p/17"
    assert bundle(999).path == "tile/entries/999"
    assert bundle(1000, 8).path == "tile/entries/x001/000.p/8"
    # The example of the specification: a tree of 70,000.
    tiles = list(tiles_of(0, 70_000))
    assert sum(t.level == 0 and t.width == 256 for t in tiles) == 273
    assert [(t.level, t.width) for t in tiles if t.width < 256] == [(0, 112), (1, 17), (2, 1)]
    assert [(t.level, t.width) for t in tiles_of(0, 256)] == [(0, 256), (1, 1)]


@given(st.integers(-1, 63), st.integers(0, 1 << 40), st.integers(1, 256))
def test_a_path_names_one_tile(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/00/001",
        "tile/64/001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/../001",
        "/tile/0/001",
        "tile/0/001\n",
        "tile/0/٠٠١",
        "tile/entries/001.p/",
        "../log.pem",
        "",
        "tile/" + "9" * 10_000,
    ],
)
def test_other_paths_name_nothing(path: str, log: LogWriter) -> None:
    assert parse_path(path) is None
    with pytest.raises(LogError):
        Folder(log.folder).read(path)


def test_appending_in_steps_gives_the_tree_of_all(log: LogWriter) -> None:
    leaves: list[bytes] = []
    for step in (0, 1, 2, 253, 1, 255, 1, 600):
        added = items(step, len(leaves))
        head = log.append(added)
        leaves += [merkle.leaf_hash(item) for item in added]
        assert (head.size, head.root) == (len(leaves), merkle.tree_root(merkle.memory_reader(leaves), len(leaves)))
        assert log.head() == head
    reader = LogReader(Folder(log.folder))
    assert reader.root(300) == merkle.tree_root(merkle.memory_reader(leaves), 300)
    for index in (0, 255, 256, 1112):
        path = reader.inclusion(index, head.size)
        merkle.verify_inclusion(leaves[index], index, head.size, path, head.root)
    proof = reader.consistency(257, head.size)
    merkle.verify_consistency(257, head.size, reader.root(257), head.root, proof)
    assert sum(len(reader.entries(n, head.size)) for n in range(5)) == 1113


def test_the_files_are_those_of_tlog_tiles(log: LogWriter) -> None:
    log.append(items(256 + 3))
    files = {str(path.relative_to(log.folder)) for path in log.folder.rglob("*") if path.is_file()}
    assert files - {".lock"} == {
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/3",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/3",
    }
    assert (log.folder / "tile/0/000").stat().st_size == 8192
    assert (log.folder / "tile/1/000.p/1").read_bytes() == merkle.fold([merkle.leaf_hash(item) for item in items(256)])
    assert parse_bundle((log.folder / "tile/entries/001.p/3").read_bytes()) == items(259)[256:]


def test_a_partial_tile_goes_when_the_full_one_is_there_and_old_readers_still_read(log: LogWriter) -> None:
    old = log.append(items(255))
    log.append(items(1, 255))
    assert not (log.folder / "tile/0/000.p").exists()
    reader = LogReader(Folder(log.folder))
    assert reader.root(255) == old.root
    assert reader.entries(0, 255) == items(255)


def test_two_writers_of_one_log_do_not_overwrite_each_other(log: LogWriter) -> None:
    second = LogWriter(log.folder, ORIGIN, log.key)
    for number in range(6):
        (log, second)[number % 2].append(items(1, number))
    assert log.head().size == 6
    assert LogReader(Folder(log.folder)).entries(0, 6) == items(6)


def test_appending_at_another_size_than_expected_is_refused(log: LogWriter) -> None:
    log.append(items(2), at=0)
    with pytest.raises(LogError, match="2 entries, not 1"):
        log.append(items(1), at=1)


def test_what_a_crash_left_beyond_the_checkpoint_does_not_exist(log: LogWriter) -> None:
    before = log.append(items(2))
    checkpoint = (log.folder / "checkpoint").read_bytes()
    log.append(items(3, 50))
    (log.folder / "checkpoint").write_bytes(checkpoint)  # as if killed before the new checkpoint
    again = LogWriter(log.folder, ORIGIN, log.key)
    assert again.head() == before
    again.append(items(3, 90))
    assert LogReader(Folder(log.folder)).entries(0, 5) == items(2) + items(3, 90)


def test_damaged_files_are_noticed(log: LogWriter) -> None:
    head = log.append(items(5))
    tile, entries = log.folder / "tile/0/000.p/5", log.folder / "tile/entries/000.p/5"
    good = entries.read_bytes()
    for bad in (good[:-1], good + b"\0", good[:2] + bytes(32) + good[34:]):
        entries.write_bytes(bad)
        with pytest.raises(LogError):
            LogReader(Folder(log.folder)).entries(0, 5)
    tile.write_bytes(tile.read_bytes()[:-1])
    with pytest.raises(LogError, match="wrong size"):
        LogReader(Folder(log.folder)).root(head.size)
    tile.unlink()
    with pytest.raises(LogError, match="lacks"):
        LogReader(Folder(log.folder)).root(head.size)
    with pytest.raises(LogError, match="no log here"):
        LogReader(Memory({})).checkpoint()
    with pytest.raises(LogError):
        LogReader(Folder(log.folder)).tile(0, 1, 5)


def test_bundles_hold_entries_up_to_their_limit() -> None:
    entries = [b"", b"a", bytes(65_535)]
    assert parse_bundle(make_bundle(entries)) == entries
    with pytest.raises(LogError):
        make_bundle([bytes(65_536)])
    for cut in (b"\0", b"\0\x05abc"):
        with pytest.raises(LogError, match="cut short"):
            parse_bundle(cut)


def test_a_source_is_a_folder_or_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facevalue.errors import OfflineError

    with pytest.raises(LogError, match="not a folder"):
        open_source(tmp_path / "nowhere")
    monkeypatch.setenv("FACEVALUE_OFFLINE", "0")
    with pytest.raises(LogError):
        open_source("file:///etc")
    monkeypatch.setenv("FACEVALUE_OFFLINE", "1")
    with pytest.raises(OfflineError):
        open_source("https://log.example.org")


def test_tile_at_the_edge() -> None:
    assert [tile_at(0, n, 300).width for n in range(3)] == [256, 44, 0]
    assert [tile_at(n, 0, 300).width for n in range(3)] == [256, 1, 0]
