"""Edits with exact spans, recordings that hold no cut, innocent treatments, and trips there and back."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.errors import UsageError
from facevalue.lab import edit_sound, sound_trips
from facevalue.lab.edit_sound import INNOCENT, KINDS, Scene
from facevalue.lab.sound_trips import CODECS, RATE_HZ

pytest.importorskip("av")


def ramp(seconds: float, first: int = 1) -> np.ndarray:
    """Samples that say where they were: 1, 2, 3, ..., so that a joint is where they do not rise by one."""
    return (first + np.arange(int(seconds * RATE_HZ)) % 30_000).astype(np.int16)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wave = np.convolve(rng.standard_normal(int(seconds * RATE_HZ) + 30), np.hanning(31), "valid")
    return (wave / wave.std() * 3000).astype(np.int16)


# Edits


@given(st.lists(st.integers(100, 3000), min_size=2, max_size=4), st.floats(0, 5))
@settings(max_examples=40, deadline=None)
def test_joined_pieces_overlap_by_the_crossfade(lengths: list[int], fade_ms: float) -> None:
    pieces = [np.full(n, 1000 * i, np.int16) for i, n in enumerate(lengths)]
    out, joints = edit_sound.join(pieces, fade_ms)
    overlap = min(int(fade_ms * RATE_HZ / 1000), *lengths)
    assert len(out) == sum(lengths) - overlap * (len(lengths) - 1)
    assert len(joints) == len(pieces) - 1
    assert list(joints) == sorted(joints)


@pytest.mark.parametrize("kind", KINDS)
def test_joints_are_where_they_are_said_to_be(kind: str) -> None:
    base, donor = ramp(1.8 * 2), ramp(2.5, first=300)
    for seed in range(8):
        made = edit_sound.edit(kind, base, donor, np.random.default_rng(seed))
        breaks = np.flatnonzero(~np.isin(np.diff(made.samples.astype(int)), (1, -29_999))) + 1
        assert {round(j * RATE_HZ) for j in made.joints} >= set(breaks.tolist())
        assert len(made.joints) == (1 if kind == "deletion" else 2)
        assert made.spans == ((made.joints[0], made.joints[-1]),)


def test_the_length_says_what_happened() -> None:
    base, donor = noise(10), noise(10, 1)
    for seed in range(5):
        made = {k: edit_sound.edit(k, base, donor, np.random.default_rng(seed)) for k in KINDS}
        assert len(made["deletion"].samples) < len(base)
        assert len(made["insertion"].samples) > len(base)
        assert len(made["copy-move"].samples) > len(base)
        assert len(made["replacement"].samples) == len(base)


def test_a_careful_cut_lies_in_a_pause() -> None:
    samples = noise(4)
    samples[20_000:21_000] = 3
    assert 20_000 <= edit_sound.quiet_place(samples, 19_000) <= 21_000


def test_what_cannot_be_edited_is_said() -> None:
    with pytest.raises(UsageError, match="one of"):
        edit_sound.edit("reversal", noise(4), noise(4), np.random.default_rng(0))
    with pytest.raises(UsageError, match="2 s"):
        edit_sound.edit("deletion", noise(1), noise(4), np.random.default_rng(0))


def test_stretches_that_are_edited_apart_follow_each_other_without_a_joint() -> None:
    base, donor = ramp(9.0), ramp(3.0, first=300)
    for seed in range(6):
        made = edit_sound.several(base, donor, np.random.default_rng(seed), every_s=3.0)
        assert len(made) == 3
        assert made[0].samples[0] == base[0]
        assert made[-1].samples[-1] == base[-1]
        for one, two in itertools.pairwise(made):
            assert int(two.samples[0]) - int(one.samples[-1]) in (1, -29_999)


def test_what_is_put_in_can_have_another_level() -> None:
    base, donor = np.zeros(4 * RATE_HZ, np.int16), np.full(4 * RATE_HZ, 1000, np.int16)
    made = edit_sound.edit("insertion", base, donor, np.random.default_rng(0), gain_db=-6.0)
    assert made.samples.max() == pytest.approx(501, abs=1)


# Recordings


def test_a_recording_is_as_long_as_asked_and_its_background_never_stops() -> None:
    scene = Scene(0.3, (0.0, -10.0, -20.0), 20.0, 50.0, 5.0, 7900.0, 0.0)
    made = edit_sound.record([noise(3, s) for s in range(2)], 12.0, scene, np.random.default_rng(0))
    assert len(made) == 12 * RATE_HZ
    assert made.dtype == np.int16
    levels = made.reshape(-1, 800).std(axis=1)
    assert levels.min() > 0
    # Two clips of 3 s do not fill 12 s: what is left is background at 20 dB below speech.
    assert np.quantile(levels, 0.1) < 0.3 * np.quantile(levels, 0.9)
    again = edit_sound.record([noise(3, s) for s in range(2)], 12.0, scene, np.random.default_rng(0))
    assert (made == again).all()


def test_noise_has_the_colour_that_was_asked_for() -> None:
    wave = edit_sound.coloured_noise(np.random.default_rng(0), 40 * RATE_HZ, (0.0, -30.0))
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    low, high = (power[(hertz > a) & (hertz < a + 500)].mean() for a in (500, 7000))
    assert 10 * np.log10(low / high) == pytest.approx(30 * 6500 / 8000, abs=1.0)
    assert wave.std() == pytest.approx(1.0)
    halves = wave.reshape(2, -1).std(axis=1)
    assert halves[0] == pytest.approx(halves[1], rel=0.05)


# Innocent treatments and trips


@pytest.mark.parametrize("name", list(INNOCENT))
def test_treatments_keep_length_and_take_a_seed(name: str) -> None:
    samples = noise(4)
    first, again = (INNOCENT[name](samples.copy(), np.random.default_rng(5)) for _ in range(2))
    assert first.shape == samples.shape
    assert first.dtype == np.int16
    assert (first == again).all()
    assert (first == samples).all() == (name == "as recorded")


@pytest.mark.parametrize("codec", list(CODECS))
def test_trips_come_back_aligned(codec: str) -> None:
    samples = edit_sound.to_int16(np.convolve(noise(3).astype(float), np.hanning(25) / 12, "same"))
    try:
        back = sound_trips.trip(samples, codec)
    except UsageError as error:
        pytest.skip(str(error))
    assert back.shape == samples.shape
    inner = slice(4000, -4000)
    likeness = np.corrcoef(samples[inner].astype(float), back[inner].astype(float))[0, 1]
    # AMR models speech; noise is the worst it can be given.
    assert likeness > (0.3 if codec.startswith("amr") else 0.9)
    if codec == "wav":
        assert (back == samples).all()


def test_what_is_no_sound_is_said() -> None:
    with pytest.raises(UsageError, match="no sound"):
        sound_trips.decode(b"nothing of the kind" * 10)
    with pytest.raises(UsageError, match="a codec is one of"):
        sound_trips.encode(noise(1), "vinyl")


# Calibration


def test_the_calibration_trusts_what_tells_and_drops_what_misleads() -> None:
    from facevalue.examiners.audio_edit.look import NAMES, AudioCalibration

    pytest.importorskip("torch")
    from facevalue.lab.audio_edit_sounds import FOLDS
    from facevalue.lab.calibrate_audio_edit import fit, left_out, scales_of, tables

    rng = np.random.default_rng(0)
    items = []
    for k in range(300):
        label = k % 2
        scores = {n: float(rng.gamma(2)) for n in NAMES}
        scores["splice"] += 4.0 * label * (rng.random() < 0.7)
        scores["reverb"] -= 0.5 * label  # a trace that speaks the wrong way round
        at = 3.0
        marks = {n: [[at, at + 0.1, s]] for n, s in scores.items()}
        common = {"make": "room", "codec": "wav", "fold": k % FOLDS, "seconds": 10.0, "scores": scores, "marks": marks}
        edited = {"kind": "deletion", "crossfade_ms": 0.0, "joints": [at], "spans": [[at, at]], "treatment": "-"}
        items.append({**common, "label": label, **(edited if label else {"treatment": "clicks"})})
    scales = scales_of(items)
    assert all(s.rare > s.usual for s in scales.values())
    calibration = fit(items, {"shape4": 1.0})
    weights = dict(zip(NAMES, calibration.weigh.coefficients, strict=True))
    assert min(weights.values()) >= 0
    assert max(weights, key=lambda n: weights[n]) == "splice"
    lrs, spans = left_out(items, {"shape4": 1.0})
    figures = tables(items, lrs, spans)
    assert figures["pooled"]["auc"] > 0.75
    assert figures["localisation"]["all edited"]["n"] == 150
    assert figures["localisation"]["found"]["first span within 0.2 s"] in (None, 1.0)
    assert AudioCalibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == calibration


# The networks


def test_steps_at_a_joint_are_positive_and_those_beside_it_do_not_count() -> None:
    pytest.importorskip("torch")
    from facevalue.lab.audio_seams import FAST, Example, targets

    steps = 400
    example = Example(np.zeros((FAST.channels, steps), np.float16), (0.8,), (0.01,))
    label, weight = targets(example, FAST)
    assert len(label) == steps // FAST.stride
    middle = (np.arange(len(label)) + 0.5) * FAST.out_s
    assert np.abs(middle[label > 0] - 0.8).max() < 0.02
    assert (weight[label > 0] == FAST.weight).all()
    assert (weight == 0).sum() >= 4
    assert (weight[np.abs(middle - 0.8) > 0.1] == 1).all()


@pytest.mark.slow
def test_a_network_learns_what_jumps_and_is_written(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from dataclasses import replace

    from facevalue.examiners.audio_edit.seams import run_network
    from facevalue.lab.audio_seams import SLOW, Example, train

    rng = np.random.default_rng(0)

    def example(jump: bool) -> Example:
        inputs = rng.normal(0, 0.2, (SLOW.channels, 160))
        inputs[:, 80:] += 2.0 * jump
        return Example(inputs.astype(np.float16), (80 * SLOW.out_s,) if jump else (), (0.0,) if jump else ())

    made = [example(bool(k % 2)) for k in range(40)]
    path = train(made, replace(SLOW, steps=60), tmp_path / "n.onnx", report=lambda line: None)
    before = path.stat().st_mtime_ns
    assert train(made, SLOW, path).stat().st_mtime_ns == before  # what is there is kept
    logits = run_network(path, example(True).inputs.astype(np.float32))
    assert abs(int(np.argmax(logits)) - 80) <= 3
    assert logits.max() > run_network(path, example(False).inputs.astype(np.float32)).max() + 1


def test_a_data_folder_without_speech_is_said(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from facevalue.lab.calibrate_audio_edit import calibrate

    with pytest.raises(UsageError, match="index"):
        calibrate(tmp_path, tmp_path / "out", report=lambda line: None)
