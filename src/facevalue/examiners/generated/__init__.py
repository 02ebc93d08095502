"""Is the whole picture synthesised? CLIP features in two views, face-generator heads, and a residual network."""

from facevalue.examiners.generated.examiner import GeneratedExaminer

__all__ = ["GeneratedExaminer"]
