"""From facts to contradictions: statements in the file that cannot all be true, or that do not fit its structure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from facevalue.examiners.metadata.fields import Facts, field_region, items, records, section
from facevalue.finding import CONTRADICTION, Region
from facevalue.media.facts.writer import is_editor

# Local times without an offset may lie up to 26 hours apart on one instant (UTC+14 against UTC-12).
ZONE_SLACK = timedelta(hours=26)
FUTURE_SLACK = timedelta(days=2)
# The first digital cameras for sale date from about 1990; EXIF itself from 1995.
FIRST_CAMERAS = datetime(1990, 1, 1, tzinfo=UTC)
# On real photographs the thumbnail's correlation stays well above; after a changed crop or content it falls below.
THUMBNAIL_FLOOR = 0.6
DIMENSION_SLACK_PX = 16
# Brands whose cameras write their own quantisation tables and no JFIF header.
_OWN_TABLES = re.compile(
    r"canon|nikon|fujifilm|olympus|om digital|panasonic|pentax|ricoh|leica|hasselblad|apple|"
    r"sony (?:ilce|dsc|slt|dslr|nex)",
    re.IGNORECASE,
)
_ODD_TRAILERS = {
    "repeated_end_marker": "the end marker is written twice",
    "appended_jpeg": "a second JPEG follows the picture without a directory that announces it",
    "appended_png": "a PNG follows the picture",
    "appended_pdf": "a PDF follows the picture",
    "archive": "an archive follows the picture",
    "appended_xmp": "an XMP packet follows the picture",
    "unknown": "unknown data follow the picture",
}


def contradictions(facts: Facts, stored_size: tuple[int, int] | None, now: datetime) -> list[Region]:
    """Field regions labelled CONTRADICTION; "strength" is "statement" for impossibilities, "hint" for oddities.

    stored_size: width and height of the decoded picture before orientation, None when it did not decode.
    now: an aware time, against which dates in the future are told.
    """
    found = [
        *_dates(facts, now),
        *_dimensions(facts, stored_size),
        *_thumbnail(facts),
        *_credential(facts),
        *_tables(facts),
        *_history(facts),
        *_structure(facts),
    ]
    return sorted(found, key=lambda r: r.details.get("strength") != "statement")[:20]


def _odd(name: str, value: object, kind: str, strength: str, why: str) -> Region:
    return field_region(CONTRADICTION, name, value, kind=kind, strength=strength, why=why)


def parse_date(text: object, offset: object = None) -> tuple[datetime, bool] | None:
    """An EXIF, XMP or ISO date as an aware time, and whether its offset from UTC is known; None when it is none."""
    match = re.match(
        r"^\s*(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?", str(text)
    )
    if not match:
        return None
    zone = match.group(7) or (str(offset).strip() if isinstance(offset, str) else "")
    numbers = [int(part or 0) for part in match.groups()[:6]]
    shift = re.match(r"^([+-])(\d\d):?(\d\d)$", zone)
    try:
        delta = timedelta(hours=int(shift.group(2)), minutes=int(shift.group(3))) if shift else timedelta()
        if shift and shift.group(1) == "-":
            delta = -delta
        moment = datetime(
            numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], min(numbers[5], 59), tzinfo=timezone(delta)
        )
        moment.astimezone(UTC)  # years 1 and 9999 overflow here
    except (ValueError, OverflowError):
        return None
    return moment, bool(shift) or zone == "Z"


def _dates(facts: Facts, now: datetime) -> Iterator[Region]:
    dates = section(facts, "exif", "dates")
    offsets = {
        "ModifyDate": "OffsetTime",
        "DateTimeOriginal": "OffsetTimeOriginal",
        "DateTimeDigitized": "OffsetTimeDigitized",
    }
    known = {n: parse_date(dates[n], dates.get(offsets[n])) for n in offsets if n in dates}
    parsed = {name: value for name, value in known.items() if value}
    for name, (moment, _) in parsed.items():
        if moment > now + FUTURE_SLACK:
            yield _odd(f"EXIF {name}", dates[name], "future_date", "statement", "the date lies in the future")
        elif moment < FIRST_CAMERAS and section(facts, "exif").get("make"):
            strength = "hint" if (moment.month, moment.day) == (1, 1) else "statement"
            why = "the date lies before there were digital cameras; perhaps the camera's clock was not set"
            yield _odd(f"EXIF {name}", dates[name], "early_date", strength, why)
    for earlier, later in (("DateTimeOriginal", "ModifyDate"), ("DateTimeOriginal", "DateTimeDigitized")):
        if earlier in parsed and later in parsed:
            (first, zone_a), (second, zone_b) = parsed[earlier], parsed[later]
            slack = timedelta(minutes=1) if zone_a and zone_b else ZONE_SLACK
            if first - second > slack:
                value = f"{earlier} {dates[earlier]}, {later} {dates[later]}"
                why = f"the picture is said to be taken after its {later}"
                yield _odd(f"EXIF {earlier}", value, "date_order", "statement", why)
    yield from _gps_date(facts, parsed.get("DateTimeOriginal"))


def _gps_date(facts: Facts, original: tuple[datetime, bool] | None) -> Iterator[Region]:
    gps = section(facts, "exif", "gps")
    stamp = parse_date(f"{gps.get('date')} {gps.get('time') or '12:00:00'}", "+00:00")
    if not original or not stamp:
        return
    slack = ZONE_SLACK + (timedelta() if gps.get("time") else timedelta(hours=12))
    if abs(stamp[0] - original[0]) > slack:
        value = f"GPS {gps.get('date')}, DateTimeOriginal {original[0]:%Y-%m-%d %H:%M}"
        yield _odd("EXIF GPSDateStamp", value, "gps_date", "statement", "the satellite date is of another day")


def _dimensions(facts: Facts, stored_size: tuple[int, int] | None) -> Iterator[Region]:
    stated = items(facts, "exif", "dimensions")
    jpeg, png = section(facts, "jpeg"), section(facts, "png")
    real = next(((h["width"], h["height"]) for h in (jpeg, png) if h.get("width") and h.get("height")), stored_size)
    if len(stated) != 2 or not real or not all(isinstance(v, int) for v in (*stated, *real)):
        return
    gaps = [max(abs(a - b) for a, b in zip(stated, pair, strict=True)) for pair in (real, real[::-1])]
    if min(gaps) > DIMENSION_SLACK_PX:
        value = f"{stated[0]} x {stated[1]} stated, {real[0]} x {real[1]} stored"
        why = "the picture does not have the size that was recorded when it was taken: it was resized or cropped since"
        yield _odd("EXIF PixelXDimension", value, "dimensions", "statement", why)


def _thumbnail(facts: Facts) -> Iterator[Region]:
    thumbnail = section(facts, "exif", "thumbnail")
    correlation = thumbnail.get("correlation")
    if isinstance(correlation, int | float) and correlation < THUMBNAIL_FLOOR:
        value = f"correlation {correlation:.2f} on {thumbnail.get('width')} x {thumbnail.get('height')}"
        why = "the embedded thumbnail shows something other than the picture"
        yield _odd("EXIF thumbnail", value, "thumbnail", "statement", why)


def _credential(facts: Facts) -> Iterator[Region]:
    c2pa = section(facts, "c2pa")
    failures = ", ".join(map(str, items(facts, "c2pa", "failures")))
    if c2pa.get("content_changed"):
        why = "the content is no longer what the C2PA manifest was made for"
        yield _odd("C2PA content binding", failures, "c2pa_binding", "statement", why)
    elif c2pa.get("manifest_changed"):
        why = "the C2PA manifest itself was changed or damaged after it was signed"
        yield _odd("C2PA manifest", failures, "c2pa_manifest", "statement", why)
    inherited = [str(f) for f in items(facts, "c2pa", "inherited_failures") if "mismatch" in str(f)]
    if inherited:
        why = "an ingredient was already altered when it was taken over"
        yield _odd("C2PA ingredient", ", ".join(inherited), "c2pa_ingredient", "statement", why)


def _tables(facts: Facts) -> Iterator[Region]:
    exif, jpeg = section(facts, "exif"), section(facts, "jpeg")
    tables = section(facts, "jpeg", "quantisation")
    camera = f"{exif.get('make') or ''} {exif.get('model') or ''}".strip()
    by_library = tables.get("exact") and tables.get("family") in ("ijg", "mozjpeg") and "jfif" in jpeg
    software = section(facts, "writer").get("kind")
    if by_library and _OWN_TABLES.match(camera) and software in (None, "camera", "unknown"):
        value = f"{camera}; {section(facts, 'writer').get('encoder')}"
        why = "the fields name a camera alone, but a software library encoded the picture: it was saved again since"
        yield _odd("JPEG quantisation tables", value, "quantisation", "hint", why)


def _history(facts: Facts) -> Iterator[Region]:
    software = str(section(facts, "exif").get("software") or "")
    events = [e for e in records(facts, "xmp", "history") if e.get("softwareAgent")]
    if not software or not events:
        return
    agent = str(events[-1]["softwareAgent"])
    shared = set(re.findall(r"[a-z]{4,}", agent.lower())).intersection(re.findall(r"[a-z]{4,}", software.lower()))
    if is_editor(agent) and not is_editor(software) and not shared:
        value = f"EXIF Software {software}; XMP history {agent}"
        why = "the edit history names a program that the EXIF software field does not know of"
        yield _odd("XMP history", value, "software", "hint", why)


def _structure(facts: Facts) -> Iterator[Region]:
    order = [str(name) for name in items(facts, "jpeg", "order")]
    if "APP0:JFIF" in order and "APP1:Exif" in order and order.index("APP0:JFIF") > order.index("APP1:Exif"):
        why = "the JFIF header must come first; a tool put the EXIF block before it"
        yield _odd("JPEG marker order", " ".join(order[:8]), "marker_order", "hint", why)
    for name in ("jpeg", "png"):
        trailer = section(facts, name, "trailer")
        why_odd = _ODD_TRAILERS.get(str(trailer.get("kind")))
        if why_odd:
            value = f"{trailer.get('bytes')} bytes after the end"
            yield _odd(f"{name.upper()} trailing data", value, "trailing_data", "hint", why_odd)
