"""Which recordings a vocoder is trained on."""

from __future__ import annotations

from pathlib import Path

from facevalue.errors import UsageError
from facevalue.lab.voice_data import read_index, read_pcm
from facevalue.lab.voices.recordings import listed, read
from facevalue.lab.voices.vocoder.speech import Sound

HELD_OUT_FOLD = 3


def training_set(data: Path) -> tuple[list[Path], Sound]:
    """The bona fide clips of a data folder without those of HELD_OUT_FOLD, or all recordings of any other folder; and
    what reads one: files of any other folder are decoded in the limited process, like exhibits.

    Raises UsageError when there are none.
    """
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder")
    if not any((folder / "index.tsv").is_file() for folder in (data / "audio", data)):
        return listed([data]), read
    clips = [clip.path for clip in read_index(data) if clip.label == 0 and clip.fold != HELD_OUT_FOLD]
    if not clips:
        raise UsageError(f"{data} has no bona fide clips to train on")
    return clips, read_pcm


def held_out(data: Path) -> list[Path]:
    """The bona fide clips of HELD_OUT_FOLD of a data folder."""
    return [clip.path for clip in read_index(data) if clip.label == 0 and clip.fold == HELD_OUT_FOLD]
