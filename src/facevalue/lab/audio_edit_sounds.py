"""Edited and unedited sounds of the same makes, by folds of speakers, for training and calibrating audio_edit.

DATA/audio/{index.tsv,*.flac}   bona fide speech, columns file, label, group
DATA/videos/real/               real clips; their sound is used as it is
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab import edit_sound
from facevalue.lab.edit_sound import INNOCENT, Edit, Manner, Scene
from facevalue.lab.sound_trips import CODECS, RATE_HZ, Samples, decode, trip

FOLDS = 3
MIN_CLIP_S = 3.0
# What a recording may have been coded with before it was cut.
HISTORY = ("mp3 128k", "aac 64k", "mp3 64k", "g711")

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many sounds of each make. rooms: simulated recordings per fold, each edited and left alone."""

    rooms: int = 14
    clips: int = 40
    videos: int = 2
    longest_s: float = 40.0


@dataclass(frozen=True, slots=True)
class Bank:
    """Speech of one fold. clips: (group, samples) of 3 s at least; speech: all of it; videos: (name, samples)."""

    clips: tuple[tuple[str, Samples], ...]
    speech: tuple[Samples, ...]
    videos: tuple[tuple[str, Samples], ...]


def banks(data: Path) -> list[Bank]:
    """The speech of each fold; a group of recording conditions and a source of videos lie in one fold whole."""
    folds: list[Bank] = []
    rows = _rows(data / "audio" / "index.tsv")
    sounds = [(row["group"], decode((data / "audio" / row["file"]).read_bytes())) for row in rows]
    videos = [(p.stem, s) for p in _clips(data / "videos" / "real") if (s := _sound(p)) is not None]
    groups = sorted({g for g, _ in sounds}, key=lambda g: (-sum(h == g for h, _ in sounds), g))
    # Dealt from the largest down, so that the folds are of like size.
    fold_of = {g: i % FOLDS for i, g in enumerate(groups)}
    for fold in range(FOLDS):
        mine = [(g, s) for g, s in sounds if fold_of[g] == fold]
        long = tuple((g, s) for g, s in mine if len(s) >= MIN_CLIP_S * RATE_HZ)
        seen = tuple((n, s) for n, s in videos if zlib.crc32(n.partition("_")[0].encode()) % FOLDS == fold)
        folds.append(Bank(long, tuple(s for _, s in mine), seen))
    return folds


def _rows(index: Path) -> list[dict[str, str]]:
    if not index.is_file():
        raise UsageError("audio/index.tsv is not in the data folder")
    with index.open(newline="", encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream, delimiter="\t") if r["label"] == "bonafide"]
    return [r for r in rows if (index.parent / r["file"]).is_file()]


def _clips(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.m*")) if folder.is_dir() else []


def _sound(path: Path) -> Samples | None:
    try:
        samples = decode(path.read_bytes())
    except UsageError:
        return None
    return samples if len(samples) >= MIN_CLIP_S * RATE_HZ else None


def make(
    bank: Bank, fold: int, plan: Plan, seed: int = 0, every_s: float | None = None
) -> Iterator[tuple[Item, Samples]]:
    """(what it is, samples before the codec) of every sound of a fold, edited beside unedited of the same make.

    every_s: seconds from one edit to the next, for training; None: one edit in a sound.
    """
    rng = np.random.default_rng([seed, fold])
    treatments = list(INNOCENT)
    for i in range(plan.rooms):
        seconds = float(np.exp(rng.uniform(np.log(8), np.log(plan.longest_s))))
        scene = Scene.draw(rng)
        base = edit_sound.record(bank.speech, seconds, scene, rng)
        like = rng.random() < 0.3
        donor = edit_sound.record(bank.speech, 15.0, scene if like else Scene.draw(rng), rng)
        treatment = treatments[i % len(treatments)] if rng.random() < 0.5 else "as recorded"
        yield from _pair(_Pair("room", fold, base, donor, like, treatment), rng, every_s)
    for _ in range(plan.clips):
        group, base = bank.clips[rng.integers(len(bank.clips))]
        like = rng.random() < 0.5
        others = [s for g, s in bank.clips if (g == group) == like and s is not base] or [s for _, s in bank.clips]
        donor = others[rng.integers(len(others))]
        yield from _pair(_Pair("clip", fold, base, donor, like, _often_plain(rng)), rng, every_s)
    for _, base in bank.videos:
        for _ in range(plan.videos):
            donor = bank.videos[rng.integers(len(bank.videos))][1]
            yield from _pair(_Pair("video", fold, base, donor, donor is base, _often_plain(rng)), rng, every_s)


def _often_plain(rng: np.random.Generator) -> str:
    return "as recorded" if rng.random() < 0.6 else str(rng.choice(list(INNOCENT)))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A recording, and what may be put into it. like: both were recorded in one place."""

    make: str
    fold: int
    base: Samples
    donor: Samples
    like: bool
    treatment: str


def _pair(pair: _Pair, rng: np.random.Generator, every_s: float | None) -> Iterator[tuple[Item, Samples]]:
    base, donor = INNOCENT[pair.treatment](pair.base, rng), pair.donor
    # The edited sound carries the innocent treatment too, and half of what is put in: it must speak for neither side.
    if rng.random() < 0.5:
        donor = INNOCENT[pair.treatment](donor, rng)
    # What is cut and saved again was often coded before, and what is put in by another encoder.
    if rng.random() < 0.3:
        base, donor = (trip(s, str(rng.choice(HISTORY))) for s in (base, donor))
    codec = "wav" if rng.random() < 0.35 else str(rng.choice(list(CODECS)))
    common = {"make": pair.make, "fold": pair.fold, "codec": codec, "treatment": pair.treatment}
    yield {**common, "label": 0}, base
    if every_s is None:
        manner = Manner.draw(rng)
        edits: tuple[Edit, ...] = (manner.make(base, donor, rng),)
        common |= {"careful": manner.careful, "gain_db": manner.gain_db}
    else:
        edits = edit_sound.several(base, donor, rng, every_s)
    place = "same conditions" if pair.like else "other recording"
    kind = edits[0].kind + (f", {place}" if edits[0].kind in ("insertion", "replacement") else "")
    yield {**common, "label": 1, "kind": kind, **_laid(edits)}, np.concatenate([e.samples for e in edits])


def _laid(edits: Sequence[Edit]) -> Item:
    """Joints, their fades and spans (s) of edits that follow each other."""
    out: Item = {"crossfade_ms": edits[0].crossfade_ms, "joints": [], "fade_s": [], "spans": []}
    at = 0.0
    for one in edits:
        out["joints"] += [at + j for j in one.joints]
        out["fade_s"] += [one.crossfade_ms / 1000] * len(one.joints)
        out["spans"] += [(at + a, at + b) for a, b in one.spans]
        at += len(one.samples) / RATE_HZ
    return out
