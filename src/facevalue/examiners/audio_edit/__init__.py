"""Was sound cut, inserted or copied? Traces on the time line, weighed by a calibration."""

from facevalue.examiners.audio_edit.examiner import AudioEditExaminer

__all__ = ["AudioEditExaminer"]
