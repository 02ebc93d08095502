"""`facevalue lab speak`, `vocode`, `convert`, `vocoder train`, and `consent voice`. Importing this imports no torch."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facevalue.errors import MissingExtraError, UnreadableError, UsageError
from facevalue.lab.signer_option import As, signer_named

if TYPE_CHECKING:
    from facevalue.lab.labels import Labelled

vocoder = typer.Typer(no_args_is_help=True, help="Train the small GAN vocoder of `lab vocode --with gan`, export it.")

Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same sound.")]
Out = Annotated[Path, typer.Option(help="The result: .wav, .flac, .m4a or .mp3.")]
Run = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
_MOST_TEXT = 1 << 20


def register(app: typer.Typer, consent: typer.Typer) -> None:
    """Add the commands to the lab's, and `voice` to those for consent records."""
    for command in (speak, vocode, convert):
        app.command()(command)
    app.add_typer(vocoder, name="vocoder")
    consent.command("voice")(consent_voice)


def speak(
    text: Annotated[str, typer.Argument(help="What to say: a text, a file of text, or - for stdin.", metavar="TEXT")],
    out: Annotated[Path | None, typer.Option(help="The result: .wav, .flac, .m4a or .mp3.")] = None,
    voice: Annotated[
        str, typer.Option(help="A speaker, or a speaker and one of its voices: flite:slt. 'list' prints them.")
    ] = "klatt",
    seed: Seed = 0,
    signer: As = None,
) -> None:
    """Say a text with an offline synthesiser. Always labelled."""
    if voice == "list":
        typer.echo("\n".join(_listed()))
        return
    if out is None:
        raise UsageError("--out is missing")
    from facevalue.lab.voices.files import speak_file

    _told(speak_file(_text(text), out, voice, seed, signer_named(signer)))


def vocode(
    recording: Annotated[Path, typer.Argument(help="A recording of speech, or a clip.")],
    out: Out,
    how: Annotated[str, typer.Option("--with", help="world, griffin-lim or gan.")] = "world",
    seed: Seed = 0,
    model: Annotated[Path | None, typer.Option(help="gan: an exported vocoder.onnx, not the shipped one.")] = None,
    signer: As = None,
) -> None:
    """Take a recording apart and put it together again with a vocoder, at 16 kHz. Always labelled."""
    from facevalue.lab.voices.files import vocode_file

    _told(vocode_file(recording, out, how, seed, model, signer_named(signer)))


def convert(
    source: Annotated[Path, typer.Argument(help="The recording whose words are kept.")],
    to: Annotated[list[Path], typer.Option(help="Recordings of the voice it gets, or folders; may be repeated.")],
    record: Annotated[
        Path,
        typer.Option("--consent", help="That person's consent record, or a licence manifest.", metavar="RECORD"),
    ],
    out: Out,
    seed: Seed = 0,
    revocations: Annotated[Path | None, typer.Option(help="A list of revoked records, signed by the person.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The public key that the person is known to have, base64; others are refused.")
    ] = None,
    signer: As = None,
) -> None:
    """Turn one speaker's voice towards another's, with the other's consent. Always labelled.

    Refused without a record for "voice" that is signed, valid now, and lists the recordings by their sha256.
    """
    from facevalue.consent import form
    from facevalue.lab.voices.convert import convert as run

    public = form.from_base64(key, form.KEY_BYTES, "--key") if key is not None else None
    who = signer_named(signer)
    _told(run(source, to, record, out, seed=seed, revocations=revocations, key=public, who=who))


def consent_voice(
    recordings: Annotated[list[Path], typer.Argument(help="Recordings of the person's voice, or folders.")],
    name: Annotated[str, typer.Option(help="The person's name.")],
    grantee: Annotated[str, typer.Option(help="Who may use the voice.")],
    key: Annotated[Path, typer.Option(help="The person's own Ed25519 key (PEM).")],
    out: Annotated[Path, typer.Option(help="Where the record goes.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="For how many days.")] = 30,
) -> None:
    """Write a consent record for `lab convert`, signed with the person's own key, that lists their recordings."""
    from facevalue.consent import create_record
    from facevalue.exhibit import Exhibit
    from facevalue.lab.labels import put
    from facevalue.lab.voices.permission import PURPOSE
    from facevalue.lab.voices.recordings import listed
    from facevalue.registry.keys import load_key

    if out.exists():
        raise UsageError(f"{out.name} exists already: a record is never overwritten")
    digests = sorted({Exhibit.open(path).sha256 for path in listed(recordings)})
    start = datetime.datetime.now(datetime.UTC)
    end = start + datetime.timedelta(days=days)
    made = create_record(name, None, [PURPOSE], grantee, start, end, load_key(key), recordings_sha256=digests)
    put(out, made.to_json().encode())
    typer.echo(str(out))


@vocoder.command()
def train(
    data: Annotated[Path, typer.Argument(help="A data folder (docs/data.md) or any folder of recordings of speech.")],
    out: Annotated[Path, typer.Option(help="The run's folder: log, checkpoints, packed speech, vocoder.onnx.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Steps in all; 3,000 by default.")] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Stop after so many minutes; 0: never.")] = 0.0,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's newest checkpoint.")] = False,
    channels: Annotated[int, typer.Option(help="Width of the generator.")] = 160,
    batch: Annotated[int, typer.Option(help="Crops a step.")] = 12,
    alone: Annotated[int, typer.Option(help="Steps before the discriminators join.")] = 400,
    threads: Annotated[int, typer.Option(help="CPU threads; 0: torch's choice.")] = 1,
) -> None:
    """Train the vocoder, then export it. Interrupt it at any time: --resume goes on, bit by bit.

    In a data folder, the bona fide clips of folds 0 to 2 are learnt from, those of fold 3 are left to judge by.
    """
    torch = _torch("lab vocoder train")
    from facevalue.lab.voices.vocoder.data import training_set
    from facevalue.lab.voices.vocoder.export import export
    from facevalue.lab.voices.vocoder.recipe import Recipe
    from facevalue.lab.voices.vocoder.run import Limits
    from facevalue.lab.voices.vocoder.run import train as run

    if threads:
        torch.set_num_threads(threads)  # type: ignore[attr-defined]
    asked = Recipe(channels=channels, batch=batch, alone=alone, seed=seed)
    recipe = Recipe.from_dict(asked.to_dict() | {"steps": steps or (1 if resume else asked.steps)})
    paths, read = training_set(data)
    with _bar() as show:
        made = run(paths, out, recipe, Limits(minutes), read, resume=resume, report=_say, show=show)
    for path in (made, *export(made, out)):
        typer.echo(str(path))


@vocoder.command("export")
def export_run(
    run: Run,
    out: Annotated[Path, typer.Option(help="A folder for vocoder.onnx and vocoder.json.")],
) -> None:
    """Write a run's newest checkpoint as ONNX, for `lab vocode --with gan --model`."""
    _torch("lab vocoder export")
    from facevalue.lab.voices.vocoder.checkpoint import newest
    from facevalue.lab.voices.vocoder.export import export

    for path in export(newest(run, _say), out):
        typer.echo(str(path))


@vocoder.command()
def measure(
    recordings: Annotated[
        list[Path], typer.Argument(help="Recordings of speech that were not trained on, or folders.")
    ],
    how: Annotated[str, typer.Option("--with", help="world, griffin-lim or gan.")] = "gan",
    model: Annotated[Path | None, typer.Option(help="gan: an exported vocoder.onnx.")] = None,
    seed: Seed = 0,
) -> None:
    """How near copies are to their originals: mel distance in dB and short-time intelligibility. Prints JSON."""
    import json

    from facevalue.lab.voices.measured import figures
    from facevalue.lab.voices.recordings import listed

    typer.echo(json.dumps(figures(listed(recordings), how, model, seed, _say), indent=1))


def _listed() -> list[str]:
    from facevalue.lab.voices.speakers import broken, speakers

    lines = []
    for name, speaker in speakers().items():
        lacking = "  (not installed)" if speaker.missing() else ""
        languages, voices = " ".join(speaker.languages) or "many languages", " ".join(speaker.voices) or "many"
        lines.append(f"{name}{lacking}: {languages}; voices: {voices}; {speaker.licence}")
    return lines + [f"{name} (cannot be loaded): {why}" for name, why in broken().items()]


def _text(text: str) -> str:
    """The text itself, or what is in the file of that name, or what comes on stdin."""
    if text == "-":
        return sys.stdin.read(_MOST_TEXT)
    try:
        path = Path(text) if len(text) < 1_024 and "\n" not in text else None
        if path is None or not path.is_file():
            return text
        with path.open(encoding="utf-8") as stream:
            return stream.read(_MOST_TEXT)
    except UnicodeDecodeError:
        raise UsageError(f"{Path(text).name} is not a text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise UnreadableError(
            f"the text cannot be read: {getattr(error, 'strerror', None) or 'no usable path'}"
        ) from None


def _told(made: Labelled) -> None:
    for line in made.notes:
        _say(line)
    typer.echo(str(made.path))


def _torch(command: str) -> object:
    try:
        import torch
    except ImportError:
        raise MissingExtraError(command, "lab") from None
    return torch


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextlib.contextmanager
def _bar() -> Iterator[Callable[[int, int, dict[str, float | None], float], None]]:
    """Losses, seconds a step and the time left, live, when stderr is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(20), TextColumn("{task.completed}/{task.total} {task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, of: int, values: dict[str, float | None], per: float) -> None:
            told = " ".join(f"{name} {value:.3f}" for name, value in values.items() if value is not None)
            bar.update(task, completed=done, total=of, description=f"{told} {per:.2f} s/step" if told else "reading")

        yield show
