"""Does a picture, a clip or a voice carry a mark of facevalue's own, and what does it say?"""

from facevalue.examiners.watermark.examiner import WatermarkExaminer

__all__ = ["WatermarkExaminer"]
