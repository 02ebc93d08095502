"""The 64 bits, their code, and the bound on reading them by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.errors import UsageError
from facevalue.watermark import Payload, code, evidence

payloads = st.builds(Payload, st.integers(0, 2**59 - 1), st.booleans())


@given(payloads)
def test_bytes_round_trip(payload: Payload) -> None:
    data = payload.to_bytes()
    assert len(data) == 8
    assert Payload.from_bytes(data) == payload
    assert data[0] >> 4 == 1
    assert bool(data[0] >> 3 & 1) is payload.synthetic


@pytest.mark.parametrize("ident", [-1, 2**59])
def test_an_identifier_out_of_range_is_refused(ident: int) -> None:
    with pytest.raises(UsageError, match="whole number"):
        Payload(ident)


@pytest.mark.parametrize("data", [b"", b"\x10" * 7, b"\x10" * 9, b"\x20" + bytes(7), bytes(8)])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        Payload.from_bytes(data)


def test_random_payloads_differ_and_follow_their_seed() -> None:
    assert Payload.random() != Payload.random()
    assert Payload.random(seed=4) == Payload.random(seed=4) != Payload.random(seed=5)
    assert Payload.random(synthetic=True).synthetic


def test_the_check_is_that_of_openpgp() -> None:
    assert code.crc24(b"123456789") == 0x21CF02


def test_code_words_lie_far_apart() -> None:
    words = [code.encode(Payload.random(seed=s).to_bytes()) for s in range(60)]
    apart = [int((a != b).sum()) for i, a in enumerate(words) for b in words[:i]]
    assert min(apart) >= 18
    assert np.mean(apart) > 0.45 * code.CODE_BITS  # half of them, but for the version that all share


@settings(max_examples=30, deadline=None)
@given(payloads, st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_a_tenth_of_the_code_bits_may_be_wrong(payload: Payload, seed: int, wrong: int) -> None:
    rng = np.random.default_rng(seed)
    soft = code.signs(payload.to_bytes()) * rng.uniform(0.5, 1.5, code.CODE_BITS).astype(np.float32)
    soft[rng.choice(code.CODE_BITS, wrong, replace=False)] *= -0.5
    assert code.decode(soft[None])[0] == payload.to_bytes()


@settings(max_examples=20, deadline=None)
@given(payloads, st.integers(0, 2**32 - 1))
def test_a_third_of_the_code_bits_may_be_missing(payload: Payload, seed: int) -> None:
    rng = np.random.default_rng(seed)
    soft = code.signs(payload.to_bytes())
    soft[rng.choice(code.CODE_BITS, 96, replace=False)] = 0
    assert code.decode(soft[None])[0] == payload.to_bytes()


def test_words_are_decoded_each_for_itself(payload: Payload) -> None:
    other = Payload.random(seed=12)
    noise = np.random.default_rng(0).normal(size=code.CODE_BITS)
    soft = np.stack([code.signs(payload.to_bytes()), noise.astype(np.float32), code.signs(other.to_bytes())])
    assert code.decode(soft) == (payload.to_bytes(), None, other.to_bytes())


def test_the_tail_bounds_what_chance_does() -> None:
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(20_000, code.CODE_BITS))
    cosines = directions @ code.signs(bytes(8)) / np.linalg.norm(directions, axis=1) / math.sqrt(code.CODE_BITS)
    for at in (0.05, 0.1, 0.15, 0.2):
        share = float((cosines >= at).mean())
        assert share <= 1.15 * 10 ** evidence.log10_tail(at)
    assert evidence.log10_tail(0.2) > math.log10(float((cosines >= 0.2).mean())) - 0.1


def test_the_bound_falls_with_agreement_and_rises_with_tries() -> None:
    values = [evidence.log10_false_alarm(c, 8) for c in (0.1, 0.5, 0.6, 0.7, 0.9)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(math.log10(8) - 28 * math.log10(2))
    assert values[0] < -6  # the check alone
    assert evidence.log10_false_alarm(0.6, 80) == pytest.approx(evidence.log10_false_alarm(0.6, 8) + 1)


def test_a_word_that_passes_the_check_by_chance_is_not_a_reading(payload: Payload) -> None:
    rng = np.random.default_rng(2)
    weak = (0.2 * code.signs(payload.to_bytes()) + rng.normal(size=code.CODE_BITS)).astype(np.float32)
    assert evidence.cosine(weak, payload.to_bytes()) < 0.5
    assert evidence.weighed(weak[None], 8) is None
    assert evidence.weighed(np.zeros((1, code.CODE_BITS), np.float32), 8) is None


def test_another_version_is_not_read() -> None:
    data = bytes([0x20]) + bytes(7)
    assert code.decode(code.signs(data)[None])[0] == data
    assert evidence.weighed(code.signs(data)[None], 1) is None
