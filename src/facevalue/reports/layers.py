"""The layers that can be laid over the picture in a report: faces, boxes and heat maps of findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from facevalue.examine import Examination
from facevalue.finding import Finding, Status
from facevalue.reports import overlay
from facevalue.reports.words import plain

Box = tuple[float, float, float, float]

SAME_FACE_IOU = 0.4


@dataclass(frozen=True, slots=True)
class BoxView:
    """A labelled box; left, top, width and height in per cent of the picture."""

    left: float
    top: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One switchable layer: boxes, or one heat map as a data: URI. shown: switched on when the report opens."""

    id: str
    name: str
    boxes: tuple[BoxView, ...] = ()
    heat: str | None = None
    shown: bool = False


@dataclass(frozen=True, slots=True)
class FaceView:
    """One face: its crop, its quality record, and what each method says of it."""

    number: int
    crop: str | None
    size_px: int
    quality: tuple[tuple[str, str], ...]
    scores: tuple[str, ...]


def build_layers(exam: Examination) -> list[Layer]:
    """Every layer of an examination with a picture: faces first, then heat maps and boxes by finding."""
    if exam.picture is None:
        return []
    size = (exam.picture.width, exam.picture.height)
    layers = [layer for n, finding in enumerate(exam.findings) for layer in _finding_layers(n, finding, size)]
    if exam.faces:
        boxes = _present(place_box(face.box, size, f"face {i}") for i, face in enumerate(exam.faces, 1))
        # Boxes of a finding mostly lie on the faces: both at once would be two labels on each.
        shown = not any(layer.boxes and layer.shown for layer in layers)
        layers.insert(0, Layer("faces", f"Faces ({len(exam.faces)})", boxes, shown=shown))
    return _with_one_heat_shown(layers)


def _finding_layers(number: int, finding: Finding, size: tuple[int, int]) -> list[Layer]:
    name, found = plain(finding.examiner), finding.status is Status.FOUND
    out = []
    heat = overlay.heat_map((r for r in finding.regions if r.kind == "mask"), *size)
    if heat is not None:
        out.append(Layer(f"heat-{number}", name, heat=overlay.heat_uri(heat), shown=found))
    boxes = _present(
        place_box(r.box, size, plain(r.label) + ("" if r.score is None else f" {r.score:.2f}"))
        for r in finding.regions
        if r.kind == "box" and r.box is not None
    )
    if boxes:
        out.append(Layer(f"boxes-{number}", f"{name}: boxes ({len(boxes)})", boxes, shown=found))
    return out


def _with_one_heat_shown(layers: list[Layer]) -> list[Layer]:
    """Heat maps exclude each other, so only the first of those that found something is on at the start."""
    first = next((layer.id for layer in layers if layer.heat and layer.shown), None)
    return [Layer(la.id, la.name, la.boxes, la.heat, la.id == first) if la.heat and la.shown else la for la in layers]


def place_box(box: Box, size: tuple[int, int], label: str) -> BoxView | None:
    """The part of a box inside the picture; None when there is none."""
    (x, y, w, h), (width, height) = box, size
    left, top = max(0.0, x), max(0.0, y)
    right, bottom = min(float(width), x + w), min(float(height), y + h)
    if not (right > left and bottom > top):  # also false for NaN
        return None
    return BoxView(
        round(100 * left / width, 2),
        round(100 * top / height, 2),
        round(100 * (right - left) / width, 2),
        round(100 * (bottom - top) / height, 2),
        label,
    )


def _present(boxes: Iterable[BoxView | None]) -> tuple[BoxView, ...]:
    return tuple(box for box in boxes if box is not None)


def build_faces(exam: Examination) -> list[FaceView]:
    """Every detected face with what the findings say about it."""
    if exam.picture is None:
        return []
    out = []
    for number, face in enumerate(exam.faces, 1):
        q = face.quality
        quality = (
            ("sharpness", f"{q.sharpness:.1f}"),
            ("yaw", f"{q.yaw:+.0f}°"),
            ("roll", f"{q.roll:+.0f}°"),
            ("exposure", f"{q.exposure:.2f}"),
            ("detector", f"{face.score:.2f}"),
        )
        crop = overlay.crop_uri(exam.picture.pixels, face.box)
        out.append(FaceView(number, crop, round(face.size_px), quality, _scores(exam, face.box)))
    return out


def _scores(exam: Examination, box: Box) -> tuple[str, ...]:
    return tuple(
        f"{plain(finding.examiner)} {region.score:.2f}"
        for finding in exam.findings
        for region in finding.regions
        if region.kind == "box"
        and region.box is not None
        and region.score is not None
        and _iou(region.box, box) >= SAME_FACE_IOU
    )


def _iou(a: Box, b: Box) -> float:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a[2] * a[3] + b[2] * b[3] - width * height)
