"""Speech synthesisers that are programs of their own on this machine. None is bundled, linked or imported: the text
goes in by a file, a recording comes out, and their licences stay theirs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facevalue.errors import DecodeError, UsageError
from facevalue.lab.voices.spectra import Wave

SECONDS = 300
_VOICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Program:
    """A Speaker that runs a program. command: (program, voice, text file, recording) -> its arguments."""

    name: str
    licence: str
    languages: tuple[str, ...]
    voices: tuple[str, ...]
    install: str
    names: tuple[str, ...]
    command: Callable[[str, str, Path, Path], list[str]] = field(repr=False)
    trained: bool = False

    def missing(self) -> str:
        """What to install, empty when the program is there."""
        if self._program() is not None:
            return ""
        return (
            f"the speaker '{self.name}' needs the program {self.names[0]}, which is not on this machine: {self.install}"
        )

    def _program(self) -> str | None:
        return next((found for name in self.names if (found := shutil.which(name))), None)

    def speak(self, text: str, voice: str = "", seed: int = 0) -> tuple[Wave, int]:
        """Speech float32 (n,) at 16 kHz. The seed changes nothing: these programs draw nothing at random."""
        from facevalue.lab.voices.recordings import RATE_HZ, read

        program, voice = self._program(), voice or self.voices[0]
        if program is None:
            raise UsageError(self.missing())
        if not _VOICE.fullmatch(voice):
            raise UsageError(f"the name of a voice has letters, digits, '+', '_', '.' and '-' only, not '{voice[:40]}'")
        with tempfile.TemporaryDirectory(prefix="facevalue-") as folder:
            words, spoken = Path(folder) / "text.txt", Path(folder) / "speech.wav"
            words.write_text(text, encoding="utf-8", errors="replace")
            self._run(self.command(program, voice, words, spoken))
            try:
                samples = read(spoken)
            except DecodeError:
                raise UsageError(f"{self.name} wrote no recording; has it a voice '{voice}'?") from None
        return (samples / np.float32(32768)).astype(np.float32), RATE_HZ

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(  # noqa: S603 - a program from a fixed list, no shell, arguments checked
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"{self.name} was still speaking after {SECONDS} s and was ended") from None
        except OSError as error:
            raise UsageError(f"{self.name} does not run: {error.strerror or error}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise UsageError(
                f"{self.name} failed with status {done.returncode}: {(said or ['it said nothing'])[-1][:160]}"
            )


PROGRAMS: tuple[Program, ...] = (
    Program(
        "espeak-ng",
        "GPL-3.0-or-later (a program beside this one)",
        (),
        ("en",),
        "install it, for example with `apt install espeak-ng`",
        ("espeak-ng", "espeak"),
        lambda program, voice, text, out: [program, "-v", voice, "-f", str(text), "-w", str(out)],
    ),
    Program(
        "flite",
        "BSD-like (Carnegie Mellon)",
        ("en",),
        ("slt", "rms", "awb", "kal", "kal16"),
        "install it, for example with `apt install flite`",
        ("flite",),
        lambda program, voice, text, out: [program, "-voice", voice, "-f", str(text), "-o", str(out)],
    ),
    Program(
        "pico",
        "Apache-2.0",
        ("en", "de", "es", "fr", "it"),
        ("en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT"),
        "install pico2wave, for example with `apt install libttspico-utils` (non-free section)",
        ("pico2wave",),
        lambda program, voice, text, out: [
            program,
            "-l",
            voice,
            "-w",
            str(out),
            "--",
            text.read_text(encoding="utf-8"),
        ],
    ),
)
