"""The plain-language words of every report: verdicts, propositions, bands, and what a result does not prove.

The verbal scale follows the ENFSI guideline for evaluative reporting in forensic science (2015): a band is named
by the size of the likelihood ratio, and its sign says for which of two stated propositions it speaks.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from facevalue.finding import DECLARES_SYNTHETIC, Region

FOR_BONA_FIDE = "_for_bona_fide"

ABSENCE = "Absence of detection is not proof of authenticity."
NO_CREDENTIALS = "Missing credentials are not evidence of a fake."
NOT_A_PROBABILITY = (
    "A likelihood ratio is not the probability that the exhibit is fake: that depends on everything else "
    "that is known about the case as well."
)


@dataclass(frozen=True, slots=True)
class Propositions:
    """The two stated propositions of one question; side names the first one in a few words."""

    ask: str
    synthetic: str
    bona_fide: str
    side: str


PROPOSITIONS: dict[str, Propositions] = {
    "generated": Propositions(
        "Is the whole picture or clip synthesised?",
        "The whole picture was synthesised by a model.",
        "The picture is a recording by a camera or scanner, with at most ordinary processing since.",
        "synthesis",
    ),
    "face_swapped": Propositions(
        "Was a face swapped, reenacted, blended in or retouched?",
        "At least one face was swapped, reenacted, blended in or retouched.",
        "The faces are as the camera recorded them, with at most ordinary processing of the whole picture since.",
        "a manipulated face",
    ),
    "edited": Propositions(
        "Was a region edited?",
        "A region was spliced in, copied, inpainted or recompressed on its own.",
        "No region was treated differently from the rest.",
        "a local edit",
    ),
    "voice_synthetic": Propositions(
        "Is the speech cloned, converted or generated?",
        "The speech was cloned, converted or generated.",
        "The speech is a recording of a person.",
        "synthetic speech",
    ),
    "lips_mismatched": Propositions(
        "Do speech and mouth belong together?",
        "Speech and mouth do not belong together.",
        "Speech and mouth were recorded together.",
        "mismatched lips",
    ),
    "provenance": Propositions(
        "What do credentials, labels and registries say?",
        "The file states that a model made or composited it, or it differs from its credential or registered original.",
        "The file states nothing of that kind.",
        "a synthetic or altered origin",
    ),
}


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """label: one or two words. headline: the one sentence. caution: what this verdict does not prove. tone: 0 calm
    .. 3 alarming, for emphasis only; the words carry the meaning."""

    label: str
    headline: str
    caution: str
    tone: int


VERDICTS: dict[str, VerdictWords] = {
    "altered": VerdictWords(
        "altered",
        "The content differs from its trusted credential or registered original.",
        "It does not say who changed it, nor why.",
        3,
    ),
    "declared_synthetic": VerdictWords(
        "declared synthetic",
        "The file itself states that a model generated or composited it.",
        "Such a statement can be added or removed by anybody who can edit the file, unless it is signed.",
        3,
    ),
    "fake": VerdictWords(
        "fake",
        "The forensic evidence strongly supports that it is synthetic or manipulated.",
        "Methods err at the rates printed with them; this is evidence to be weighed with the rest of the case.",
        3,
    ),
    "suspect": VerdictWords(
        "suspect",
        "There are signs that it is synthetic or manipulated; they fall short of strong evidence.",
        "Bona fide pictures reach this band too, at the rates printed with each method. Look for other evidence.",
        2,
    ),
    "verified": VerdictWords(
        "verified",
        "A trusted credential is intact, and no forensic evidence speaks against it.",
        "A credential says who signed and what was done since, not that the scene in front of the camera was real.",
        0,
    ),
    "inconclusive": VerdictWords(
        "inconclusive",
        "It was examined, but the evidence does not allow an opinion.",
        "This speaks neither for a fake nor for authenticity.",
        1,
    ),
    "no_signs": VerdictWords(
        "no signs",
        "No signs of synthesis or manipulation were found.",
        ABSENCE,
        0,
    ),
    "unexamined": VerdictWords(
        "unexamined",
        "Nothing could be examined.",
        "This speaks neither for a fake nor for authenticity.",
        1,
    ),
}

BANDS: dict[str, str] = {
    "none": "no likelihood ratio",
    "neutral": "no support either way",
    "weak": "weak support",
    "moderate": "moderate support",
    "moderately_strong": "moderately strong support",
    "strong": "strong support",
    "very_strong": "very strong support",
}

# Bounds of the bands in log10, from "no support either way" outwards.
BAND_EDGES = (0.30103, 1.0, 2.0, 3.0, 4.0)

STATUSES: dict[str, str] = {
    "found": "signs found",
    "clear": "no signs found",
    "inapplicable": "cannot judge",
    "failed": "failed",
}


def verdict_words(verdict: str) -> VerdictWords:
    """The words of a verdict; an unknown one speaks for itself."""
    return VERDICTS.get(str(verdict)) or VerdictWords(str(verdict).replace("_", " "), "", "", 1)


def propositions(question: str) -> Propositions:
    """The two propositions of a question."""
    name = str(question)
    fallback = Propositions(f"{name}?", "Synthetic or manipulated.", "Bona fide.", name.replace("_", " "))
    return PROPOSITIONS.get(name, fallback)


def band_words(band: str, question: str | None = None) -> str:
    """A band in words, with the proposition it speaks for: "moderate support for synthesis"."""
    base = band.removesuffix(FOR_BONA_FIDE)
    text = BANDS.get(base, base.replace("_", " "))
    if base in {"neutral", "none"}:
        return text
    side = propositions(question).side if question else "synthetic or manipulated"
    return f"{text} for {'bona fide' if band.endswith(FOR_BONA_FIDE) else side}"


def ratio_words(log10_lr: float) -> str:
    """The likelihood ratio as a number: "24", "1/25", "1,200"."""
    ratio = 10 ** min(abs(log10_lr), 15.0)
    digits = f"{ratio:.2g}" if ratio < 100 else f"{float(f'{ratio:.2g}'):,.0f}"
    return digits if log10_lr >= 0 or digits == "1" else f"1/{digits}"


def lr_words(log10_lr: float | None) -> str:
    """ "LR 24 (log10 +1.4)", or "no LR" without a number."""
    return "no LR" if log10_lr is None else f"LR {ratio_words(log10_lr)} (log10 {log10_lr:+.1f})"


def lr_sentence(question: str, log10_lr: float) -> str:
    """The likelihood ratio as the sentence that the ENFSI guideline asks for."""
    times = ratio_words(abs(log10_lr))
    if times == "1":
        return "The findings are about equally probable under both propositions."
    first, second = ("first", "second") if log10_lr > 0 else ("second", "first")
    return f"The findings are {times} times more probable if the {first} proposition is true than if the {second} is."


def is_hint(region: Region) -> bool:
    """Whether a field only hints at synthesis, so that no verdict may rest on it."""
    return region.label == DECLARES_SYNTHETIC and region.details.get("strength", "statement") != "statement"


_KEPT_FORMATS = {"\u200c", "\u200d"}  # joiners belong to the spelling of Persian, Hindi and emoji


def plain(text: object) -> str:
    """Text from a file, safe to print: what could steer a terminal or reorder a line becomes a visible escape.

    Control characters (C0, C1), bidirectional and other invisible formats, and lone surrogates (undecodable
    bytes of a file name) are shown as \\x1b or \\u202e; newlines and tabs become spaces.
    """
    return "".join(_plain_char(c) for c in str(text))


def _plain_char(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    if char in "\n\r\t":
        return " "
    if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char not in _KEPT_FORMATS:
        return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"
    return char
