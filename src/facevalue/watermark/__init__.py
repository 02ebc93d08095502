"""Marks that survive: a blind watermark of 64 bits for pictures, clips and speech. Arrays in, values out.

    from facevalue import watermark
    marked = watermark.picture.embed(rgb, watermark.Payload.random())
    reading = watermark.picture.read(marked.rgb)

`payload` is what is hidden, `code` protects it against errors, `evidence` says how likely chance would have read it.
`picture`, `video` and `speech` hide it and read it back. Files are marked by `facevalue.marking`.
"""

from facevalue.watermark import picture, speech, video
from facevalue.watermark.payload import Payload
from facevalue.watermark.reading import PICTURE_ALGORITHM, SPEECH_ALGORITHM, Reading

__all__ = ["PICTURE_ALGORITHM", "SPEECH_ALGORITHM", "Payload", "Reading", "picture", "speech", "video"]
