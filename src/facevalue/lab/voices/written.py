"""A sound that the lab made, on disk: labelled, and with its line in the folder's manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facevalue.lab.labels import Labelled, Made, note, write_sound
from facevalue.lab.voices.spectra import Wave
from facevalue.signing.identity import Identity


def written(samples: Wave, rate: int, out: Path, made: Made, who: Identity | None = None) -> Labelled:
    """Write a mono wave, turned down where it would clip, as write_sound does; and note it in manifest.jsonl beside."""
    loud = max(1.0, float(np.abs(samples).max()) / 0.98) if len(samples) else 1.0
    file = write_sound(np.asarray(samples / loud, np.float32), rate, out, made, who=who)
    line = {
        "file": out.name,
        "tool": made.tool,
        "digital_source_type": made.term,
        "sources": [path.name for path in made.ingredients],
        "parameters": dict(made.parameters),
        "seed": made.seed,
        "sha256": file.sha256,
        "content_sha256": file.content_sha256,
        "labels": list(file.labels),
        "notes": list(file.notes),
    }
    note(out.parent, line)
    return file
