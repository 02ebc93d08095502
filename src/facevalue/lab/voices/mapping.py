"""From one voice to another without parallel speech: the length of the vocal tract, envelopes, and pitch.

1. Length: the warping of the frequency axis that brings the source's mean envelope nearest to the target's.
2. Envelopes: source frames are paired with the target frames that are nearest to what they have become so far, and a
   ridge regression towards the identity, with a shift for each of a few classes of sounds, is fitted to the pairs;
   again with the new pairs (INCA: Erro, Moreno and Bonafonte 2010). Only the difference filters the voice, so that the
   detail of its envelopes stays.
3. Pitch: the mean and spread of its logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.voices.envelope import Voice
from facevalue.lab.voices.spectra import Floats, mel_bands

ORDER, BANDS, RATE_HZ = 24, 48, 16_000
WARPS = np.linspace(0.82, 1.22, 41)
CLASSES, ROUNDS = 8, 4
CENTRED = 0.7
RIDGE = 0.3
MOST_FRAMES = 4_000
LEAST_FRAMES = 150
# Of each cepstral coefficient of a class, in ln power: 13 dB.
SHIFT_LIMIT = 3.0
PITCH_RANGE = (60.0, 500.0)


@dataclass(frozen=True, slots=True)
class Mapping:
    """What was learnt. warp: of the frequency axis (1.1: the target's resonances lie 10% higher). centres: (CLASSES,
    ORDER). matrix: (ORDER, ORDER), added to the identity. shifts: (CLASSES, ORDER). source_pitch, target_pitch: mean
    and standard deviation of ln Hz. frames: how many of the source and the target it was learnt from."""

    warp: float
    centres: Floats
    matrix: Floats
    shifts: Floats
    source_pitch: tuple[float, float]
    target_pitch: tuple[float, float]
    frames: tuple[int, int]

    def facts(self) -> dict[str, float]:
        """JSON-ready, for the label: no parameter of a voice, only how far it was moved."""
        ratio = float(np.exp(self.target_pitch[0] - self.source_pitch[0]))
        return {"warp": round(self.warp, 3), "pitch_ratio": round(ratio, 3), "target_frames": self.frames[1]}


def learn(source: Sequence[Voice], target: Sequence[Voice], rng: np.random.Generator) -> Mapping:
    """A mapping from voices at RATE_HZ. Raises UsageError when either has less than 0.75 s of voiced speech."""
    mine, theirs = (_frames(voices) for voices in (source, target))
    if min(len(mine), len(theirs)) < LEAST_FRAMES:
        raise UsageError(f"a conversion needs {LEAST_FRAMES * 0.005:g} s of voiced speech of both speakers at least")
    warp = _warp_of(np.log(mine).mean(axis=0), np.log(theirs).mean(axis=0))
    x = cepstra(warped(mine, warp))
    y = cepstra(theirs)
    x, y = (v[np.sort(rng.permutation(len(v))[:MOST_FRAMES])] for v in (x, y))
    centres = _centres(x, rng)
    matrix, shifts = np.zeros((ORDER, ORDER)), np.zeros((CLASSES, ORDER))
    # The first pairs are made by what differs from each speaker's own mean.
    now = x - x.mean(axis=0) + y.mean(axis=0)
    for _ in range(ROUNDS):
        matrix, shifts = _fit(x, y[_nearest(now, y)], centres)
        now = x + _moved(x, centres, matrix, shifts)
    # Nearest neighbours shy away from the target's edges, and so does their mean.
    shifts = shifts + CENTRED * (y.mean(axis=0) - now.mean(axis=0))
    pitches = (_pitch_of(source), _pitch_of(target))
    return Mapping(warp, centres, matrix, shifts, *pitches, (len(mine), len(theirs)))


def apply(mapping: Mapping, voice: Voice) -> Voice:
    """The voice, converted: envelopes and pitch; timing and aperiodicity stay."""
    envelope = warped(voice.envelope, mapping.warp)
    c = cepstra(envelope)
    change = _moved(c, mapping.centres, mapping.matrix, mapping.shifts)
    # A moving mean of 35 ms: what jumps from frame to frame is heard as a flutter.
    window = np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum()
    padded = np.pad(change, ((3, 3), (0, 0)), mode="edge")
    change = np.stack([np.convolve(column, window, "valid") for column in padded.T], axis=1)
    noise = warped(np.maximum(voice.noise, 1e-6), mapping.warp)
    moved = envelope * np.exp(np.clip(change @ _spread(envelope.shape[1]), -3.0, 3.0))
    (mean, wide), (goal, goal_wide) = mapping.source_pitch, mapping.target_pitch
    stretch = float(np.clip(goal_wide / max(wide, 1e-3), 0.6, 1.6))
    log = np.log(np.where(voice.pitch.voiced, voice.pitch.hertz, 1.0))
    hertz = np.clip(np.exp(goal + (log - mean) * stretch), *PITCH_RANGE)
    pitch = replace(voice.pitch, hertz=np.where(voice.pitch.voiced, hertz, 0.0))
    return Voice(pitch, moved, np.clip(noise, 1e-3, 1.0))


def warped(envelope: Floats, warp: float) -> Floats:
    """Envelopes (t, bins) whose resonances lie `warp` times as high; above, the top goes on."""
    at = np.clip(np.arange(envelope.shape[1]) / warp, 0, envelope.shape[1] - 1)
    low = np.minimum(at.astype(np.int64), envelope.shape[1] - 2)
    log = np.log(envelope)
    return np.asarray(np.exp(log[:, low] + (at - low) * (log[:, low + 1] - log[:, low])), np.float64)


def cepstra(envelope: Floats) -> Floats:
    """Cepstra of log mel bands without the level, float64 (t, ORDER)."""
    bands = mel_bands(2 * (envelope.shape[1] - 1), BANDS, RATE_HZ)
    return np.asarray(np.log(envelope @ bands + 1e-12) @ _basis().T * (2 / BANDS), np.float64)


def _basis() -> Floats:
    """Cosines (ORDER, BANDS)."""
    return np.cos(np.pi * np.outer(np.arange(1, ORDER + 1), np.arange(BANDS) + 0.5) / BANDS)


def _spread(bins: int) -> Floats:
    """From cepstra to log power at the bins, (ORDER, bins)."""
    hertz = np.linspace(0, RATE_HZ / 2, bins)
    mel = np.log1p(hertz / 700) / np.log1p(RATE_HZ / 1400) * (BANDS + 1) - 0.5
    return np.cos(np.pi * np.outer(np.arange(1, ORDER + 1), np.clip(mel, 0, BANDS)) / BANDS)


def _frames(voices: Sequence[Voice]) -> Floats:
    """Envelopes of voiced frames within 30 dB of the loudest, (t, bins)."""
    kept = []
    for voice in voices:
        level = np.log(voice.envelope.mean(axis=1) + 1e-12)
        kept.append(voice.envelope[voice.pitch.voiced & (level > level.max() - 6.9)])
    return np.concatenate(kept) if kept else np.zeros((0, 2))


def _warp_of(mine: Floats, theirs: Floats) -> float:
    """The warp at which two mean log envelopes differ least between 200 Hz and 5 kHz, level and slope aside."""
    bins = len(mine)
    part = slice(bins * 200 // 8000, bins * 5000 // 8000)
    ramp = np.stack([np.ones(bins), np.arange(bins)], axis=1)[part]
    errors = []
    for warp in WARPS:
        gap = (np.log(warped(np.exp(mine)[None], float(warp))[0]) - theirs)[part]
        left = gap - ramp @ np.linalg.lstsq(ramp, gap, rcond=None)[0]
        # Speakers differ little in length: without evidence, nothing is warped.
        errors.append(float((left**2).mean()) + 3.0 * float(np.log(warp)) ** 2)
    return float(WARPS[int(np.argmin(errors))])


def _centres(x: Floats, rng: np.random.Generator) -> Floats:
    """CLASSES centres by k-means."""
    centres = x[rng.permutation(len(x))[:CLASSES]]
    for _ in range(15):
        own = _nearest(x, centres)
        centres = np.stack([x[own == k].mean(axis=0) if (own == k).any() else centres[k] for k in range(CLASSES)])
    return centres


def _nearest(x: Floats, y: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    return np.asarray(((y**2).sum(axis=1)[None] - 2 * x @ y.T).argmin(axis=1), np.intp)


def _shares(x: Floats, centres: Floats) -> Floats:
    """How much each class has of each frame, (t, CLASSES): soft, by distance."""
    square = ((x[:, None] - centres[None]) ** 2).sum(axis=2)
    scale = np.median(square.min(axis=1)) + 1e-9
    power = np.exp(-(square - square.min(axis=1, keepdims=True)) / scale)
    return np.asarray(power / power.sum(axis=1, keepdims=True), np.float64)


def _fit(x: Floats, y: Floats, centres: Floats) -> tuple[Floats, Floats]:
    shares = _shares(x, centres)
    gap = y - x
    weight = shares.sum(axis=0)
    overall = gap.mean(axis=0)
    # A class that is seldom heard moves as all do.
    shifts = (shares.T @ gap + 50 * overall) / (weight[:, None] + 50)
    left = gap - shares @ shifts
    centred = x - centres.mean(axis=0)
    cover = centred.T @ centred / len(x)
    matrix = np.linalg.solve(cover + RIDGE * np.eye(ORDER) * np.trace(cover) / ORDER, centred.T @ left / len(x)).T
    return matrix, np.clip(shifts, -SHIFT_LIMIT, SHIFT_LIMIT)


def _moved(x: Floats, centres: Floats, matrix: Floats, shifts: Floats) -> Floats:
    """How far each frame is moved, (t, ORDER)."""
    shares = _shares(x, centres)
    return np.asarray(shares @ shifts + (x - centres.mean(axis=0)) @ matrix.T, np.float64)


def _pitch_of(voices: Sequence[Voice]) -> tuple[float, float]:
    log = np.concatenate([np.log(v.pitch.hertz[v.pitch.voiced]) for v in voices])
    middle = float(np.median(log))
    # Octave errors of the tracker lie far out: spread by the quartiles.
    return middle, float((np.quantile(log, 0.75) - np.quantile(log, 0.25)) / 1.349)
