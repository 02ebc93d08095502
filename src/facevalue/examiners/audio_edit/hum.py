"""Mains hum: its phase runs on through a recording, and breaks where something was cut out or put in.

Rodriguez, Apolinario & Biscainho 2010: the sound is filtered around the mains frequency and its harmonics, brought
down in rate, and the phase against the tracked frequency watched for steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.examiners.audio_edit.spectra import Samples, chunks
from facevalue.examiners.audio_edit.trace import RATE_HZ, Mark, Trace, ranked

NOMINAL_HZ = (50.0, 60.0)
MAX_HARMONIC_HZ = 600.0
# A tenth of a second a step: 5 and 6 mains cycles, so both nominal frequencies and harmonics are whole in it.
STEP_S = 0.1
STEP = int(STEP_S * RATE_HZ)
MIN_STEPS = 40
SIDE = 20  # steps on either side of a joint that a phase is fitted to
# Phase noise (rad) of a harmonic above which it tells nothing.
MAX_NOISE_RAD = 0.5
MIN_SNR_DB = 9.0
MARKS = 50
MIN_AGREEMENT = 0.35
DRIFT_STEPS = 80
# Shifts of time tried over one period of the lowest harmonic, and the weight of a harmonic that hardly wanders.
SHIFTS = 48
MAX_WEIGHT = 400.0

Complex = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Harmonic:
    """One harmonic of the hum: nominal frequency, signal-to-noise ratio (dB), baseband, complex (n,)."""

    hertz: float
    snr_db: float
    base: Complex


def _decimated(piece: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A tenth of the rate: two running means of 10 samples, whose nulls lie where the hum's band would alias from."""
    total = np.cumsum(np.pad(piece, (1, 0)), dtype=np.float64)
    once = total[10:] - total[:-10]
    total = np.cumsum(np.pad(once, (1, 0)))
    return np.asarray((total[10::10] - total[:-10:10]) / 100, np.float32)


def baseband(samples: Samples, hertz: list[float]) -> Complex:
    """Complex amplitude around each frequency every tenth of a second, (frequencies, n): Hann windows of 0.4 s."""
    rate, step = RATE_HZ // 10, STEP // 10
    t = np.arange(4 * step) / rate
    window = np.hanning(4 * step + 1)[:-1]
    bank = np.stack([window * np.exp(-2j * np.pi * f * t) for f in hertz]).astype(np.complex64)
    out = []
    # 20 samples more than the windows need, for the running means.
    for _, piece in chunks(samples, 600 * STEP, 3 * STEP + 20):
        low = _decimated(piece)
        if len(low) >= 4 * step:
            # Steps of 0.1 s are whole cycles of every multiple of 10 Hz, so each row starts at phase 0.
            rows = np.lib.stride_tricks.sliding_window_view(low, 4 * step)[::step]
            out.append((np.ascontiguousarray(rows) @ bank.T).T)
    return np.concatenate(out, axis=1).astype(np.complex128) if out else np.zeros((len(hertz), 0), np.complex128)


def harmonics(samples: Samples, nominal: float) -> list[Harmonic]:
    """The harmonics up to 600 Hz whose level stands 9 dB above that of their surroundings (10 Hz on either side)."""
    multiples = [nominal * k for k in range(1, int(MAX_HARMONIC_HZ / nominal) + 1)]
    around = [f + d for f in multiples for d in (-20.0, -10.0, 0.0, 10.0, 20.0)]
    base = baseband(samples, around)
    out: list[Harmonic] = []
    if base.shape[1] < MIN_STEPS:
        return out
    # The quietest quarter of the time is where speech is not.
    level = np.quantile(np.abs(base) ** 2, 0.25, axis=1).reshape(-1, 5)
    for i, hertz in enumerate(multiples):
        noise = float(np.mean(level[i, [0, 1, 3, 4]])) + 1e-9
        snr = 10 * math.log10(float(level[i, 2]) / noise + 1e-9)
        if snr >= MIN_SNR_DB:
            out.append(Harmonic(hertz, snr, base[5 * i + 2]))
    return out


def phase_steps(base: Complex) -> tuple[npt.NDArray[np.float64], float]:
    """(step of phase at each boundary, rad, in -pi..pi; its noise, rad) of one harmonic; SIDE steps from the ends on.

    On both sides the phase is averaged after the local frequency, common to both, is taken out. Windows overlap the
    joint for 4 steps; they count for neither side.
    """
    size = np.abs(base)
    # Where the amplitude is far from the usual one, speech or a thump covers the hum: such steps count for nothing.
    usual = float(np.quantile(size, 0.3))
    unit = np.where((size > usual / 3) & (size < usual * 2), base / (size + 1e-12), 0)
    turns = np.concatenate([[0], np.cumsum(unit[1:] * unit[:-1].conj()), [0]])
    turns[-1] = turns[-2]
    n = len(unit) - 2 * SIDE
    offsets = np.arange(2, SIDE)
    # The mains frequency wanders slowly: its turn per step is that of the eight seconds on either side.
    boundary = np.arange(SIDE, SIDE + n)
    turn = np.angle(
        turns[np.minimum(len(unit) - 1, boundary + DRIFT_STEPS)] - turns[np.maximum(0, boundary - DRIFT_STEPS)]
    )
    middle = np.arange(SIDE, SIDE + n)
    left = sum(unit[middle - k] * np.exp(1j * turn * k) for k in offsets)
    right = sum(unit[middle + k] * np.exp(-1j * turn * k) for k in offsets)
    step = np.angle(right * np.conj(left))
    # Too few steps in agreement on one side: no phase to compare.
    agree = np.minimum(np.abs(left), np.abs(right)) / len(offsets)
    step[agree < MIN_AGREEMENT] = 0.0
    step *= np.minimum(1.0, agree / 0.7)
    noise = float(np.median(np.abs(step[step != 0]))) * 1.4826 if step.any() else math.pi
    return np.asarray(step, np.float64), noise


def shifts(
    hertz: npt.NDArray[np.float64], steps: npt.NDArray[np.float64], noise: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """How much better one shift of time explains the phase steps than none does, in standard deviations, (n,).

    hertz (harmonics,), steps (harmonics, n) and their noise (harmonics,), rad. A cut moves every harmonic by its
    frequency times one and the same shift; a device that switches on, or speech, moves each as it likes. Square root
    of twice the log likelihood ratio with the best shift, less the log of how many shifts were tried, for phases whose
    noise is von Mises (Mardia & Jupp 2000).
    """
    weight = np.minimum(1.0 / noise**2, MAX_WEIGHT)[:, None]
    none = (weight * np.cos(steps)).sum(axis=0)
    tried = np.arange(SHIFTS) / SHIFTS / hertz.min()
    best = np.full(steps.shape[1], -np.inf)
    for shift in tried:
        turned = np.cos(steps - 2 * np.pi * hertz[:, None] * shift)
        best = np.maximum(best, (weight * turned).sum(axis=0))
    gain = np.maximum(0.0, best - none - math.log(SHIFTS))
    return np.asarray(np.sqrt(2 * gain), np.float64)


def find_hum(samples: Samples) -> Trace:
    """Phase breaks of the mains hum; score in standard deviations of the phase's own unrest, harmonics combined."""
    best: tuple[float, list[Harmonic]] = (0.0, [])
    for nominal in NOMINAL_HZ:
        found = harmonics(samples, nominal)
        if found and (total := sum(h.snr_db for h in found)) > best[0]:
            best = (total, found)
    usable = []
    for harmonic in best[1]:
        step, noise = phase_steps(harmonic.base)
        if len(step) >= 8 and noise < MAX_NOISE_RAD:
            usable.append((harmonic, step, max(noise, 0.02)))
    if not usable:
        return Trace("hum", note="no mains hum strong and steady enough to follow its phase")
    hertz = np.array([h.hertz for h, _, _ in usable])
    z = shifts(hertz, np.stack([step for _, step, _ in usable]), np.array([noise for _, _, noise in usable]))
    strongest = max(usable, key=lambda u: u[0].snr_db)
    marks = []
    order = np.argsort(z)[::-1][: 20 * MARKS]
    for i in order:
        # Row k covers samples (k - 3) STEP .. (k + 1) STEP; its middle is the time of its phase.
        at = float((i + SIDE - 1) * STEP_S)
        text = f"the {strongest[0].hertz:.0f} Hz hum jumps by {math.degrees(strongest[1][i]):+.0f} degrees"
        marks.append(Mark(max(0.0, at - 0.2), at + 0.2, float(z[i]), text))
    return ranked("hum", marks, apart_s=2.0)
