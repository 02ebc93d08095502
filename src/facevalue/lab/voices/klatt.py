"""A formant synthesiser of our own, so that `lab speak` works where no other is installed.

After Klatt (1980): pulses and noise through a cascade of five resonators, friction beside it; rules for English
letters (`letters`), stress on the first full vowel of a word, a falling pitch that resets with every phrase. It sounds
like a speaking machine of 1980, is understood with some effort, and says only English. Filters act on short-time
spectra, so that all of it is array arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.voices.excitation import pulses
from facevalue.lab.voices.letters import phones, spoken
from facevalue.lab.voices.phones import PHONES, Phone
from facevalue.lab.voices.spectra import Floats, Wave, istft, stft

RATE_HZ = 16_000
HOP, N_FFT = 64, 1024
PAUSE_MS = {",": 220.0, ".": 420.0, "?": 420.0}
UPPER_HZ = (3_400.0, 4_300.0)
WIDE_HZ = (70.0, 90.0, 130.0, 220.0, 300.0)
STEP_MS = 1000 * HOP / RATE_HZ
GLIDE_MS = 45.0
# Words without an accent of their own.
_FUNCTION = {"the", "a", "an", "of", "to", "and", "in", "is", "it", "was", "that", "this", "for", "on", "with", "as"}
_FUNCTION |= {"at", "by", "be", "are", "or", "from", "but", "he", "she", "they"}


@dataclass(frozen=True, slots=True)
class Manner:
    """A voice: its mean pitch in Hz, how far its pitch moves, the length of its vocal tract relative to a man's, and
    how fast it speaks relative to normal."""

    pitch_hz: float
    lively: float = 1.0
    tract: float = 1.0
    speed: float = 1.0


VOICES: dict[str, Manner] = {
    "mid": Manner(118.0),
    "low": Manner(88.0, 0.9, 1.06),
    "high": Manner(196.0, 1.1, 0.87),
    "slow": Manner(112.0, 0.9, 1.0, 0.75),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A phone where it is said, or a pause (phone None)."""

    phone: Phone | None
    ms: float
    stress: bool
    word: int
    rises: bool


@dataclass(frozen=True, slots=True)
class Klatt:
    """The speaker "klatt" (see speakers.Speaker)."""

    name: str = "klatt"
    licence: str = "Apache-2.0 (part of facevalue)"
    languages: tuple[str, ...] = ("en",)
    voices: tuple[str, ...] = tuple(VOICES)
    trained: bool = False

    def missing(self) -> str:
        """Nothing."""
        return ""

    def speak(self, text: str, voice: str = "", seed: int = 0) -> tuple[Wave, int]:
        """Speech float32 (n,) at 16 kHz, peak 0.7. Raises UsageError for an unknown voice or a text without words."""
        manner = VOICES.get(voice or "mid")
        if manner is None:
            raise UsageError(f"klatt has the voices {', '.join(VOICES)}, not '{voice[:40]}'")
        said = pieces(text, manner)
        if not any(piece.phone for piece in said):
            raise UsageError("there is nothing to say: klatt reads English letters and digits")
        return synthesised(said, manner, np.random.default_rng(seed)), RATE_HZ


def pieces(text: str, manner: Manner) -> list[Piece]:
    """What is said, phone by phone."""
    out: list[Piece] = []
    words = spoken(text)
    for number, word in enumerate(words):
        ends = next((t for t in words[number:] if t in PAUSE_MS), ".")
        if word in PAUSE_MS:
            out.append(Piece(None, PAUSE_MS[word] / manner.speed, False, number, word == "?"))
            continue
        last = number + 1 == len(words) or words[number + 1] in PAUSE_MS
        sounds = [PHONES[name] for name in phones(word)]
        stressed = -1 if word in _FUNCTION else next((i for i, p in enumerate(sounds) if p.vowel and p.ms > 70), -1)
        for i, phone in enumerate(sounds):
            longer = (1.2 if i == stressed else 0.85 if phone.vowel else 1.0) * (1.3 if last and phone.vowel else 1.0)
            out.append(Piece(phone, phone.ms * longer / manner.speed, i == stressed, number, last and ends == "?"))
    return out


def synthesised(said: list[Piece], manner: Manner, rng: np.random.Generator) -> Wave:
    """The wave of those pieces."""
    said = [Piece(None, 60.0, False, -1, False), *said, Piece(None, 120.0, False, -1, False)]
    counts = np.maximum(1, np.round([piece.ms / STEP_MS for piece in said])).astype(np.int64)
    tracks = _tracks(said, counts)
    hertz = _pitch(said, counts, manner, rng)
    length = int(counts.sum() - 1) * HOP
    glottis = stft(pulses(hertz, HOP, length, RATE_HZ), N_FFT, HOP)
    hiss = stft(rng.standard_normal(length), N_FFT, HOP)
    bins = np.asarray(np.fft.rfftfreq(N_FFT, 1 / RATE_HZ), np.float64)
    # The glottis falls by 12 dB an octave, the lips give back 6.
    source = 1 / (1 + (bins / 350.0) ** 2) ** 0.5 * np.minimum(1.0, bins / 120.0)
    tract = _cascade(tracks["formants"] / manner.tract, tracks["nasal"], bins)
    friction = tracks["noise"][:, None] * np.exp(
        -0.5 * ((bins - tracks["noise_hz"][:, None]) / (0.6 * tracks["noise_wide"][:, None])) ** 2
    )
    spectra = (
        tract * source * (tracks["voice"][:, None] * glottis + tracks["breath"][:, None] * hiss) + 0.5 * friction * hiss
    )
    wave = istft(spectra, N_FFT, HOP, length)
    return np.asarray(wave * (0.7 / max(float(np.abs(wave).max()), 1e-9)), np.float32)


def _tracks(said: list[Piece], counts: Floats) -> dict[str, Floats]:
    """Every control over time: formants (t, 3), the others (t,)."""
    names = ("voice", "breath", "noise", "noise_hz", "noise_wide", "nasal")
    rows: dict[str, list[Floats]] = {name: [] for name in (*names, "formants")}
    rest = Phone((500.0, 1500.0, 2500.0), (500.0, 1500.0, 2500.0), 0.0)
    for piece, count in zip(said, counts, strict=True):
        phone, share = piece.phone or rest, (np.arange(count) + 0.5) / count
        first, last = np.array(phone.first), np.array(phone.last)
        rows["formants"].append(first + share[:, None] * (last - first))
        shut = share < phone.closed
        burst = np.where(shut, 0.0, np.exp(-(share - phone.closed) * (4 if phone.closed > 0.5 else 1)))
        gain = 1.15 if piece.stress else 1.0
        rows["voice"].append(np.where(shut & (phone.voice < 0.3), phone.voice, phone.voice * gain))
        rows["breath"].append(np.where(shut, 0.0, phone.breath))
        rows["noise"].append(phone.noise * (burst if phone.closed else np.ones(count)))
        rows["noise_hz"].append(np.full(count, phone.noise_hz or 3000.0))
        rows["noise_wide"].append(np.full(count, phone.noise_wide))
        rows["nasal"].append(np.full(count, float(phone.nasal)))
    tracks = {name: np.concatenate(parts) for name, parts in rows.items()}
    for name, ms in (("formants", GLIDE_MS), ("voice", 16.0), ("breath", 16.0), ("noise", 8.0), ("nasal", 20.0)):
        tracks[name] = _gliding(tracks[name], ms)
    return tracks


def _gliding(track: Floats, ms: float) -> Floats:
    """A control smoothed by a window of so many milliseconds: articulators have mass."""
    width = max(1, round(ms / STEP_MS)) // 2 * 2 + 1
    window = np.hanning(width + 2)[1:-1]
    columns = track.reshape(len(track), -1).T
    smooth = [np.convolve(np.pad(c, width // 2, mode="edge"), window / window.sum(), "valid") for c in columns]
    return np.asarray(np.stack(smooth, axis=1).reshape(track.shape), np.float64)


def _cascade(formants: Floats, nasal: Floats, bins: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    """The frequency response (t, bins) of five resonators, and of a pole and a zero where the nose is open."""
    z = np.exp(-2j * np.pi * bins / RATE_HZ)
    top = np.broadcast_to(np.array(UPPER_HZ), (len(formants), 2))
    response = np.ones((len(formants), len(bins)), np.complex128)
    for column, wide in zip(np.concatenate([formants, top], axis=1).T, WIDE_HZ, strict=True):
        response = response * _resonator(column, wide, z)
    # Klatt's nasal pair: a pole at 270 Hz, and a zero that moves from it to 450 Hz as the nose opens.
    pole, zero = np.full(len(formants), 270.0), 270.0 + 180.0 * nasal
    return response * _resonator(pole, 100.0, z) / _resonator(zero, 100.0, z)


def _resonator(
    hertz: Floats, wide: float, z: np.ndarray[tuple[int, ...], np.dtype[np.complex128]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    radius = np.exp(-np.pi * wide / RATE_HZ)
    b, c = 2 * radius * np.cos(2 * np.pi * np.minimum(hertz, 7_500.0) / RATE_HZ)[:, None], -(radius**2)
    return np.asarray((1 - b - c) / (1 - b * z - c * z * z), np.complex128)


def _pitch(said: list[Piece], counts: Floats, manner: Manner, rng: np.random.Generator) -> Floats:
    """Hertz over time, 0 in pauses and voiceless phones: a line that falls in every phrase, accents, flutter."""
    total = int(counts.sum())
    semitones = np.zeros(total)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    phrase = 0
    for i, piece in enumerate(said):
        if piece.phone is None or i == len(said) - 1:
            span = slice(phrase, int(starts[i]))
            semitones[span] += np.linspace(2.0, -3.0, span.stop - span.start)
            phrase = int(starts[i + 1])
        here = slice(int(starts[i]), int(starts[i + 1]))
        semitones[here] += 2.5 * piece.stress + 5.0 * piece.rises * np.linspace(0, 1, here.stop - here.start)
    flutter = np.interp(
        np.arange(total), np.arange(0, total + 12, 12), rng.normal(0, 0.25, len(range(0, total + 12, 12)))
    )
    hertz = manner.pitch_hz * 2 ** ((_gliding(semitones, 90.0) * manner.lively + flutter) / 12)
    sounding = np.concatenate(
        [np.full(c, p.phone is not None and p.phone.voice > 0) for p, c in zip(said, counts, strict=True)]
    )
    return np.where(sounding, hertz, 0.0)
