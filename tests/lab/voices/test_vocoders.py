"""Copy-synthesis: near the original, deterministic, of its length; and labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import facevalue as fv
from facevalue.errors import ModelError, UsageError
from facevalue.finding import Verdict
from facevalue.lab.voices import neural
from facevalue.lab.voices.files import vocode_file
from facevalue.lab.voices.measure import mel_distance, stoi
from facevalue.lab.voices.measured import figures
from facevalue.lab.voices.vocoders import VOCODERS, in_pieces

RATE = 16_000
NAMES = list(VOCODERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_near_and_repeats(name: str, low: np.ndarray) -> None:
    wave = low[: 2 * RATE]
    before = wave.copy()
    copies = [VOCODERS[name](wave, RATE, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(copies[0], copies[1])
    np.testing.assert_array_equal(wave, before)
    assert copies[0].dtype == np.float32
    assert copies[0].shape == wave.shape
    assert not np.array_equal(copies[0], copies[2])
    assert not np.array_equal(copies[0], wave)
    assert mel_distance(wave, copies[0], RATE) < 5
    assert stoi(wave, copies[0], RATE) > 0.85
    assert copies[0].std() == pytest.approx(wave.std(), rel=0.4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 500, 3_001])
def test_any_length_comes_back(name: str, length: int) -> None:
    wave = (0.1 * np.random.default_rng(0).standard_normal(length)).astype(np.float32)
    copy = VOCODERS[name](wave, RATE, np.random.default_rng(1))
    assert copy.shape == wave.shape
    assert np.isfinite(copy).all()


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_silence_and_rates_are_kept(name: str) -> None:
    assert not VOCODERS[name](np.zeros(9_000, np.float32), RATE, np.random.default_rng(0)).any()
    at = np.arange(22_050) / 44_100
    tone = (0.2 * np.sign(np.sin(2 * np.pi * 150 * at))).astype(np.float32)
    assert VOCODERS[name](tone, 44_100, np.random.default_rng(0)).shape == tone.shape


@pytest.mark.parametrize("wave", [np.zeros((2, 9)), np.array([np.nan, 0.0]), np.array([np.inf])])
def test_what_is_no_wave_is_refused(wave: np.ndarray) -> None:
    with pytest.raises(UsageError, match="a mono wave"):
        VOCODERS["world"](wave, RATE, np.random.default_rng(0))
    with pytest.raises(UsageError, match="a mono wave"):
        VOCODERS["world"](np.zeros(100, np.float32), 4_000, np.random.default_rng(0))


def test_long_recordings_are_cut_where_it_is_quiet() -> None:
    rng = np.random.default_rng(0)
    wave = rng.standard_normal(50 * RATE).astype(np.float32)
    wave[19 * RATE : 19 * RATE + RATE // 5] *= 0.001
    sizes: list[int] = []

    def same(part: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        sizes.append(len(part))
        return part

    np.testing.assert_array_equal(in_pieces(same, wave, RATE, rng), wave)
    assert 19 * RATE <= sizes[0] <= 19 * RATE + RATE // 5
    assert max(sizes) <= 22 * RATE
    assert sum(sizes) == len(wave)


@pytest.mark.slow
def test_a_copy_on_disk_is_labelled(low_file: Path, tmp_path: Path) -> None:
    made = vocode_file(low_file, tmp_path / "copy.flac", "gan", seed=2)
    assert {"watermark", "digital_source_type", "c2pa"} <= set(made.labels)
    assert fv.check(made.path).opinion.verdict is Verdict.DECLARED_SYNTHETIC


def test_wrong_choices_are_refused(low_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy.wav"
    with pytest.raises(UsageError, match="a vocoder is one of"):
        vocode_file(low_file, out, "tape")
    with pytest.raises(UsageError, match="for the vocoder 'gan' only"):
        vocode_file(low_file, out, "world", model=low_file)
    with pytest.raises(ModelError, match="is no exported vocoder"):
        vocode_file(low_file, out, "gan", model=low_file)
    assert not out.exists()


def test_figures_of_a_vocoder(low_file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "not.wav").write_bytes(b"RIFF....WAVEjunk")
    told = figures([low_file, tmp_path / "not.wav"], "griffin-lim", report=said.append)
    assert told["recordings"] == 1
    assert len(said) == 1
    assert 0.8 < told["stoi"]["median"] <= 1
    with pytest.raises(UsageError, match="no recording"):
        figures([tmp_path / "not.wav"], "world")


def test_the_shipped_model_is_small_and_has_its_card() -> None:
    import hashlib
    import json

    path = neural.shipped()
    card = json.loads(path.with_name(neural.CARD).read_text(encoding="utf-8"))
    assert path.stat().st_size == card["bytes"] < 10_000_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card["sha256"]
    assert card["measured"]["gan"]["stoi"]["median"] > 0.9
