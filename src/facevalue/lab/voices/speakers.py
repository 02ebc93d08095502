"""Who can speak: the speakers that are built in, and those that other packages bring.

A speaker of another package is an entry point of the group "facevalue.speakers", a class or function that takes no
argument and returns a Speaker:

    [project.entry-points."facevalue.speakers"]
    kokoro = "my_package:Kokoro"
"""

from __future__ import annotations

from importlib import metadata
from typing import Protocol, runtime_checkable

import numpy as np

from facevalue.errors import UsageError
from facevalue.lab.voices.klatt import Klatt
from facevalue.lab.voices.programs import PROGRAMS
from facevalue.lab.voices.spectra import Wave

GROUP = "facevalue.speakers"
MOST_CHARACTERS = 20_000
MOST_SECONDS = 3_600
DEFAULT = "klatt"


@runtime_checkable
class Speaker(Protocol):
    """Turns text into speech, offline.

    name: as `--voice NAME` or `--voice NAME:VOICE` has it. licence: of the engine, for people. languages: codes such
    as "en"; empty for many. voices: names of its own, the first is the default; empty for too many to list. trained:
    whether the speech comes out of a trained model (which decides what its label says).
    """

    @property
    def name(self) -> str:
        """See the class."""

    @property
    def licence(self) -> str:
        """See the class."""

    @property
    def languages(self) -> tuple[str, ...]:
        """See the class."""

    @property
    def voices(self) -> tuple[str, ...]:
        """See the class."""

    @property
    def trained(self) -> bool:
        """See the class."""

    def missing(self) -> str:
        """What to install, as a sentence; empty when it can speak."""

    def speak(self, text: str, voice: str = "", seed: int = 0) -> tuple[Wave, int]:
        """Mono float32 (n,), -1..1, and its rate in Hz (8,000 to 96,000). Raises UsageError for an unknown voice."""


def speakers() -> dict[str, Speaker]:
    """All of them by name, the built-in ones first. One that cannot be loaded is left out; see broken()."""
    return {speaker.name: speaker for speaker in (*_built_in(), *_plugged()[0])}


def broken() -> dict[str, str]:
    """Speakers of other packages that could not be loaded, and why."""
    return _plugged()[1]


def speak(text: str, voice: str = DEFAULT, seed: int = 0) -> tuple[Wave, int, Speaker]:
    """Text spoken by "NAME" or "NAME:VOICE": float32 (n,), its rate, and who spoke.

    Raises UsageError for an unknown speaker, one that is not installed (the sentence says what to install), an empty
    or very long text, or speech that is no speech.
    """
    name, _, own = voice.partition(":")
    known = speakers()
    if name not in known:
        raise UsageError(f"there is no speaker '{name[:40]}'; known: {', '.join(known)}")
    speaker = known[name]
    if lacking := speaker.missing():
        raise UsageError(lacking)
    if not text.strip():
        raise UsageError("there is nothing to say: the text is empty")
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"a text may have {MOST_CHARACTERS:,} characters, this one has {len(text):,}")
    wave, rate = speaker.speak(text, own, seed)
    return _checked(wave, rate, name), rate, speaker


def _checked(wave: Wave, rate: int, name: str) -> Wave:
    """A plug-in's word is not taken for it."""
    shaped = getattr(wave, "shape", None) == (np.size(wave),) and getattr(wave, "dtype", None) == np.float32
    timed = rate in range(8_000, 96_001) and 0 < np.size(wave) <= MOST_SECONDS * rate
    if not shaped or not timed or not np.isfinite(wave).all():
        raise UsageError(f"the speaker '{name}' gave back something that is no speech: float32 (n,) and a rate in Hz")
    return np.clip(wave, -1, 1)


def _built_in() -> tuple[Speaker, ...]:
    return (Klatt(), *PROGRAMS)


def _plugged() -> tuple[list[Speaker], dict[str, str]]:
    found: list[Speaker] = []
    bad: dict[str, str] = {}
    taken = {speaker.name for speaker in _built_in()}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda e: e.name):
        try:
            speaker = entry.load()()
            if not isinstance(speaker, Speaker) or speaker.name in taken or ":" in speaker.name:
                raise TypeError("it is no Speaker, or its name is taken")
        except Exception as error:  # whatever somebody else's package does when it is loaded
            bad[entry.name] = f"{type(error).__name__}: {error}"[:200]
            continue
        taken.add(speaker.name)
        found.append(speaker)
    return found, bad
