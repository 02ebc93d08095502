"""One speaker's recording in the voice of another, who has consented or whose data set allows it; always labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.labels import TRAINED_TYPE, Labelled, Made
from facevalue.lab.voices.mapping import Mapping, apply, learn
from facevalue.lab.voices.permission import admitted
from facevalue.lab.voices.recordings import RATE_HZ, listed, wave
from facevalue.lab.voices.spectra import Wave
from facevalue.lab.voices.world import analyse, synthesise
from facevalue.lab.voices.written import written
from facevalue.signing.identity import Identity

MOST_TARGET_S, MOST_SOURCE_S = 300.0, 600.0


def converted(source: Wave, target: Sequence[Wave], rng: np.random.Generator) -> tuple[Wave, Mapping]:
    """In memory: the source in the target's voice, float32 (n,) at RATE_HZ, and what was learnt.

    Deterministic for a state of rng. It checks nothing: who calls it has the target's consent or a data set's licence,
    and labels what comes out (see convert). Raises UsageError for too little speech.
    """
    spoken = analyse(source, RATE_HZ)
    mapping = learn([spoken], [analyse(other, RATE_HZ) for other in target], rng)
    made = synthesise(apply(mapping, spoken), RATE_HZ, len(source), rng)
    # As loud as it was.
    level = float(np.sqrt(np.mean(source.astype(np.float64) ** 2)))
    made *= level / max(float(np.sqrt(np.mean(made**2))), 1e-9)
    return np.asarray(made / max(1.0, float(np.abs(made).max()) / 0.98), np.float32), mapping


def convert(
    source: Path,
    to: Sequence[Path],
    consent: Path,
    out: Path,
    *,
    seed: int = 0,
    revocations: Path | None = None,
    key: bytes | None = None,
    who: Identity | None = None,
) -> Labelled:
    """Write the source in the voice of the recordings `to` (files or folders), labelled as synthetic.

    consent: the target speaker's signed record for "voice" that lists these recordings, or a licence manifest of their
    data set. revocations, key: see permission.admitted. who: signs in place of the lab. Raises
    ConsentError before anything is decoded, UsageError for too little or too much speech.
    """
    recordings = listed(to)
    permission = admitted(consent, recordings, revocations, key)
    spoken = wave(source)
    if len(spoken) > MOST_SOURCE_S * RATE_HZ:
        raise UsageError(f"the source lasts {len(spoken) / RATE_HZ:.0f} s; {MOST_SOURCE_S:.0f} s is the most")
    heard, seconds = [], 0.0
    for path in recordings:
        heard.append(wave(path))
        seconds += len(heard[-1]) / RATE_HZ
        if seconds >= MOST_TARGET_S:  # more would not make the mapping any better
            break
    samples, mapping = converted(spoken, heard, np.random.default_rng(seed))
    parameters = {"permission": permission.to_dict(), **mapping.facts()}
    made = Made("facevalue lab: convert", TRAINED_TYPE, (source, *recordings[: len(heard)]), parameters, seed)
    return written(samples, RATE_HZ, out, made, who)
