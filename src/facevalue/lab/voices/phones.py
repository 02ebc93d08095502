"""What each phone of English is to a formant synthesiser: formants, sources, and how long it lasts.

Formants of vowels after Peterson and Barney (1952) and Hillenbrand et al. (1995), loci and noise of consonants after
Klatt (1980), "Software for a cascade/parallel formant synthesizer"; durations after Klatt (1976), shortened.
"""

from __future__ import annotations

from dataclasses import dataclass

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone. first, last: F1-F3 in Hz at its start and end. ms: how long. voice, breath: gains of the glottis'
    pulses and noise through the formants. noise: gain of friction, around noise_hz, noise_wide Hz wide. closed: share
    of the time before a burst. nasal: whether the nose is open. vowel: whether it carries stress."""

    first: Three
    last: Three
    ms: float
    voice: float = 0.0
    breath: float = 0.0
    noise: float = 0.0
    noise_hz: float = 0.0
    noise_wide: float = 1_000.0
    closed: float = 0.0
    nasal: bool = False
    vowel: bool = False


def _vowel(ms: float, first: Three, last: Three | None = None) -> Phone:
    return Phone(first, last or first, ms, voice=1.0, breath=0.03, vowel=True)


def _stop(formants: Three, ms: float, hz: float, wide: float, voice: float = 0.0, breath: float = 0.0) -> Phone:
    return Phone(formants, formants, ms, voice, breath, 0.5, hz, wide, closed=0.6)


def _friction(formants: Three, ms: float, gain: float, hz: float, wide: float, voice: float = 0.0) -> Phone:
    return Phone(formants, formants, ms, voice, 0.0, gain, hz, wide)


_LIPS, _TEETH, _RIDGE, _PALATE, _VELUM = (
    (320.0, 900.0, 2200.0),
    (320.0, 1300.0, 2550.0),
    (320.0, 1750.0, 2650.0),
    (300.0, 1950.0, 2650.0),
    (300.0, 1800.0, 2250.0),
)

PHONES: dict[str, Phone] = {
    "AA": _vowel(150, (740, 1120, 2500)),
    "AE": _vowel(150, (680, 1720, 2450)),
    "AH": _vowel(110, (630, 1210, 2420)),
    "AO": _vowel(150, (580, 860, 2450)),
    "AW": _vowel(180, (740, 1250, 2500), (420, 900, 2350)),
    "AX": _vowel(65, (510, 1400, 2480)),
    "AY": _vowel(180, (740, 1200, 2500), (380, 1980, 2600)),
    "EH": _vowel(120, (560, 1820, 2520)),
    "ER": _vowel(130, (480, 1350, 1690)),
    "EY": _vowel(150, (500, 1900, 2520), (340, 2200, 2700)),
    "IH": _vowel(95, (420, 1990, 2550)),
    "IY": _vowel(130, (290, 2270, 2980)),
    "OW": _vowel(155, (530, 950, 2400), (370, 800, 2350)),
    "OY": _vowel(190, (540, 850, 2450), (380, 1950, 2500)),
    "UH": _vowel(105, (450, 1050, 2250)),
    "UW": _vowel(130, (320, 950, 2250)),
    "L": Phone((360, 1050, 2750), (360, 1050, 2750), 65, voice=0.65),
    "R": Phone((330, 1100, 1500), (330, 1100, 1500), 65, voice=0.65),
    "W": Phone((300, 640, 2200), (300, 640, 2200), 65, voice=0.6),
    "Y": Phone((270, 2220, 3000), (270, 2220, 3000), 60, voice=0.6),
    "M": Phone((280, 950, 2200), (280, 950, 2200), 70, voice=0.5, nasal=True),
    "N": Phone((280, 1550, 2600), (280, 1550, 2600), 65, voice=0.5, nasal=True),
    "NG": Phone((280, 1950, 2500), (280, 1950, 2500), 75, voice=0.5, nasal=True),
    "P": _stop(_LIPS, 95, 900, 1500, breath=0.25),
    "T": _stop(_RIDGE, 85, 4300, 1800, breath=0.25),
    "K": _stop(_VELUM, 95, 2000, 900, breath=0.25),
    "B": _stop(_LIPS, 70, 800, 1200, voice=0.12),
    "D": _stop(_RIDGE, 60, 3900, 1700, voice=0.12),
    "G": _stop(_VELUM, 70, 1900, 900, voice=0.12),
    "CH": Phone(_PALATE, _PALATE, 130, noise=0.55, noise_hz=3000, noise_wide=1600, closed=0.4),
    "JH": Phone(_PALATE, _PALATE, 105, voice=0.15, noise=0.4, noise_hz=2900, noise_wide=1500, closed=0.4),
    "F": _friction(_LIPS, 100, 0.14, 4500, 5000),
    "TH": _friction(_TEETH, 95, 0.1, 5200, 3500),
    "S": _friction(_RIDGE, 110, 0.42, 5600, 1900),
    "SH": _friction(_PALATE, 115, 0.45, 2900, 1600),
    "V": _friction(_LIPS, 65, 0.07, 4500, 5000, voice=0.4),
    "DH": _friction(_TEETH, 50, 0.05, 5200, 3500, voice=0.45),
    "Z": _friction(_RIDGE, 80, 0.24, 5600, 1900, voice=0.35),
    "ZH": _friction(_PALATE, 80, 0.26, 2800, 1500, voice=0.35),
    "HH": Phone((500, 1450, 2480), (500, 1450, 2480), 60, breath=0.4),
}
