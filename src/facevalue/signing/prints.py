"""The fingerprints of a file: soft bindings by which it is found again once its credential has been stripped.

They are those that `registry add` computes, so that it does not matter who registers an original.
"""

from __future__ import annotations

from facevalue.errors import FacevalueError
from facevalue.exhibit import Exhibit
from facevalue.registered.prints import bindings_of
from facevalue.signing.formats import Format
from facevalue.signing.manifest import SoftBinding

FINGERPRINT = "fingerprint"


def fingerprints(exhibit: Exhibit, form: Format) -> tuple[tuple[SoftBinding, ...], str]:
    """The soft bindings, and a sentence: what was computed, or why nothing was."""
    if form.kind == "document":
        return (), f"none: there is no fingerprint for files of the type {form.media_type}"
    try:
        rows = bindings_of(exhibit)
    except FacevalueError as error:
        return (), f"none: the file could not be decoded for it ({error})"
    found = tuple(SoftBinding(b.alg, b.value, FINGERPRINT) for b in dict.fromkeys(rows))
    names = sorted({binding.algorithm for binding in found})
    return found, ", ".join(names) if found else "none: the file does not decode, or is too plain or too short"
