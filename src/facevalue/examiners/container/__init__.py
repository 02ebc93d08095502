"""Was a clip cut, joined, or were frames removed, repeated or put in? Container, encoding and the run of frames."""

from facevalue.examiners.container.examiner import ContainerExaminer

__all__ = ["ContainerExaminer"]
