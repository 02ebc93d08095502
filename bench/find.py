"""How many copies of registered pictures are found again, and how many strangers are taken for one; not a test.

    python bench/find.py FOLDER... [--pictures 300] [--strangers 10000] [--strangers-from FOLDER...] [--marked]
                         [--seed 5] [--json FILE] [--look FOLDER]

Pictures are drawn from the folders: the first ones are registered in a new registry, all others are strangers, and so
are those of --strangers-from. Files of one name are one picture in several forms: only one of them is drawn. Each
registered one is laundered in 16 ways and looked for with the ladder of `facevalue registry find`. A match with any
other claim is a wrong one. The number of local features that strangers share with what the registry proposes is kept,
whatever it is, since the least number that counts (fingerprint.agree.MIN_INLIERS) rests on it. --marked: originals get
a watermark before they are registered, which adds its two rungs. Shares are given with Wilson's interval of 95%.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facevalue import fingerprint, watermark
from facevalue.errors import UsageError
from facevalue.fingerprint import agree
from facevalue.registered.finding import asking
from facevalue.registered.ladder import ALIGNED, FEATURES, PDQ, WATERMARK, climb
from facevalue.registered.prints import of_picture
from facevalue.registered.rungs import Suspect
from facevalue.registered.sources import Opened
from facevalue.registry import Action, Binding, Entry, Registry, Request, sign
from facevalue.registry.keys import load_key

Pixels = npt.NDArray[np.uint8]
Step = Callable[[Pixels, np.random.Generator], Pixels]
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def jpeg(rgb: Pixels, quality: int) -> Pixels:
    """Through a JPEG file."""
    data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def scaled(rgb: Pixels, factor: float) -> Pixels:
    """Resized by area."""
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def cropped(rgb: Pixels, left: float, top: float, right: float, bottom: float) -> Pixels:
    """With shares of its sides cut off."""
    height, width = rgb.shape[:2]
    return rgb[round(top * height) : round((1 - bottom) * height), round(left * width) : round((1 - right) * width)]


def barred(rgb: Pixels, rng: np.random.Generator, *, page: bool) -> Pixels:
    """A screenshot: bars above and below with writing on them; page: within a page, with margins, and smaller."""
    rgb = scaled(rgb, 0.8) if page else rgb
    height, width = rgb.shape[:2]
    shade = int(rng.choice([18, 245]))
    top, side = round(0.12 * height) + 16, round(0.06 * width) if page else 0
    out = np.full((height + 2 * top, width + 2 * side, 3), shade, np.uint8)
    out[top : top + height, side : side + width] = rgb
    for y, text in ((top // 2 + 4, "12:41   photos"), (top + height + top // 2, "1,024 likes   reply")):
        write(out, text, (8, y), 0.4 * width / 330, (255 - shade,) * 3)
    return out


def banded(rgb: Pixels, text: str, *, above: bool, below: bool) -> Pixels:
    """A white band with black text."""
    height, width = rgb.shape[:2]
    band = np.full((max(24, round(0.18 * height)), width, 3), 255, np.uint8)
    write(band, text, (6, round(0.65 * len(band))), 0.5 * width / 330, (0, 0, 0))
    return np.concatenate([*([band] if above else []), rgb, *([band] if below else [])])


def written_over(rgb: Pixels) -> Pixels:
    """A meme: large white capitals with a dark rim, over the picture's top and bottom."""
    out, (height, width) = rgb.copy(), rgb.shape[:2]
    for y, text in ((0.16, "WHEN YOU SEE IT"), (0.94, "AND NOBODY ELSE DOES")):
        at, size = (round(0.04 * width), round(y * height)), 0.7 * width / 330
        write(out, text, at, size, (0, 0, 0), max(4, width // 55))
        write(out, text, at, size, (255, 255, 255), max(1, width // 160))
    return out


def write(rgb: Pixels, text: str, at: tuple[int, int], size: float, colour: tuple[int, ...], width: int = 1) -> None:
    """Text, in place."""
    cv2.putText(rgb, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, width, cv2.LINE_AA)


def turned(rgb: Pixels, degrees: float) -> Pixels:
    """Rotated about its middle, corners black."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


LAUNDERINGS: dict[str, Step] = {
    "JPEG q30": lambda p, _: jpeg(p, 30),
    "resize 50%": lambda p, _: jpeg(scaled(p, 0.5), 85),
    "resize 25%": lambda p, _: jpeg(scaled(p, 0.25), 85),
    "resize 35%, q50": lambda p, _: jpeg(scaled(p, 0.35), 50),
    "crop to 90%": lambda p, _: jpeg(cropped(p, 0.05, 0.05, 0.05, 0.05), 75),
    "crop to 80%": lambda p, _: jpeg(cropped(p, 0.1, 0.1, 0.1, 0.1), 75),
    "crop of a corner, 20%": lambda p, _: jpeg(cropped(p, 0.2, 0.2, 0, 0), 75),
    "crop of one side, 20%": lambda p, _: jpeg(cropped(p, 0, 0, 0.2, 0), 75),
    "screenshot, bars": lambda p, g: jpeg(barred(p, g, page=False), 75),
    "screenshot, page": lambda p, g: jpeg(barred(p, g, page=True), 75),
    "text band": lambda p, _: jpeg(banded(p, "what really happened here", above=False, below=True), 75),
    "meme, bands": lambda p, _: jpeg(banded(p, "when you see it", above=True, below=True), 60),
    "meme, written over": lambda p, _: jpeg(written_over(p), 60),
    "mirror": lambda p, _: jpeg(p[:, ::-1], 60),
    "rotate 3 degrees": lambda p, g: jpeg(turned(p, float(g.choice([-3, 3]))), 70),
    "mirror, crop, half size, q50": lambda p, _: jpeg(scaled(cropped(p[:, ::-1], 0.05, 0.05, 0.05, 0.05), 0.5), 50),
}


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share, 95%."""
    if not of:
        return (0.0, 1.0)
    z, share = 1.96, hits / of
    middle, half = share + z * z / (2 * of), z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (float((middle - half) / (1 + z * z / of)), float((middle + half) / (1 + z * z / of)))


def pictures(folders: list[Path], seed: int) -> Iterator[Pixels]:
    """All pictures of the folders in a random order, without equal files and files of one name."""
    paths = sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    seen: set[bytes | str] = set()
    for place in np.random.default_rng(seed).permutation(len(paths)):
        name = paths[place].name
        if name in seen:
            continue
        seen.add(name)
        data = paths[place].read_bytes()
        digest = hashlib.sha256(data).digest()
        rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if digest not in seen else None
        seen.add(digest)
        if rgb is not None and min(rgb.shape[:2]) >= 64:
            yield np.ascontiguousarray(rgb[..., ::-1])


def register(registry: Registry, originals: list[Pixels], *, with_mark: bool) -> None:
    """Each with its fingerprints; leaf n is original n."""
    key = load_key(registry.folder.owner_key)
    requests = []
    for rgb in originals:
        bindings = [Binding(name, value) for name, value in fingerprint.bindings(rgb)]
        reading = read(rgb) if with_mark else None
        if reading is not None:
            bindings.append(Binding(watermark.PICTURE_ALGORITHM, reading))
        entry = Entry(hashlib.sha256(rgb.tobytes()).digest(), "image/png", bindings=tuple(bindings))
        requests.append(Request(sign(key, registry.origin, Action.REGISTER, entry=entry)))
    registry.submit(requests)


def read(rgb: Pixels) -> bytes | None:
    """The payload of a marked picture."""
    try:
        found = watermark.picture.read(rgb)
    except UsageError:
        return None
    return found.payload.to_bytes() if found else None


def marked(rgb: Pixels, seed: int) -> Pixels:
    """With a watermark, where it can carry one."""
    try:
        return watermark.picture.embed(rgb, watermark.Payload.random(seed=seed)).rgb
    except UsageError:
        return rgb


def looked_for(ask: Any, rgb: Pixels, *, with_mark: bool) -> dict[int, dict[str, int]]:
    """The claims that the ladder leads to, each with its rungs; local features with their number."""
    prints = of_picture(np.ascontiguousarray(rgb))
    suspect = Suspect(bytes(32), None, prints if with_mark else replace(prints, rgb=None))
    climbed = climb(ask, suspect)
    number = {name: lambda said: 1 for name in (PDQ, WATERMARK, ALIGNED)} | {FEATURES: lambda s: int(s.split()[0])}
    return {m.told.leaf: {name: number[name](said) for name, said in m.by.items()} for m in climbed.matches}


def counted(found: dict[int, dict[str, int]], least: int) -> dict[int, set[str]]:
    """With the least number of features that counts."""
    kept = {leaf: {n for n, v in by.items() if n != FEATURES or v >= least} for leaf, by in found.items()}
    return {leaf: by for leaf, by in kept.items() if by}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--strangers", type=int, default=10_000)
    parser.add_argument("--strangers-from", nargs="+", type=Path, default=[])
    parser.add_argument("--marked", action="store_true")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--look", type=Path, help="folder for the pictures of wrong pairs")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    least, agree.MIN_INLIERS = agree.MIN_INLIERS, 4
    drawn = pictures(asked.folders, asked.seed)
    originals = [rgb for rgb, _ in zip(drawn, range(asked.pictures), strict=False)]
    if asked.marked:
        originals = [marked(rgb, number) for number, rgb in enumerate(originals)]
    with tempfile.TemporaryDirectory() as folder:
        registry = Registry.create(Path(folder) / "registry", "example.org/bench")
        register(registry, originals, with_mark=asked.marked)
        with Opened.of(registry) as source:
            ask = asking(source)
            rows = launderings(ask, originals, least, asked)
            others = itertools.chain(drawn, pictures(asked.strangers_from, asked.seed))
            strangers = of_strangers(ask, others, least, asked)
        registry.close()
    result = {"pictures": len(originals), "marked": asked.marked, "least": least, "rows": rows, "strangers": strangers}
    say(json.dumps(result, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def launderings(ask: Any, originals: list[Pixels], least: int, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Shares found, by laundering and rung; strong matches; wrong ones."""
    rows, everything, wrong = [], Counter[str](), dict[tuple[int, int], list[str]]()
    for name, step in LAUNDERINGS.items():
        rng, tally, start = np.random.default_rng(asked.seed), Counter[str](), time.process_time()
        for leaf, rgb in enumerate(originals):
            found = counted(looked_for(ask, step(rgb, rng), with_mark=asked.marked), least)
            rungs = found.pop(leaf, set())
            tally.update([*rungs, *(["found"] if rungs else []), *(["strong"] if len(rungs) > 1 else [])])
            tally["wrong"] += len(found)
            wrong |= {(leaf, other): sorted(by) for other, by in found.items()}
        spent = (time.process_time() - start) / max(len(originals), 1)
        rows.append(row(name, tally, len(originals)) | {"cpu_ms": round(1000 * spent)})
        say(json.dumps(rows[-1]))
        everything += tally
    rows.append(row("all", everything, len(originals) * len(LAUNDERINGS)))
    # To be looked at: two originals may show one thing.
    say(json.dumps({"wrong pairs": [[*pair, *by] for pair, by in sorted(wrong.items())]}))
    for place in sorted({place for pair in wrong for place in pair}) if asked.look else ():
        cv2.imwrite(str(asked.look / f"{place}.jpg"), originals[place][..., ::-1])
    return rows


def row(name: str, tally: Counter[str], of: int) -> dict[str, Any]:
    """One line of the result."""
    low, high = wilson(tally["found"], of)
    shares = {
        key: round(value / max(of, 1), 4) for key, value in sorted(tally.items()) if key not in ("found", "wrong")
    }
    found = {"found": tally["found"], "of": of, "share": round(tally["found"] / max(of, 1), 4)}
    return {"laundering": name, **found, "interval": [round(low, 4), round(high, 4)], "wrong": tally["wrong"], **shares}


def of_strangers(ask: Any, drawn: Iterator[Pixels], least: int, asked: argparse.Namespace) -> dict[str, Any]:
    """What pictures that nobody registered match, and how many features they share with the likest of all."""
    shared, wrong, count = Counter[int](), Counter[str](), 0
    for rgb, _ in zip(drawn, range(asked.strangers), strict=False):
        found = looked_for(ask, rgb, with_mark=asked.marked)
        shared[max((by.get(FEATURES, 0) for by in found.values()), default=0)] += 1
        wrong.update(name for by in counted(found, least).values() for name in by)
        count += 1
    low, high = wilson(sum(wrong.values()), count)
    return {
        "strangers": count,
        "wrong": dict(wrong),
        "interval": [round(low, 6), round(high, 6)],
        "most_shared_features": dict(sorted(shared.items())),
    }


if __name__ == "__main__":
    main()
