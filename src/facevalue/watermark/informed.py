"""Informed embedding: what to add to a host so that every code bit is heard, at a given cost.

Improved spread spectrum (Malvar and Florencio 2003): of the host's own contribution to a code bit a share REJECTED is
cancelled, and nothing is spent where the host already says what it should. Among all changes with that effect the one
of least perceptual cost is taken: each coefficient gives as much as the picture hides there and the reader hears of it
(visibility grows with the root of the local contrast's power HIDES; Watson 1993 has 0.7 for contrast masking).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facevalue.watermark import host, pattern
from facevalue.watermark.code import CODE_BITS, Soft
from facevalue.watermark.lapped import Plane

_REJECTED = 0.7
_HIDES, _PLAIN = 0.25, 20.0
# Whitening moves with the mark and limited coefficients do not answer: solved by steps.
_STEPS, _STRIDE = 3, 0.8
_BISECTIONS = 9


@dataclass(frozen=True, slots=True)
class Host:
    """A picture's coefficients and the code word (+1, -1) that they shall carry."""

    coefficients: Plane
    word: Soft

    def change(self, energy: float) -> Plane:
        """The change of the coefficients with at most that energy (sum of squares) that is heard best."""
        low, high = 0.0, 30.0
        for _ in range(_BISECTIONS):
            level = (low + high) / 2
            low, high = (low, level) if float((self._change(level) ** 2).sum()) > energy else (level, high)
        change = self._change(low)
        return change * min(1.0, float(np.sqrt(energy / max(float((change**2).sum()), 1e-9))))

    def _change(self, level: float) -> Plane:
        """The change after which every code bit is heard with `level`, plus what is left of the host."""
        hides = self._hides()
        change = np.zeros_like(self.coefficients)
        goal: npt.NDArray[np.float32] | None = None
        for _ in range(_STEPS):
            marked = self.coefficients + change
            scale = host.strength(marked)
            have = self.word * host.heard(marked, scale)
            answers = 1.0 if goal is None else np.abs(marked) < host.LIMIT * scale
            stride = 1.0 if goal is None else _STRIDE
            goal = have + np.maximum(0, level - _REJECTED * have) if goal is None else goal
            change = change + stride * self._step(hides / scale, scale, np.maximum(0, goal - have), answers)
        return change

    def _step(self, unit: Plane, scale: Plane, missing: npt.NDArray[np.float32], answers: Plane | float) -> Plane:
        """The cheapest change by which each code bit is heard `missing` better, as far as whitening stands still."""
        bit, sign = pattern.chips()
        gain = np.bincount(bit, weights=(unit / scale * answers).reshape(-1), minlength=CODE_BITS)
        amount = self.word * missing * np.sqrt(host.counts()) / np.maximum(gain, 1e-6)
        return np.asarray((amount[bit] * sign).reshape(unit.shape) * unit, np.float32)

    def _hides(self) -> Plane:
        """How much energy each coefficient hides, relative."""
        variance = host.spectrum() * host.activity(self.coefficients)[None] + np.float32(_PLAIN)
        return np.asarray(variance**_HIDES, np.float32)
