"""Speech: lines and codecs, trimmed starts, and what is refused. Real recordings are measured by the bench."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from facevalue.errors import UsageError
from facevalue.sound.copies import opus_copy, phone_copy
from facevalue.watermark import Payload, speech

Samples = npt.NDArray[np.float32]
RATE = 16_000


@pytest.fixture(scope="module")
def marked(speech_sound: Samples) -> speech.MarkedSound:
    return speech.embed(speech_sound, RATE, Payload.random(seed=11))


def pcm(sound: Samples) -> npt.NDArray[np.int16]:
    return (sound * 32767).astype(np.int16)


def floats(sound: npt.NDArray[np.int16]) -> Samples:
    return sound.astype(np.float32) / 32768


LINES = {
    "untouched": lambda x: x,
    "opus": lambda x: floats(opus_copy(pcm(x))),
    "phone": lambda x: floats(phone_copy(pcm(x))),
    "quieter": lambda x: 0.1 * x,
    "trimmed": lambda x: x[40_001:],
    "inverted": lambda x: -x,
}


@pytest.mark.parametrize("line", LINES)
def test_the_payload_survives(marked: speech.MarkedSound, payload: Payload, line: str) -> None:
    reading = speech.read(LINES[line](marked.samples), RATE)
    assert reading is not None
    assert reading.payload == payload
    assert reading.log10_false_alarm <= -9


def test_where_the_period_began_is_found(marked: speech.MarkedSound) -> None:
    reading = speech.read(marked.samples[round(1.6 * RATE) :], RATE)
    assert reading is not None
    assert reading.start_s == pytest.approx(1.6, abs=0.03)


def test_another_rate_is_read(marked: speech.MarkedSound, payload: Payload) -> None:
    at = np.arange(len(marked.samples) * 44_100 // RATE) * RATE / 44_100
    resampled = np.interp(at, np.arange(len(marked.samples)), marked.samples).astype(np.float32)
    reading = speech.read(resampled, 44_100)
    assert reading is not None
    assert reading.payload == payload


def test_nothing_is_read_where_nothing_is_hidden(speech_sound: Samples) -> None:
    assert speech.read(speech_sound, RATE) is None
    assert speech.read(np.zeros(5 * RATE, np.float32), RATE) is None
    assert speech.read(np.random.default_rng(0).normal(0, 0.1, 9 * RATE).astype(np.float32), RATE) is None


def test_only_the_telephone_band_is_touched(speech_sound: Samples, marked: speech.MarkedSound) -> None:
    assert marked.snr_db > 12
    assert len(marked.samples) == len(speech_sound)
    change = np.abs(np.fft.rfft(marked.samples - speech_sound)) ** 2
    hertz = np.fft.rfftfreq(len(speech_sound), 1 / RATE)
    assert change[(hertz < 250) | (hertz > 3500)].sum() < 1e-3 * change.sum()


def test_long_recordings_are_read_in_stretches(marked: speech.MarkedSound, payload: Payload) -> None:
    around = np.random.default_rng(3).normal(0, 0.05, 40 * RATE).astype(np.float32)
    reading = speech.read(np.concatenate([around, marked.samples, around]), RATE)
    assert reading is not None
    assert reading.payload == payload


def test_what_is_no_speech_is_refused(payload: Payload, speech_sound: Samples) -> None:
    with pytest.raises(UsageError, match="8000 Hz"):
        speech.read(speech_sound, 4000)
    with pytest.raises(UsageError, match="2 s"):
        speech.embed(speech_sound[:RATE], RATE, payload)
    with pytest.raises(UsageError, match="finite"):
        speech.read(np.full(4 * RATE, np.nan, np.float32), RATE)
    with pytest.raises(UsageError, match="mono"):
        speech.embed(np.zeros((2, 4 * RATE), np.float32), RATE, payload)
