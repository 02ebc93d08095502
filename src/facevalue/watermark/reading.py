"""What reading a mark gives, and the names under which marks are registered."""

from __future__ import annotations

from dataclasses import dataclass

from facevalue.watermark.payload import Payload

# Names of soft binding algorithms; the value is the payload's eight bytes.
PICTURE_ALGORITHM = "org.facevalue.watermark.1"
SPEECH_ALGORITHM = "org.facevalue.watermark.speech.1"


@dataclass(frozen=True, slots=True)
class Reading:
    """A mark that was read.

    score: 0..1, how well what was received agrees with the payload's code word (a cosine; 1 = perfectly).
    log10_false_alarm: log10 of the probability that chance alone gives a reading at least as good, over all that was
    tried; never above evidence.LOG10_LIMIT. orientation: how the picture lay: 0..3 quarter turns, + 4 when mirrored.
    start_s: for sound, where in the mark's period the sound begins.
    """

    payload: Payload
    log10_false_alarm: float
    score: float
    orientation: int = 0
    start_s: float = 0.0
