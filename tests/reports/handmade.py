"""Examinations built by hand, for tests of whatever renders them. No file is decoded and no model runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from facevalue.examine import Examination
from facevalue.examiners.base import Card
from facevalue.exhibit import Exhibit
from facevalue.faces import Face, FaceQuality
from facevalue.finding import (
    CONTRADICTION,
    DECLARES_SYNTHETIC,
    Finding,
    Opinion,
    Question,
    QuestionOpinion,
    Region,
    Status,
    Verdict,
)
from facevalue.media import Picture

DIGEST = hashlib.sha256(b"weights").hexdigest()


def exhibit(name: str = "street.jpg", data: bytes = b"\xff\xd8\xff handmade") -> Exhibit:
    return Exhibit(name, data, hashlib.sha256(data).hexdigest(), "image/jpeg")


def picture(width: int = 640, height: int = 480, pixels: np.ndarray | None = None, **facts: Any) -> Picture:
    if pixels is None:
        rows, columns = np.mgrid[0:height, 0:width]
        pixels = np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)
    size = (pixels.shape[1], pixels.shape[0])
    return Picture(pixels, format="JPEG", mode="RGB", stored_size=size, **facts)


def face(x: float, y: float, side: float) -> Face:
    quality = FaceQuality(side, 2.4, -6.0, 2.0, 0.5, 0.2, 0.0)
    return Face((x, y, side, side), np.zeros((5, 2), np.float32), 0.93, quality)


def blob(side: int = 64) -> np.ndarray:
    """A heat map with one warm spot, uint8 (side, side)."""
    rows, columns = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return (255 * np.exp(-3 * (rows**2 + columns**2))).astype(np.uint8)


def question(name: str, log10_lr: float | None, band: str, why: str, status: str = "examined") -> QuestionOpinion:
    return QuestionOpinion(Question(name), status, log10_lr, band, why, ())


def opinion(verdict: Verdict, *questions: QuestionOpinion, reasons: tuple[str, ...] = (), **quality: Any) -> Opinion:
    spoken = [q for q in questions if q.log10_lr is not None]
    loudest = max(spoken, key=lambda q: q.log10_lr or 0.0, default=None)
    return Opinion(
        verdict,
        loudest.log10_lr if loudest else None,
        loudest.band if loudest else "none",
        {str(q.question): q for q in questions},
        reasons,
        quality,
    )


def suspect(*, pixels: np.ndarray | None = None, faces: tuple[Face, ...] | None = None, **changes: Any) -> Examination:
    """A photograph with one face that looks blended, a declaration-free header, and one model missing."""
    faces = (face(200, 120, 160),) if faces is None else faces
    boxes = tuple(Region("box", f"face {i}", 0.83, f.box) for i, f in enumerate(faces, 1))
    masks = tuple(Region("mask", f"face {i}", 0.83, f.box, blob()) for i, f in enumerate(faces, 1))
    parts: dict[str, Any] = {
        "exhibit": exhibit(),
        "findings": (
            Finding(
                "face_blend",
                Question.FACE_SWAPPED,
                Status.FOUND,
                "Face 1 shows a blending boundary along the jaw.",
                0.83,
                1.38,
                (*boxes, *masks),
                "face_blend",
            ),
            Finding(
                "generated",
                Question.GENERATED,
                Status.CLEAR,
                "No traces of synthesis in the whole picture nor in five windows.",
                0.12,
                -1.4,
                (Region("mask", "windows", 0.12, None, blob(32) // 3),),
                "generated",
            ),
            Finding(
                "metadata",
                Question.PROVENANCE,
                Status.FOUND,
                "The thumbnail shows another crop than the picture.",
                regions=(
                    Region(
                        "field", CONTRADICTION, field_name="EXIF thumbnail", value="160 × 120, differs from the picture"
                    ),
                    Region("field", "software", field_name="EXIF Software", value="Adobe Photoshop 25.1"),
                ),
                card="metadata",
            ),
        ),
        "opinion": opinion(
            Verdict.SUSPECT,
            question("face_swapped", 1.38, "moderate", "Rests on face_blend; stable under 4 of 4 re-encodings."),
            question("generated", -1.4, "moderate_for_bona_fide", "Rests on generated."),
            question("edited", None, "none", "No examiner answers this question yet.", "unexamined"),
            reasons=("LR 24 that a face was manipulated, stable under re-encoding.", "The thumbnail differs."),
            short_side=480,
            jpeg_quality=88,
            faces=[{"size_px": 160.0}],
        ),
        "not_examined": (("voice", "The exhibit holds no sound."),),
        "weights": {"face_blend.onnx": DIGEST, "generated.onnx": DIGEST},
        "timings_s": {"decode": 0.11, "face_blend": 0.42},
        "picture": picture(pixels=pixels),
        "faces": faces,
    }
    return Examination(**(parts | changes))


def declared(value: str = "trainedAlgorithmicMedia", **changes: Any) -> Examination:
    """A picture whose own metadata states that a model made it."""
    field = Region("field", DECLARES_SYNTHETIC, 1.0, field_name="XMP DigitalSourceType", value=value)
    why = "The file states that a model made it."
    finding = Finding("metadata", Question.PROVENANCE, Status.FOUND, why, 1.0, None, (field,), "metadata")
    weighed = opinion(
        Verdict.DECLARED_SYNTHETIC,
        question("provenance", None, "none", why, "examined"),
        question("generated", 0.1, "neutral", "Rests on generated."),
        reasons=(why,),
    )
    return suspect(**({"findings": (finding,), "opinion": weighed, "faces": ()} | changes))


def unreadable(name: str = "broken.jpg", sha256: str = hashlib.sha256(b"").hexdigest()) -> Examination:
    """Nothing decoded; with an empty sha256, the bytes could not even be read."""
    return Examination(
        exhibit=Exhibit(name, b"", sha256, "application/octet-stream"),
        findings=(),
        opinion=opinion(Verdict.UNEXAMINED, reasons=("The file is empty.",)),
        not_examined=(("generated", "Nothing decoded."),),
        weights={},
    )


def cards() -> Mapping[str, Card]:
    """Cards as examiners ship them, with figures as the bench writes them."""
    place = {"set": "all", "held_out": True, "abstained": 0.1}
    rows = [
        {**place, "regime": "all", "n_real": 900, "n_fake": 880, "auc": [0.91, 0.89, 0.93], "cllr": [0.58, 0.5, 0.6]},
        {
            **place,
            "regime": "face >= 160 px",
            "n_real": 90,
            "n_fake": 88,
            "auc": [0.95, 0.9, 0.98],
            "eer": [0.1, 0.05, 0.2],
        },
        {**place, "regime": "face < 64 px", "n_real": 50, "n_fake": 40, "auc": [0.61, 0.5, 0.7]},
        {
            **place,
            "regime": "JPEG quality 80-91",
            "held_out": False,
            "n_real": 9,
            "n_fake": 8,
            "auc": [0.99, 0.98, 1.0],
        },
    ]

    def card(name: str, asks: str, measured: list[dict[str, Any]]) -> Card:
        return Card(
            name, "1", asks, "Finds blending boundaries.", "A small network on face crops.", ["faces_dfdc224"],
            "lab train", ["Below 64 px it cannot judge.", "Retouched portraits raise the score."], measured,
        )  # fmt: skip

    return {"face_blend": card("face_blend", "face_swapped", rows), "generated": card("generated", "generated", [])}
