"""Is the voice synthetic? A small network on speech, segment by segment."""

from facevalue.examiners.voice.examiner import VoiceExaminer

__all__ = ["VoiceExaminer"]
