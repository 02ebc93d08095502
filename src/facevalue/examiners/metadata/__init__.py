"""Metadata: what the file says of itself, and where it contradicts itself."""

from facevalue.examiners.metadata.examiner import MetadataExaminer

__all__ = ["MetadataExaminer"]
