"""Speech and copies as labelled files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.labels import ALGORITHMIC_TYPE, TRAINED_TYPE, Labelled, Made
from facevalue.lab.voices import neural
from facevalue.lab.voices.recordings import RATE_HZ, wave
from facevalue.lab.voices.speakers import DEFAULT, speak
from facevalue.lab.voices.vocoders import VOCODERS, in_pieces
from facevalue.lab.voices.written import written
from facevalue.signing.identity import Identity


def speak_file(text: str, out: Path, voice: str = DEFAULT, seed: int = 0, who: Identity | None = None) -> Labelled:
    """Write a text, spoken. The label names the speaker and the text's sha256. Raises as speakers.speak does."""
    samples, rate, speaker = speak(text, voice, seed)
    parameters = {
        "voice": voice,
        "engine_licence": speaker.licence,
        "text_sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
    }
    kind = TRAINED_TYPE if speaker.trained else ALGORITHMIC_TYPE
    return written(samples, rate, out, Made("facevalue lab: speak", kind, (), parameters, seed), who)


def vocode_file(
    recording: Path,
    out: Path,
    vocoder: str = "world",
    seed: int = 0,
    model: Path | None = None,
    who: Identity | None = None,
) -> Labelled:
    """Write a recording after a vocoder of VOCODERS. model: for "gan", an exported file in place of the shipped one.

    Raises UsageError for an unknown vocoder, DecodeError for what is no recording, ModelError for a bad model.
    """
    if vocoder not in VOCODERS:
        raise UsageError(f"a vocoder is one of {', '.join(VOCODERS)}, not '{vocoder[:40]}'")
    if model is not None and vocoder != "gan":
        raise UsageError("a model is for the vocoder 'gan' only")
    samples, rng = wave(recording), np.random.default_rng(seed)
    parameters = {"vocoder": vocoder}
    if vocoder == "gan":
        path = model or neural.shipped()
        parameters["model_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        samples = in_pieces(lambda part, rate, chance: neural.copy(part, rate, chance, path), samples, RATE_HZ, rng)
    else:
        samples = VOCODERS[vocoder](samples, RATE_HZ, rng)
    kind = TRAINED_TYPE if vocoder == "gan" else ALGORITHMIC_TYPE
    made = Made("facevalue lab: vocode", kind, (recording,), parameters, seed)
    return written(samples, RATE_HZ, out, made, who)
