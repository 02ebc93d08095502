"""What marking a file gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facevalue.watermark import Payload


@dataclass(frozen=True, slots=True)
class MarkedFile:
    """A marked copy. algorithm: the soft binding's name; its value is payload.to_bytes().

    distortion_db: PSNR of a picture, mean PSNR of a clip's luma, SNR of a sound: against the source as decoded, before
    the copy was compressed. frames: marked pictures, 0 for sound. notes: plain sentences on what the copy lacks.
    """

    path: Path
    media_type: str
    algorithm: str
    payload: Payload
    distortion_db: float
    frames: int = 1
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was done, for people."""
        measure = "SNR" if self.frames == 0 else "PSNR"
        return f"marked with {self.payload} ({self.algorithm}, {measure} {self.distortion_db:.1f} dB)"
