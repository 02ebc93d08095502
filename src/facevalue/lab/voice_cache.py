"""Spectra of every clip on several journeys, made once and kept: what the voice network is trained from.

One array of bytes on disk, (items, VARIANTS, 400 frames, 128 bands), half a dB a step. Variant 0 is the clip as it
is, the others are random journeys (voice_channel). Beside the clips stand splices: a stretch of a spoof inside bona
fide speech, and, so that a splice by itself says nothing, bona fide speech inside bona fide speech.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.examiners.voice.frontend import BANDS, LOW_DB, WINDOW_FRAMES, bands_db
from facevalue.lab.voice_channel import Wave, at_level, journey
from facevalue.lab.voice_data import RATE_HZ, Clip, read_pcm

VARIANTS = 4
STEP_DB = 0.5
SPOOF_SPLICES, PLAIN_SPLICES = 300, 120
SPLICE_S = (0.8, 2.0)
FADE = 160
CHUNK = 24
NEED = WINDOW_FRAMES * 160 + 512 - 160

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to learn from: a clip, or a splice of `donor` into `clip`.

    label: 1 when any of it is synthetic. synthetic: (from, to) as shares of the length that are.
    """

    clip: Clip
    donor: Clip | None
    label: int
    synthetic: tuple[float, float]

    @property
    def stratum(self) -> str:
        """What batches are balanced over."""
        return self.clip.stratum if self.donor is None else f"splice {self.donor.label}"

    @property
    def seed(self) -> int:
        """Clips of one utterance take the same journeys, so that nothing but the voice tells them apart."""
        name = self.clip.pair or self.clip.path.name
        donor = self.donor.path.name if self.donor else ""
        return int.from_bytes(hashlib.sha256(f"{name}|{donor}".encode()).digest()[:4], "big")


def items(clips: Sequence[Clip], seed: int = 0) -> list[Item]:
    """The clips, then splices of both kinds; both parts of a splice are of one fold."""
    out = [Item(clip, None, clip.label, (0.0, float(clip.label))) for clip in clips]
    rng = np.random.default_rng(seed)
    for label, count in ((1, SPOOF_SPLICES), (0, PLAIN_SPLICES)):
        for _ in range(min(count, len(clips))):
            made = _splice(clips, label, rng)
            if made is not None:
                out.append(made)
    return out


def _splice(clips: Sequence[Clip], label: int, rng: np.random.Generator) -> Item | None:
    hosts = [clip for clip in clips if clip.label == 0]
    host = hosts[rng.integers(len(hosts))] if hosts else None
    if host is None:
        return None
    donors = [c for c in clips if c.fold == host.fold and c.label == label and c.path != host.path]
    if not donors:
        return None
    # The same utterance spoken by the machine makes the better splice where there is one.
    same = [c for c in donors if c.pair and c.pair == host.pair]
    pool = same if same and rng.random() < 0.7 else donors
    start, length = rng.uniform(0.0, 0.5), rng.uniform(*SPLICE_S) / 4.0
    return Item(host, pool[rng.integers(len(pool))], label, (start, start + length) if label else (0.0, 0.0))


def wave_of(item: Item) -> Wave:
    """The item's sound, float32 at 16 kHz, at least 3.3 s (shorter clips are repeated), at most a window."""
    wave = whole(item.clip)
    if item.donor is None:
        return wave
    donor = whole(item.donor)
    rng = np.random.default_rng(item.seed)
    start, end = item.synthetic if item.label else (0.25, 0.25 + rng.uniform(*SPLICE_S) / 4.0)
    a, b = int(start * len(wave)), int(end * len(wave))
    # A paired donor goes in at its own place, so that the sentence goes on.
    at = a if item.donor.pair and item.donor.pair == item.clip.pair else int(rng.integers(max(1, len(donor) - (b - a))))
    piece = np.asarray(np.resize(donor[min(at, max(0, len(donor) - (b - a))) :], b - a), np.float32)
    rms = float(np.sqrt((wave.astype(np.float64) ** 2).mean()))
    piece = at_level(piece, 20 * np.log10(max(rms, 1e-4)))
    ramp: Wave = np.minimum(1.0, np.minimum(np.arange(b - a), np.arange(b - a)[::-1]) / FADE).astype(np.float32)
    out = wave.copy()
    out[a:b] = out[a:b] * (1 - ramp) + piece * ramp
    return out


def whole(clip: Clip) -> Wave:
    """A clip, float32 at 16 kHz, 3.3 s at least (a shorter one is repeated) and a window at most."""
    wave: Wave = read_pcm(clip.path)[:NEED].astype(np.float32) / np.float32(32768)
    least = int(3.3 * RATE_HZ)
    return wave if len(wave) >= least else np.asarray(np.resize(wave, least), np.float32)


def stored(bands: npt.NDArray[np.float32]) -> Bytes:
    """dB as bytes."""
    return np.round((bands - LOW_DB) / STEP_DB).astype(np.uint8)


def restored(stored_bands: Bytes) -> npt.NDArray[np.float32]:
    """Bytes as dB."""
    return stored_bands.astype(np.float32) * np.float32(STEP_DB) + np.float32(LOW_DB)


def spectra_of(item: Item, babble: Wave, variants: int = VARIANTS) -> tuple[Bytes, int]:
    """Bytes (variants, 400, 128) and how many frames are filled; the rest repeats."""
    wave = wave_of(item)
    # A splice keeps its speed, so that its place in the spectrum stays known; the journey's other steps keep time.
    rows = []
    for variant in range(variants):
        rng = np.random.default_rng([item.seed, variant])
        sound = wave if variant == 0 else journey(wave, rng, babble, speed=item.donor is None)
        rows.append(stored(bands_db(sound)[:WINDOW_FRAMES]))
    frames = min(len(row) for row in rows)
    return np.stack([np.resize(row[:frames], (WINDOW_FRAMES, BANDS)) for row in rows]), frames


def build(wanted: Sequence[Item], out: Path, workers: int, report: Callable[[str], None]) -> tuple[Bytes, Path]:
    """The cache of these items, a memory map, and its file; goes on where an interrupted call stopped."""
    out.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([[i.seed, i.label, VARIANTS] for i in wanted]).encode()).hexdigest()[:16]
    path, marks = out / f"spectra-{key}.bin", out / f"spectra-{key}"
    shape = (len(wanted), VARIANTS, WINDOW_FRAMES, BANDS)
    if not path.is_file():
        np.memmap(path, np.uint8, "w+", shape=shape).flush()
    marks.mkdir(exist_ok=True)
    starts = [s for s in range(0, len(wanted), CHUNK) if not (marks / f"{s}.npy").is_file()]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_chunk, list(wanted), s, path, shape, marks) for s in starts]
        for done, job in enumerate(as_completed(jobs), 1):
            job.result()
            if done % 10 == 0:
                report(f"spectra: {done} of {len(jobs)} parts")
    return np.memmap(path, np.uint8, "r", shape=shape), path


def _chunk(wanted: list[Item], start: int, path: Path, shape: tuple[int, ...], marks: Path) -> None:
    store = np.memmap(path, np.uint8, "r+", shape=shape)
    part = wanted[start : start + CHUNK]
    frames = []
    for offset, item in enumerate(part):
        # Voices in the background come from the item's own fold: what is held out is not heard in training.
        near = [other.clip for other in wanted if other.clip.fold == item.clip.fold]
        store[start + offset], filled = spectra_of(item, whole(near[item.seed % len(near)]))
        frames.append(filled)
    store.flush()
    np.save(marks / f"{start}.npy", np.array(frames, np.int64))
