"""Runs join answers with labels whatever their order, and go on where they were stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facevalue.bench import runner
from facevalue.bench.records import load_records
from facevalue.bench.runner import RESULTS, plan, run
from facevalue.bench.sets import read_sets
from facevalue.bench.split import Split, unseen
from facevalue.errors import UsageError

from .conftest import FakeCheck, draw


def test_every_job_gets_its_own_answer(data: Path, tmp_path: Path, check: FakeCheck) -> None:
    jobs = plan(read_sets(data), ["q70", "half"])
    calls: list[tuple[int, int]] = []
    records = run(jobs, tmp_path / "out", check=check, progress=lambda done, total: calls.append((done, total)))
    assert [r.job for r in records] == [job.key for job in jobs]
    assert len(check.seen) == len(jobs) == 96
    assert calls[-1] == (96, 96)
    for r in records:
        if r.set == "alpha":
            assert (r.verdict in {"fake", "suspect"}) == bool(r.label)
        assert (r.held_out, r.seconds, r.quality["face_px"]) == ({"any": True}, 0.25, 70.0)
    # What is on disk is what was returned, in whatever order.
    assert sorted(load_records(tmp_path / "out" / RESULTS), key=lambda r: r.job) == sorted(records, key=lambda r: r.job)


def test_an_interrupted_run_resumes(data: Path, tmp_path: Path) -> None:
    jobs = plan(read_sets(data), [])
    with pytest.raises(KeyboardInterrupt):
        run(jobs, tmp_path, check=FakeCheck(stop_after=10))
    results = tmp_path / RESULTS
    results.write_bytes(results.read_bytes()[:-20])  # the last line was cut off
    rest = FakeCheck()
    records = run(jobs, tmp_path, check=rest)
    assert len(rest.seen) == len(jobs) - 9
    assert len(load_records(results)) == len(records) == len(jobs)
    again = FakeCheck()
    assert run(jobs, tmp_path, check=again) == records
    assert not again.seen


def test_pictures_that_training_saw_can_be_left_out(data: Path) -> None:
    splits = [Split(frozenset({"alpha"}))]
    kept = read_sets(data, keep=lambda item: unseen(replace(item, trained_on=True), splits))
    assert {item.set for item in kept} == {"alpha"}
    assert len(kept) == len([item for item in read_sets(data) if item.set == "alpha"])


def test_resuming_under_another_split_tells_what_is_held_out_now(data: Path, tmp_path: Path) -> None:
    jobs = plan([replace(item, trained_on=True) for item in read_sets(data)], [])
    first = run(jobs, tmp_path, check=FakeCheck(), splits=[Split(frozenset(["alpha", "beta"]))])
    assert all(r.held_out["any"] for r in first)
    again = FakeCheck()
    second = run(jobs, tmp_path, check=again, splits=[Split(frozenset(["alpha"]))])
    assert not again.seen
    assert {r.set for r in second if r.held_out["any"]} == {"alpha"}
    assert sorted(load_records(tmp_path / RESULTS), key=lambda r: r.job) == sorted(second, key=lambda r: r.job)


def test_equal_files_are_examined_once(tmp_path: Path, check: FakeCheck) -> None:
    for side in ("real", "fake"):
        draw(tmp_path / "s" / side / "same.jpg", 200)
    records = run(plan(read_sets(tmp_path / "s"), []), tmp_path / "out", check=check)
    assert len(check.seen) == 1
    assert {r.label for r in records} == {0, 1}
    assert records[0].verdict == records[1].verdict


def test_files_without_an_answer_are_unexamined(tmp_path: Path, check: FakeCheck) -> None:
    draw(tmp_path / "s" / "real" / "good.jpg", 100)
    (tmp_path / "s" / "real" / "bad.jpg").write_bytes(b"junk")
    (tmp_path / "s" / "index.tsv").write_text(
        "file\tlabel\nreal/good.jpg\treal\nreal/bad.jpg\treal\nabsent.jpg\tfake\n"
    )
    items = [item for item in read_sets(tmp_path / "s") if item.name != "real/bad.jpg"]
    records = run(plan(items, []), tmp_path / "out", check=check)
    assert {r.key: r.verdict for r in records} == {"s/absent.jpg": "unexamined", "s/real/good.jpg": "no_signs"}
    bad = [item for item in read_sets(tmp_path / "s") if item.name == "real/bad.jpg"]
    laundered = [job for job in plan(bad, ["q70"]) if job.launder == "q70"]
    assert run(laundered, tmp_path / "out2", check=check)[0].verdict == "unexamined"
    silent = run(plan(items, []), tmp_path / "out3", check=lambda sources, workers: iter(()))
    assert {r.verdict for r in silent} == {"unexamined"}


def test_chunks_make_no_difference(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = plan(read_sets(data), ["webp"])
    whole = run(jobs, tmp_path / "a", check=FakeCheck(), splits=[Split(frozenset(["alpha"]))])
    monkeypatch.setattr(runner, "CHUNK_JOBS", 5)
    assert run(jobs, tmp_path / "b", check=FakeCheck(), splits=[Split(frozenset(["alpha"]))]) == whole


def test_unknown_steps_are_refused(data: Path) -> None:
    with pytest.raises(UsageError, match="polish"):
        plan(read_sets(data), ["polish"])
