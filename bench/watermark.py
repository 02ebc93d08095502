"""What a mark survives: `python bench/watermark.py --data DATA [--part pictures|unmarked|clips|speech] [--write]`.

Every figure has its n, its set and a 95% interval (Wilson for shares, bootstrap for means). Constants were chosen on
the pictures that `tuning` names and the recordings that `recordings` skips; they are left out here. --write puts the
figures into marks.json beside the card of the examiner `watermark`; parts that are not measured keep their figures.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from watermark_figures import mean, says, wilson
from watermark_moving import clips, sounds

from facevalue.errors import UsageError
from facevalue.watermark import Payload, code, evidence, picture

RECORD = Path(__file__).parent.parent / "src/facevalue/examiners/watermark/marks.json"
Rgb = Any


# -- pictures ----------------------------------------------------------------------------------------------------------


def load(path: Path) -> Rgb | None:
    """A picture, RGB."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    return None if found is None else np.ascontiguousarray(found[:, :, ::-1])


def tuning(images: Path) -> set[Path]:
    """The pictures on which constants were chosen."""
    large = sorted((images / "photos_real_imagenet").glob("*"))[::2][:12]
    small = sorted((images / "photos_wild_real/whole").glob("*"))[::14][:24]
    return {*large, *small}


def reported(images: Path) -> dict[str, list[Path]]:
    """The pictures that figures are made of."""
    out = tuning(images)
    sets = {"about 500 px": images / "photos_real_imagenet", "short side 248 px": images / "photos_wild_real/whole"}
    return {name: [p for p in sorted(folder.glob("*")) if p not in out] for name, folder in sets.items()}


def coded(rgb: Rgb, quality: int, suffix: str = ".jpg") -> Rgb:
    """One trip through JPEG or WebP."""
    flag = cv2.IMWRITE_JPEG_QUALITY if suffix == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    _, data = cv2.imencode(suffix, rgb[:, :, ::-1], [flag, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1])


def sized(rgb: Rgb, factor: float) -> Rgb:
    """Reduced by area, enlarged by cubics."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=how)


def banded(rgb: Rgb) -> Rgb:
    """A text band over a tenth of the height, at the bottom."""
    out, height = rgb.copy(), rgb.shape[0]
    out[-height // 10 :] = 255
    cv2.putText(out, "BREAKING NEWS TODAY", (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, height / 600, (0, 0, 0), 2)
    return out


TREATMENTS: dict[str, Callable[[Rgb], Rgb]] = {
    "untouched": lambda x: x,
    "JPEG q30": lambda x: coded(x, 30),
    "50% size": lambda x: sized(x, 0.5),
    "50% size, JPEG q50": lambda x: coded(sized(x, 0.5), 50),
    "25% size, JPEG q50": lambda x: coded(sized(x, 0.25), 50),
    "150% size, JPEG q70": lambda x: coded(sized(x, 1.5), 70),
    "WebP q50": lambda x: coded(x, 50, ".webp"),
    "mirrored, JPEG q70": lambda x: coded(x[:, ::-1], 70),
    "text band, JPEG q70": lambda x: coded(banded(x), 70),
    "brightness +25": lambda x: cv2.convertScaleAbs(x, alpha=1.0, beta=25),
    "contrast x0.7": lambda x: cv2.convertScaleAbs(x, alpha=0.7, beta=38),
    "contrast x1.3": lambda x: np.clip(x * 1.3 - 38, 0, 255).astype(np.uint8),
    "Gaussian blur, sigma 1 px": lambda x: cv2.GaussianBlur(x, (0, 0), 1.0),
    "chat app (75% size, q60, then q75)": lambda x: coded(coded(sized(x, 0.75), 60), 75),
}


def cropped(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """80% of the area, anywhere, through JPEG quality 70."""
    height, width = (round(s * math.sqrt(0.8)) for s in rgb.shape[:2])
    y, x = rng.integers(rgb.shape[0] - height + 1), rng.integers(rgb.shape[1] - width + 1)
    return coded(rgb[y : y + height, x : x + width], 70)


def screenshot(rgb: Rgb, rng: np.random.Generator) -> Rgb:
    """The picture at 80% of its size between a screen's bars and text, through JPEG quality 80."""
    small = sized(rgb, 0.8)
    height, width = small.shape[:2]
    screen = np.full((round(height * 1.5), round(width * 1.1), 3), 245, np.uint8)
    y, x = round(height * 0.15), round(width * 0.05)
    screen[y : y + height, x : x + width] = small
    for line in range(3):
        at = (x, y + height + 20 + line * 18)
        cv2.putText(screen, "some words below the picture", at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1)
    return coded(screen, 80)


def aligned(suspect: Rgb, original: Rgb) -> tuple[Rgb, Any] | None:
    """The suspect laid over the original (marked, as registered): SIFT and RANSAC, then ECC; and what is known."""
    sift = cv2.SIFT_create(1500)
    grey = [cv2.cvtColor(v, cv2.COLOR_RGB2GRAY) for v in (suspect, original)]
    (key_s, des_s), (key_o, des_o) = (sift.detectAndCompute(g, None) for g in grey)
    if des_s is None or des_o is None or min(len(key_s), len(key_o)) < 8:
        return None
    pairs = [m for m, n in cv2.BFMatcher().knnMatch(des_s, des_o, k=2) if m.distance < 0.75 * n.distance]
    if len(pairs) < 8:
        return None
    source, target = (np.float32([k.pt for k in keys]) for keys in
                      ([key_s[m.queryIdx] for m in pairs], [key_o[m.trainIdx] for m in pairs]))  # fmt: skip
    warp, _ = cv2.estimateAffinePartial2D(source, target, ransacReprojThreshold=2.0)
    if warp is None:
        return None
    height, width = original.shape[:2]
    back = cv2.invertAffineTransform(warp).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-5)
    try:
        covered = _laid(np.full(suspect.shape[:2], 255, np.uint8), back, width, height, cv2.INTER_NEAREST)
        _, back = cv2.findTransformECC(grey[1], grey[0], back, cv2.MOTION_AFFINE, stop, covered, 5)
    except cv2.error:
        pass
    known = _laid(np.full(suspect.shape[:2], 255, np.uint8), back, width, height, cv2.INTER_NEAREST) > 0
    laid = _laid(suspect, back, width, height, cv2.INTER_CUBIC)
    # What is not the picture (a screen's bars, a caption) differs from it, and is left out.
    near = cv2.blur(cv2.absdiff(laid, original).max(axis=2), (9, 9)) < 40
    return laid, known & near


def _laid(values: Any, back: Any, width: int, height: int, how: int) -> Any:
    return cv2.warpAffine(values, back, (width, height), flags=how | cv2.WARP_INVERSE_MAP)


def pictures(data: Path, limit: int) -> dict[str, Any]:
    """Every treatment of every picture of the reported sets."""
    out = {name: _set(paths[:limit]) for name, paths in reported(data / "images").items()}
    return {"sets": out, "large": _large(data / "images")}


def _set(paths: Sequence[Path]) -> dict[str, Any]:
    rng, good = np.random.default_rng(1), defaultdict[str, int](int)
    psnr, spent = list[float](), {"embed": list[float](), "read": list[float]()}
    refused = n = 0
    for number, path in enumerate(paths):
        rgb = load(path)
        if rgb is None or min(rgb.shape[:2]) < picture.MIN_MARK_PX:
            continue
        n += 1
        payload = Payload.random(seed=number)
        start = time.process_time()
        try:
            marked = picture.embed(rgb, payload)
        except UsageError:
            refused += 1
            continue
        spent["embed"].append(1e3 * (time.process_time() - start))
        psnr.append(marked.psnr_db)
        for name, treat in TREATMENTS.items():
            copy = np.ascontiguousarray(treat(marked.rgb))
            start = time.process_time()
            good[name] += says(picture.read(copy), payload)
            spent["read"].append(1e3 * (time.process_time() - start))
        for name, make in (("20% cropped away, aligned", cropped), ("screenshot, aligned", screenshot)):
            laid = aligned(make(marked.rgb, rng), marked.rgb)
            good[name] += laid is not None and says(picture.read(*laid), payload)
    names = [*TREATMENTS, "20% cropped away, aligned", "screenshot, aligned"]
    return {
        "n": n,
        "refused": refused,
        "psnr_db": mean(psnr),
        "at_least_40_db": wilson(sum(p >= 40 for p in psnr), len(psnr)),
        "payload_exact": {name: wilson(good[name], n) for name in names},
        "processor_ms": {name: round(float(np.median(v)), 1) for name, v in spent.items()},
    }


def _large(images: Path) -> dict[str, Any]:
    """Time for 12 megapixels (an enlarged photograph)."""
    rgb = load(sorted((images / "photos_real_imagenet").glob("*"))[1])
    big = cv2.resize(rgb, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    start = time.process_time()
    marked = picture.embed(big, Payload.random(seed=1))
    middle = time.process_time()
    picture.read(marked.rgb)
    return {
        "megapixels": 12,
        "embed_ms": round(1e3 * (middle - start)),
        "read_ms": round(1e3 * (time.process_time() - middle)),
    }


# -- unmarked pictures -------------------------------------------------------------------------------------------------

UNMARKED = (
    "matched/whole", "matched/native", "photos_wild_real/whole", "photos_wild_real/native", "photos_real_imagenet",
    "faces_real_ffhq256", "faces_dfdc224/real", "faces_dfdc224/fake", "faces_gan_stylegan256", "faces_gan_web256",
    "faces_diffusion_sd21_256", "faces_real_celeba109",
)  # fmt: skip


def unmarked(data: Path, limit: int) -> dict[str, Any]:
    """False readings, and how far unmarked pictures follow the model of `evidence`.

    The rule is picture.read()'s, with all eight orientations; words are decoded many pictures at a time, to save hours.
    """
    false, per_set, spread, checks = list[str](), defaultdict[str, int](int), list[Any](), list[Any]()
    words = np.stack([code.signs(Payload.random(seed=s).to_bytes()) for s in range(3)])
    for batch in _batches(_spread(data / "images", limit), 64):
        heard = np.stack([picture.soft_lying(rgb, range(picture.ORIENTATIONS)) for _, _, rgb in batch])
        flat = heard.reshape(-1, code.CODE_BITS)
        found = code.decode(flat)
        for number, (name, path, _) in enumerate(batch):
            per_set[name] += 1
            mine = slice(number * picture.ORIENTATIONS, (number + 1) * picture.ORIENTATIONS)
            if any(found[mine]) and evidence.weighed(flat[mine], picture.ORIENTATIONS):
                false.append(f"{name}/{path.name}")
        upright = heard[:, 0]
        lengths = np.linalg.norm(upright, axis=1, keepdims=True) * code.CODE_BITS**0.5
        spread.append((upright @ words.T / np.maximum(lengths, 1e-9)).ravel())
        checks += [_short_check(word) for word in np.packbits(code.maximum_likelihood(upright), axis=1)]
    return _null(false, per_set, np.concatenate(spread), checks)


def _short_check(word: Any) -> bool:
    """Whether the last four bits of the check fit: often enough by chance to be counted."""
    data = word.tobytes()
    return (code.crc24(data[:8]) & 0xF) == (data[10] & 0xF)


def _null(false: list[str], per_set: dict[str, int], spread: Any, checks: list[bool]) -> dict[str, Any]:
    n = sum(per_set.values())
    rate = wilson(len(false), n)["share"][2] if false else 1 - 0.05 ** (1 / n)
    return {
        "n": n,
        "sets": dict(per_set),
        "orientations_each": picture.ORIENTATIONS,
        "false": len(false),
        "false_files": false[:20],
        "rate_at_most_95": round(float(rate), 6),
        "bound_by_design": 10.0**evidence.LOG10_LIMIT,
        "cosine_with_fixed_words": {
            "n": len(spread),
            "mean": round(float(spread.mean()), 5),
            "standard_deviation": round(float(spread.std()), 5),
            "standard_deviation_model": round(code.CODE_BITS**-0.5, 5),
            "kurtosis": round(float(((spread - spread.mean()) ** 4).mean() / spread.var() ** 2), 3),
            "largest": round(float(np.abs(spread).max()), 4),
        },
        "check_of_4_bits": {**wilson(sum(checks), len(checks)), "model": 1 / 16},
    }


def _batches(paths: Iterator[tuple[str, Path]], size: int) -> Iterator[list[tuple[str, Path, Rgb]]]:
    """Pictures that are large enough to be read, some at a time."""
    batch = []
    for name, path in paths:
        rgb = load(path)
        if rgb is not None and min(rgb.shape[:2]) >= picture.MIN_READ_PX:
            batch.append((name, path, rgb))
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _spread(images: Path, limit: int) -> Iterator[tuple[str, Path]]:
    """Up to `limit` pictures, evenly from every set; the small faces of the last set only fill what is missing."""
    paths = {name: sorted(p for p in (images / name).glob("*") if p.suffix.lower() != ".tsv") for name in UNMARKED}
    fill = UNMARKED[-1]
    total = sum(len(files) for name, files in paths.items() if name != fill)
    for name, files in paths.items():
        count = round(len(files) * min(1.0, limit / total)) if name != fill else min(len(files), max(0, limit - total))
        for place in np.linspace(0, len(files) - 1, count).astype(int) if count else ():
            yield name, files[place]


PARTS: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "pictures": pictures,
    "unmarked": unmarked,
    "clips": clips,
    "speech": sounds,
}


def write(part: str, measured: dict[str, Any]) -> None:
    """Put one part into the record; what another run wrote meanwhile stays."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.is_file() else {}
    text = json.dumps({**record, part: measured}, indent=1, ensure_ascii=False, sort_keys=True)
    RECORD.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Measure, print, and write when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with images/, videos/ and audio/")
    parser.add_argument("--part", choices=sorted(PARTS), action="append")
    parser.add_argument(
        "--limit", type=int, default=1 << 30, help="pictures a set, unmarked pictures, clips, recordings"
    )
    parser.add_argument("--write", action="store_true", help=f"update {RECORD.name}")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    for part in given.part or sorted(PARTS):
        limit = f" --limit {given.limit}" if given.limit < 1 << 30 else ""
        measured = {
            "command": f"python bench/watermark.py --part {part}{limit}",
            **PARTS[part](given.data, given.limit),
        }
        sys.stdout.write(json.dumps({part: measured}, indent=1, ensure_ascii=False) + "\n")
        if given.write:
            write(part, measured)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
