"""All traces of one sound, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.examiners.audio_edit.background import find_background, find_band
from facevalue.examiners.audio_edit.hum import find_hum
from facevalue.examiners.audio_edit.repeat import find_repeats
from facevalue.examiners.audio_edit.reverb import find_reverb
from facevalue.examiners.audio_edit.seams import Networks, find_joints, find_places
from facevalue.examiners.audio_edit.silence import find_clipping, find_offset, find_silence
from facevalue.examiners.audio_edit.spectra import Samples, measure
from facevalue.examiners.audio_edit.trace import Trace
from facevalue.opinion.calibrate import LogisticCalibration

NAMES = ("splice", "place", "background", "level", "band", "silence", "offset", "clipping", "reverb", "hum", "repeat")
# Units: a score of 1 is what one unedited sound in twenty reaches; more than this many say no more.
MAX_UNITS = 4.0
REFERENCE_S = 15.0
BIN_S = 0.5
REACH_S = 0.5


@dataclass(frozen=True, slots=True)
class Scale:
    """From a trace's own score to units: (score - usual - growth x ln(duration / 15 s)) / (rare - usual).

    usual, rare: median and 95 % quantile over unedited sound. growth: how the largest score of a longer sound grows;
    sounds below 15 s are taken as if they had 15 s.
    """

    usual: float
    rare: float
    growth: float

    def units(self, score: float, duration_s: float) -> float:
        """0..MAX_UNITS."""
        grown = self.growth * float(np.log(max(duration_s, REFERENCE_S) / REFERENCE_S))
        return float(np.clip((score - self.usual - grown) / (self.rare - self.usual), 0.0, MAX_UNITS))


@dataclass(frozen=True, slots=True)
class AudioCalibration:
    """What calibration.json holds.

    prior: spreads of the floor's contrasts. scales: by trace. weigh: from units, in the order of NAMES, to log10 LR.
    """

    prior: Mapping[str, float]
    scales: Mapping[str, Scale]
    weigh: LogisticCalibration

    def units(self, traces: Mapping[str, Trace], duration_s: float) -> npt.NDArray[np.float64]:
        """Units of every trace in every half second, float64 (bins, traces) in the order of NAMES; 0 without a mark.

        A mark counts within REACH_S of itself, so that traces of one joint meet in one bin.
        """
        bins = max(1, int(np.ceil(duration_s / BIN_S)))
        out = np.zeros((bins, len(NAMES)))
        for column, name in enumerate(NAMES):
            for mark in traces[name].marks if name in traces else ():
                first = int(max(0.0, mark.start_s - REACH_S) / BIN_S)
                last = int(min(duration_s, mark.end_s + REACH_S) / BIN_S)
                value = self.scales[name].units(mark.score, duration_s)
                out[first : last + 1, column] = np.maximum(out[first : last + 1, column], value)
        return out

    def curve(self, traces: Mapping[str, Trace], duration_s: float) -> npt.NDArray[np.float64]:
        """Calibrated log10 LR of what each half second shows, float64 (bins,)."""
        return np.asarray(self.weigh.predict(self.units(traces, duration_s)), np.float64)

    def log10_lr(self, traces: Mapping[str, Trace], duration_s: float) -> float:
        """The calibrated log10 LR of a sound: that of its strongest half second."""
        return float(self.curve(traces, duration_s).max())

    def mark_log10_lr(self, name: str, score: float, duration_s: float) -> float:
        """The log10 LR of one mark of that trace by itself."""
        units = [self.scales[name].units(score, duration_s) if n == name else 0.0 for n in NAMES]
        return float(self.weigh.predict_one(*units))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        scales = {n: [s.usual, s.rare, s.growth] for n, s in self.scales.items()}
        return {"prior": dict(self.prior), "scales": scales, "weigh": self.weigh.to_dict()}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> AudioCalibration:
        """Read what to_dict wrote. Raises UsageError when it is something else."""
        try:
            scales = {n: Scale(*(float(v) for v in raw["scales"][n])) for n in NAMES}
            prior = {str(k): float(v) for k, v in raw["prior"].items()}
            weigh = LogisticCalibration.from_dict(raw["weigh"])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"not a calibration of audio_edit: {type(error).__name__}") from error
        if weigh.names != NAMES:
            raise UsageError("the calibration is for other traces")
        return cls(prior, scales, weigh)


def look(
    samples: Samples, prior: Mapping[str, float], networks: Networks, gaps: tuple[tuple[float, float], ...] = ()
) -> dict[str, Trace]:
    """Every trace by name. samples: int16 (n,) at 16 kHz. prior: see default_prior. gaps: what the decoder filled."""
    spectra = measure(samples)
    background, level = find_background(spectra, prior)
    found = (
        find_joints(samples, spectra, networks.fast),
        find_places(spectra, networks.slow),
        background,
        level,
        find_band(spectra, prior),
        find_silence(samples, gaps),
        find_offset(spectra),
        find_clipping(spectra),
        find_reverb(spectra),
        find_hum(samples),
        find_repeats(samples, spectra),
    )
    return {trace.name: trace for trace in found}
