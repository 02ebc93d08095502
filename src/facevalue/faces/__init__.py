"""Faces: where they are, how good they are, and one way of cropping them."""

from facevalue.faces.align import crop_face, crop_square, portrait_square, similarity
from facevalue.faces.detect import Face, detect_faces, detector_available
from facevalue.faces.quality import FaceQuality, face_quality

__all__ = [
    "Face",
    "FaceQuality",
    "crop_face",
    "crop_square",
    "detect_faces",
    "detector_available",
    "face_quality",
    "portrait_square",
    "similarity",
]
