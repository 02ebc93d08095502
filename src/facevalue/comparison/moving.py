"""Comparing clips and sounds: what of the one occurs when in the other, and what was removed, inserted or replaced."""

from __future__ import annotations

from typing import Any

from facevalue.comparison import frames, sounds
from facevalue.comparison.record import Change, Comparison, View
from facevalue.comparison.timeline import Stretch
from facevalue.comparison.watch import Watched, watch
from facevalue.errors import DecodeError
from facevalue.exhibit import Exhibit


def compare_moving(original: Exhibit, suspect: Exhibit) -> Comparison:
    """Compare two files of which at least one moves or sounds. Raises DecodeError."""
    there, here = _watched(original, "original"), _watched(suspect, "suspect")
    pictures = bool(there.looks and here.looks)
    kind = "video" if pictures else "audio"
    lengths = (there.duration_s, here.duration_s)
    seen = frames.compare_frames(there, here) if pictures else None
    heard = sounds.compare_sounds(there.sound, here.sound) if there.has_sound and here.has_sound else None
    if seen is None and heard is None:
        return Comparison(original, suspect, kind, False, duration_s=lengths)
    changes: tuple[Change, ...] = (*(seen.changes if seen else ()), *(heard.changes if heard else ()))
    moments: tuple[View, ...] = seen.moments if seen else ()
    return Comparison(
        original,
        suspect,
        kind,
        True,
        identical=_identical(there, here),
        changed_share=max(seen.changed_share if seen else 0.0, heard.changed_share if heard else 0.0),
        whole=_whole(there, here, seen, heard),
        changes=() if _identical(there, here) else changes,
        alignment=_figures(seen, heard),
        duration_s=lengths,
        moments=moments,
        view=moments[0] if moments else None,
    )


def _watched(exhibit: Exhibit, which: str) -> Watched:
    try:
        return watch(exhibit)
    except DecodeError as error:
        raise type(error)(f"the {which} ({exhibit.name}): {error}", error.facts) from None


def _identical(there: Watched, here: Watched) -> bool:
    return there.digest == here.digest


def _whole(there: Watched, here: Watched, seen: frames.Seen | None, heard: sounds.Heard | None) -> tuple[str, ...]:
    out = [*(seen.whole if seen else ()), *(heard.whole if heard else ())]
    if seen is None and there.looks and here.looks:
        out.append("Nothing in the pictures is common; what follows is of the sound.")
    if heard is None and there.has_sound and here.has_sound:
        out.append("Nothing in the sound is common: it was replaced throughout, or is too quiet to tell.")
    if there.has_sound != here.has_sound:
        out.append("The suspect has no sound, the original has." if there.has_sound else "A sound track was added.")
    return tuple(out)


def _figures(seen: frames.Seen | None, heard: sounds.Heard | None) -> dict[str, Any]:
    return {
        **({"pictures": [_stretch(s) for s in seen.stretches], "step_s": round(seen.step_s, 3)} if seen else {}),
        **({"sound": [_stretch(s) for s in heard.stretches]} if heard else {}),
    }


def _stretch(stretch: Stretch) -> dict[str, list[float]]:
    return {
        "original_s": [round(v, 3) for v in stretch.original],
        "suspect_s": [round(v, 3) for v in stretch.suspect],
    }
