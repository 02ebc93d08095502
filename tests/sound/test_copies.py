from __future__ import annotations

import numpy as np
import pytest

from facevalue.examiners.voice.tests.make_speech import RATE, speech_like
from facevalue.sound.copies import opus_copy, phone_copy


def test_a_phone_copy_has_no_high_frequencies():
    out = phone_copy(speech_like(2))
    spectrum = np.abs(np.fft.rfft(out.astype(float)))
    frequency = np.fft.rfftfreq(len(out), 1 / RATE)
    assert spectrum[frequency > 3600].max() < 0.01 * spectrum.max()
    assert len(phone_copy(np.zeros(0, np.int16))) == 0


def test_an_opus_copy_keeps_length_and_resembles():
    samples = speech_like(2)
    out = opus_copy(samples)
    if out is None:
        pytest.skip("this FFmpeg has no Opus encoder")
    assert out.shape == samples.shape
    assert np.abs(out).max() > 0


def test_an_opus_copy_of_nothing_is_none():
    assert opus_copy(np.zeros(0, np.int16)) is None
