"""The spectrogram: tones lie where their frequency says, silence is white, hours cost as little as seconds."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from facevalue.media.clip import SAMPLE_RATE_HZ
from facevalue.reports.spectrogram import HEIGHT_PX, WIDTH_PX, png_uri, spectrogram, spectrogram_image


def tone(hertz: float, seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (8000 * np.sin(2 * np.pi * hertz * t)).astype(np.int16)


@pytest.mark.parametrize("hertz", [500.0, 3000.0, 7500.0])
def test_a_tone_lies_at_its_frequency(hertz: float) -> None:
    row = int(np.argmax(spectrogram(tone(hertz, 1.0)).mean(axis=1)))
    assert abs(row - (HEIGHT_PX - 1 - hertz / 8000 * HEIGHT_PX)) <= 1.5


def test_a_tone_lies_at_its_time() -> None:
    samples = np.concatenate([np.zeros(SAMPLE_RATE_HZ, np.int16), tone(1000, 1.0)])
    loud = spectrogram(samples).max(axis=0) > 0.5
    assert not loud[: int(0.48 * len(loud))].any()
    assert loud[int(0.52 * len(loud)) :].all()


@pytest.mark.parametrize("count", [1, 100, 511, 512, 513, 5000])
def test_short_sounds_are_drawn_too(count: int) -> None:
    drawn = spectrogram(np.ones(count, np.int16))
    assert drawn.shape[0] == HEIGHT_PX
    assert 1 <= drawn.shape[1] <= WIDTH_PX
    assert np.isfinite(drawn).all()


def test_silence_is_white() -> None:
    assert not spectrogram(np.zeros(SAMPLE_RATE_HZ, np.int16)).any()


def test_hours_are_reduced_and_only_the_windows_are_read() -> None:
    class Counted(np.ndarray):
        read = 0

        def __getitem__(self, key: object) -> np.ndarray:
            out = np.asarray(self).__getitem__(key)  # type: ignore[index]
            Counted.read += out.size
            return out

    hours = np.broadcast_to(np.int16(7), 2 * 3600 * SAMPLE_RATE_HZ).view(Counted)  # takes no memory
    assert spectrogram(hours).shape == (HEIGHT_PX, WIDTH_PX)
    assert 0 < Counted.read < len(hours) / 5


def test_the_picture_is_one_small_png() -> None:
    rng = np.random.default_rng(0)
    uri = png_uri(spectrogram_image(rng.integers(-9000, 9000, 60 * SAMPLE_RATE_HZ).astype(np.int16)))
    assert len(uri) < 250_000  # noise: nothing compresses worse
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        assert image.size == (WIDTH_PX, HEIGHT_PX)
        greys = [colour for _, colour in image.convert("RGB").getcolors() or []]
    assert all(r == g == b for r, g, b in greys)
