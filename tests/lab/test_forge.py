"""lab forge and lab launder: what is written, and that no label is lost."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner, Result

import facevalue as fv
from facevalue.finding import DECLARES_SYNTHETIC, Verdict
from facevalue.lab.cli import app
from facevalue.lab.forge import METHODS, forge
from facevalue.lab.labels import COMPOSITE_TYPE, MANIFEST, TRAINED_TYPE
from facevalue.marking import read_file

Encode = Callable[..., bytes]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray, encode: Encode) -> Path:
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    path.write_bytes(encode(portrait, "PNG"))
    return path


@pytest.fixture(scope="module")
def second(photo: Path, portrait: np.ndarray, encode: Encode) -> Path:
    path = photo.with_name("mirrored.png")
    path.write_bytes(encode(np.ascontiguousarray(portrait[:, ::-1]), "PNG"))
    return path


def declared_by(path: Path) -> list[dict[str, object]]:
    """What says that the file is synthetic, by the details of each statement."""
    found = [r for f in fv.check(path).findings for r in f.regions if r.label == DECLARES_SYNTHETIC]
    return [dict(r.details) for r in found]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("method", METHODS)
def test_a_forgery_says_what_it_is_in_every_way(
    method: str, photo: Path, second: Path, tmp_path: Path, portrait: np.ndarray
) -> None:
    (line,) = forge([photo], tmp_path, method, seed=4, donors=[second])
    written = tmp_path / line.file
    # In the manifest.
    (record,) = [json.loads(row) for row in (tmp_path / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert (record["file"], record["method"], record["seed"]) == (line.file, method, 4)
    assert record["sha256"] == hashlib.sha256(written.read_bytes()).hexdigest()
    assert record["source_sha256"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert record["donor"] == (second.name if method == "composite" else None)
    assert str(tmp_path) not in json.dumps(record)
    # In the picture's corner.
    pixels = np.asarray(Image.open(written).convert("RGB")).astype(int)
    corner = pixels[-30:, -150:]
    assert corner.max() > 230
    assert corner.min() < 25
    # In its metadata.
    assert fv.check(written).opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert {d.get("kind") for d in declared_by(written)} >= {"iptc_digital_source_type", "c2pa", "watermark"}
    # And the mask says where.
    mask = np.asarray(Image.open(tmp_path / line.mask))
    assert mask.shape == pixels.shape[:2]
    assert mask.any()
    if method in ("blend", "splice"):
        far = mask[:-40] == 0
        assert np.abs(pixels[:-40][far] - portrait[:-40][far]).mean() < 4, "outside the mask only the codec speaks"


def test_the_same_seed_forges_the_same_content(photo: Path, tmp_path: Path) -> None:
    made = [next(forge([photo], tmp_path / str(i), "blend", seed)) for i, seed in enumerate((1, 1, 2))]
    digests = [line.content_sha256 for line in made]
    assert digests[0] == digests[1] != digests[2]
    pictures = [np.asarray(Image.open(tmp_path / str(i) / line.file)) for i, line in enumerate(made[:2])]
    assert np.array_equal(*pictures)


def test_the_same_command_again_leaves_one_line_for_each_file(photo: Path, second: Path, tmp_path: Path) -> None:
    for _ in range(2):
        made = list(forge([photo, second], tmp_path, "splice", 1))
    rows = [json.loads(row) for row in (tmp_path / MANIFEST).read_text(encoding="utf-8").splitlines()]
    assert [row["file"] for row in rows] == [line.file for line in made]
    assert [row["sha256"] for row in rows] == [line.sha256 for line in made]


def test_the_source_is_never_touched(photo: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    list(forge([photo], tmp_path, "splice"))
    assert photo.read_bytes() == before


def test_what_cannot_be_forged_is_reported_and_skipped(
    photo: Path, tmp_path: Path, drawing: np.ndarray, encode: Encode
) -> None:
    faceless, broken, missing = tmp_path / "drawing.png", tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    faceless.write_bytes(encode(drawing, "PNG"))
    broken.write_bytes(b"\xff\xd8\xff nothing")
    said: list[str] = []
    made = list(forge([faceless, broken, missing, photo], tmp_path / "out", "blend", report=said.append))
    assert [line.source for line in made] == [photo.name]
    assert [text.split(":")[0] for text in said] == [faceless.name, broken.name, missing.name]
    assert "no face of at least 48 px" in said[0]


def test_a_composite_needs_another_face(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(fv.UsageError, match="donor"):
        list(forge([photo], tmp_path, "composite"))


def test_an_unknown_method_is_a_usage_error(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(fv.UsageError, match="blend, composite"):
        list(forge([photo], tmp_path, "magic"))


# The commands


def test_forge_command_prints_what_it_wrote(photo: Path, tmp_path: Path) -> None:
    result = run("forge", photo, "--out", tmp_path, "--method", "splice", "--seed", 3)
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert Path(line).is_file()
    assert (tmp_path / MANIFEST).is_file()


def test_forge_command_takes_a_folder(photo: Path, second: Path, tmp_path: Path) -> None:
    result = run("forge", photo.parent, "--out", tmp_path, "--method", "composite")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2


def test_forge_command_that_makes_nothing_fails(tmp_path: Path, drawing: np.ndarray, encode: Encode) -> None:
    faceless = tmp_path / "drawing.png"
    faceless.write_bytes(encode(drawing, "PNG"))
    result = run("forge", faceless, "--out", tmp_path / "out")
    assert isinstance(result.exception, fv.UsageError)
    assert "no face" in result.stderr


def test_launder_lists_its_presets_and_refuses_others(photo: Path, tmp_path: Path) -> None:
    listed = run("launder", photo, "--out", tmp_path, "--preset", "list")
    assert "whatsapp" in listed.stdout.splitlines()
    assert isinstance(run("launder", photo, "--out", tmp_path, "--preset", "moon").exception, fv.UsageError)


def test_launder_leaves_an_undeclared_picture_undeclared(photo: Path, tmp_path: Path) -> None:
    result = run("launder", photo, "--out", tmp_path, "--preset", "q70")
    (copy,) = map(Path, result.stdout.splitlines())
    assert copy.name == "astronaut-q70.png"
    assert fv.check(copy).opinion.verdict is not Verdict.DECLARED_SYNTHETIC
    assert b"XML:com.adobe.xmp" not in copy.read_bytes()


def test_launder_is_seeded(photo: Path, tmp_path: Path) -> None:
    copies = [
        Path(run("launder", photo, "--out", tmp_path / name, "--preset", "print", "--seed", seed).stdout.strip())
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    data = [copy.read_bytes() for copy in copies]
    assert data[0] == data[1] != data[2]


@pytest.mark.parametrize(
    "preset",
    [pytest.param("whatsapp", marks=pytest.mark.slow), pytest.param("crop", marks=pytest.mark.slow), "screenshot"],
)
def test_a_forgery_keeps_its_declaration_through_our_own_tools(preset: str, photo: Path, tmp_path: Path) -> None:
    forged = run("forge", photo, "--out", tmp_path / "forged").stdout.strip()
    copy = run("launder", forged, "--out", tmp_path / "copies", "--preset", preset).stdout.strip()
    again = run("launder", copy, "--out", tmp_path / "again", "--preset", preset).stdout.strip()
    for path in (copy, again):
        exam = fv.check(path)
        assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
        assert COMPOSITE_TYPE in {d["value"] for d in exam.provenance["declarations"]}
        assert {d["kind"] for d in declared_by(path)} >= {"iptc_digital_source_type", "c2pa"}


def test_a_statement_of_another_kind_is_kept_as_a_source_type(tmp_path: Path, drawing: np.ndarray) -> None:
    info, buffer = PngInfo(), io.BytesIO()
    info.add_text("parameters", "a lighthouse\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 320x240")
    Image.fromarray(drawing).save(buffer, "PNG", pnginfo=info)
    (tmp_path / "made.png").write_bytes(buffer.getvalue())
    copy = run("launder", tmp_path / "made.png", "--out", tmp_path / "out", "--preset", "webp").stdout.strip()
    exam = fv.check(copy)
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    assert exam.provenance["declarations"][0]["value"] == TRAINED_TYPE


def test_what_declares_itself_by_its_watermark_alone_is_labelled_again(photo: Path, tmp_path: Path) -> None:
    forged = run("forge", photo, "--out", tmp_path / "forged", "--method", "splice").stdout.strip()
    bare = tmp_path / "bare.png"
    Image.fromarray(np.asarray(Image.open(forged).convert("RGB"))).save(bare)
    copy = Path(run("launder", bare, "--out", tmp_path / "out", "--preset", "q70").stdout.strip())
    assert {d["kind"] for d in declared_by(copy)} == {"iptc_digital_source_type", "c2pa", "watermark"}
    kept, first = read_file(copy), read_file(forged)
    assert kept is not None
    assert first is not None
    assert kept.payload == first.payload, "a mark that survived the trip is not marked over"


def test_launder_skips_what_does_not_decode(photo: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing")
    result = run("launder", broken, photo, "--out", tmp_path / "out", "--preset", "q50")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert "broken.jpg" in result.stderr
    assert isinstance(run("launder", broken, "--out", tmp_path / "out").exception, fv.UsageError)


def test_train_command_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra lab")
    assert isinstance(run("train", "magic", "--data", tmp_path, "--out", tmp_path).exception, fv.UsageError)
    missing = run("train", "face_blend", "--data", tmp_path / "nowhere", "--out", tmp_path)
    assert isinstance(missing.exception, fv.UsageError)
    assert "docs/data.md" in run("train", "--help").stdout.replace("\n", " ")
