"""Layouts are read as documented, and what training has seen is told apart from what it has not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from facevalue.bench.robust import STEPS, relaunder
from facevalue.bench.sets import read_sets
from facevalue.bench.split import Split, held_out, read_splits, shipped_splits
from facevalue.errors import DecodeError, UsageError


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    for name in ("a_real_0.jpg", "a_fake_0.jpg"):
        touch(images / "matched" / "whole" / name)
    (images / "matched" / "index.tsv").write_text(
        "file\tset\tclass\tgenerator\na_real_0.jpg\ta\treal\t-\na_fake_0.jpg\ta\tfake\tsdxl\ngone.jpg\ta\tfake\tsdxl\n"
    )
    touch(images / "photos_wild_real" / "whole" / "p.jpg")
    (images / "photos_wild_real" / "index.tsv").write_text("file\tsource\tkind\np.jpg\tkodak\tfilm\n")
    for name in ("fake/f.jpg", "fake/g.jpg", "real/clip.jpg"):
        touch(images / "faces_dfdc224" / name)
    (images / "faces_dfdc224" / "pairs.tsv").write_text(
        "fake\treal\nfake/f.jpg\treal/clip.jpg\nfake/g.jpg\treal/clip.jpg\n"
    )
    for folder in ("faces_real_ffhq256", "faces_gan_style", "faces_diffusion_sd", "faces_real_celeba109"):
        touch(images / folder / "0.jpg")
    return tmp_path


def test_folders_are_a_set(data: Path) -> None:
    items = read_sets(data)
    assert len(items) == 32
    assert {item.set for item in items} == {"alpha", "beta"}
    fakes = [item for item in items if item.label]
    assert {item.generator for item in fakes} == {"gan", "diffusion"}
    assert {item.generator for item in items if not item.label} == {"-"}
    assert {item.questions for item in items} == {("any",)}
    assert fakes[0].key == "alpha/fake/diffusion/f0.jpg"
    assert [i.set for i in read_sets(data / "alpha", question="edited")] == ["alpha"] * 16


def test_an_index_is_a_set(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    touch(folder / "x.jpg")
    (folder / "index.tsv").write_text(
        "file\tlabel\tsource\tgenerator\tgroup\tcluster\nx.jpg\treal\tcam\t\tA\tp1\ny.jpg\tfake\tweb\tflux\tB\tp2\n"
    )
    real, fake = read_sets(folder, question="generated")
    assert (real.label, real.source, real.generator, real.group, real.cluster) == (0, "cam", "-", "A", "p1")
    assert (fake.label, fake.generator, fake.questions) == (1, "flux", ("generated",))
    (folder / "index.tsv").write_text("file\tlabel\nx.jpg\tmaybe\n")
    with pytest.raises(UsageError, match="columns"):
        read_sets(folder)


def test_the_lab_layout(lab: Path) -> None:
    by_set = {name: [i for i in read_sets(lab) if i.set == name] for name in {i.set for i in read_sets(lab)}}
    assert {name: len(items) for name, items in by_set.items()} == {
        "matched": 2, "photos_wild_real": 1, "faces_dfdc224": 3, "faces_generated": 3,
    }  # fmt: skip
    assert all(i.trained_on for items in by_set.values() for i in items)
    assert {i.cluster for i in by_set["faces_dfdc224"]} == {"clip"}
    assert {i.questions for i in by_set["faces_dfdc224"]} == {("face_swapped",)}
    assert by_set["photos_wild_real"][0].questions == ("generated", "face_swapped")
    assert {i.lab_key for i in by_set["matched"]} == {"whole/a/0/a_real_0.jpg", "whole/a/1/a_fake_0.jpg"}
    assert "file/faces_gan_style/1/0.jpg" in {i.lab_key for i in by_set["faces_generated"]}


def test_limits_spread_over_sources(tmp_path: Path) -> None:
    rows = [f"{s}{i}.jpg\t{label}\t{s}" for s in "abcd" for i in range(10) for label in ("real", "fake")]
    (tmp_path / "index.tsv").write_text("file\tlabel\tsource\n" + "\n".join(rows) + "\n")
    items = read_sets(tmp_path, limit=4)
    for label in (0, 1):
        assert {i.source for i in items if i.label == label} == set("abcd")
        assert sum(i.label == label for i in items) == 4


def test_nothing_to_read_is_said(tmp_path: Path, data: Path) -> None:
    for folder, wanted in ((tmp_path / "absent", ()), (data, ("gamma",)), (data / "alpha" / "real", ())):
        with pytest.raises(UsageError):
            read_sets(folder, wanted)


def test_held_out_by_source_file_and_lab_key(lab: Path, data: Path) -> None:
    items = {i.key: i for i in read_sets(lab)}
    real, fake = items["matched/whole/a_real_0.jpg"], items["matched/whole/a_fake_0.jpg"]
    assert not held_out(real, "generated", [])
    for key in ("matched", "a", "matched/a", real.key, real.lab_key):
        assert held_out(real, "generated", [Split(frozenset([key]))])
        assert not held_out(real, "generated", [Split(frozenset([key]), question="face_swapped")])
    assert not held_out(fake, "generated", [Split(frozenset([real.key]))])
    assert all(held_out(item, "any", []) for item in read_sets(data))


def test_split_files(tmp_path: Path) -> None:
    folder = tmp_path / "examiners" / "generated"
    folder.mkdir(parents=True)
    (folder / "split.json").write_text(json.dumps({"held_out": ["matched/a"]}))
    (folder / "card.toml").write_text('question = "generated"\n')
    (tmp_path / "list.txt").write_text("matched/b\n\nfaces_dfdc224\n")
    assert shipped_splits(tmp_path / "examiners") == [folder / "split.json"]
    splits = read_splits([folder / "split.json", tmp_path / "list.txt"])
    assert splits == [Split(frozenset(["matched/a"]), "generated"), Split(frozenset(["matched/b", "faces_dfdc224"]))]
    (folder / "split.json").write_text("{}")
    for file in (folder / "split.json", tmp_path / "absent"):
        with pytest.raises(UsageError, match="held-out"):
            read_splits([file])


@pytest.mark.parametrize("step", STEPS)
def test_laundering_is_deterministic_and_strips_metadata(tmp_path: Path, step: str) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "camera", 6
    Image.effect_noise((80, 60), 40).convert("RGB").save(tmp_path / "p.jpg", exif=exif)
    name, out = relaunder(tmp_path / "p.jpg", step)
    assert (name, out) == relaunder(tmp_path / "p.jpg", step)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_bytes(out)
    with Image.open(tmp_path / "out" / name) as copy:
        assert not copy.getexif()
        assert copy.size == ((30, 40) if step == "half" else (60, 80))  # turned upright


def test_laundering_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(b"not a picture")
    with pytest.raises(DecodeError):
        relaunder(tmp_path / "p.jpg", "q70")
    with pytest.raises(UsageError):
        relaunder(tmp_path / "p.jpg", "polish")
