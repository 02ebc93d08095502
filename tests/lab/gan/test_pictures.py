"""Folders as people have them: what cannot be learned from costs a sentence and no more."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_run import draw_folder, waves

from facevalue.errors import UsageError
from facevalue.lab.gan import pictures
from facevalue.lab.gan.pictures import open_packed, pack, square


def test_pictures_are_cut_square_and_packed_in_the_order_of_their_names(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, 16, tmp_path)
    assert packed.pixels.shape == (24, 16, 16, 3)
    assert packed.names == tuple(f"{number:02d}.png" for number in range(24))
    for number, picture in enumerate(packed.pixels):
        assert np.array_equal(picture, square(waves(number), 16))
    with pytest.raises(ValueError, match="read-only"):
        packed.pixels[0] = 0


def test_the_middle_square_is_shrunk_by_area() -> None:
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = np.array([[10, 20], [30, 40]], np.uint8).repeat(2, 0).repeat(2, 1)[..., None]
    assert square(wide, 2)[..., 0].tolist() == [[10, 20], [30, 40]]
    assert square(wide, 1)[..., 0].tolist() == [[25]]


def test_what_is_packed_is_used_again_until_the_folder_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = draw_folder(tmp_path / "pictures", 17)
    first = pack(folder, 16, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "decode", lambda *_: pytest.fail("decoded again"))
        again = pack(folder, 16, tmp_path / "run")
    assert (again.names, again.digest) == (first.names, first.digest)
    assert open_packed(tmp_path / "run", 16).digest == first.digest
    (folder / "00.png").unlink()
    assert pack(folder, 16, tmp_path / "run").digest != first.digest


def test_hostile_and_unfit_files_are_skipped_with_a_sentence_each(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "pictures", 16)
    (folder / "a-text.jpg").write_text("no picture")
    (folder / "b-empty.png").write_bytes(b"")
    (folder / "c-cut.jpg").write_bytes(b"\xff\xd8\xff nothing")
    Image.fromarray(waves(1)[:8, :8]).save(folder / "d-small.png")
    (folder / "e-folder.png").mkdir()
    (folder / "f-dangling.png").symlink_to(folder / "nowhere.png")
    (folder / "g-notes.txt").write_text("not asked for")
    (folder / "h-\x1b[31m.png").write_bytes(b"<svg onload=alert(1)>")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "i-pipe.png")  # opening it would wait for ever
    said: list[str] = []
    packed = pack(folder, 16, tmp_path / "run", said.append)
    assert packed.names == tuple(f"{number:02d}.png" for number in range(16))
    names = [line.partition(":")[0] for line in said]
    assert names == [
        "a-text.jpg",
        "b-empty.png",
        "c-cut.jpg",
        "d-small.png",
        "f-dangling.png",
        "h-\x1b[31m.png",
        "i-pipe.png",
    ]
    assert "8 x 8 px is smaller than 16 px" in said[3]


def test_subfolders_count_and_many_sentences_become_one(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "pictures" / "deep" / "deeper", 16)
    for number in range(30):
        (folder / f"x{number}.png").write_bytes(b"")
    said: list[str] = []
    assert pack(tmp_path / "pictures", 16, tmp_path / "run", said.append).names[0] == "deep/deeper/00.png"
    assert len(said) == pictures.SENTENCES + 1
    assert said[-1] == "30 files were skipped in all"


@pytest.mark.parametrize("count", [0, 1, 15])
def test_too_few_pictures_are_a_usage_error(count: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"at least 16 pictures of 16 px; .* gave {count}"):
        pack(draw_folder(tmp_path / "pictures", count), 16, tmp_path / "run")
    assert not list((tmp_path / "run").glob("*.partial"))


def test_a_file_is_no_folder_and_nothing_is_no_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a folder"):
        pack(folder / "00.png", 16, tmp_path)
    with pytest.raises(UsageError, match="absent or damaged"):
        open_packed(tmp_path, 16)


def test_a_damaged_store_is_made_anew(folder: Path, tmp_path: Path) -> None:
    first = pack(folder, 16, tmp_path)
    for name, data in (("pictures-16.json", b"{"), ("pictures-16.u8", b"short")):
        (tmp_path / name).write_bytes(data)
        assert pack(folder, 16, tmp_path).digest == first.digest


def test_a_folder_larger_than_the_bound_is_cut_with_a_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST", 18)
    said: list[str] = []
    assert len(pack(folder, 16, tmp_path, said.append).names) == 18
    assert "only the first 18" in said[0]
