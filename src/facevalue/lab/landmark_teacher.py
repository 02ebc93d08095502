"""The teacher of the lip landmarks: MediaPipe's face mesh (Apache-2.0), asked once for every face of the bank.

MediaPipe wants a numpy of another major version than this package's, so it lives in an environment of its own, and
this file is run there as a script:

    python -m venv teacher && teacher/bin/pip install mediapipe==0.10.21 "numpy<2"
    FACEVALUE_TEACHER_PYTHON=teacher/bin/python facevalue lab train lips --data DATA

    python landmark_teacher.py faces.npy labels.npy

faces.npy: uint8 (n, side, side, 3), RGB. labels.npy: float32 (n, 478, 2), pixels of the square; NaN where the mesh
finds no face. `ask` runs it from the lab. The labels are kept in the work folder: who has them needs no teacher.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ENVIRONMENT = "FACEVALUE_TEACHER_PYTHON"
POINTS = 478


def ask(squares: Path, labels: Path) -> npt.NDArray[np.float32]:
    """The teacher's labels, from labels.npy when it is there, else from the teacher's own interpreter.

    Raises UsageError, with what to install, when FACEVALUE_TEACHER_PYTHON names no interpreter that has it.
    """
    from facevalue.errors import UsageError

    if not labels.is_file():
        python = os.environ.get(ENVIRONMENT, "")
        if not python:
            raise UsageError(
                f"{labels} is not there, and the teacher that makes it is not named: install mediapipe==0.10.21 with "
                f'"numpy<2" into a virtual environment of its own and set {ENVIRONMENT} to its python'
            )
        _run(python, squares, labels)
    return np.asarray(np.load(labels), np.float32)


def _run(python: str, squares: Path, labels: Path) -> None:
    from facevalue.errors import UsageError

    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user named
            [python, __file__, str(squares), str(labels)], check=False, stderr=subprocess.PIPE, text=True
        )
    except OSError as error:
        raise UsageError(f"{ENVIRONMENT}: {python} cannot be run ({error.strerror})") from None
    if done.returncode or not labels.is_file():
        last = (done.stderr or "").strip().splitlines()[-1:]
        raise UsageError(f"the teacher failed ({' '.join(last) or 'no message'})")


def label(squares: npt.NDArray[np.uint8], mesh: Any) -> npt.NDArray[np.float32]:
    """What a face mesh says of each square, float32 (n, POINTS, 2)."""
    out = np.full((len(squares), POINTS, 2), np.nan, np.float32)
    for i, square in enumerate(squares):
        found = mesh.process(np.ascontiguousarray(square)).multi_face_landmarks
        if found:
            rows = [(p.x, p.y) for p in found[0].landmark]
            out[i, : len(rows)] = np.array(rows, np.float32) * np.float32(square.shape[0])
    return out


def main(squares: str, labels: str) -> None:
    """Label every face; with attention to the lips (`refine_landmarks`)."""
    mediapipe: Any = importlib.import_module("mediapipe")  # of the teacher's environment alone
    faces = np.load(squares, mmap_mode="r")
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True) as mesh:
        np.save(labels, label(faces, mesh))


if __name__ == "__main__":
    main(*sys.argv[1:3])
