"""What the parts of bench/watermark.py share: shares and means with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from facevalue.watermark import Payload


def wilson(good: int, n: int) -> dict[str, Any]:
    """A share with its Wilson interval."""
    if not n:
        return {"n": 0}
    z, p = 1.96, good / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n))
    return {"share": [round(p, 4), round(max(low, 0), 4), round(min(high, 1), 4)], "good": good, "n": n}


def mean(values: Sequence[float], digits: int = 2) -> dict[str, Any]:
    """A mean with its bootstrap interval, and the extremes."""
    data, rng = np.asarray(values, float), np.random.default_rng(0)
    means = rng.choice(data, (1000, len(data))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    numbers = [round(float(v), digits) for v in (data.mean(), low, high)]
    return {"mean": numbers, "least": round(float(data.min()), digits), "n": len(data)}


def says(reading: Any, payload: Payload) -> bool:
    """Whether exactly that payload was read."""
    return reading is not None and reading.payload == payload
