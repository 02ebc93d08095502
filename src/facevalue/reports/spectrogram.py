"""A spectrogram as one small grey PNG: dark is loud, so that it reads as ink on paper and without colour."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from facevalue.reports.overlay import data_uri

Samples = npt.NDArray[np.int16]

WINDOW = 512
WIDTH_PX = 1600
HEIGHT_PX = 128
# Samples between two columns at least: 4 ms of 16 kHz sound; finer ones would only repeat the window.
MIN_HOP = 64
# Windows looked at for each column of a long recording: an hour costs as much as a minute.
MAX_WINDOWS_PER_COLUMN = 16
RANGE_DB = 65.0
# What digital silence is drawn as.
SILENCE_DB = -30.0
LEVELS = 16


def spectrogram(samples: Samples, width: int = WIDTH_PX) -> npt.NDArray[np.float32]:
    """Loudness by time and frequency, float32 (HEIGHT_PX, columns <= width), 0..1, the highest frequency first.

    samples: int16 (n,) mono. Short-time spectra of WINDOW samples under a Hann window; a column is the mean power of
    up to MAX_WINDOWS_PER_COLUMN of them, in dB below the loudest (its 99.9th percentile), down to RANGE_DB. Rows
    divide 0 Hz to half the sampling rate evenly. Only the windows' own samples are read, so a memory map stays one.
    """
    if len(samples) < WINDOW:
        samples = np.pad(np.asarray(samples), (0, WINDOW - len(samples)))
    columns = max(1, min(width, len(samples) // MIN_HOP))
    windows = min(MAX_WINDOWS_PER_COLUMN, max(1, len(samples) // columns // WINDOW))
    starts = np.linspace(0, len(samples) - WINDOW, columns * windows).astype(np.int64).reshape(columns, windows)
    power = np.concatenate([_power(samples, part) for part in np.array_split(starts, max(1, starts.size // 1024))])
    decibel = 10 * np.log10(power.T[::-1] + 10 ** (SILENCE_DB / 10))
    top = max(float(np.percentile(decibel, 99.9)), RANGE_DB + SILENCE_DB)
    return np.clip((decibel - (top - RANGE_DB)) / RANGE_DB, 0.0, 1.0).astype(np.float32)


def _power(samples: Samples, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Mean power (columns, HEIGHT_PX) of the windows that begin at starts, int64 (columns, windows)."""
    pieces = samples[starts[..., None] + np.arange(WINDOW)].astype(np.float32) * np.hanning(WINDOW).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(pieces, axis=-1)))[..., 1:].mean(axis=1) / WINDOW
    return np.asarray(power.reshape(len(starts), HEIGHT_PX, -1).mean(axis=-1), np.float64)


def spectrogram_image(samples: Samples, width: int = WIDTH_PX) -> Image.Image:
    """The spectrogram as a palette image of LEVELS greys, white where nothing is heard."""
    levels = np.round(spectrogram(samples, width) * (LEVELS - 1)).astype(np.uint8)
    image = Image.fromarray(levels, mode="P")
    greys = [round(255 * (1 - level / (LEVELS - 1))) for level in range(LEVELS)]
    image.putpalette([value for grey in greys for value in (grey, grey, grey)])
    return image


def png_uri(image: Image.Image) -> str:
    """A palette image of at most LEVELS colours as a PNG data: URI, four bits a pixel."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", bits=4, compress_level=9)
    return data_uri(buffer.getvalue(), "image/png")
