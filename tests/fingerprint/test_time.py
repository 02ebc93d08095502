"""Clips and sounds: found in an excerpt, at another speed, and never in strangers; and ISCC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import recoded, scene, tune

from facevalue import fingerprint
from facevalue.fingerprint import clip, iscc, sound
from facevalue.registry.words import MAX_VALUE_BYTES


def moments(start: float, seconds: float, step: float = 1.0, quality: int = 90) -> clip.Moments:
    times = np.arange(0, seconds, step)
    return clip.moments((float(t), recoded(scene(100 + int(start + t)), quality)) for t in times)


WHOLE = moments(0, 8)
TUNE = tune(12, 1)
LANDMARKS = sound.landmarks(TUNE)


def test_a_clips_value_comes_back() -> None:
    (value,) = WHOLE.to_values()
    again = clip.of_values([value])
    assert len(value) <= MAX_VALUE_BYTES
    assert np.array_equal(again.bits, WHOLE.bits)
    assert np.allclose(again.times, WHOLE.times)


def test_an_excerpt_lies_where_it_was_taken_from() -> None:
    found = clip.align(moments(3, 4, quality=40), WHOLE)
    assert found is not None
    assert found.agreeing == 4
    assert found.offset_s == pytest.approx(3)


def test_strange_clips_do_not_align() -> None:
    assert clip.align(moments(300, 6), WHOLE) is None


def test_a_long_clip_is_cut_into_values() -> None:
    bits = np.random.default_rng(0).integers(1, 1 << 62, (300, 4)).astype(np.uint64)
    long = clip.Moments(np.arange(300.0), bits)
    values = long.to_values()
    assert len(values) == 3
    assert np.array_equal(clip.of_values(values).bits, bits)
    assert np.allclose(clip.of_values(values).times, long.times)


def test_a_sounds_value_comes_back() -> None:
    values = LANDMARKS.to_values()
    again = sound.of_values(values)
    assert all(len(value) <= MAX_VALUE_BYTES for value in values)
    assert np.array_equal(again.hashes, LANDMARKS.hashes)
    assert np.array_equal(again.frames, LANDMARKS.frames)


def test_a_noisy_excerpt_lies_where_it_was_taken_from() -> None:
    part = TUNE[16_000 * 4 : 16_000 * 8].astype(np.float32)
    part += np.random.default_rng(0).normal(0, 400, len(part)).astype(np.float32)
    found = sound.align(sound.landmarks(part), LANDMARKS)
    assert found is not None
    assert found.offset_s == pytest.approx(4, abs=0.05)


def test_strange_sounds_do_not_align() -> None:
    assert sound.align(sound.landmarks(tune(12, 2)), LANDMARKS) is None


def test_silence_has_no_landmarks() -> None:
    assert len(sound.landmarks(np.zeros(16_000, np.int16))) == 0
    assert fingerprint.sound_bindings(np.zeros(16_000, np.int16)) == ()


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="16000 Hz"):
        sound.landmarks(TUNE, 44_100)


@given(st.binary(max_size=120))
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="clip's fingerprint"):
        clip.Moments.from_bytes(value)
    with pytest.raises(ValueError, match="sound's fingerprint"):
        sound.Landmarks.from_bytes(value)


@given(st.lists(st.integers(0, 5), max_size=30), st.lists(st.integers(0, 5), max_size=30))
def test_pairs_are_all_places_with_equal_values(one: list[int], other: list[int]) -> None:
    here, there = sound.pairs(np.array(one, np.int64), np.array(other, np.int64))
    expected = {(i, j) for i, a in enumerate(one) for j, b in enumerate(other) if a == b}
    assert set(zip(here.tolist(), there.tolist(), strict=True)) == expected
    assert len(here) == len(expected)


def test_iscc_codes_are_those_of_the_standard() -> None:
    # The example of ISO 24138's reference implementation.
    assert iscc.instance_code(b"") == "ISCC:IAA26E2JXH27TING"
    code = iscc.image_code(scene(1))
    assert iscc.to_text(iscc.to_bytes(code)) == code
    assert iscc.composite([code, iscc.data_code(b"a" * 100), iscc.instance_code(b"a" * 100)]).startswith("ISCC:K")
    with pytest.raises(ValueError, match="no ISCC"):
        iscc.to_bytes("ISCC:???")


def test_a_picture_is_registered_with_hash_features_and_iscc() -> None:
    found = dict(fingerprint.bindings(scene(1)))
    assert set(found) == {fingerprint.PDQ, fingerprint.LOCAL, fingerprint.ISCC}
    assert all(len(value) <= MAX_VALUE_BYTES for value in found.values())
