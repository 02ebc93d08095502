"""Which pixels were changed, apart from what re-encoding explains: a test of energies, seeds and their surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facevalue.comparison.noise import Noise, energy

Planes = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]

# A window's energy against what is expected there: a change begins at SEED and reaches as far as GROW. Measured on
# copies that were only re-encoded, resized and cropped (bench/compare.py): their windows stay below.
SEED, GROW = 9.0, 4.0
# Nobody sees a difference of less than this, however sure it is: root mean square over a window, in levels.
_LEAST_LEVELS = 6.0
_LEAST_SIDE = 5
MAX_REGIONS = 20


@dataclass(frozen=True, slots=True)
class Region:
    """One changed region. box: (x, y, width, height), pixels of the frame. share: of the frame that is covered by both.

    strength: energy against what was expected, on average. levels: root mean square of the change.
    """

    box: Box
    share: float
    strength: float
    levels: float


def changed(
    original: Planes, suspect: Planes, known: Mask, noise: Noise, shifts: int
) -> tuple[Mask, tuple[Region, ...]]:
    """The mask, bool (h, w), and its regions, the largest first; both pictures float32 (h, w, 3) of one frame.

    shifts: how many pixels of local misalignment are forgiven, 0 to 2.
    """
    met = least_energy(original, suspect, shifts)
    ratio = np.where(known, met / noise.variance, 0).astype(np.float32)
    visible = met >= _LEAST_LEVELS**2
    seeds = (ratio >= SEED) & visible
    grown = (ratio >= GROW) & (met >= (_LEAST_LEVELS / 2) ** 2)
    mask = _reached(grown, seeds)
    return _regions(mask, ratio, met, known)


def least_energy(original: Planes, suspect: Planes, shifts: int) -> Plane:
    """The energy of the difference at the best of all shifts of up to so many pixels."""
    best = energy(suspect - original)
    reach = range(-shifts, shifts + 1)
    height, width = original.shape[:2]
    padded = cv2.copyMakeBorder(original, shifts, shifts, shifts, shifts, cv2.BORDER_REPLICATE)
    for y in reach:
        for x in reach:
            if x or y:
                moved = padded[shifts + y : shifts + y + height, shifts + x : shifts + x + width]
                np.minimum(best, energy(suspect - moved), out=best)
    return best


def _reached(grown: Mask, seeds: Mask) -> Mask:
    """The components of one mask that hold enough of the other."""
    count, labels = cv2.connectedComponents(grown.astype(np.uint8), connectivity=8)
    held = np.bincount(labels.ravel(), weights=seeds.ravel(), minlength=count)
    held[0] = 0
    return np.asarray((held >= _LEAST_SIDE**2)[labels], np.bool_)


def _regions(mask: Mask, ratio: Plane, met: Plane, known: Mask) -> tuple[Mask, tuple[Region, ...]]:
    # The window smears a change by half its width: what was changed lies within.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel, iterations=2)
    joined = cv2.erode(joined, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    least = max(_LEAST_SIDE**2, int(2e-4 * mask.size))
    total = max(int(known.sum()), 1)
    kept = [n for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= least]
    kept.sort(key=lambda n: -int(stats[n, cv2.CC_STAT_AREA]))
    found = []
    for n in kept[:MAX_REGIONS]:
        x, y, w, h, area = (int(v) for v in stats[n])
        inside = labels[y : y + h, x : x + w] == n
        strength = float(ratio[y : y + h, x : x + w][inside].mean())
        levels = float(np.sqrt(met[y : y + h, x : x + w][inside].mean()))
        found.append(Region((x, y, w, h), area / total, strength, levels))
    return np.isin(labels, kept) & known, tuple(found)
