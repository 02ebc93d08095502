"""IPTC digitalSourceType terms, and which of them say that a model made the content or part of it.

Source: IPTC NewsCodes "Digital Source Type" (cv.iptc.org/newscodes/digitalsourcetype), with C2PA's additions.
"""

from __future__ import annotations

import re

# Term, lower case -> what it states, in plain words.
SYNTHETIC = {
    "trainedalgorithmicmedia": "made by a trained model",
    "compositewithtrainedalgorithmicmedia": "edited with, or partly made by, a trained model",
    "compositesynthetic": "a composite that includes synthetic elements",
    "algorithmicmedia": "made purely by an algorithm",
    "trainedalgorithmicdata": "made by a trained model",
}
CAPTURED = {"digitalcapture", "computationalcapture", "negativefilm", "positivefilm", "print", "compositecapture"}
# The names under which editors show the terms; some write the name instead of the code.
_NAMES = {
    "createdusinggenerativeai": "trainedalgorithmicmedia",
    "editedusinggenerativeai": "compositewithtrainedalgorithmicmedia",
    "editedwithgenerativeai": "compositewithtrainedalgorithmicmedia",
    "compositeincludingsyntheticelements": "compositesynthetic",
    "compositeincludinggenerativeaielements": "compositesynthetic",
    "compositewithsyntheticelements": "compositesynthetic",
    "mediacreatedpurelyalgorithmically": "algorithmicmedia",
}
_VALUE = re.compile(r"^(?:https?://[\w./-]{1,120}[/#]|[\w-]{1,20}:)?([A-Za-z][A-Za-z _-]{2,60})/?$")


def term(value: str) -> str | None:
    """The term of a value (a URL, a prefixed or bare term, or a term's name) in lower case; None when it is none."""
    match = _VALUE.match(value.strip())
    if match is None:
        return None
    folded = re.sub(r"[ _-]", "", match.group(1)).lower()
    return _NAMES.get(folded, folded)


def declares_synthetic(value: str) -> str | None:
    """What the value states when it is one of the synthetic terms, else None."""
    found = term(value)
    return SYNTHETIC.get(found) if found else None


def declares_capture(value: str) -> bool:
    """Whether the value states that a camera or scanner took the picture."""
    return term(value) in CAPTURED
