"""Checking a corpus: the spectrum classifier, equalised spectra, duplicates, and corpora that were tampered with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the extra lab")
pytest.importorskip("sklearn", reason="needs the extra lab")

from corpus_small import draw_textures, recipe, texture
from typer.testing import CliRunner

from facevalue.errors import UsageError
from facevalue.lab.corpus import shards
from facevalue.lab.corpus.build import build
from facevalue.lab.corpus.check import check, worst
from facevalue.lab.corpus.cli import app
from facevalue.lab.corpus.equalise import encode, gain, shaped, spectrum
from facevalue.lab.corpus.hashing import NEAR_BITS, dhash, near
from facevalue.lab.corpus.spectra import told_apart


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check")
    draw_textures(folder / "a", 6, 1.0)
    draw_textures(folder / "b", 6, 2.0, first=100)
    changes = {"source": [{"name": n, "folder": n} for n in "ab"], "maker": [{"name": "redraw"}]}
    made = recipe(folder, **changes, equalise={"side_px": 64, "crop": "centre", "quality": [80, 90]})
    build(made, folder, folder / "c", previews=0)
    return folder / "c"


@pytest.fixture
def copy(corpus: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(corpus, tmp_path / "copy"))


def results(folder: Path) -> dict[str, str]:
    return {line.what: line.result for line in check(folder, 0.6, 0)}


def rewrite(folder: Path, change: Any) -> None:
    """Change rows of the first shard and make hashes fit again, as somebody would who knows the format."""
    about = shards.about(folder)
    name = sorted(about["shards"])[0]
    path = folder / "shards" / name
    rows, plan = shards.rows(path), shards.facts(path)["plan"]
    change(rows)
    shards.write_shard(path, rows, plan, {})
    listed = [row for n in sorted(about["shards"]) for row in shards.rows(folder / "shards" / n)]
    shards.write_index(folder, [{k: row[k] for k in shards.LISTED.names} for row in listed], plan)
    about["shards"][name], about["index_sha256"] = shards.sha256(path), shards.sha256(folder / "index.parquet")
    (folder / "corpus.json").write_text(json.dumps(about))


def test_a_sound_corpus_holds_where_it_can_be_proven(corpus: Path) -> None:
    found = results(corpus)
    assert "broken" not in found.values()
    assert found["files and hashes"] == "holds"
    assert found["real a against other reals, by spectrum"] == "unproven", "six pictures prove nothing"


def test_a_changed_shard_is_noticed(copy: Path) -> None:
    path = next((copy / "shards").iterdir())
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    assert results(copy)["files and hashes"] == "broken"


def test_a_side_that_was_encoded_otherwise_is_noticed(copy: Path) -> None:
    import hashlib

    def change(rows: list[dict[str, Any]]) -> None:
        rows[1]["image"] = encode(shards.decoded(rows[1]["image"]), "jpeg", 40)
        rows[1]["sha256"] = hashlib.sha256(rows[1]["image"]).hexdigest()

    rewrite(copy, change)
    found = results(copy)
    assert found["files and hashes"] == "holds"
    assert found["size, codec, tables equal in each pair"] == "broken"


def test_an_identity_in_two_splits_is_noticed(copy: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        other = next(r for r in shards.rows(copy / "index.parquet") if r["split"] != rows[0]["split"])
        rows[0]["identity"] = rows[1]["identity"] = other["identity"]

    rewrite(copy, change)
    assert results(copy)["no identity in two splits"] == "broken"


def test_a_near_duplicate_in_two_splits_is_noticed(copy: Path) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        other = next(r for r in shards.rows(copy / "index.parquet") if r["split"] != rows[0]["split"])
        rows[0]["dhash"] = other["dhash"]

    rewrite(copy, change)
    (what,) = [w for w, result in results(copy).items() if result == "broken"]
    assert "near duplicate" in what


def test_a_missing_mask_is_noticed(copy: Path) -> None:
    rewrite(copy, lambda rows: rows[1].update(mask=None))
    assert results(copy)["files and hashes"] == "broken"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"shards": []}', b"[" * 100_000])
def test_what_is_no_corpus_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "corpus.json").write_bytes(content)
    with pytest.raises(UsageError):
        check(tmp_path, 0.6, 0)


def test_an_index_of_other_columns_is_refused(copy: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [1]}), copy / "index.parquet")
    with pytest.raises(UsageError, match="not a file of a corpus"):
        check(copy, 0.6, 0)


# The spectrum


def test_the_classifier_tells_sources_apart_only_where_there_is_something_to_tell() -> None:
    rng = np.random.default_rng(1)
    x, groups = rng.normal(size=(120, 8)), np.arange(120) // 2
    labels = (np.arange(120) // 2) % 2
    nothing = told_apart(x, labels, groups)
    something = told_apart(x + 3 * labels[:, None], labels, groups)
    assert nothing is not None
    assert something is not None
    assert nothing.low < 0.5 < nothing.high
    assert something.low > 0.95
    assert told_apart(x[:30], labels[:30], groups[:30]) is None, "too few"


def test_a_group_is_never_on_both_sides_of_a_fold() -> None:
    # Every group has a value of its own that gives its label away, and nothing else does.
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 4)
    labels = rng.permutation(np.repeat([0, 1], 20))[groups]
    told = told_apart(np.eye(40)[groups], labels, groups)
    assert told is not None
    assert told.auc < 0.7


def test_shaping_takes_two_sources_to_one_spectrum() -> None:
    both = [texture(i, sigma) for sigma in (0.9, 1.2) for i in range(int(sigma * 100), int(sigma * 100) + 30)]
    labels, groups = np.repeat([0, 1], 30), np.arange(60)
    target = np.min([np.percentile([spectrum(p) for p in both[at : at + 30]], 20, axis=0) for at in (0, 30)], axis=0)

    def told(pictures: list[np.ndarray]) -> float:
        found = told_apart(np.stack([spectrum(p) for p in pictures]), labels, groups)
        assert found is not None
        return found.auc

    assert told(both) > 0.95
    after = [shaped(p, gain(p, target)) for p in both]
    assert np.abs(np.stack([spectrum(p) for p in after]) - target).mean() < 0.1
    assert told(after) < 0.75


def test_shaping_by_one_changes_nothing() -> None:
    for side in (63, 64):
        pixels = texture(3, 1.0, side)
        assert np.abs(shaped(pixels, np.ones(side // 2)).astype(int) - pixels).max() <= 1


# Duplicates


def test_a_hash_survives_an_encoding_and_tells_pictures_apart(portrait: np.ndarray, scene: np.ndarray) -> None:
    again = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    again = cv2.imdecode(cv2.imencode(".jpg", again, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    hashes = [dhash(portrait), dhash(scene), dhash(again)]
    ((i, j, bits),) = near(hashes)
    assert (i, j) == (0, 2)
    assert bits <= NEAR_BITS
    assert near([]) == []


# The commands


def test_the_commands_and_their_exit_statuses(corpus: Path, copy: Path, tmp_path: Path) -> None:
    run = CliRunner()
    good = run.invoke(app, ["check", str(corpus)])
    assert good.exit_code == 0
    assert "files and hashes" in good.stdout
    assert run.invoke(app, ["check", str(corpus), "--fail-on", "broken"]).exit_code == 0
    assert run.invoke(app, ["check", str(corpus), "--fail-on", "unproven"]).exit_code == 1
    rewrite(copy, lambda rows: rows[1].update(mask=None))
    assert run.invoke(app, ["check", str(copy)]).exit_code == 0
    assert run.invoke(app, ["check", str(copy), "--fail-on", "broken"]).exit_code == 1
    listed = json.loads(run.invoke(app, ["check", str(copy), "--json"]).stdout)
    assert {row["result"] for row in listed["rows"]} >= {"broken", "holds"}
    for wrong in (
        ["check", str(copy), "--fail-on", "x"],
        ["check", str(tmp_path)],
        ["check", str(copy), "--tolerance", "0.2"],
    ):
        assert isinstance(run.invoke(app, wrong).exception, UsageError)


def test_the_worst_line_is_what_counts(corpus: Path) -> None:
    assert worst(check(corpus, 0.6, 0)) == "unproven"
