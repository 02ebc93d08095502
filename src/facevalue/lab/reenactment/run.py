"""`lab reenact`: a portrait driven by a clip or by speech, written with every label, its masks beside it."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.lab.edits.edit import Pixels
from facevalue.lab.labels import COMPOSITE_TYPE, Made, note, write_clip
from facevalue.lab.reenactment import mouths
from facevalue.lab.reenactment.composing import composed
from facevalue.lab.reenactment.driving import Drive, SpeechDrive, drive_of
from facevalue.lab.reenactment.permission import Consent, Permission
from facevalue.lab.reenactment.portrait import Portrait, Still, portrait_of
from facevalue.lab.reenactment.speaking import talk_of
from facevalue.lab.reenactment.watching import watch_clip
from facevalue.lab.reenactment.writing import encode, packed, write_masks
from facevalue.signing.identity import Identity

Report = Callable[[str], None]
DRIVES = ("face", "speech")


def reenact(
    portrait: Path,
    driver: Path,
    out: Path,
    consent: Consent,
    *,
    revocations: Path | None = None,
    key: bytes | None = None,
    now: datetime.datetime | None = None,
    by: str | None = None,
    eyes: bool = True,
    seed: int = 0,
    who: Identity | None = None,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Drive the mouth and eyes of a portrait and write the clip; returns its line of the manifest.

    portrait: a picture or a clip with one face of 48 px or more. driver: a clip, or a recording of speech. out: .mp4 or
    .mov. consent: the signed record of the person in the portrait, for "reenact", or a data set's licence manifest.
    revocations, key, now: see Permission. by: "face" or "speech"; None: the face where the driver has pictures. eyes:
    whether lids close too (a portrait that is a clip keeps its own). seed: of the blinks, when speech drives. who:
    signs in place of the lab.

    Raises ConsentError (a UsageError) when nothing allows the use of the likeness; UsageError, DecodeError or
    UnreadableError for what cannot be driven. Nothing is written then.
    """
    if out.suffix.lower() not in (".mp4", ".mov", ".m4v"):
        raise UsageError(f"a reenactment is written as .mp4 or .mov, not as '{out.suffix}'")
    exhibit = Exhibit.open(portrait)
    permission = Permission.of(consent, exhibit.sha256, revocations, key, now)
    report("reading the portrait")
    subject = portrait_of(portrait)
    allowed = permission.admit(subject.faces())
    drive, way = _drive(driver, by, seed, report)
    parameters: dict[str, Any] = {"by": way, "eyes": eyes and isinstance(subject, Still), "likeness": allowed}
    masks = out.with_name(f"{out.stem}.masks.npz")
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.mp4"
        drawn = _Drawn(subject, drive, bool(parameters["eyes"]), report)
        encode(drawn, subject.size, drawn.fps, driver, lambda: drawn.duration_s, draft)
        written = write_clip(
            draft, out, Made("facevalue lab: reenact", COMPOSITE_TYPE, (portrait, driver), parameters, seed), who=who
        )
    write_masks(drawn.masks, drawn.times, subject.size, masks)
    line = {
        "file": out.name,
        "mask": masks.name,
        "tool": "reenact",
        "method": way,
        "source": portrait.name,
        "source_sha256": exhibit.sha256,
        "driver": driver.name,
        "driver_sha256": Exhibit.open(driver).sha256,
        "parameters": parameters,
        "seed": seed,
        "frames": len(drawn.times),
        "share_changed": round(drawn.share, 6),
        "sha256": written.sha256,
        "content_sha256": written.content_sha256,
        "labels": list(written.labels),
        "notes": list(written.notes),
    }
    note(out.parent, line)
    return line


def _drive(driver: Path, by: str | None, seed: int, report: Report) -> tuple[Drive, str]:
    if by is not None and by not in DRIVES:
        raise UsageError(f"a portrait is driven by {' or '.join(DRIVES)}, not by '{by}'")
    kind = Exhibit.open(driver).media_type
    if not is_clip_type(kind):
        raise UsageError(f"{driver.name} is neither a clip nor a recording: nothing moves in it")
    way = by or ("speech" if kind.startswith("audio/") else "face")
    report("reading the driver")
    if way == "speech":
        return SpeechDrive.of(talk_of(driver), np.random.default_rng(seed)), way
    return drive_of(watch_clip(driver)), way


class _Drawn:
    """The frames, drawn one after the other as they are encoded, and what is noted of each."""

    def __init__(self, subject: Portrait, drive: Drive, eyes: bool, report: Report) -> None:
        self.subject, self.drive, self.eyes, self.report = subject, drive, eyes, report
        self.fps = subject.fps(drive.fps)
        self.duration_s = drive.duration_s
        self.masks: list[Any] = []
        self.times: list[float] = []
        self._changed = 0.0

    @property
    def share(self) -> float:
        """The mean share of a frame's pixels that were changed."""
        return self._changed / max(1, len(self.times))

    def __iter__(self) -> Iterator[tuple[float, Pixels]]:
        for shot in self.subject.shots(self.duration_s, self.fps):
            pixels, mask = shot.pixels, np.zeros(shot.pixels.shape[:2], np.bool_)
            if shot.five is not None and shot.own is not None and shot.closed is not None:
                wanted = mouths.from_mouth(self.drive.mouth(shot.time_s, shot.closed), shot.five)
                lids = self.drive.lids(shot.time_s) if self.eyes else 0.0
                pixels, mask = composed(pixels, shot.five, shot.own, wanted, lids, self.drive.inside(shot.time_s))
            self.masks.append(packed(mask))
            self.times.append(shot.time_s)
            self._changed += float(mask.mean())
            if len(self.times) % self.fps == 0:
                self.report(f"{shot.time_s:.0f} s of {self.duration_s:.0f} s drawn")
            yield shot.time_s, pixels
        self.duration_s = min(self.duration_s, (self.times[-1] if self.times else 0.0) + 1 / self.fps)


__all__ = ["DRIVES", "reenact"]
