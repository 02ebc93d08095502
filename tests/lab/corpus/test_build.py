"""Building a corpus: what lies in it, that it resumes to the same bytes, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="needs the extra lab")

from corpus_small import draw, recipe

from facevalue.errors import UsageError
from facevalue.lab.corpus import shards
from facevalue.lab.corpus.build import build
from facevalue.lab.corpus.check import encoding
from facevalue.lab.corpus.equalise import STATEMENT


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray) -> Path:
    folder = draw(tmp_path_factory.mktemp("people"), portrait, 8, people=4)
    (folder / "person0" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not a picture")
    return folder


@pytest.fixture(scope="module")
def corpus(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus") / "c"
    build(recipe(people), people, out, previews=0)
    return out


def contents(folder: Path) -> dict[str, str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_each_pair_is_encoded_alike_and_only_the_forged_side_has_a_mask(corpus: Path) -> None:
    rows = [row for path in sorted((corpus / "shards").iterdir()) for row in shards.rows(path)]
    assert len(rows) == 16
    for real, fake in zip(rows[::2], rows[1::2], strict=True):
        assert (real["label"], fake["label"]) == ("real", "fake")
        assert real["pair"] == fake["pair"]
        assert encoding(real["image"]) == encoding(fake["image"])
        assert real["mask"] is None
        inside, outside = shards.sample(fake).mask > 0.5, shards.sample(fake).mask == 0
        apart = np.abs(shards.sample(real).pixels.astype(int) - shards.sample(fake).pixels).mean(axis=2)
        assert inside.any()
        assert apart[inside].mean() > apart[outside].mean()


def test_no_file_could_be_taken_for_a_picture_and_every_one_says_what_it_is(corpus: Path) -> None:
    assert {p.suffix for p in corpus.rglob("*") if p.is_file()} == {".parquet", ".json"}
    for path in (corpus / "shards").iterdir():
        assert shards.facts(path)["corpus"] == STATEMENT
        assert all(STATEMENT.encode() in row["image"] for row in shards.rows(path))


def test_what_is_left_out_is_listed_with_its_reason(corpus: Path) -> None:
    (why,) = shards.about(corpus)["left_out"].values()
    assert why.startswith("people/person0/broken.png: ")


def test_a_killed_build_goes_on_to_the_same_bytes(corpus: Path, people: Path, tmp_path: Path) -> None:
    out, seen = tmp_path / "c", []

    def kill(done: int, of: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(recipe(people), people, out, previews=0, progress=kill)
    assert not (out / "corpus.json").exists()
    (out / "shards" / ".train-00001.parquet.1.partial").write_bytes(b"half")
    (out / "shards" / "test-00000.parquet").write_bytes(b"PAR1 cut off")
    build(recipe(people), people, out, previews=0, progress=lambda done, of: seen.append(done))
    (out / "shards" / ".train-00001.parquet.1.partial").unlink()
    assert contents(out) == contents(corpus)
    assert seen[3] > 0, "what was finished is not made again"


@pytest.mark.slow
def test_several_workers_make_the_same_bytes(corpus: Path, people: Path, tmp_path: Path) -> None:
    build(recipe(people), people, tmp_path / "c", workers=2, previews=0)
    assert contents(tmp_path / "c") == contents(corpus)


def test_a_donor_is_another_person_of_the_same_split(corpus: Path) -> None:
    rows = shards.rows(corpus / "index.parquet")
    where = {row["identity"]: row["split"] for row in rows}
    given = [(row["identity"], row["donor_identity"]) for row in rows if row["donor_identity"]]
    assert given
    assert all(a != b and where[a] == where[b] for a, b in given)


def test_training_reads_pixels_in_memory(corpus: Path) -> None:
    samples = list(shards.samples(corpus, "train"))
    assert {s.label for s in samples} == {0, 1}
    assert all(s.pixels.shape == (64, 64, 3) and s.mask.shape == (64, 64) for s in samples)
    assert all(bool(s.mask.any()) == bool(s.label) for s in samples)


def test_a_folder_of_another_corpus_is_refused(corpus: Path, people: Path) -> None:
    before = contents(corpus)
    with pytest.raises(UsageError, match="another corpus"):
        build(recipe(people, seed=6), people, corpus, previews=0)
    assert contents(corpus) == before


def test_nothing_is_enlarged(people: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing is enlarged"):
        build(recipe(people, equalise={"side_px": 400}), people, tmp_path / "c", previews=0)


def test_the_preview_is_labelled(people: Path, tmp_path: Path) -> None:
    facevalue = pytest.importorskip("facevalue")
    few = recipe(people, maker=[{"name": "copymove"}], source=[{"name": "p", "folder": str(people), "limit": 2}])
    build(few, people, tmp_path / "c", previews=2)
    assert facevalue.check(tmp_path / "c" / "preview.jpg").opinion.verdict == "declared_synthetic"


def test_one_spectrum_for_all_is_kept_with_the_corpus(people: Path, tmp_path: Path) -> None:
    source = [{"name": "p", "folder": str(people), "identity": "folder", "limit": 4}]
    equal = {"side_px": 64, "spectrum": "each"}
    shaped = recipe(people, source=source, equalise=equal, maker=[{"name": "redraw"}])
    build(shaped, people, tmp_path / "c", previews=0)
    stored = json.loads((tmp_path / "c" / "target.json").read_text())
    assert len(stored["log_power"]) == 32
