"""The trips that pictures take before anyone examines them, seeded and composable.

A trip is a list of steps; a step is a function of (pixels, rng) -> pixels on uint8 RGB (H, W, 3). Presets imitate
what chat apps, sites and people do to pictures; their parameters are drawn from ranges, so that a detector trained
on them meets no single fixed chain.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Step = Callable[[Pixels, np.random.Generator], Pixels]
JOINED = "+"  # between the names of trips taken one after the other


def through_codec(pixels: Pixels, codec: str, quality: int, subsampling: int = 2) -> Pixels:
    """Encode and decode once; codec is JPEG, WEBP or AVIF; subsampling 0 (4:4:4) or 2 (4:2:0), JPEG only."""
    buffer = io.BytesIO()
    extra = {"subsampling": subsampling} if codec == "JPEG" else {}
    Image.fromarray(pixels).save(buffer, format=codec, quality=quality, **extra)
    return np.asarray(Image.open(buffer).convert("RGB"), np.uint8)


def scaled(pixels: Pixels, factor: float, interpolation: int = cv2.INTER_AREA) -> Pixels:
    """Resample by a factor; at least 16 px a side remain."""
    size = (max(16, round(pixels.shape[1] * factor)), max(16, round(pixels.shape[0] * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)


def jpeg(low: int = 40, high: int = 92) -> Step:
    """JPEG at a random quality."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        return through_codec(pixels, "JPEG", int(rng.integers(low, high + 1)), int(rng.choice([0, 2, 2])))

    return step


def webp(low: int = 50, high: int = 90) -> Step:
    """WebP at a random quality."""
    return lambda pixels, rng: through_codec(pixels, "WEBP", int(rng.integers(low, high + 1)))


def avif(low: int = 40, high: int = 80) -> Step:
    """AVIF at a random quality."""
    return lambda pixels, rng: through_codec(pixels, "AVIF", int(rng.integers(low, high + 1)))


def resize(low: float = 0.5, high: float = 0.9) -> Step:
    """Shrink (or grow) by a random factor with a random kernel."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        kernel = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
        return scaled(pixels, float(rng.uniform(low, high)), kernel)

    return step


def fit(long_side: int) -> Step:
    """What chat apps do first: shrink so that the longer side is at most long_side pixels."""
    return lambda pixels, rng: scaled(pixels, min(1.0, long_side / max(pixels.shape[:2])))


def there_and_back(low: float = 0.5, high: float = 0.95) -> Step:
    """Shrink and return to the old size: the loss of a resize without the change of size."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        small = resize(low, high)(pixels, rng)
        kernel = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        return np.asarray(cv2.resize(small, (pixels.shape[1], pixels.shape[0]), interpolation=kernel), np.uint8)

    return step


def blur(low: float = 0.3, high: float = 1.2) -> Step:
    """Gaussian blur with a random sigma in pixels."""
    return lambda pixels, rng: np.asarray(cv2.GaussianBlur(pixels, (0, 0), float(rng.uniform(low, high))), np.uint8)


def sharpen(low: float = 0.2, high: float = 1.0) -> Step:
    """Unsharp mask of random strength."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        amount = float(rng.uniform(low, high))
        return np.asarray(
            cv2.addWeighted(pixels, 1 + amount, cv2.GaussianBlur(pixels, (0, 0), 1.5), -amount, 0), np.uint8
        )

    return step


def noise(low: float = 1.0, high: float = 6.0) -> Step:
    """White noise, part of it common to the channels, standard deviation in grey levels."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        sigma = float(rng.uniform(low, high))
        grain = rng.normal(0, sigma, (*pixels.shape[:2], 1)) + rng.normal(0, sigma / 2, pixels.shape)
        return np.clip(pixels + grain, 0, 255).astype(np.uint8)

    return step


def tone(strength: float = 0.15) -> Step:
    """A random change of brightness, contrast, gamma and colour balance."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        gain = 1 + rng.uniform(-strength, strength, 3) / 2 + rng.uniform(-strength, strength)
        gamma = float(np.exp(rng.uniform(-strength, strength)))
        table = (np.linspace(0, 1, 256)[:, None] ** gamma * gain * 255 + rng.uniform(-strength, strength) * 40).clip(
            0, 255
        )
        return np.stack([table.astype(np.uint8)[pixels[..., c], c] for c in range(3)], axis=-1)

    return step


def crop(low: float = 0.75, high: float = 0.98) -> Step:
    """Keep a random rectangle of that share of each side."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        h, w = max(16, int(height * rng.uniform(low, high))), max(16, int(width * rng.uniform(low, high)))
        top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        return np.ascontiguousarray(pixels[top : top + h, left : left + w])

    return step


def screenshot_bars() -> Step:
    """Bars above and below, as a phone's screenshot of a feed has them, after a resample to screen size."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        picture = scaled(pixels, float(rng.uniform(0.6, 1.1)), cv2.INTER_LINEAR)
        width = picture.shape[1]
        shade = int(rng.choice([0, 18, 250, 255]))
        bars = [np.full((int(width * rng.uniform(0.08, 0.3)), width, 3), shade, np.uint8) for _ in range(2)]
        for bar in bars:
            cv2.putText(bar, "12:41", (10, bar.shape[0] // 2 + 8), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (128,) * 3, 2)
        return np.concatenate([bars[0], picture, bars[1]])

    return step


def print_like() -> Step:
    """Roughly a print and a scan: blur, paper tone, grain, a slight turn, blur again."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-1.5, 1.5)), 1.02)
        out = cv2.warpAffine(blur(0.6, 1.2)(pixels, rng), turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        paper = np.array([250, 246, 236]) / 255.0 * rng.uniform(0.93, 1.0)
        out = np.clip(18 + np.asarray(out, np.float32) * 0.9 * paper, 0, 255).astype(np.uint8)
        return blur(0.4, 0.8)(noise(2.0, 7.0)(out, rng), rng)

    return step


def screen_photo() -> Step:
    """A screen photographed with a phone: a slight perspective, moire of its raster, uneven light, a soft lens."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        height, width = pixels.shape[:2]
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        moved = corners + (rng.uniform(-0.025, 0.025, (4, 2)) * (width, height)).astype(np.float32)
        warp = cv2.getPerspectiveTransform(corners, moved)
        seen = cv2.warpPerspective(pixels, warp, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        angle, period = rng.uniform(0, np.pi), rng.uniform(2.1, 4.5)
        wave = np.sin((rows * np.cos(angle) + columns * np.sin(angle)) * (2 * np.pi / period))
        light = (
            1 + rng.uniform(-0.15, 0.15) * (rows / height - 0.5) + rng.uniform(-0.15, 0.15) * (columns / width - 0.5)
        )
        shade = light * (1 + rng.uniform(0.01, 0.05) * wave)
        out = np.clip(np.asarray(seen, np.float32) * shade[..., None], 0, 255).astype(np.uint8)
        return tone(0.1)(blur(0.4, 0.9)(out, rng), rng)

    return step


def broadcast() -> Step:
    """Roughly what television does: overscan, fields shifted against each other, soft chroma, sharpened luma."""

    def step(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        cut = crop(0.95, 0.99)(pixels, rng)
        shifted = cut.copy()
        shifted[1::2] = np.roll(cut, int(rng.integers(0, 2)), axis=1)[1::2]
        lumas = cv2.cvtColor(shifted, cv2.COLOR_RGB2YCrCb)
        lumas[..., 1:] = cv2.GaussianBlur(lumas[..., 1:], (0, 0), float(rng.uniform(1.0, 2.0)))
        lumas[..., 0] = np.round(lumas[..., 0] / 255.0 * 219) / 219 * 255  # studio range, 16 to 235, and back
        return sharpen(0.3, 0.8)(np.asarray(cv2.cvtColor(lumas, cv2.COLOR_YCrCb2RGB), np.uint8), rng)

    return step


PRESETS: dict[str, Sequence[Step]] = {
    "jpeg_chain": (jpeg(70, 92), jpeg(55, 85), jpeg(60, 90)),
    "whatsapp": (fit(1600), jpeg(68, 80)),
    "telegram": (fit(1280), jpeg(78, 87)),
    "x": (fit(2048), jpeg(82, 88)),
    "thumbnail": (resize(0.3, 0.6), jpeg(65, 85)),
    "screenshot": (screenshot_bars(), jpeg(70, 92)),
    "crop": (crop(), jpeg(75, 92)),
    "webp": (webp(),),
    "avif": (avif(),),
    "blur": (blur(0.6, 1.6), jpeg(75, 92)),
    "sharpen": (sharpen(), jpeg(75, 92)),
    "tv": (fit(1920), broadcast(), jpeg(60, 85)),
    "phone": (screen_photo(), noise(1.5, 5.0), jpeg(80, 93)),
    "print": (print_like(), jpeg(75, 92)),
    "q70": (jpeg(70, 70),),
    "q50": (jpeg(50, 50),),
}


def launder(pixels: Pixels, preset: str, seed: int) -> Pixels:
    """Send a picture, uint8 RGB (H, W, 3), on a trip, or on several: "whatsapp+screenshot" takes one after the other.

    The same seed gives the same pixels. Raises KeyError for a preset that is not in PRESETS.
    """
    rng = np.random.default_rng(seed)
    for step in [step for name in preset.split(JOINED) for step in PRESETS[name]]:
        pixels = step(pixels, rng)
    return pixels


_AUGMENT_STEPS: tuple[tuple[float, Step], ...] = (
    (0.25, tone(0.12)),
    (0.3, there_and_back(0.45, 0.95)),
    (0.15, blur(0.3, 1.0)),
    (0.15, sharpen(0.2, 0.8)),
    (0.12, noise(1.0, 4.0)),
    (0.55, jpeg(40, 92)),
    (0.1, webp(50, 88)),
)


def augment(pixels: Pixels, rng: np.random.Generator, geometry: bool = False) -> Pixels:
    """A random trip for training; both classes must go through it alike. geometry adds crops and mirroring."""
    if geometry and rng.random() < 0.6:
        pixels = crop(0.72, 0.98)(pixels, rng)
    if geometry and rng.random() < 0.5:
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    for chance, step in _AUGMENT_STEPS:
        if rng.random() < chance:
            pixels = step(pixels, rng)
    return pixels
