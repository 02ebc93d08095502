"""How wide the band of a recording is: full, cut by a codec or a lower sample rate, or a phone line's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facevalue.sound.levels import RATE_HZ, Floats, Samples
from facevalue.sound.spectra import long_term_spectrum_db

N_FFT = 1024
# A band edge is where the long-term spectrum falls this far below its level in the speech band and stays below.
EDGE_DROP_DB = 45.0
# ... unless that is closer than this to what lies above, which is then the recording's own noise floor.
FLOOR_MARGIN_DB = 6.0
SPEECH_BAND_HZ = (300.0, 3000.0)
PHONE_HIGH_HZ = 4100.0
PHONE_LOW_HZ = 230.0


@dataclass(frozen=True, slots=True)
class Band:
    """The band that holds the sound, Hz. low_hz: its lower edge. high_hz: its upper edge, at most 8000."""

    low_hz: float
    high_hz: float

    @property
    def narrow(self) -> bool:
        """Whether nothing lies above what an 8 kHz sample rate carries."""
        return self.high_hz <= PHONE_HIGH_HZ

    @property
    def phone(self) -> bool:
        """Whether it is limited on both sides as telephone lines are (300-3400 Hz, ITU-T G.712)."""
        return self.narrow and self.low_hz >= PHONE_LOW_HZ


def band_of(samples: Samples) -> Band:
    """The band of a recording from its long-term spectrum. Silence gives the whole band."""
    return band_of_spectrum(long_term_spectrum_db(samples, N_FFT))


def band_of_spectrum(spectrum_db: Floats) -> Band:
    """The band from a long-term spectrum in dB, float32 (n,), equally spaced over 0..8000 Hz."""
    frequency = np.linspace(0.0, RATE_HZ / 2, len(spectrum_db))
    smooth = _smoothed(spectrum_db, max(1, len(spectrum_db) // 100))
    inside = (frequency >= SPEECH_BAND_HZ[0]) & (frequency <= SPEECH_BAND_HZ[1])
    if not inside.any() or smooth[inside].max() <= -99.0:
        return Band(0.0, RATE_HZ / 2)
    # Relative to the loudest part of the band and to the quietest part of the spectrum (the last bin is never used).
    quietest = float(np.percentile(smooth, 5))
    threshold = max(float(smooth[inside].max()) - EDGE_DROP_DB, quietest + FLOOR_MARGIN_DB)
    above = np.flatnonzero(smooth >= threshold)
    if not len(above):
        return Band(0.0, RATE_HZ / 2)
    return Band(float(frequency[above[0]]), float(frequency[above[-1]]))


def _smoothed(spectrum_db: Floats, width: int) -> Floats:
    kernel = np.ones(2 * width + 1, np.float32) / (2 * width + 1)
    return np.convolve(np.pad(spectrum_db, width, mode="edge"), kernel, mode="valid").astype(np.float32)
