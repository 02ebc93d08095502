"""A swap of files: consent first, then the drawing, then labels, mask and manifest."""

from __future__ import annotations

import datetime
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit, is_clip_type
from facevalue.lab.labels import COMPOSITE_TYPE, Labelled, Made, put, write_clip, write_mask, write_picture
from facevalue.lab.swap.clips import Drawn, Progress, draw_clip
from facevalue.lab.swap.likeness import Consent, Likeness, admitted, chosen
from facevalue.lab.swap.points import faces_by_size, points_of
from facevalue.lab.swap.render import render
from facevalue.media import decode
from facevalue.signing.identity import Identity

SCHEMA = "facevalue.swap/1"
TOOL = "facevalue lab: swap"
PICTURES, CLIPS = (".png", ".jpg", ".jpeg"), (".mp4", ".mov", ".m4v")


@dataclass(frozen=True)
class Swapped:
    """What a swap wrote. file: the labelled picture or clip. mask: where the source's face is. manifest: JSON."""

    file: Labelled
    mask: Path
    manifest: Path


def swap(
    source: Path,
    target: Path,
    out: Path,
    consent: Consent,
    *,
    source_face: int | None = None,
    target_face: int | None = None,
    revocations: Path | None = None,
    key: bytes | None = None,
    now: datetime.datetime | None = None,
    who: Identity | None = None,
    progress: Progress = lambda what, done, of: None,
) -> Swapped:
    """Superimpose the face in the picture `source` on the one in the picture or clip `target`, and write it to `out`.

    consent: the source person's consent record for "swap", or a licence manifest that lists the source's file; either
    as such or as the file that holds it. source_face, target_face: counted from the left from 1, by default the
    largest. revocations, key, now: see likeness.admitted. who: signs in place of the lab's identity. out: .png or .jpg
    for a picture, .mp4 or .mov for a clip; beside it go NAME.mask.png or NAME.mask.mkv and NAME.swap.json.

    Raises ConsentError when the consent does not cover it, UsageError, DecodeError, UnreadableError, SigningError.
    """
    likeness = admitted(source, consent, face=source_face, revocations=revocations, key=key, now=now)
    exhibit = Exhibit.open(target)
    moving = is_clip_type(exhibit.media_type)
    if out.suffix.lower() not in (CLIPS if moving else PICTURES):
        kinds = ", ".join(CLIPS if moving else PICTURES)
        raise UsageError(f"the target is a {'clip' if moving else 'picture'}: --out ends in {kinds}")
    job = _Job(likeness, exhibit, target, out, target_face, who, progress)
    given = [path for path in (source, target, consent, revocations) if isinstance(path, Path)]
    _spared(given, (out, job.mask, job.manifest))
    return job.clip() if moving else job.picture()


def _spared(given: list[Path], written: tuple[Path, ...]) -> None:
    """Raises UsageError when something that was given would be written over."""
    for path in written:
        for original in given:
            if path.exists() and path.samefile(original):
                raise UsageError(
                    f"{path.name} is one of the originals, which are never overwritten: choose another --out"
                )


@dataclass(frozen=True)
class _Job:
    likeness: Likeness
    exhibit: Exhibit
    target: Path
    out: Path
    face: int | None
    who: Identity | None
    progress: Progress

    @property
    def made(self) -> Made:
        """The target is what was changed; the source was put into it."""
        parameters = {"basis": self.likeness.basis, "target_face": self.face}
        return Made(TOOL, COMPOSITE_TYPE, (self.target, self.likeness.path), parameters)

    @property
    def mask(self) -> Path:
        suffix = "mkv" if is_clip_type(self.exhibit.media_type) else "png"
        return self.out.with_name(f"{self.out.stem}.mask.{suffix}")

    @property
    def manifest(self) -> Path:
        return self.out.with_name(f"{self.out.stem}.swap.json")

    def picture(self) -> Swapped:
        pixels = np.ascontiguousarray(decode(self.exhibit).picture.pixels)
        face = chosen(faces_by_size(pixels), self.face, self.exhibit.name)
        done = render(self.likeness.pixels, self.likeness.points, pixels, points_of(pixels, face))
        if done is None:
            raise UsageError(f"the face in {self.exhibit.name} lies outside the picture")
        file = write_picture(done.pixels, self.out, self.made, who=self.who)
        write_mask(done.mask, self.mask)
        return self._finished(file, {"frames": 1, "changed": 1})

    def clip(self) -> Swapped:
        with tempfile.TemporaryDirectory(prefix="facevalue-lab-") as folder:
            draft, shown = Path(folder) / "draft.mp4", Path(folder) / "mask.mkv"
            drawn: Drawn = draw_clip(self.likeness, self.exhibit, self.target, draft, shown, self.face, self.progress)
            file = write_clip(draft, self.out, self.made, who=self.who)
            put(self.mask, shown.read_bytes())
        said = {"frames": drawn.frames, "changed": drawn.changed, "notes": list(drawn.notes)}
        return self._finished(file, said)

    def _finished(self, file: Labelled, more: dict[str, Any]) -> Swapped:
        told = {
            "schema": SCHEMA,
            "tool": TOOL,
            "file": file.path.name,
            "sha256": file.sha256,
            "content_sha256": file.content_sha256,
            "mask": self.mask.name,
            "source": {"file": self.likeness.path.name, "sha256": self.likeness.sha256},
            "target": {"file": self.exhibit.name, "sha256": self.exhibit.sha256, "face": self.face},
            "basis": self.likeness.basis,
            "digital_source_type": self.made.uri,
            "labels": list(file.labels),
            **more,
        }
        told["notes"] = [*file.notes, *told.get("notes", [])]
        put(self.manifest, (json.dumps(told, indent=2, sort_keys=True) + "\n").encode())
        return Swapped(file, self.mask, self.manifest)


__all__ = ["Swapped", "swap"]
