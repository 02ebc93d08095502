"""Text to speech: letters, the built-in synthesiser, programs, plug-ins, and the labels of what they say."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import facevalue as fv
from facevalue.errors import UsageError
from facevalue.finding import Verdict
from facevalue.lab.cli import app
from facevalue.lab.voices import speakers
from facevalue.lab.voices.files import speak_file
from facevalue.lab.voices.klatt import Klatt
from facevalue.lab.voices.letters import number, phones, spoken
from facevalue.lab.voices.phones import PHONES
from facevalue.lab.voices.pitch import track

TEXT = "Nobody said this sentence, and it says so itself, again and again, until a watermark fits into it, as it must."
WORDS = {
    "examination": "EH K S AE M IH N EY SH AX N",
    "voice": "V OY S",
    "through": "TH R UW",
    "running": "R AH N IH NG",
    "bottle": "B AA T AX L",
    "thirteen": "TH ER T IY N",
    "knight": "N AY T",
}


@pytest.mark.parametrize("word", WORDS)
def test_words_are_pronounced(word: str) -> None:
    assert phones(word) == WORDS[word].split()


def test_numbers_and_signs_are_read_out() -> None:
    assert " ".join(number(12_345)) == "twelve thousand three hundred and forty five"
    assert spoken("Dr. Who? 50% of $7,000") == [
        *("doctor", ".", "who", "?", "fifty", "percent", "of", "dollars", "seven", "thousand")
    ]


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_becomes_known_phones(text: str) -> None:
    for word in spoken(text):
        assert word in {",", ".", "?"} or set(phones(word)) <= set(PHONES)


def test_the_built_in_voice_speaks_and_repeats_itself() -> None:
    one, rate = Klatt().speak("Hello, is it you?", "high", 4)
    two, _ = Klatt().speak("Hello, is it you?", "high", 4)
    low, _ = Klatt().speak("Hello, is it you?", "low", 4)
    np.testing.assert_array_equal(one, two)
    assert (one.dtype, rate) == (np.float32, 16_000)
    pitches = [np.median(p.hertz[p.voiced]) for p in (track(one, rate), track(low, rate))]
    assert pitches[0] > 1.6 * pitches[1]


@pytest.mark.parametrize(
    ("text", "voice", "said"),
    [
        ("hello", "nobody", "there is no speaker 'nobody'"),
        ("hello", "klatt:soprano", "klatt has the voices"),
        ("   ", "klatt", "the text is empty"),
        ("...", "klatt", "nothing to say"),
        ("a" * 20_001, "klatt", "20,000 characters"),
    ],
)
def test_what_cannot_be_said_is_refused(text: str, voice: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        speakers.speak(text, voice)


def test_speech_is_labelled(tmp_path: Path) -> None:
    made = speak_file(TEXT, tmp_path / "said.wav", "klatt", 3)
    assert {"watermark", "digital_source_type", "c2pa"} <= set(made.labels)
    assert fv.check(made.path).opinion.verdict is Verdict.DECLARED_SYNTHETIC
    (line,) = (tmp_path / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    told = json.loads(line)
    assert (told["file"], told["sha256"], told["parameters"]["voice"]) == ("said.wav", made.sha256, "klatt")


def test_the_command_reads_files_and_refuses_in_sentences(tmp_path: Path) -> None:
    text = tmp_path / "words.txt"
    text.write_text("This text lies in a file, and is long enough for a watermark.", encoding="utf-8")
    run = CliRunner().invoke(app, ["speak", str(text), "--out", str(tmp_path / "a.flac")])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "a.flac").is_file()
    assert "klatt: en" in CliRunner().invoke(app, ["speak", "x", "--voice", "list"]).output
    refused = CliRunner().invoke(app, ["speak", "x"])
    assert isinstance(refused.exception, UsageError)


PROGRAM = """#!{python}
import sys, wave, math, struct
out = sys.argv[sys.argv.index("-o") + 1]
text = open(sys.argv[sys.argv.index("-f") + 1]).read()
if "fail" in text:
    sys.exit("no such voice")
with wave.open(out, "wb") as f:
    f.setparams((1, 2, 22050, 0, "NONE", ""))
    f.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(i / 20))) for i in range(22050)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a program is made by a first line with #!")
def test_a_program_speaks_or_its_failure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "flite"
    program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    wave, rate, speaker = speakers.speak("hello", "flite:slt")
    assert (rate, speaker.name) == (16_000, "flite")
    assert len(wave) == pytest.approx(16_000, abs=400)
    with pytest.raises(UsageError, match="flite failed with status 1: no such voice"):
        speakers.speak("fail", "flite")
    with pytest.raises(UsageError, match="the name of a voice"):
        speakers.speak("hello", "flite:--help")
    program.unlink()
    with pytest.raises(UsageError, match="install it"):
        speakers.speak("hello", "flite")


class Humming:
    """A speaker of another package."""

    name, licence, languages, voices, trained = "humming", "MIT", ("en",), ("one",), True
    answer: object = np.full(20_000, 0.1, np.float32)

    def missing(self) -> str:
        return ""

    def speak(self, text: str, voice: str = "", seed: int = 0) -> tuple[object, int]:
        return self.answer, 8_000


def broken() -> object:
    raise RuntimeError("no weights")


def test_other_packages_bring_speakers(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        metadata.EntryPoint("humming", f"{__name__}:Humming", speakers.GROUP),
        metadata.EntryPoint("broken", f"{__name__}:broken", speakers.GROUP),
    ]
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda entry: {"humming": Humming, "broken": broken}[entry.name])
    monkeypatch.setattr(metadata, "entry_points", lambda group: entries if group == speakers.GROUP else [])
    wave, rate, speaker = speakers.speak("hello", "humming")
    assert (len(wave), rate, speaker.trained) == (20_000, 8_000, True)
    assert speakers.broken() == {"broken": "RuntimeError: no weights"}
    for wrong in (
        np.zeros((2, 5), np.float32),
        np.zeros(5),
        np.full(5, np.nan, np.float32),
        None,
        np.zeros(0, np.float32),
    ):
        monkeypatch.setattr(Humming, "answer", wrong)
        with pytest.raises(UsageError, match="no speech"):
            speakers.speak("hello", "humming")
