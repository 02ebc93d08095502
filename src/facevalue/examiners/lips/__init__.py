"""Do the lips belong to the speech?"""

from facevalue.examiners.lips.examiner import LipsExaminer

__all__ = ["LipsExaminer"]
