"""The embedding that a consent record holds, from a person's picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.faces.embed import embed_face
from facevalue.lab.swap.likeness import chosen
from facevalue.lab.swap.points import faces_by_size
from facevalue.media import decode


def embedding_in(photo: Path, face: int | None = None) -> npt.NDArray[np.float32]:
    """The embedding of the one face in a picture, float32 (128,), or of the face of that number from the left.

    Raises UsageError when there is no face, or several and no number; DecodeError and UnreadableError.
    """
    pixels = decode(Exhibit.open(photo)).picture.pixels
    faces = faces_by_size(pixels)
    if len(faces) > 1 and face is None:
        raise UsageError(f"{photo.name} shows {len(faces)} faces: say which, counted from the left, with --face")
    return embed_face(pixels, chosen(faces, face, photo.name).landmarks)
