"""Recipes, sources and plans: what is understood, what is refused, and that no identity crosses."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_small import recipe
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.errors import UnreadableError, UsageError
from facevalue.lab.corpus import makers
from facevalue.lab.corpus.plan import plan, splits
from facevalue.lab.corpus.recipe import Source, from_dict, read
from facevalue.lab.corpus.sources import Real, pictures

PLAIN = {"name": "n", "source": [{"name": "a", "folder": "x"}], "maker": [{"name": "redraw"}]}


def files(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"maker": []}, "at least one"),
        ({"source": {"name": "a"}}, "list of tables"),
        ({"source": [{"name": "a"}]}, "lacks the key 'folder'"),
        ({"source": PLAIN["source"] * 2}, "same name"),
        ({"source": [{"name": "a/b", "folder": "x"}]}, "cannot be the name"),
        ({"source": [{"name": "a", "folder": "x", "identity": "face"}]}, "none of file, folder"),
        ({"colour": 1}, "no key 'colour'"),
        ({"seed": "1"}, "must be a number"),
        ({"seed": True}, "must be a number"),
        ({"seed": -1}, "seed must lie between"),
        ({"equalise": {"quality": [90, 80]}}, "quality"),
        ({"equalise": {"quality": [80]}}, "two whole numbers"),
        ({"equalise": {"codecs": []}}, "list of texts"),
        ({"equalise": {"side_px": 8}}, "side_px must lie between"),
        ({"launder": {"trips": ["phone"]}}, "masks stay exact"),
        ({"split": {"train": 0.9}}, "add up to 1"),
        ({"split": 3}, "must be a table"),
    ],
)
def test_what_a_recipe_may_not_say(change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        from_dict(PLAIN | change)


def test_a_file_that_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError):
        read(tmp_path / "none.toml")
    for content in (b"\xff\xfe", b"name = ", b"[" * 2000):
        (tmp_path / "r.toml").write_bytes(content)
        with pytest.raises(UsageError, match="not TOML"):
            read(tmp_path / "r.toml")


def test_a_recipe_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        'name = "n"\n[[source]]\nname = "a"\nfolder = "x"\nwhere = {class = "real"}\n[[maker]]\nname = "self_blend"\n'
        'share = 2\noptions = {regions = ["mouth"]}\n[equalise]\nquality = [70, 90]\n'
    )
    made = read(tmp_path / "r.toml")
    assert made.source[0].where == {"class": "real"}
    assert made.maker[0].share == 2
    assert made.maker[0].options == {"regions": ["mouth"]}
    assert made.equalise.quality == (70, 90)


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("deepfake", {}, "none of"),
        ("redraw", {"x": 1}, "no option 'x'"),
        ("reconstruct", {}, "needs the option 'weights'"),
        ("self_blend", {"regions": ["ear"]}, "'ear' is none of"),
        ("self_blend", {"regions": "mouth"}, "list of names"),
    ],
)
def test_what_a_maker_may_not_be_told(name: str, options: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        makers.checked(name, options, tmp_path)


def test_identities_come_from_names_or_from_an_index(tmp_path: Path) -> None:
    files(tmp_path, ["ann/1.jpg", "ann/2.png", "bob_1.jpg", "bob_2.jpg", "note.txt"])
    (tmp_path / "who.tsv").write_text("file\tidentity\tclass\nbob_1.jpg\tB\treal\nann/1.jpg\tA\tfake\nx.jpg\tC\treal\n")

    def found(**how: object) -> dict[str, str]:
        return {r.file: r.identity for r in pictures(Source("s", ".", **how), tmp_path)}  # type: ignore[arg-type]

    assert found()["ann/1.jpg"] == "s/ann/1.jpg"
    assert found(identity="folder")["ann/2.png"] == "s/ann"
    assert found(identity="prefix")["bob_2.jpg"] == "s/bob"
    assert found(identity="column", index="who.tsv", where={"class": "real"}) == {"bob_1.jpg": "s/B"}
    assert len(found(limit=2)) == 2


@pytest.mark.parametrize("row", ["../secret.jpg\tA", "\tA", "a.jpg\t"])
def test_an_index_cannot_name_what_lies_outside(tmp_path: Path, row: str) -> None:
    files(tmp_path, ["in/a.jpg", "secret.jpg"])
    (tmp_path / "in" / "who.tsv").write_text(f"file\tidentity\n{row}\n")
    with pytest.raises(UsageError, match=r"outside its folder|lacks a file"):
        pictures(Source("s", "in", "column", index="who.tsv"), tmp_path)


def test_a_source_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no pictures"):
        pictures(Source("s", "."), tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        pictures(Source("s", "none"), tmp_path)


@settings(max_examples=40)
@given(
    st.integers(1, 60), st.integers(0, 2**32), st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)])
)
def test_shares_are_met_to_one_identity(count: int, seed: int, shares: tuple[float, float, float]) -> None:
    made = from_dict(PLAIN | {"seed": seed, "split": dict(zip(("train", "dev", "test"), shares, strict=True))})
    reals = [Real("a", f"{i}.jpg", Path(), f"a/{i // 2}", "0") for i in range(2 * count)]
    found = splits(made, reals)
    assert len(found) == count
    for name, share in zip(("train", "dev", "test"), shares, strict=True):
        assert abs(sum(s == name for s in found.values()) - share * count) <= 1


def test_a_plan_depends_on_names_and_content_and_not_on_the_place(tmp_path: Path) -> None:
    names = [f"p{i}/{j}.jpg" for i in range(6) for j in range(2)]
    one, two = files(tmp_path / "one", names), files(tmp_path / "two", names)
    first, second = plan(recipe(one), one), plan(recipe(two), two)
    assert first.digest == second.digest
    assert [p.pair for s in first.shards for p in s.pairs] == [p.pair for s in second.shards for p in s.pairs]
    (two / "p0/0.jpg").write_bytes(b"other")
    assert plan(recipe(two), two).digest != first.digest


def test_a_donor_shares_the_split_and_not_the_identity(tmp_path: Path) -> None:
    folder = files(tmp_path, [f"p{i}/{j}.jpg" for i in range(8) for j in range(3)])
    made = plan(recipe(folder, maker=[{"name": "composite"}], pairs_per_picture=2), folder)
    where = {p.real.identity: p.split for s in made.shards for p in s.pairs}
    assert made.pairs == 48
    for shard in made.shards:
        for pair in shard.pairs:
            assert pair.donors
            assert all(d.identity != pair.real.identity and where[d.identity] == pair.split for d in pair.donors)


def test_splitting_by_source_keeps_a_source_whole(tmp_path: Path) -> None:
    sources = [{"name": n, "folder": str(files(tmp_path / n, [f"{i}.jpg" for i in range(4)]))} for n in "abcd"]
    made = plan(
        recipe(tmp_path, source=sources, split={"by": "source", "train": 0.5, "dev": 0.25, "test": 0.25}), tmp_path
    )
    where: dict[str, set[str]] = {}
    for shard in made.shards:
        for pair in shard.pairs:
            where.setdefault(pair.real.source, set()).add(pair.split)
    assert sorted(map(sorted, where.values())) == [["dev"], ["test"], ["train"], ["train"]]
