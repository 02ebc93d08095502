"""Was a face swapped, composited or retouched? A small network with a mask head."""

from facevalue.examiners.face_blend.examiner import FaceBlendExaminer

__all__ = ["FaceBlendExaminer"]
