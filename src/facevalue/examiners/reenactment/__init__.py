"""Was a talking head synthesised from one picture? Texture, and how it moves."""

from facevalue.examiners.reenactment.examiner import ReenactmentExaminer

__all__ = ["ReenactmentExaminer"]
