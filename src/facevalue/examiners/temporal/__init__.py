"""temporal: does a face over time behave as a recorded one does, or as one that was put in frame by frame?"""

from facevalue.examiners.temporal.examiner import TemporalExaminer

__all__ = ["TemporalExaminer"]
