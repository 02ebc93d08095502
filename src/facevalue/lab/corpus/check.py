"""`lab corpus check`: whether a corpus is what it says, line by line.

    holds      as it must be
    broken     files, splits or encodings contradict the index: training on this measures something else
    unequal    a spectrum classifier tells a real source from the others beyond the tolerance
    unproven   too few pictures to say: the interval reaches past the tolerance, or there is none
    reported   a figure to know that nothing depends on

`holds` of a spectrum line is a test of equivalence: the whole 95% interval lies below the tolerance. That an interval
holds 0.5 would prove nothing; with few pictures every interval does.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facevalue.errors import UsageError
from facevalue.lab.corpus import shards
from facevalue.lab.corpus.equalise import spectrum
from facevalue.lab.corpus.hashing import NEAR_BITS, near
from facevalue.lab.corpus.spectra import Told, told_apart

ORDER = ("broken", "unequal", "unproven", "holds", "reported")
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. value with its interval low..high where there is one; n: pictures or pairs looked at."""

    what: str
    result: str
    why: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def check(folder: Path, tolerance: float, seed: int, report: Callable[[str], None] = lambda line: None) -> list[Line]:
    """Every line. Raises UsageError when the folder holds no corpus."""
    described = shards.about(folder)
    index = shards.rows(folder / shards.INDEX)
    if not index:
        raise UsageError("the index is empty")
    report("reading the shards")
    wrong, encodings, spectra = _read(folder, described, index)
    lines = [_all_right("files and hashes", wrong, len(index))]
    lines += [_encodings(index, encodings), *_splits(index), *_duplicates(index)]
    report("classifying spectra")
    return lines + list(_spectra(index, spectra, tolerance, seed))


def worst(lines: list[Line]) -> str:
    """The worst result of all lines."""
    return min((line.result for line in lines), key=ORDER.index)


def lines(found: list[Line]) -> list[str]:
    """The table as text."""
    width = max(len(line.what) for line in found)
    out = []
    for line in found:
        span = f" [{line.low:.3f}, {line.high:.3f}]" if line.low is not None and line.high is not None else ""
        value = "" if line.value is None else f"{line.value:.3f}{span}" if span else f"{line.value:g}"
        out.append(f"{line.what:{width}}  {line.result:8}  {value:21}  n {line.n:<6}  {line.why}".rstrip())
    return out


# Files


def _read(folder: Path, described: dict[str, Any], index: Rows) -> tuple[list[str], list[Any], Any]:
    """What is wrong with the files; each picture's encoding; each picture's spectrum, in the index's order."""
    wrong: list[str] = []
    if shards.sha256(folder / shards.INDEX) != described.get("index_sha256"):
        wrong.append(f"{shards.INDEX} is not the one that {shards.ABOUT} names")
    encodings: list[Any] = [None] * len(index)
    spectra: list[Any] = [None] * len(index)
    for name, expected in described["shards"].items():
        path = folder / shards.FOLDER / Path(name).name
        if not path.is_file() or shards.sha256(path) != expected:
            wrong.append(f"{name} is missing or changed")
            continue
        mine = {row["row"]: at for at, row in enumerate(index) if row["path"] == f"{shards.FOLDER}/{name}"}
        stored = shards.rows(path)
        if sorted(mine) != [row["row"] for row in stored]:
            wrong.append(f"{name} and the index list different rows")
        for row in stored:
            at = mine.get(row["row"])
            if at is None:
                continue
            wrong += [f"{name}, row {row['row']}: {text}" for text in _row_wrong(row, index[at])]
            encodings[at] = encoding(row["image"])
            spectra[at] = spectrum(shards.decoded(row["image"]))
    return wrong, encodings, spectra


def _row_wrong(row: dict[str, Any], listed: dict[str, Any]) -> Iterator[str]:
    if any(row[name] != value for name, value in listed.items()):
        yield "differs from the index"
    if hashlib.sha256(row["image"]).hexdigest() != row["sha256"]:
        yield "the picture's hash is wrong"
    if row["label"] == "fake":
        if row["mask"] is None or hashlib.sha256(row["mask"]).hexdigest() != row["mask_sha256"]:
            yield "the mask is missing or its hash is wrong"
        elif shards.decoded(row["mask"]).shape[:2] != (row["height"], row["width"]):
            yield "the mask has another size than the picture"
        elif not shards.decoded(row["mask"]).any():
            yield "the mask is empty"


def encoding(data: bytes) -> tuple[Any, ...]:
    """Form, size, mode, quantisation tables and chroma layout: what a classifier must not learn from."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP", "PNG")) as picture:
            tables = tuple(sorted((k, tuple(v)) for k, v in getattr(picture, "quantization", {}).items()))
            layers = tuple(layer[1:3] for layer in getattr(picture, "layer", ()))
            return (picture.format, picture.size, picture.mode, tables, layers, tuple(sorted(map(str, picture.info))))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return ("none",)


def _encodings(index: Rows, encodings: list[Any]) -> Line:
    sides: dict[str, dict[str, Any]] = {}
    for row, seen in zip(index, encodings, strict=True):
        sides.setdefault(row["pair"], {})[row["label"]] = (seen, row["codec"], row["quality"], row["launder"])
    wrong = [p for p, s in sides.items() if set(s) != {"real", "fake"} or s["real"] != s["fake"] or None in s["real"]]
    texts = [f"pair {pair}: the two sides differ" for pair in wrong]
    return _all_right("size, codec, tables equal in each pair", texts, len(sides))


# Splits and duplicates


def _splits(index: Rows) -> Iterator[Line]:
    yield _crossing("no identity in two splits", index, ("identity", "donor_identity"))
    yield _crossing("no picture in two splits", index, ("source_sha256", "donor_sha256"))


def _crossing(what: str, index: Rows, columns: tuple[str, str]) -> Line:
    seen: dict[str, set[str]] = {}
    for row in index:
        for column in columns:
            if row[column]:
                seen.setdefault(row[column], set()).add(row["split"])
    return _all_right(what, [f"{k} is in {', '.join(sorted(v))}" for k, v in seen.items() if len(v) > 1], len(seen))


def _duplicates(index: Rows) -> Iterator[Line]:
    reals = list({row["source_sha256"]: row for row in index if row["label"] == "real"}.values())
    found = [(reals[i], reals[j], bits) for i, j, bits in near([row["dhash"] for row in reals])]
    across = [f"{a['file']} and {b['file']} ({bits} bits)" for a, b, bits in found if a["split"] != b["split"]]
    yield _all_right(f"no near duplicate (dHash, {NEAR_BITS} bits) in two splits", across, len(reals))
    inside = sum(a["split"] == b["split"] and a["identity"] != b["identity"] for a, b, _ in found)
    yield Line("near duplicates inside a split", "reported", "of different identities", inside, n=len(reals))


def _all_right(what: str, wrong: list[str], n: int) -> Line:
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return Line(what, "broken" if wrong else "holds", f"{wrong[0]}{more}" if wrong else "", len(wrong), n=n)


# Spectra


def _spectra(index: Rows, spectra: list[Any], tolerance: float, seed: int) -> Iterator[Line]:
    keep = [at for at, seen in enumerate(spectra) if seen is not None]
    if not keep:
        return
    x = np.stack([spectra[at] for at in keep])
    kept = [index[at] for at in keep]
    label = np.array([int(row["label"] == "fake") for row in kept])
    source, group = np.array([row["source"] for row in kept]), np.array([row["identity"] for row in kept])
    real = label == 0
    names = sorted(set(source[real]))
    if len(names) < 2:
        yield Line("real sources by spectrum", "reported", "one source: nothing to tell apart", n=int(real.sum()))
    for name in names if len(names) > 2 else names[:1] if len(names) == 2 else []:
        told = told_apart(x[real], (source[real] == name).astype(int), group[real], seed)
        yield _source_line(f"real {name} against other reals, by spectrum", told, tolerance, int(real.sum()))
    yield _reported("real against forged, by spectrum", told_apart(x, label, group, seed), len(kept))
    maker = np.array([row["maker"] for row in kept])
    pair = np.array([row["pair"] for row in kept])
    for name in sorted(set(maker[~real])):
        pick = np.isin(pair, pair[maker == name])
        told = told_apart(x[pick], label[pick], group[pick], seed)
        yield _reported(f"real against {name}, by spectrum", told, int(pick.sum()))
    sizes = Counter(row["split"] for row in kept if row["label"] == "fake")
    yield Line("pairs by split", "reported", ", ".join(f"{k} {v}" for k, v in sorted(sizes.items())), n=len(kept) // 2)


def _source_line(what: str, told: Told | None, tolerance: float, n: int) -> Line:
    if told is None:
        return Line(what, "unproven", "too few pictures or identities", n=n)
    if told.high <= tolerance:
        result, why = "holds", f"AUC; the interval ends below {tolerance:g}"
    elif told.low > tolerance:
        result, why = "unequal", f"AUC; the interval starts above {tolerance:g}"
    else:
        result, why = "unproven", f"AUC; the interval reaches past {tolerance:g}"
    return Line(what, result, why, told.auc, told.low, told.high, n)


def _reported(what: str, told: Told | None, n: int) -> Line:
    if told is None:
        return Line(what, "reported", "too few pictures for a figure", n=n)
    return Line(what, "reported", "AUC; what a spectrum alone gives away", told.auc, told.low, told.high, n)
