"""How likely is it that chance reads a mark where there is none? Below 1e-6 by design; here is why.

Received is a vector y of n = 288 soft values, one for each code bit; each is a sum of some twenty host coefficients,
whitened and given signs by the key. In unmarked content the key's signs are independent of the host, so the direction
of y is uniform on the sphere in n dimensions (each y_i is symmetric, they are uncorrelated and of one variance, and
nearly normal by the central limit theorem). Two things follow.

1. The statistic. The cosine r between y and any one code word has P(r >= t) = I(1 - t^2; (n - 1)/2, 1/2) / 2 (a beta
   tail), which is at most (1 - t^2)^((n - 1)/2) / (t (n - 1) B(1/2, (n - 1)/2)).
2. The check. The code is linear: turning y by the signs of a code word turns the decoded word with it and leaves r as
   it was. So the decoded word is uniform over all 2^88 and independent of r: it passes the 24 bits of the check and
   the 4 bits of the version with probability 2^-28.

Together, for K tries (orientations, starts of a sound), by the union bound over tries and over the 2^88 words:

    P(a false reading with cosine >= t)  <=  K * 2^-28 * min(1, 2^88 * P(r >= t)).

Even without the statistic, eight tries give 3e-8. A reading is accepted only where the bound is at most 10^-9
(LOG10_LIMIT). The bench measures how far real unmarked pictures follow the model: the spread of r about 0, the chance
of the check with a shortened check, and false readings among 10,000 and more.
"""

from __future__ import annotations

from math import inf, lgamma, log, log10

import numpy as np

from facevalue.errors import UsageError
from facevalue.watermark import code
from facevalue.watermark.payload import Payload
from facevalue.watermark.reading import Reading

LOG10_LIMIT = -9.0
_LOG10_CHECK = -(code.CHECK_BITS + 4) * log10(2)
_LOG10_WORDS = code.INFO_BITS * log10(2)


def log10_tail(cosine: float, dimensions: int = code.CODE_BITS) -> float:
    """log10 of an upper bound on P(r >= cosine) for a uniform direction; 0 from where the bound says nothing."""
    if cosine <= 0:
        return 0.0
    if cosine >= 1:
        return -inf
    m = dimensions - 1
    beta = lgamma(0.5) + lgamma(m / 2) - lgamma((m + 1) / 2)
    return min(0.0, (m / 2 * log(1 - cosine**2) - log(cosine * m) - beta) / log(10))


def log10_false_alarm(cosine: float, tries: int) -> float:
    """log10 of the bound above on a false reading at least as good."""
    return max(-300.0, log10(tries) + _LOG10_CHECK + min(0.0, _LOG10_WORDS + log10_tail(cosine)))


def cosine(soft: code.Soft, payload: bytes) -> float:
    """Between what was received and a payload's code word, -1 .. 1; 0 for nothing received."""
    return agreement(soft, code.signs(payload))


def agreement(soft: code.Soft, word: code.Soft) -> float:
    """Cosine between what was received and a code word as signs, -1 .. 1; 0 for nothing received."""
    length = float(np.linalg.norm(soft))
    return float(np.dot(soft, word)) / (length * code.CODE_BITS**0.5) if length > 0 else 0.0


def weighed(soft: code.Soft, tries: int) -> tuple[int, Reading] | None:
    """The best reading among rows of soft values and its row; None where none is above chance.

    soft: float32 (rows, CODE_BITS). tries: how many were tried in all, these rows among them.
    """
    best: tuple[int, Reading] | None = None
    for row, data in enumerate(code.decode(soft)):
        reading = _reading(soft[row], data, tries) if data is not None else None
        if reading is not None and (best is None or reading.score > best[1].score):
            best = row, reading
    return best


def _reading(soft: code.Soft, data: bytes, tries: int) -> Reading | None:
    try:
        payload = Payload.from_bytes(data)
    except UsageError:
        return None
    agreement = cosine(soft, data)
    chance = log10_false_alarm(agreement, tries)
    return Reading(payload, chance, agreement) if chance <= LOG10_LIMIT else None
