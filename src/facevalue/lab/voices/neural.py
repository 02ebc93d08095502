"""The small GAN vocoder at work, without torch: mel bands and pitch -> filters (ONNX) -> pulses and noise -> wave."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.errors import ModelError
from facevalue.lab.voices.excitation import pulses
from facevalue.lab.voices.pitch import track
from facevalue.lab.voices.spectra import Complexes, Floats, istft, log_mel, resampled, stft

RATE_HZ = 16_000
HOP = 128
N_FFT = 512
BINS = N_FFT // 2 + 1
MEL_FFT = 1024
BANDS = 80
# Natural logarithm of the largest gain of a filter: a loud voice needs about 1.
TOP_LOG = 3.0
MODEL, CARD = "vocoder.onnx", "vocoder.json"


def shipped() -> Path:
    """The weights that ship with the package. Raises ModelError when they are not there."""
    path = Path(str(resources.files("facevalue.lab.voices"))) / MODEL
    if not path.is_file():
        raise ModelError(f"{MODEL} is not installed: train one with `facevalue lab vocoder train`")
    return path


def features(wave: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """What the network is given of a wave (n,) at RATE_HZ: float32 (1 + n // HOP, BANDS + 2)."""
    mel = log_mel(wave, MEL_FFT, HOP, BANDS, RATE_HZ)
    hertz = track(wave, RATE_HZ, HOP / RATE_HZ).hertz[: len(mel)]
    return np.concatenate([mel, tones(hertz)], axis=1).astype(np.float32)


def tones(hertz: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """voiced, and octaves above 100 Hz (0 where unvoiced), float32 (t, 2)."""
    voiced = hertz > 0
    return np.stack([voiced, np.log2(np.where(voiced, hertz, 100.0) / 100.0)], axis=1).astype(np.float32)


def copy(
    wave: npt.NDArray[np.floating], rate: int, rng: np.random.Generator, model: Path | None = None
) -> npt.NDArray[np.float64]:
    """The wave (n,) from its mel bands and pitch, through the network, float64 (n,); the network works at 16 kHz.

    model: an exported ONNX file, the shipped one without it. Raises ModelError when it is not such a file.
    """
    low = resampled(wave, rate, RATE_HZ)
    given = features(low)
    filters = _filters(given, model or shipped())
    octaves = given[:, BANDS + 1].astype(np.float64)
    hertz = np.where(given[:, BANDS] > 0, 100.0 * 2**octaves, 0.0)
    spectra = _shaped(filters, hertz, len(low), rng)
    out = resampled(istft(spectra, N_FFT, HOP, len(low)), RATE_HZ, rate)
    return np.pad(np.asarray(out, np.float64), (0, max(0, len(wave) - len(out))))[: len(wave)]


def _filters(given: npt.NDArray[np.float32], model: Path) -> Floats:
    from facevalue.sessions import session

    try:
        out = np.asarray(session(model, 4).run(["filters"], {"features": given[None]})[0], np.float64)
    except Exception as error:  # the runtime raises classes of its own for a file that is no such network
        raise ModelError(f"{model.name} is no exported vocoder ({type(error).__name__})") from None
    if out.shape != (1, len(given), 3, BINS) or not np.isfinite(out).all():
        raise ModelError(f"{model.name} is no exported vocoder: its filters have the shape {out.shape}")
    return np.asarray(out[0], np.float64)


def _shaped(filters: Floats, hertz: Floats, length: int, rng: np.random.Generator) -> Complexes:
    fired = stft(pulses(hertz, HOP, length, RATE_HZ, float(rng.random())), N_FFT, HOP)
    hiss = stft(rng.standard_normal(length), N_FFT, HOP)
    pulse, phase, noise = filters[:, 0], filters[:, 1], filters[:, 2]
    return np.asarray(np.exp(pulse + 1j * phase) * fired + np.exp(noise) * hiss, np.complex128)
