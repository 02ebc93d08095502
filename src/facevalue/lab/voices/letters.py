"""English letters to phones, by rule.

The rules of Elovitz, Johnson, McHugh and Shore (1976), "Automatic translation of English text to phonetics by means of
letter-to-sound rules", Naval Research Laboratory report 7948 (a work of the United States government). Some 90% of the
words of running text come out right; names often do not. Phones are named as in ARPAbet.
"""

from __future__ import annotations

import functools
import re
from importlib import resources

_VOWELS, _CONSONANTS = "AEIOUY", "BCDFGHJKLMNPQRSTVWXZ"
_CLASSES = {
    "#": f"[{_VOWELS}]+",
    ":": f"[{_CONSONANTS}]*",
    "^": f"[{_CONSONANTS}]",
    ".": "[BDVGJLMNRWZ]",
    "%": "(?:ING|ELY|ER|ES|ED|E)",
    "+": "[EIY]",
    "&": "(?:CH|SH|[SCGZXJ])",
    "@": "(?:TH|CH|SH|[TSRDLZNJ])",
}
_ONES: tuple[str, ...] = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_ONES += ("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_SPOKEN = {"mr": "mister", "mrs": "missis", "dr": "doctor", "st": "street", "vs": "versus", "etc": "et cetera"}
_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "@": " at ", "$": " dollars ", "€": " euros "}
_TOKEN = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*|\d+(?:,\d{3})*|[.,;:?!\n—–-]")
_PAUSES = {",": ",", ";": ",", ":": ",", "—": ",", "–": ",", ".": ".", "!": ".", "?": "?"}


def spoken(text: str) -> list[str]:
    """A text as words in lower case and pauses: "," short, "." long, "?" long and rising. Else it is dropped."""
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    out: list[str] = []
    for token in _TOKEN.findall(text.replace("’", "'")):
        if token[0].isdigit():
            out += (
                number(int(token.replace(",", ""))) if len(token) <= 12 else [_ONES[int(d)] for d in token if d != ","]
            )
        elif token[0].isalpha():
            low = token.lower()
            out += _SPOKEN.get(low, low).split()
        elif token in _PAUSES:
            out.append(_PAUSES[token])
    return out


def number(value: int) -> list[str]:
    """A whole number from 0 to 999 billion in words."""
    if value < 20:
        return [_ONES[value]]
    if value < 100:
        return [_TENS[value // 10 - 2], *(number(value % 10) if value % 10 else [])]
    for size, name in _SCALES:
        if value >= size:
            rest = value % size
            link = ["and"] if 0 < rest < 100 else []
            return [*number(value // size), name, *link, *(number(rest) if rest else [])]
    raise AssertionError("every number from 100 on is at least one hundred")


def phones(word: str) -> list[str]:
    """The phones of one word of the letters a-z and apostrophes."""
    text = f" {word.upper()} "
    out: list[str] = []
    at = 1
    while at < len(text) - 1:
        for match, left, right, sounds in _rules().get(text[at], ()):
            end = at + len(match)
            if text.startswith(match, at) and left.search(text, 0, at) and right.match(text, end):
                out += sounds
                at = end
                break
        else:
            at += 1  # an apostrophe, which is silent
    return out


@functools.cache
def _rules() -> dict[str, list[tuple[str, re.Pattern[str], re.Pattern[str], list[str]]]]:
    """The rules of each first letter, in their order: letters, what stands before and after them, phones."""
    rules: dict[str, list[tuple[str, re.Pattern[str], re.Pattern[str], list[str]]]] = {}
    lines = resources.files("facevalue.lab.voices").joinpath("letters.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if not line or line.startswith(";"):
            continue
        context, _, sounds = line.partition("=")
        left, _, rest = context.partition("[")
        match, _, right = rest.partition("]")
        before = re.compile("(?:" + _pattern(left) + r")\Z")
        rules.setdefault(match[0], []).append((match, before, re.compile(_pattern(right)), sounds.split()))
    return rules


def _pattern(context: str) -> str:
    return "".join(_CLASSES.get(sign, re.escape(sign)) for sign in context)
