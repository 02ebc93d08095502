"""How far a reconstruction lies from its picture, and what of the decoder shows: pure functions over arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Spectrum = npt.NDArray[np.float64]

WINDOW_PX = 64
# Cycles per pixel from which detail is called fine.
FINE_FROM = 0.3
# Places around a peak that it is measured against, in bins of the spectrum.
_NEAR, _FAR = 1, 4


@dataclass(frozen=True, slots=True)
class Distance:
    """psnr_db: peak signal-to-noise ratio over all pixels. peak_db, real_peak_db: the highest peak at a multiple of the
    latent's sampling rate above what lies around it in the spectrum, of the reconstructions and of the pictures.
    fine_db: energy of fine detail against the pictures' (negative: lost)."""

    psnr_db: float
    peak_db: float
    real_peak_db: float
    fine_db: float


def spectrum(pictures: Iterable[Pixels]) -> Spectrum:
    """Mean power of the luma's residual over WINDOW_PX windows, (WINDOW_PX, WINDOW_PX), frequency 0 first.

    The residual is the picture minus a 3 x 3 median of itself (as in Corvi et al. 2023, arXiv:2304.06408, with a
    simpler denoiser), so that scenes do not drown what a decoder adds.
    """
    taper = np.outer(np.hanning(WINDOW_PX), np.hanning(WINDOW_PX))
    total, count = np.zeros((WINDOW_PX, WINDOW_PX)), 0
    for pixels in pictures:
        luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        residual = luma.astype(np.float64) - cv2.medianBlur(luma, 3)
        for y in range(0, luma.shape[0] - WINDOW_PX + 1, WINDOW_PX):
            for x in range(0, luma.shape[1] - WINDOW_PX + 1, WINDOW_PX):
                part = residual[y : y + WINDOW_PX, x : x + WINDOW_PX]
                total += np.abs(np.fft.fft2((part - part.mean()) * taper)) ** 2
                count += 1
    return np.asarray(total / max(count, 1), np.float64)


def peak_db(power: Spectrum, factor: int) -> float:
    """The highest bin at multiples of 1 / factor cycles per pixel, above the median of those around it, in dB."""
    step = WINDOW_PX // factor
    best = -np.inf
    for v in range(0, WINDOW_PX // 2 + 1, step):
        for u in range(0, WINDOW_PX, step):
            if u == v == 0 or (v == 0 and u > WINDOW_PX // 2):
                continue
            best = max(best, _above(power, v, u))
    return float(best)


def _above(power: Spectrum, v: int, u: int) -> float:
    steps = np.arange(-_FAR, _FAR + 1)
    dv, du = (g.ravel() for g in np.meshgrid(steps, steps))
    far = np.maximum(abs(dv), abs(du)) > _NEAR
    around = power[(v + dv[far]) % WINDOW_PX, (u + du[far]) % WINDOW_PX]
    return float(10 * np.log10((power[v, u] + 1e-9) / (np.median(around) + 1e-9)))


def fine(power: Spectrum) -> float:
    """Energy of the frequencies from FINE_FROM cycles per pixel on."""
    at = np.fft.fftfreq(WINDOW_PX)
    return float(power[np.hypot(at[:, None], at[None]) >= FINE_FROM].sum())


def distance(reals: list[Pixels], fakes: list[Pixels], factor: int) -> Distance:
    """Of reconstructions from their pictures, of equal sizes. factor: how much smaller the latent picture is."""
    squares = sum(float(((a.astype(np.float64) - b) ** 2).sum()) for a, b in zip(reals, fakes, strict=True))
    error = squares / max(1, sum(a.size for a in reals))
    real, fake = spectrum(reals), spectrum(fakes)
    return Distance(
        10 * float(np.log10(255**2 / max(error, 1e-9))),
        peak_db(fake, factor),
        peak_db(real, factor),
        10 * float(np.log10((fine(fake) + 1e-9) / (fine(real) + 1e-9))),
    )


__all__ = ["WINDOW_PX", "Distance", "distance", "fine", "peak_db", "spectrum"]
