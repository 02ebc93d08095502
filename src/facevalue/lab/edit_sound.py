"""Edited sound with exact spans, and innocent sound that has been through as much: for calibrating audio_edit.

Recordings: long ones are made by playing dry speech in one simulated room before one microphone with one background,
so that nothing in them was cut; short ones are real clips and the sound of real videos as they are. Edits cut, insert,
repeat and replace. Both classes then take the same trips through codecs (sound_trips).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.sound_trips import RATE_HZ, Samples

Wave = npt.NDArray[np.float64]

KINDS = ("deletion", "insertion", "copy-move", "replacement")


@dataclass(frozen=True, slots=True)
class Edit:
    """An edited sound. kind: one of KINDS. crossfade_ms: 0 for a butt joint. joints: seconds of every joint.

    spans: (start_s, end_s) of what is not where it was recorded; for a deletion the joint itself.
    """

    samples: Samples
    kind: str
    spans: tuple[tuple[float, float], ...]
    joints: tuple[float, ...]
    crossfade_ms: float


def to_int16(wave: npt.ArrayLike) -> Samples:
    """Round and clip to int16."""
    return np.asarray(np.clip(np.round(np.asarray(wave, np.float64)), -32768, 32767), np.int16)


# Recordings


def room_response(rng: np.random.Generator, t60_s: float) -> Wave:
    """A room's impulse response: direct sound, a few reflections, an exponential tail of noise (Polack 1988)."""
    n = int(max(0.05, t60_s) * RATE_HZ)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 0.05
    tail[: int(0.004 * RATE_HZ)] = 0
    for _ in range(6):
        tail[rng.integers(40, 800)] += rng.uniform(-0.4, 0.4)
    tail[0] = 1.0
    return np.asarray(tail, np.float64)


def coloured_noise(rng: np.random.Generator, n: int, colour: Sequence[float]) -> Wave:
    """Noise of unit variance, (n,), whose level in dB is interpolated over 0-8 kHz from `colour`, in blocks of 8 s."""
    size = 1 << 17
    hertz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    gain = 10 ** (np.interp(hertz, np.linspace(0, 8000, len(colour)), colour) / 20)
    # Circular noise is continuous across its own ends only: cross-fade blocks at equal power.
    fade = size // 8
    up = np.sin(np.linspace(0, np.pi / 2, fade))
    out = np.zeros(n + size)
    for start in range(0, n, size - fade):
        block = np.fft.irfft(np.fft.rfft(rng.standard_normal(size)) * gain, size)
        block[:fade] *= up
        block[-fade:] *= up[::-1]
        out[start : start + size] += block
    out = out[fade : fade + n] if n + fade <= len(out) else out[:n]
    return np.asarray(out / (out.std() + 1e-9), np.float64)


@dataclass(frozen=True, slots=True)
class Scene:
    """One room, one microphone, one background: what a recording is made in.

    t60_s: reverberation. colour: dB over 0-8 kHz of the background. snr_db: speech over background. hum_hz: 0.0 for
    none. hum_db: below the background. top_hz: band limit of the microphone. wander_db: slow drift of the background.
    """

    t60_s: float
    colour: tuple[float, ...]
    snr_db: float
    hum_hz: float
    hum_db: float
    top_hz: float
    wander_db: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Scene:
        """A scene at random."""
        slope = -rng.uniform(5, 45)
        colour = slope * np.linspace(0, 1, 9) ** 0.5 + rng.normal(0, 3, 9)
        return cls(
            float(rng.uniform(0.08, 0.7)),
            tuple(float(c) for c in colour),
            float(rng.uniform(12, 42)),
            float(rng.choice([0.0, 0.0, 50.0, 60.0])),
            float(rng.uniform(-5, 15)),
            float(rng.choice([3800.0, 7000.0, 7900.0, 7900.0])),
            float(rng.choice([0.0, 1.0, 3.0])),
        )


def record(speech: Sequence[Samples], seconds: float, scene: Scene, rng: np.random.Generator) -> Samples:
    """A recording of `seconds` in which nothing was cut: pieces of speech, with pauses, played in the scene.

    Each piece is faded at its ends far below the scene's background, which runs on throughout.
    """
    n = int(seconds * RATE_HZ)
    dry = np.zeros(n)
    at = int(rng.uniform(0, 0.5) * RATE_HZ)
    # Each clip at most once: a clip that is played twice is a copy-move.
    for index in rng.permutation(len(speech)):
        if at >= n:
            break
        piece = _played(speech[index], rng)
        end = min(n, at + len(piece))
        dry[at:end] += piece[: end - at]
        at = end + int(rng.exponential(0.6) * RATE_HZ)
    wet = _convolve(dry, room_response(rng, scene.t60_s))[:n]
    level = np.sqrt(np.mean(wet**2)) + 1e-9
    drift = _slow(rng, n, scene.wander_db)
    background = coloured_noise(rng, n, scene.colour) * drift
    if scene.hum_hz:
        background = background + _hum(rng, n, scene)
    mixed = wet / level + background * 10 ** (-scene.snr_db / 20)
    mixed = _band_limited(mixed, scene.top_hz)
    return to_int16(mixed * 10 ** (rng.uniform(-32, -18) / 20) * 32768)


def _played(piece: Samples, rng: np.random.Generator) -> Wave:
    """A clip without its own background: an expander turns its pauses down before the scene's background is added."""
    wave = piece.astype(np.float64)
    frame = 160
    count = len(wave) // frame
    if count < 4:
        return np.zeros(0)
    level = 10 * np.log10((wave[: count * frame].reshape(count, frame) ** 2).mean(axis=1) + 1e-3)
    floor = np.quantile(level, 0.1)
    open_db = np.clip((level - floor - 6) * 2 - 30, -30, 0)
    smooth = np.convolve(np.pad(open_db, 4, mode="edge"), np.ones(9) / 9, "valid")
    gain = np.interp(np.arange(len(wave)), (np.arange(count) + 0.5) * frame, smooth)
    wave = wave * 10 ** (gain / 20)
    fade = min(800, len(wave) // 4)
    wave[:fade] *= np.linspace(0, 1, fade) ** 2
    wave[-fade:] *= np.linspace(1, 0, fade) ** 2
    return np.asarray(wave / (np.sqrt(np.mean(wave**2)) + 1e-9) * 10 ** (rng.normal(0, 2) / 20), np.float64)


def _convolve(a: Wave, b: Wave) -> Wave:
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))
    return np.asarray(
        np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)[: len(a) + len(b) - 1], np.float64
    )


def _slow(rng: np.random.Generator, n: int, decibels: float) -> Wave:
    knots = rng.normal(0, decibels, max(2, n // (4 * RATE_HZ) + 2))
    return np.asarray(10 ** (np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots) / 20), np.float64)


def _hum(rng: np.random.Generator, n: int, scene: Scene) -> Wave:
    """Mains hum with a slowly wandering frequency and a few harmonics."""
    wander = np.interp(
        np.arange(n), np.linspace(0, n, n // RATE_HZ + 2), np.cumsum(rng.normal(0, 0.003, n // RATE_HZ + 2))
    )
    phase = 2 * np.pi * np.cumsum(scene.hum_hz + rng.normal(0, 0.02) + wander) / RATE_HZ
    out = sum(rng.uniform(0.1, 1) / k * np.sin(k * phase + rng.uniform(0, 6)) for k in (1, 2, 3, 4, 6))
    return np.asarray(out * 10 ** (-scene.hum_db / 20) * 2, np.float64)


def _band_limited(wave: Wave, top_hz: float) -> Wave:
    if top_hz >= 7900:
        return wave
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    spectrum *= np.clip((top_hz + 100 - hertz) / 200, 0, 1)
    return np.asarray(np.fft.irfft(spectrum, len(wave)), np.float64)


# Edits


def join(pieces: Sequence[Samples], crossfade_ms: float = 0.0) -> tuple[Samples, tuple[float, ...]]:
    """Pieces laid end to end, overlapping by crossfade_ms; and the time (s) of each joint (the middle of a fade)."""
    overlap = int(crossfade_ms * RATE_HZ / 1000)
    out = pieces[0].astype(np.float64)
    joints = []
    for piece in pieces[1:]:
        width = min(overlap, len(out), len(piece))
        ramp = (np.arange(width) + 0.5) / max(1, width)
        tail = out[len(out) - width :] * (1 - ramp) + piece[:width] * ramp
        joints.append((len(out) - width / 2) / RATE_HZ)
        out = np.concatenate([out[: len(out) - width], tail, piece[width:].astype(np.float64)])
    return to_int16(out), tuple(joints)


def quiet_place(samples: Samples, near: int, reach: int = 4000) -> int:
    """The quietest 20 ms within `reach` samples of `near`, its middle: where a careful editor cuts."""
    lo, hi = max(0, near - reach), min(len(samples), near + reach)
    rows = samples[lo : lo + (hi - lo) // 320 * 320].reshape(-1, 320).astype(np.float64)
    return lo + int(np.argmin((rows**2).mean(axis=1))) * 320 + 160 if len(rows) else near


def edit(
    kind: str,
    base: Samples,
    donor: Samples,
    rng: np.random.Generator,
    crossfade_ms: float = 0.0,
    careful: bool = False,
    gain_db: float = 0.0,
) -> Edit:
    """One edit of base, at random places. donor: another recording, for insertion and replacement.

    careful: the cuts lie in pauses. gain_db: of what is put in.
    Raises UsageError for an unknown kind and for sounds under 2 s.
    """
    if kind not in KINDS:
        raise UsageError(f"an edit is one of {', '.join(KINDS)}")
    if min(len(base), len(donor)) < 2 * RATE_HZ:
        raise UsageError("an edit needs 2 s of sound at least")
    place = (lambda s, i: quiet_place(s, i)) if careful else (lambda s, i: i)
    longest = min(5.0, len(base) / RATE_HZ / 3, len(donor) / RATE_HZ / 2)
    length = int(rng.uniform(0.4, longest) * RATE_HZ)
    start = place(base, int(rng.uniform(0.15, 0.85) * (len(base) - length)))
    end = max(start + 1600, place(base, start + length))
    source = base if kind == "copy-move" else donor
    other = place(source, int(rng.uniform(0, 1) * (len(source) - (end - start) - 1)))
    if kind == "copy-move" and abs(other - start) < end - start:
        other = (
            max(0, start - (end - start) - 800) if start > len(base) // 2 else min(len(base) - (end - start), end + 800)
        )
    taken = source[other : place(source, other + (end - start))]
    taken = taken if len(taken) >= 1600 else source[other : other + max(1600, end - start)]
    taken = to_int16(taken * 10 ** (gain_db / 20)) if gain_db else taken
    pieces = {
        "deletion": [base[:start], base[end:]],
        "insertion": [base[:start], taken, base[start:]],
        "copy-move": [base[:start], taken, base[start:]],
        "replacement": [base[:start], taken, base[end:]],
    }[kind]
    samples, joints = join(pieces, crossfade_ms)
    spans = ((joints[0], joints[0]),) if kind == "deletion" else ((joints[0], joints[-1]),)
    return Edit(samples, kind, spans, joints, crossfade_ms)


@dataclass(frozen=True, slots=True)
class Manner:
    """How an edit is made. crossfade_ms: 0 for butt joints. careful: in pauses. gain_db: of what is put in."""

    kind: str
    crossfade_ms: float
    careful: bool
    gain_db: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Manner:
        """At random: half of the joints are cross-faded, half of the cuts lie in pauses."""
        kind = str(rng.choice(KINDS))
        fade = 0.0 if rng.random() < 0.5 else float(rng.uniform(5, 20))
        careful = bool(rng.random() < 0.5)
        gain = float(rng.uniform(-6, 6)) if kind in ("insertion", "replacement") and rng.random() < 0.5 else 0.0
        return cls(kind, fade, careful, gain)

    def make(self, base: Samples, donor: Samples, rng: np.random.Generator) -> Edit:
        """One edit of base in this manner; see edit."""
        return edit(self.kind, base, donor, rng, self.crossfade_ms, self.careful, self.gain_db)


def several(base: Samples, donor: Samples, rng: np.random.Generator, every_s: float) -> tuple[Edit, ...]:
    """Edits of consecutive stretches of base, one each about every `every_s` seconds (2 s at least), in order.

    Stretches follow each other as they were recorded, so that laid end to end they hold no joints but the edits'.
    """
    width = int(max(2.0, every_s) * RATE_HZ)
    count = max(1, len(base) // width)
    edges = [len(base) * i // count for i in range(count + 1)]
    pieces = [base[a:b] for a, b in itertools.pairwise(edges)]
    return tuple(Manner.draw(rng).make(piece, donor, rng) for piece in pieces)


# Innocent treatments


def automation(samples: Samples, rng: np.random.Generator) -> Samples:
    """Automatic gain: the level follows the sound slowly and is moved by some decibels now and then."""
    n = len(samples)
    knots = np.cumsum(rng.normal(0, 2.5, max(3, n // RATE_HZ + 2)))
    return to_int16(samples * 10 ** (np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots - knots.mean()) / 20))


def gated(samples: Samples, rng: np.random.Generator) -> Samples:
    """A noise gate, as chat applications have: pauses become exact silence or are turned far down."""
    wave = samples.astype(np.float64)
    count = len(wave) // 160
    level = 10 * np.log10((wave[: count * 160].reshape(count, 160) ** 2).mean(axis=1) + 1e-3)
    open_ = level > np.quantile(level, 0.15) + 10
    held = np.convolve(open_, np.ones(25), "same") > 0
    gain = np.interp(np.arange(len(wave)), (np.arange(count) + 0.5) * 160, np.where(held, 1.0, rng.choice([0.0, 0.03])))
    return to_int16(wave * gain)


def packet_loss(samples: Samples, rng: np.random.Generator) -> Samples:
    """Lost packets of 20 ms, some in bursts, concealed by silence, repetition or fading repetition."""
    out = samples.copy()
    style = rng.integers(3)
    packets = np.flatnonzero(rng.random(len(samples) // 320) < 0.015)
    for start in packets * 320:
        length = 320 * int(rng.integers(1, 4))
        here = slice(int(start), min(len(out), int(start) + length))
        width = here.stop - here.start
        past = out[max(0, here.start - width) : here.start]
        if style == 0 or len(past) < width:
            out[here] = 0
        else:
            out[here] = to_int16(past * (1.0 if style == 1 else np.linspace(1, 0.2, width)))
    return out


def clicks(samples: Samples, rng: np.random.Generator) -> Samples:
    """Clicks of one to four samples, as of dust or a loose plug."""
    out = samples.astype(np.float64)
    for at in rng.integers(800, len(samples) - 800, max(1, len(samples) // (3 * RATE_HZ))):
        width = int(rng.integers(1, 5))
        out[at : at + width] += rng.choice([-1, 1]) * out.std() * rng.uniform(0.5, 3)
    return to_int16(out)


def denoised(samples: Samples, rng: np.random.Generator) -> Samples:
    """Spectral subtraction with a floor, as calls and editors do it (Boll 1979)."""
    size, hop = 512, 128
    window = np.hanning(size + 1)[:-1]
    padded = np.pad(samples.astype(np.float64), size)
    rows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
    spectrum = np.fft.rfft(rows, axis=1)
    power = np.abs(spectrum) ** 2
    noise = np.quantile(power, 0.15, axis=0) * rng.uniform(1.5, 4)
    gain = np.sqrt(np.maximum(1 - noise / (power + 1e-9), 10 ** (-rng.uniform(12, 30) / 10)))
    out = np.zeros(len(padded))
    for i, row in enumerate(np.fft.irfft(spectrum * gain, size, axis=1) * window):
        out[i * hop : i * hop + size] += row
    return to_int16(out[size : size + len(samples)] / 1.5)


def start_stop(samples: Samples, rng: np.random.Generator) -> Samples:
    """A recording that fades in and out, with handling noise at both ends."""
    out = samples.astype(np.float64)
    width = min(len(out) // 6, int(0.3 * RATE_HZ))
    out[:width] *= np.linspace(0, 1, width) ** 2
    out[-width:] *= np.linspace(1, 0, width) ** 2
    thump = np.exp(-np.arange(1600) / 200) * np.sin(np.arange(1600) * 0.03) * 4000 * rng.uniform(0.2, 1)
    out[400:2000] += thump
    out[-2000:-400] += thump[::-1]
    return to_int16(out)


INNOCENT: dict[str, Callable[[Samples, np.random.Generator], Samples]] = {
    "as recorded": lambda samples, rng: samples,
    "level automation": automation,
    "noise gate": gated,
    "noise suppression": denoised,
    "packet loss": packet_loss,
    "clicks": clicks,
    "start and stop": start_stop,
}
