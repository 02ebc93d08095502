"""Faces: where they are, how good they are, one way of cropping them, and following them through a clip."""

from facevalue.faces.align import crop_face, crop_square, portrait_square, similarity
from facevalue.faces.detect import Face, detect_faces, detector_available
from facevalue.faces.quality import FaceQuality, face_quality
from facevalue.faces.track import Burst, Track, TrackView
from facevalue.faces.track_cuts import scene_cuts
from facevalue.faces.track_follow import Tracker

__all__ = [
    "Burst",
    "Face",
    "FaceQuality",
    "Track",
    "TrackView",
    "Tracker",
    "crop_face",
    "crop_square",
    "detect_faces",
    "detector_available",
    "face_quality",
    "portrait_square",
    "scene_cuts",
    "similarity",
]
