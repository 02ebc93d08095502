"""From facts to declarations: every statement in the file that a model made or composited the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from facevalue.examiners.metadata.fields import Facts, field_region, items, records, section, texts
from facevalue.examiners.metadata.source_types import declares_capture, declares_synthetic
from facevalue.examiners.metadata.vendors import (
    Credit,
    credit_line,
    device_credit,
    keyword_credit,
    prose_credit,
    software_credit,
)
from facevalue.finding import DECLARES_SYNTHETIC, Region

MAX_DECLARATIONS = 40
_AI_PROPERTIES = ("Iptc4xmpExt:AISystemUsed", "Iptc4xmpExt:AIPromptInformation")
_EXIF_SOFTWARE = ("Software", "ProcessingSoftware", "HostComputer", "MakerNote")
_EXIF_DEVICE = ("Make", "Model")
_EXIF_CREDIT = ("Artist", "Copyright", "XPAuthor")
_EXIF_PROSE = ("ImageDescription", "UserComment", "XPComment", "XPTitle", "XPSubject")
_XMP_SOFTWARE = ("xmp:CreatorTool", "tiff:Software", "exifEX:Software")
_XMP_DEVICE = ("tiff:Make", "tiff:Model")
_XMP_CREDIT = ("photoshop:Credit", "photoshop:Source", "dc:creator", "dc:rights", "tiff:Artist", "dc:publisher")
_XMP_PROSE = (
    "dc:description",
    "dc:title",
    "photoshop:Headline",
    "photoshop:Instructions",
    "exif:UserComment",
    "tiff:ImageDescription",
    "photoshop:TransmissionReference",
)
_IPTC_SOFTWARE = ("OriginatingProgram",)
_IPTC_CREDIT = ("Credit", "Source", "By-line", "CopyrightNotice", "Writer")
_IPTC_PROSE = ("Caption", "Headline", "ObjectName", "SpecialInstructions")
_PNG_SOFTWARE = ("Software", "Generator", "Creator Tool", "CreatorTool")
_PNG_CREDIT = ("Author", "Credit", "Source", "Copyright")


def declarations(facts: Facts) -> list[Region]:
    """Field regions labelled DECLARES_SYNTHETIC, statements before hints, at most MAX_DECLARATIONS."""
    readers = (_source_types, _labels, _generators, _credential, _credits, _phones)
    found = [region for reader in readers for region in reader(facts)]
    unique = list({(r.field_name, r.value): r for r in reversed(found)}.values())[::-1]
    return sorted(unique, key=lambda r: r.details.get("strength") != "statement")[:MAX_DECLARATIONS]


def captured(facts: Facts) -> list[str]:
    """The fields that state the opposite: a camera or scanner took the picture."""
    active = records(facts, "c2pa", "active", "actions")
    stated = [f"C2PA {a.get('action')}" for a in active if declares_capture(str(a.get("digitalSourceType") or ""))]
    return stated + [name for name, value in _typed(facts) if declares_capture(value)]


def _declares(name: str, value: object, kind: str, strength: str = "statement", **details: Any) -> Region:
    return field_region(DECLARES_SYNTHETIC, name, value, kind=kind, strength=strength, **details)


def _typed(facts: Facts) -> Iterator[tuple[str, str]]:
    for name, value in section(facts, "xmp", "properties").items():
        local = str(name).rpartition(":")[2].partition("[")[0].lower()
        if local in ("digitalsourcetype", "digitalsourcefiletype"):
            for text in texts(value):
                yield f"XMP {name}", text
    for entry in records(facts, "png", "texts"):
        if str(entry.get("keyword", "")).replace(" ", "").lower() == "digitalsourcetype":
            yield f"PNG {entry.get('keyword')}", str(entry.get("text"))


def _source_types(facts: Facts) -> Iterator[Region]:
    for name, value in _typed(facts):
        meaning = declares_synthetic(value)
        if meaning:
            yield _declares(name, value, "iptc_digital_source_type", meaning=meaning)
    properties = section(facts, "xmp", "properties")
    for name in _AI_PROPERTIES:
        for value in texts(properties.get(name)):
            yield _declares(f"XMP {name}", value, "iptc_ai_system")


def _labels(facts: Facts) -> Iterator[Region]:
    label = section(facts, "aigc")
    if not label:
        return
    said = ", ".join(f"{key} {label[key]}" for key in ("Label", "ContentProducer", "ProduceID") if label.get(key))
    strength = "hint" if label.get("Label") in ("2", "3") else "statement"
    meaning = str(label.get("meaning") or "carries a label")
    yield _declares(str(label.get("field", "AIGC")), said, "aigc_label", strength, meaning=meaning)


def _generators(facts: Facts) -> Iterator[Region]:
    fields = set()
    for record in records(facts, "generator", "found"):
        name, tool = str(record.get("field")), str(record.get("tool"))
        fields.add(name.split(" ")[0])
        # A node graph may also only resize a photograph.
        strength = "hint" if record.get("makes_pictures") is False else "statement"
        extra = {key: record[key] for key in ("model", "prompt") if isinstance(record.get(key), str)}
        yield _declares(name, record.get("text") or tool, str(record.get("kind")), strength, tool=tool, **extra)
    stealth = section(facts, "stealth")
    if stealth and "stealth" not in fields:
        yield _declares(f"hidden in the {stealth.get('channel')} bits", stealth.get("text"), "stealth_pnginfo")


def _credential(facts: Facts) -> Iterator[Region]:
    c2pa = section(facts, "c2pa")
    if not c2pa:
        return
    if not c2pa.get("read"):
        for found in texts(c2pa.get("source_types")):
            if declares_synthetic(found):
                yield _declares("C2PA digitalSourceType", found, "c2pa", "hint", validation_state="not read")
        return
    state = {
        "validation_state": c2pa.get("validation_state"),
        "content_changed": c2pa.get("content_changed"),
        "trust": "not judged here",
        "failures": [str(f) for f in items(facts, "c2pa", "failures")][:6],
    }
    active = section(facts, "c2pa", "active")
    yield from _claim("active manifest", active, state)
    for part in records(facts, "c2pa", "ingredients"):
        # What was only put into a model (a reference, a mask) is not content of this picture.
        if part.get("relationship") != "inputTo":
            yield from _claim(f"ingredient {part.get('title') or ''}".strip(), part, state)


def _claim(where: str, claim: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[Region]:
    actions = records(claim, "actions")
    typed = [(f"C2PA {a.get('action')}", a) for a in actions] + [("C2PA ingredient", claim)]
    declared = False
    for name, holder in typed:
        value = str(holder.get("digitalSourceType") or "")
        if declares_synthetic(value):
            declared = True
            agent = str(holder.get("softwareAgent") or claim.get("claim_generator") or "unnamed")
            yield _declares(f"{name} digitalSourceType", value, "c2pa", claim=where, agent=agent, **state)
    if declared or any(declares_capture(str(a.get("digitalSourceType") or "")) for a in actions):
        return
    named = [
        ("C2PA claim generator", claim.get("claim_generator")),
        *((f"C2PA {a.get('action')} softwareAgent", a.get("softwareAgent")) for a in actions),
    ]
    for name, agent_name in named:
        for text in texts(agent_name):
            if software_credit(text):
                yield _declares(name, text, "c2pa", claim=where, **state)


def _credits(facts: Facts) -> Iterator[Region]:
    for where, source, groups in _credit_fields(facts):
        for names, judge in groups:
            for name in names:
                for value in texts(source.get(name)):
                    yield from _credited(f"{where} {name}", value, judge(value))
    for event in records(facts, "xmp", "history"):
        for value in texts(event.get("softwareAgent")):
            yield from _credited("XMP history softwareAgent", value, software_credit(value))
    for comment in texts(items(facts, "jpeg", "comments")):
        yield from _credited("JPEG comment", comment, prose_credit(comment))


def _credited(name: str, value: str, credit: Credit | None) -> Iterator[Region]:
    if credit:
        yield _declares(name, value, "vendor_credit", credit.strength)


_Judge = Callable[[str], Credit | None]
_Groups = tuple[tuple[tuple[str, ...], _Judge], ...]


def _credit_fields(facts: Facts) -> Iterator[tuple[str, Mapping[str, Any], _Groups]]:
    yield (
        "EXIF",
        section(facts, "exif", "texts"),
        (
            (_EXIF_SOFTWARE, software_credit),
            (_EXIF_DEVICE, device_credit),
            (_EXIF_CREDIT, credit_line),
            (_EXIF_PROSE, prose_credit),
            (("XPKeywords",), keyword_credit),
        ),
    )
    xmp = section(facts, "xmp", "properties")
    keywords = tuple(name for name in xmp if str(name).partition("[")[0] == "dc:subject")
    yield (
        "XMP",
        xmp,
        (
            (_XMP_SOFTWARE, software_credit),
            (_XMP_DEVICE, device_credit),
            (_XMP_CREDIT, credit_line),
            (_XMP_PROSE, prose_credit),
            (keywords, keyword_credit),
        ),
    )
    yield (
        "IPTC",
        section(facts, "iptc"),
        (
            (_IPTC_SOFTWARE, software_credit),
            (_IPTC_CREDIT, credit_line),
            (_IPTC_PROSE, prose_credit),
            (("Keywords",), keyword_credit),
        ),
    )
    png: dict[str, list[str]] = {}
    for entry in records(facts, "png", "texts"):
        png.setdefault(str(entry.get("keyword")), []).append(str(entry.get("text")))
    others = tuple(k for k in png if k not in _PNG_SOFTWARE + _PNG_CREDIT)
    yield "PNG", png, ((_PNG_SOFTWARE, software_credit), (_PNG_CREDIT, credit_line), (others, prose_credit))


def _phones(facts: Facts) -> Iterator[Region]:
    samsung = section(facts, "jpeg", "samsung")
    if samsung.get("generative_ai_type"):
        # The vendor does not document the flag; it is met on pictures that its generative tools edited.
        yield _declares(
            "Samsung PhotoEditor_Re_Edit_Data genAIType", samsung["generative_ai_type"], "samsung_galaxy_ai", "hint"
        )
