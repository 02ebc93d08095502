"""Superimposing one person's face on another's, in pictures and clips, with that person's consent and every label.

    from facevalue.lab.swap import swap
    swap(Path("ada.jpg"), Path("scene.mp4"), Path("out.mp4"), Path("ada.consent.json"))

likeness.py  whose face it is, and that its use is allowed: nothing is drawn without it
points.py    points of a face; warp.py brings the source's to the target's by a smoothed spline
masks.py     where the face is exchanged; tone.py colour, light and sharpness; render.py joins them by gradients
pictures.py, clips.py  files: labels, mask, JSON manifest
"""

from facevalue.lab.swap.likeness import Likeness, admitted
from facevalue.lab.swap.run import Swapped, swap

__all__ = ["Likeness", "Swapped", "admitted", "swap"]
