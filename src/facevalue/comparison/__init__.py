"""Comparing a suspect with an original: what was changed, and where, apart from what re-encoding explains.

found = facevalue.compare("original.jpg", "suspect.jpg")
found.summary, found.changed_share, found.changes, found.mask
found.save("comparison.html")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facevalue.comparison import moving
from facevalue.comparison.pictures import Outcome, compare_pictures, crop_box
from facevalue.comparison.record import NOTHING_COMMON, SCHEMA, Change, Comparison, View
from facevalue.errors import DecodeError
from facevalue.exhibit import Exhibit, Source, is_clip_type
from facevalue.media import Limits, Media, decode, is_animated

_DEFAULT_LIMITS = Limits()


def compare(
    original: Source,
    suspect: Source,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    names: tuple[str | None, str | None] = (None, None),
) -> Comparison:
    """Compare two pictures, clips or sounds: paths, bytes or binary file objects.

    limits bound the decoding of pictures. names replace the exhibits' names. Files that do not belong together are a
    Comparison that says so (`common` is False). Raises UnreadableError when a file cannot be read and DecodeError when
    one does not decode; their messages say which of the two it is.
    """
    one = Exhibit.open(original, name=names[0])
    other = Exhibit.open(suspect, name=names[1])
    return compare_exhibits(one, other, limits)


def compare_exhibits(original: Exhibit, suspect: Exhibit, limits: Limits = _DEFAULT_LIMITS) -> Comparison:
    """The same for exhibits that are open. Raises DecodeError."""
    if _moves(original) or _moves(suspect):
        return moving.compare_moving(original, suspect)
    there, here = _decoded(original, limits, "original"), _decoded(suspect, limits, "suspect")
    found = compare_pictures(there.picture.pixels, here.picture.pixels)
    if found is None:
        return Comparison(original, suspect, "image", False)
    crop = crop_box(there.picture.pixels, here.picture.pixels, found.alignment)
    return Comparison(
        original,
        suspect,
        "image",
        True,
        identical=found.identical,
        changed_share=found.changed_share,
        whole=(*found.whole, *_broken(there.picture.truncated, here.picture.truncated)),
        changes=found.changes,
        alignment=_figures(found, crop),
        view=found.view,
        mask=found.mask,
    )


def _moves(exhibit: Exhibit) -> bool:
    return is_clip_type(exhibit.media_type) or is_animated(exhibit)


def _decoded(exhibit: Exhibit, limits: Limits, which: str) -> Media:
    try:
        return decode(exhibit, limits)
    except DecodeError as error:
        raise type(error)(f"the {which} ({exhibit.name}): {error}", error.facts) from None


def _broken(original: bool, suspect: bool) -> tuple[str, ...]:
    names = [name for name, cut in (("original", original), ("suspect", suspect)) if cut]
    return tuple(f"The {name} is cut off: only what decoded of it was compared." for name in names)


def _figures(found: Outcome, crop: tuple[int, int, int, int] | None) -> Mapping[str, Any]:
    laid = found.alignment
    return {
        "matrix": [[round(float(v), 6) for v in row] for row in laid.matrix],
        "features": laid.inliers,
        "exact": laid.exact,
        "mirrored": laid.mirrored,
        "rotation_deg": round(laid.rotation_deg, 2),
        "scale": round(laid.scale, 4),
        "shown_share": round(found.known_share, 4),
        "shown_box": list(crop) if crop else None,
        "added_share": round(found.outside, 4),
        "jpeg_quality": found.quality,
    }


__all__ = ["NOTHING_COMMON", "SCHEMA", "Change", "Comparison", "View", "compare", "compare_exhibits"]
