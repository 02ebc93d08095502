"""lab inpaint, splice, copymove, retouch: files in, labelled files, exact masks and manifest lines out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

import facevalue as fv
from facevalue.finding import Verdict
from facevalue.lab.cli import app
from facevalue.lab.edits import inpaint
from facevalue.lab.labels import MANIFEST

Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray, scene: np.ndarray, encode: Encode) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    face = portrait[0:256, 96:352]
    (folder / "face.png").write_bytes(encode(np.ascontiguousarray(face), "PNG"))
    view = cv2.resize(scene, (320, 214), interpolation=cv2.INTER_AREA)
    (folder / "view.png").write_bytes(encode(np.ascontiguousarray(view), "PNG"))
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in (folder / MANIFEST).read_text(encoding="utf-8").splitlines()]


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_given_box_is_filled_and_everything_is_noted(pictures: Path, tmp_path: Path) -> None:
    result = run("inpaint", pictures / "view.png", "--box", "60,50,40,30", "--out", tmp_path, "--seed", 4)
    assert result.exit_code == 0, result.exception
    (printed,) = result.stdout.splitlines()
    (line,) = lines(tmp_path)
    written = tmp_path / str(line["file"])
    assert Path(printed) == written
    assert line["sha256"] == hashlib.sha256(written.read_bytes()).hexdigest()
    assert line["source_sha256"] == hashlib.sha256((pictures / "view.png").read_bytes()).hexdigest()
    assert (line["tool"], line["method"], line["seed"], line["donor"]) == ("inpaint", "patches", 4, None)
    assert str(tmp_path) not in json.dumps(line)
    mask = read(tmp_path / str(line["mask"])) > 0
    wanted = np.zeros((214, 320), bool)
    wanted[50:80, 60:100] = True
    assert np.array_equal(mask, wanted)
    assert line["share_changed"] == pytest.approx(wanted.mean(), abs=1e-6)
    assert "watermark" in line["labels"]
    assert "c2pa" in line["labels"]
    assert fv.check(written).opinion.verdict is Verdict.DECLARED_SYNTHETIC
    # The file shows what the function makes, up to the labels.
    source = read(pictures / "view.png")
    key = int(str(line["source_sha256"])[:16], 16)
    made = inpaint(source, wanted, np.random.default_rng((4, key)), "patches")
    assert np.abs(read(written).astype(int) - made.pixels)[:150, :200].mean() < 3


def test_a_command_that_is_run_again_goes_on(pictures: Path, tmp_path: Path) -> None:
    ask = ("copymove", pictures, "--out", tmp_path, "--seed", 2, "--format", "jpg")
    assert len(run(*ask).stdout.splitlines()) == 2
    first = lines(tmp_path)
    assert {line["source"] for line in first} == {"face.png", "view.png"}
    assert all((tmp_path / str(line["origin"])).is_file() for line in first)
    (tmp_path / str(first[1]["file"])).unlink()
    assert len(run(*ask).stdout.splitlines()) == 2
    again = {line["file"]: line for line in lines(tmp_path)}
    assert again[first[0]["file"]] == first[0], "what was there stays"
    assert again[first[1]["file"]]["content_sha256"] == first[1]["content_sha256"]


def test_a_splice_takes_what_the_mask_marks_in_the_donor(pictures: Path, tmp_path: Path) -> None:
    mask = np.zeros((256, 256), np.uint8)
    mask[60:200, 70:180] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).save(tmp_path / "masks" / "face.png")
    out = tmp_path / "out"
    ask = ("splice", pictures / "view.png", "--donor", pictures / "face.png", "--out", out, "--method", "poisson")
    result = run(*ask, "--mask", tmp_path / "masks")
    assert result.exit_code == 0, result.exception
    (line,) = lines(out)
    assert line["donor"] == "face.png"
    assert line["donor_sha256"] == hashlib.sha256((pictures / "face.png").read_bytes()).hexdigest()
    assert line["method"] == "poisson"
    assert dict(line["parameters"])["region"] == "given"  # type: ignore[call-overload]
    wrong = run(*ask, "--mask", pictures / "view.png")
    assert isinstance(wrong.exception, fv.UsageError)
    assert "the mask is 320 x 214, the picture 256 x 256 pixels" in wrong.stderr


def test_what_cannot_be_edited_is_told_and_the_rest_is_done(pictures: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    result = run("retouch", broken, pictures, "--out", tmp_path / "out", "--method", "smooth")
    assert result.exit_code == 0
    assert [line["source"] for line in lines(tmp_path / "out")] == ["face.png"]
    assert "broken.jpg" in result.stderr
    assert "view.png: no face" in result.stderr
    alone = run("retouch", pictures / "view.png", "--out", tmp_path / "none")
    assert isinstance(alone.exception, fv.UsageError)
    assert "nothing was made" in str(alone.exception)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("inpaint", "--method", "magic"), "one of: patches, telea"),
        (("retouch", "--method", "smooth+magic"), "unknown method 'magic'"),
        (("copymove", "--box", "1,2,3"), "four whole numbers"),
        (("copymove", "--box", "1,2,0,5"), "one pixel wide"),
        (("inpaint", "--box", "1,2,3,4", "--mask", "MASK"), "not both"),
        (("inpaint", "--mask", "nowhere.png"), "nowhere.png is not there"),
        (("inpaint", "--format", "gif"), "one of: png, jpg"),
        (("splice",), "a splice needs a donor"),
        (("inpaint", "--as", "nobody-of-that-name"), "nobody-of-that-name"),
    ],
)
def test_wrong_usage_is_a_sentence(arguments: tuple[str, ...], sentence: str, pictures: Path, tmp_path: Path) -> None:
    given = [str(pictures / "view.png") if a == "MASK" else a for a in arguments]
    result = run(given[0], pictures / "view.png", "--out", tmp_path / "out", *given[1:])
    assert isinstance(result.exception, fv.FacevalueError)
    assert sentence in str(result.exception)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
