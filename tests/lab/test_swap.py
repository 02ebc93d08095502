"""lab swap and lab consent: nothing without consent, nothing without labels, and nothing changed outside the mask."""

from __future__ import annotations

import datetime
import hashlib
import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from typer.testing import CliRunner, Result

import facevalue as fv
from facevalue.consent import ConsentError, Licence, create_record, revoke
from facevalue.finding import DECLARES_SYNTHETIC, Verdict
from facevalue.lab.cli import app
from facevalue.lab.labels import COMPOSITE_TYPE
from facevalue.lab.swap import admitted, swap
from facevalue.lab.swap.enrol import embedding_in
from facevalue.lab.swap.points import faces_by_size, points_of
from facevalue.lab.swap.render import render

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("swap")


@pytest.fixture(scope="module")
def source(folder: Path, portrait: np.ndarray) -> Path:
    path = folder / "ada.png"
    Image.fromarray(portrait[:360, 80:400]).save(path)
    return path


@pytest.fixture(scope="module")
def target(folder: Path, portrait: np.ndarray) -> Path:
    """The same woman mirrored, smaller, and in another light: enough of another face."""
    small = cv2.resize(portrait[:, ::-1], (400, 400), interpolation=cv2.INTER_AREA).astype(np.float32)
    path = folder / "scene.png"
    Image.fromarray(np.clip(small * (0.7, 0.75, 0.9), 0, 255).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def embedding(source: Path) -> np.ndarray:
    return embedding_in(source)


@pytest.fixture(scope="module")
def consent(folder: Path, embedding: np.ndarray) -> Path:
    path = folder / "ada.consent.json"
    path.write_text(create_record("Ada", embedding, ["swap"], "Studio", NOW - DAY, NOW + DAY, KEY).to_json())
    return path


@pytest.fixture(scope="module")
def film(folder: Path, portrait: np.ndarray) -> Path:
    """A pan over the mirrored portrait, with sound."""
    path, mirrored = folder / "scene.mp4", np.ascontiguousarray(portrait[:, ::-1])
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"threads": "1", "preset": "veryfast"})
        video.width = video.height = 320
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("aac", rate=16_000, layout="mono")
        for i in range(10):
            piece = np.ascontiguousarray(mirrored[i : i + 320, 130 + 2 * i : 450 + 2 * i])
            out.mux(video.encode(av.VideoFrame.from_ndarray(piece, format="rgb24")))
        out.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(
            (np.sin(np.arange(6_144) * 0.1) * 3_000).astype(np.int16)[None], "s16", "mono"
        )
        block.sample_rate = 16_000
        resampler = av.AudioResampler("fltp", "mono", 16_000, frame_size=1024)
        for piece in [*resampler.resample(block), *resampler.resample(None)]:
            out.mux(audio.encode(piece))
        out.mux(audio.encode(None))
    return path


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as clip:
        return [bytes(packet) for packet in clip.demux(audio=0) if packet.size]


# Pictures


def test_a_swap_is_drawn_labelled_and_accounted_for(source: Path, target: Path, consent: Path, tmp_path: Path) -> None:
    made = swap(source, target, tmp_path / "out.png", consent)
    exam = fv.check(made.file.path)
    assert exam.opinion.verdict is Verdict.DECLARED_SYNTHETIC
    kinds = {r.details.get("kind") for f in exam.findings for r in f.regions if r.label == DECLARES_SYNTHETIC}
    assert kinds == {"iptc_digital_source_type", "c2pa", "watermark"}
    told = json.dumps(fv.verify(made.file.path).to_dict())
    assert "compositeWithTrainedAlgorithmicMedia" in told
    assert "ada.png" in told
    assert "scene.png" in told
    manifest = json.loads(made.manifest.read_text())
    assert manifest["digital_source_type"] == COMPOSITE_TYPE
    assert manifest["basis"]["subject"] == "Ada"
    assert manifest["basis"]["similarity"] == pytest.approx(1, abs=0.01)
    for name, path in (("source", source), ("target", target)):
        assert manifest[name]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest["sha256"] == hashlib.sha256(made.file.path.read_bytes()).hexdigest()
    mask = np.asarray(Image.open(tmp_path / manifest["mask"]))
    assert mask.shape == (400, 400)
    assert 0.01 < (mask > 128).mean() < 0.2


def test_outside_the_mask_nothing_changes_and_inside_the_face_does(source: Path, target: Path) -> None:
    give, take = (np.asarray(Image.open(path)) for path in (source, target))
    have, want = (points_of(pixels, faces_by_size(pixels)[0]) for pixels in (give, take))
    done = render(give, have, take, want)
    assert done is not None
    assert np.array_equal(done.pixels[done.mask == 0], take[done.mask == 0])
    changed = (done.pixels != take).any(axis=2)
    assert changed[done.mask > 0.5].mean() > 0.9
    # The light is the target's: means over the exchanged area stay near.
    inside = done.mask > 0.9
    apart = done.pixels[inside].mean(axis=0) - take[inside].mean(axis=0)
    assert np.abs(apart).max() < 12
    # And there is no seam: along the edge of the mask the change is small.
    edge = (done.mask > 0) & (done.mask < 0.15)
    assert np.abs(done.pixels[edge].astype(int) - take[edge]).mean() < 6
    # The source is mirrored in the target: what is drawn is nearer to the source than the target is.
    assert not np.array_equal(done.pixels, take)


def test_a_face_onto_itself_stays_itself(portrait: np.ndarray) -> None:
    points = points_of(portrait, faces_by_size(portrait)[0])
    done = render(portrait, points, portrait, points)
    assert done is not None
    assert np.abs(done.pixels.astype(int) - portrait).mean(axis=2)[done.mask > 0].mean() < 4


def test_the_same_command_draws_the_same(source: Path, target: Path, consent: Path, tmp_path: Path) -> None:
    one, other = (swap(source, target, tmp_path / name, consent) for name in ("a.jpg", "b.jpg"))
    assert one.file.content_sha256 == other.file.content_sha256
    assert one.mask.read_bytes() == other.mask.read_bytes()


# Clips


def test_a_clip_keeps_its_frames_and_its_sound(source: Path, film: Path, consent: Path, tmp_path: Path) -> None:
    made = swap(source, film, tmp_path / "out.mp4", consent)
    manifest = json.loads(made.manifest.read_text())
    assert (manifest["frames"], manifest["changed"]) == (10, 10)
    assert manifest["labels"] == ["visible_mark", "watermark", "digital_source_type", "c2pa"]
    with av.open(str(made.file.path)) as clip, av.open(str(film)) as before:
        times = [[frame.time for frame in c.decode(video=0)] for c in (clip, before)]
    assert times[0] == pytest.approx(times[1], abs=1e-3)
    assert packets(made.file.path) == packets(film), "the sound is copied as it is"
    with av.open(str(made.mask)) as clip:
        masks = [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]
    assert len(masks) == 10
    assert all(0.02 < (mask > 128).mean() < 0.4 for mask in masks)
    middles = np.array([np.argwhere(mask > 128).mean(axis=0) for mask in masks])
    steps = np.diff(middles, axis=0)
    assert np.abs(steps - np.median(steps, axis=0)).max() < 2.0, "the face moves as steadily as the camera"
    assert fv.check(made.file.path).opinion.verdict is Verdict.DECLARED_SYNTHETIC


def test_a_clip_without_a_face_is_a_sentence(source: Path, consent: Path, tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width = video.height = 128
        video.pix_fmt = "yuv420p"
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((128, 128, 3), 90, np.uint8), format="rgb24")
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    with pytest.raises(fv.UsageError, match="no face long enough"):
        swap(source, path, tmp_path / "out.mp4", consent)
    assert [p.name for p in tmp_path.iterdir()] == ["grey.mp4"]


# Consent


def refused(sentence: str, source: Path, target: Path, consent: object, out: Path, **options: object) -> None:
    with pytest.raises(ConsentError, match=sentence):
        swap(source, target, out / "out.png", consent, **options)  # type: ignore[arg-type]
    assert not list(out.iterdir()), "nothing was written"


def test_no_swap_without_a_consent_that_covers_it(
    source: Path, target: Path, embedding: np.ndarray, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()

    def record(purposes: tuple[str, ...] = ("swap",), start: int = -1, end: int = 1) -> object:
        return create_record("Ada", embedding, purposes, "Studio", NOW + start * DAY, NOW + end * DAY, KEY)

    stranger = np.eye(128, dtype=np.float32)[0]
    other = create_record("Eve", stranger, ["swap"], "Studio", NOW - DAY, NOW + DAY, KEY)
    refused("needs a consent record", source, target, None, out)
    refused("has expired", source, target, record(start=-9, end=-1), out)
    refused("not valid yet", source, target, record(start=1, end=2), out)
    refused("does not cover 'swap'", source, target, record(("voice",)), out)
    refused("not that of Eve", source, target, other, out)
    refused("cannot be read", source, target, folder / "nowhere.json", out)
    refused("another key", source, target, record(), out, key=bytes(32))
    forged = folder / "forged.json"
    forged.write_text(record().to_json().replace("Studio", "Thief!"))  # type: ignore[attr-defined]
    refused("signature of the consent record does not hold", source, target, forged, out)
    mine = record()
    listed = folder / "revoked.json"
    listed.write_text(revoke([mine.id], NOW, KEY))  # type: ignore[attr-defined]
    refused("was revoked", source, target, mine, out, revocations=listed)


def test_a_licence_for_the_file_is_enough_and_for_another_is_not(source: Path, target: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert admitted(source, Licence("Set", "CC0", ("swap",), frozenset({digest}))).basis["kind"] == "licence"
    path = tmp_path / "licence.json"
    told = {"schema": "facevalue.licence/1", "data_set": "Set", "licence": "CC0", "purposes": ["swap"], "files": []}
    path.write_text(json.dumps(told))
    with pytest.raises(ConsentError, match="not a file of Set"):
        swap(source, target, tmp_path / "out.png", path)
    path.write_text(json.dumps({**told, "files": [digest]}))
    made = swap(source, target, tmp_path / "out.png", path)
    assert json.loads(made.manifest.read_text())["basis"]["licence"] == "CC0"


# The commands


def test_the_commands_from_key_to_swap(source: Path, target: Path, tmp_path: Path) -> None:
    key, record, out = tmp_path / "ada.pem", tmp_path / "ada.json", tmp_path / "out.jpg"
    public = run("consent", "key", key).stdout.strip()
    said = ("--name", "Ada", "--grantee", "Studio", "--key", key, "--out", record, "--purpose", "swap")
    result = run("consent", "new", source, *said)
    assert result.exit_code == 0, result.exception
    shown = json.loads(run("consent", "show", record).stdout)
    assert (shown["subject"], shown["now"], shown["public_key"], shown["face"]) == ("Ada", "valid", public, "yes")
    assert isinstance(run("consent", "new", source, *said).exception, fv.UsageError), "never overwritten"
    result = run("swap", source, target, "--consent", record, "--out", out, "--key", public)
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines() == [str(out), str(tmp_path / "out.mask.png"), str(tmp_path / "out.swap.json")]
    revoked = tmp_path / "revoked.json"
    assert run("consent", "revoke", record, "--key", key, "--out", revoked).exit_code == 0
    result = run("swap", source, target, "--consent", record, "--out", tmp_path / "b.jpg", "--revocations", revoked)
    assert isinstance(result.exception, ConsentError)
    assert "revoked" in str(result.exception)
    result = run("swap", source, target, "--out", tmp_path / "b.jpg")
    assert result.exit_code == 2, "there is no swap without --consent"
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize(
    ("out", "options", "sentence"),
    [
        ("out.mp4", {}, "the target is a picture"),
        ("out.png", {"target_face": 4}, "there is no number 4"),
        ("out.png", {"source_face": 2}, "there is no number 2"),
        ("scene.png", {}, "original"),
    ],
)
def test_wrong_use_is_a_sentence(
    out: str, options: dict[str, int], sentence: str, source: Path, target: Path, consent: Path
) -> None:
    before = target.read_bytes()
    with pytest.raises(fv.UsageError, match=sentence):
        swap(source, target, target.with_name(out), consent, **options)  # type: ignore[arg-type]
    assert target.read_bytes() == before


def test_a_record_is_not_overwritten_by_what_is_said_of_the_swap(
    source: Path, target: Path, consent: Path, tmp_path: Path
) -> None:
    record = tmp_path / "out.swap.json"
    record.write_bytes(consent.read_bytes())
    with pytest.raises(fv.UsageError, match=r"out\.swap\.json is one of the originals"):
        swap(source, target, tmp_path / "out.png", record)
    assert record.read_bytes() == consent.read_bytes()
    assert not (tmp_path / "out.png").exists()


def test_a_picture_without_a_face_has_nobody_to_consent(tmp_path: Path, drawing: np.ndarray, consent: Path) -> None:
    Image.fromarray(drawing).save(tmp_path / "drawing.png")
    with pytest.raises(fv.UsageError, match="shows no face"):
        admitted(tmp_path / "drawing.png", consent)
    with pytest.raises(fv.UsageError, match="shows no face"):
        embedding_in(tmp_path / "drawing.png")
