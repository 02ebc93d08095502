"""The index of fingerprints: exact whatever the data, whoever wrote the files, and whatever became of them."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_registry import MARK, ORIGIN, Party, entry, pdq, sha

from facevalue.registry import Action, Binding, Registry, RegistryError
from facevalue.registry.store import fingerprints as module
from facevalue.registry.store.bands import as_rows, band_words, distances, probe_words
from facevalue.registry.store.segment import BadSegment, Segment

TAIL = 40


def flipped(value: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(value, "big")
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(32, "big")


def apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def clustered(seed: int, count: int) -> list[bytes]:
    """Fingerprints as they come in life: copies, families of near copies, blank ones, and strangers."""
    rng = random.Random(seed)
    centres = [rng.randbytes(32) for _ in range(4)]
    kinds = (
        lambda: rng.randbytes(32),
        lambda: bytes(32),
        lambda: flipped(rng.choice(centres), rng.sample(range(256), rng.randrange(40))),
        lambda: rng.choice(centres),
    )
    return [rng.choice(kinds)() for _ in range(count)]


# -- pure ----------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_distances_are_counts_of_bits(value: bytes, others: list[bytes]) -> None:
    everything = [*others, value, bytes(255 - b for b in value)]
    assert distances(value, as_rows(b"".join(everything))).tolist() == [apart(value, o) for o in everything]


def test_distances_are_right_across_pieces() -> None:
    values = np.random.default_rng(1).integers(0, 256, (20_001, 32), np.uint8)
    got = distances(values[7].tobytes(), as_rows(values.tobytes()))
    assert got.tolist() == np.unpackbits(values ^ values[7], axis=1).sum(axis=1).tolist()


@given(st.binary(min_size=32, max_size=32), st.sets(st.integers(0, 255), max_size=31))
def test_two_within_31_bits_meet_in_a_probe(value: bytes, bits: set[int]) -> None:
    stored = band_words(as_rows(flipped(value, list(bits))))[:, 0]
    probes = probe_words(value)
    assert any(word in row for word, row in zip(stored.tolist(), probes.tolist(), strict=True))
    assert all(len(set(row)) == 17 for row in probes.tolist())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(0, 31))
def test_a_segment_finds_all_and_no_other(seed: int, count: int, distance: int) -> None:
    values = clustered(seed, count)
    segment = Segment.build(0, count, np.arange(count), as_rows(b"".join(values)))
    for query in (values[0], bytes(32), flipped(values[-1], [2 * n for n in range(31)])):
        entries, bits = segment.near(query, distance)
        wanted = {n: apart(query, v) for n, v in enumerate(values) if apart(query, v) <= distance}
        assert dict(zip(entries.tolist(), bits.tolist(), strict=True)) == wanted


def test_a_large_segment_probes_its_bands() -> None:
    """Random fingerprints are many enough here for the bands to be used, and few candidates are met."""
    values = np.random.default_rng(2).integers(0, 256, (20_000, 32), np.uint8)
    segment = Segment.build(0, 20_000, np.arange(20_000), as_rows(values.tobytes()))
    rng = random.Random(4)
    for place in range(0, 20_000, 400):
        query = flipped(values[place].tobytes(), rng.sample(range(256), 31))
        met = segment._candidates(query)
        assert met is not None
        assert len(met) < 200
        assert set(segment.near(query)[0].tolist()) == {place}


def test_a_file_says_what_was_saved_and_damage_is_found_out(tmp_path: Path) -> None:
    values = clustered(5, 300)
    segment = Segment.build(3, 900, np.arange(300) * 2, as_rows(b"".join(values)))
    path = segment.save(tmp_path, 7)
    loaded = Segment.load(path, 7)
    assert (loaded.after, loaded.last, len(loaded)) == (3, 900, 300)
    assert sorted(loaded.near(values[0])[0].tolist()) == sorted(segment.near(values[0])[0].tolist())
    whole = path.read_bytes()
    with pytest.raises(BadSegment):
        Segment.load(path, 8)
    for damaged in (b"", whole[:40], whole[:-1], whole + b"x", b"x" + whole[1:], whole[:9000] + b"!" + whole[9001:]):
        path.write_bytes(damaged)
        with pytest.raises(BadSegment):
            Segment.load(path, 7)


# -- beside a database ---------------------------------------------------------------------------------------------


@pytest.fixture
def short_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAIL_ROWS", TAIL)
    monkeypatch.setattr(module, "_FETCH", 25)


def add(party: Party, values: list[bytes], first: int = 0) -> list[int]:
    requests = [
        party.ask(Action.REGISTER, entry=entry(str(first + n), bindings=(pdq(v),))) for n, v in enumerate(values)
    ]
    return [receipt.leaf for receipt in party.registry.submit(requests)]


def check(registry: Registry, values: dict[int, bytes], queries: list[bytes]) -> None:
    for query in queries:
        wanted = sorted((apart(query, v), leaf) for leaf, v in values.items() if apart(query, v) <= 31)
        assert [(c.distance, c.leaf) for c in registry.find_binding(pdq(query))] == wanted


def files(party: Party) -> list[str]:
    return sorted(path.name for path in (party.registry.folder.root / "fingerprints").glob("*.bands"))


def settle(registry: Registry) -> None:
    registry.fingerprints.close()


@pytest.mark.usefixtures("short_tail")
def test_segments_grow_and_merge_while_nothing_is_missed(party: Party) -> None:
    values: dict[int, bytes] = {}
    counts = []
    for round_ in range(8):
        new = clustered(round_, 25)
        values |= dict(zip(add(party, new, 25 * round_), new, strict=True))
        check(party.registry, values, [new[0], bytes(32), sha(str(round_))])
        settle(party.registry)
        counts.append(len(files(party)))
    assert max(counts) >= 1
    assert counts[-1] <= 4
    other = Registry.open(party.registry.folder.root, url=party.url)  # takes the files over
    check(other, values, [new[3], bytes(32)])
    other.close()


@pytest.mark.usefixtures("short_tail")
def test_a_tail_that_is_too_long_becomes_several_segments(local: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SEGMENT_ROWS", 50)
    new = clustered(8, 120)
    values = dict(zip(add(local, new), new, strict=True))
    for _ in range(2):
        check(local.registry, values, [new[0], new[60], new[119], bytes(32)])
        settle(local.registry)
    assert files(local) == ["1-0-50.bands", "1-100-120.bands", "1-50-100.bands"]


@pytest.mark.usefixtures("short_tail")
def test_what_another_process_indexed_is_taken_over(local: Party) -> None:
    first = clustered(1, 60)
    values = dict(zip(add(local, first), first, strict=True))
    other = Registry.open(local.registry.folder.root)
    check(local.registry, values, [bytes(32)])
    settle(local.registry)
    held = files(local)
    check(other, values, [bytes(32)])
    settle(other)
    check(other, values, [bytes(32), first[0]])
    assert files(local) == held
    more = clustered(2, 60)
    values |= dict(zip(add(local, more, 60), more, strict=True))
    for registry in (other, local.registry, other):
        check(registry, values, [bytes(32), more[0]])
        settle(registry)
    other.close()


@pytest.mark.usefixtures("short_tail")
@pytest.mark.parametrize("harm", ["cut off", "changed", "removed", "of another database", "of another name"])
def test_a_harmed_file_is_made_anew(local: Party, harm: str, tmp_path: Path) -> None:
    new = clustered(3, 60)
    values = dict(zip(add(local, new), new, strict=True))
    check(local.registry, values, [new[0]])
    local.registry.close()
    (name,) = files(local)
    path = local.registry.folder.root / "fingerprints" / name
    whole = path.read_bytes()
    if harm == "cut off":
        path.write_bytes(whole[: len(whole) // 2])
    elif harm == "changed":
        path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    elif harm == "removed":
        path.unlink()
    elif harm == "of another database":
        number, after, last = map(int, name.removesuffix(".bands").split("-"))
        strange = as_rows(b"".join(clustered(9, 60)))
        Segment.build(after, last, np.arange(60), strange).save(path.parent, number)
    else:
        path.rename(path.with_name("1-0-99999.bands"))
    again = Registry.open(local.registry.folder.root)
    check(again, values, [new[0], bytes(32), new[-1]])
    settle(again)
    check(again, values, [new[0], bytes(32), new[-1]])
    again.close()


@pytest.mark.usefixtures("short_tail")
@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("facevalue.registry.store.fingerprints.locked", PermissionError(13, "Permission denied")),
        ("facevalue.registry.store.segment.write_durably", RegistryError("no space is left")),
        ("facevalue.registry.store.segment.write_durably", OSError(5, "Input/output error")),
    ],
)
def test_a_folder_that_cannot_be_written_to_only_costs_memory(
    local: Party, monkeypatch: pytest.MonkeyPatch, what: str, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(what, refuse)
    new = clustered(4, 60)
    values = dict(zip(add(local, new), new, strict=True))
    for _ in range(2):
        check(local.registry, values, [new[0], bytes(32)])
        settle(local.registry)
    assert files(local) == []


@pytest.mark.usefixtures("short_tail")
def test_what_a_killed_process_left_is_swept_up(local: Party) -> None:
    new = clustered(7, 60)
    values = dict(zip(add(local, new), new, strict=True))
    folder = local.registry.folder.root / "fingerprints"
    folder.mkdir()
    (folder / "1-0-60.bands.0.tmp").write_bytes(b"half a file")
    check(local.registry, values, [new[0]])
    settle(local.registry)
    check(local.registry, values, [new[0], bytes(32)])
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []


@pytest.mark.usefixtures("short_tail")
def test_many_threads_find_while_others_register(party: Party) -> None:
    """Whoever looks sees at least what was acknowledged before it looked."""
    done: list[int] = []
    wrong: list[str] = []
    value = sha("the one")
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            before = len(done)
            found = len(party.registry.find_binding(pdq(value)))
            if found < before:
                wrong.append(f"{found} of {before}")

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    for number in range(6):
        done.extend(add(party, [value] * 10, 10 * number))
    stop.set()
    for watcher in watchers:
        watcher.join()
    assert wrong == []
    assert len(party.registry.find_binding(pdq(value))) == 60


def test_a_registry_of_the_first_tables_is_brought_to_these(party: Party) -> None:
    """And back again, which fills the old table anew."""
    from alembic import command
    from sqlalchemy import text

    from facevalue.registry.store import migrate

    values = clustered(6, 12)
    kept = dict(zip(add(party, values), values, strict=True))
    with party.registry.engine.begin() as connection:
        command.downgrade(migrate._config(connection), "0001")
    with party.registry.engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM bands")) == 12 * 16
    root = party.registry.folder.root
    party.registry.close()
    party.registry = Registry.create(root, ORIGIN, url=party.url)
    check(party.registry, kept, [values[0], bytes(32)])


@pytest.mark.usefixtures("short_tail")
def test_rows_of_other_algorithms_in_between_do_no_harm(party: Party) -> None:
    """They share the table: what was looked at is not looked at again, and nothing is passed over."""
    values: dict[int, bytes] = {}
    for round_ in range(4):
        new = clustered(20 + round_, 15)
        values |= dict(zip(add(party, new, 15 * round_), new, strict=True))
        party.add(entry(f"mark {round_}", bindings=(Binding(MARK, bytes([round_] * 8)),)))
        check(party.registry, values, [new[0], bytes(32)])
        party.add(entry(f"another mark {round_}", bindings=(Binding(MARK, bytes([round_] * 8)),)))
        check(party.registry, values, [new[-1], sha("stranger")])
    settle(party.registry)
    check(party.registry, values, [values[0], bytes(32)])
