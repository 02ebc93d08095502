"""What the metadata examiner declares, what it does not, and what it finds contradictory."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from facevalue.examiners.base import Card, Examiner, Subject
from facevalue.examiners.metadata import MetadataExaminer
from facevalue.examiners.metadata.source_types import declares_capture, declares_synthetic
from facevalue.examiners.metadata.vendors import (
    credit_line,
    device_credit,
    keyword_credit,
    prose_credit,
    software_credit,
)
from facevalue.exhibit import Exhibit
from facevalue.finding import CONTRADICTION, DECLARES_SYNTHETIC, Finding, Question, Region, Status
from facevalue.media.facts import read_facts
from facevalue.media.picture import Picture, PictureQuality

NOW = datetime(2026, 6, 1, tzinfo=UTC)
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
PIXELS = np.asarray(
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((160, 120))
)


def encode(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


def examine(facts: dict[str, Any], data: bytes = b"", picture: Picture | None = None) -> Finding:
    shown = picture or Picture(PIXELS, "JPEG", "RGB", (160, 120))
    quality = PictureQuality(120, None, 1.0, 1.0)
    subject = Subject(Exhibit.open(data or b"x"), shown, facts, quality, None)
    return MetadataExaminer(clock=lambda: NOW).examine(subject)


def examine_file(data: bytes, media_type: str = "image/jpeg") -> Finding:
    return examine(read_facts(data, media_type, None, PIXELS), data)


def declared(finding: Finding) -> list[Region]:
    return [r for r in finding.regions if r.label == DECLARES_SYNTHETIC]


def odd(finding: Finding) -> list[Any]:
    return [r.details["kind"] for r in finding.regions if r.label == CONTRADICTION]


def jpeg_with_xmp(attributes: str) -> bytes:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}/></rdf:RDF></x:xmpmeta>'
    )
    return encode("JPEG", xmp=packet.encode())


def exif_facts(**exif: Any) -> dict[str, Any]:
    return {"media_type": "image/jpeg", "exif": exif, "jpeg": {"width": 160, "height": 120, "ended": True}}


class TestContract:
    def test_it_is_an_examiner(self) -> None:
        examiner = MetadataExaminer()
        assert isinstance(examiner, Examiner)
        assert (examiner.name, examiner.question, examiner.reads_pixels) == ("metadata", Question.PROVENANCE, False)
        assert examiner.weights() == {}

    def test_card(self) -> None:
        card = Card.load(MetadataExaminer().folder)
        assert card.name == "metadata"
        assert card.question == "provenance"
        assert card.limits

    @pytest.mark.parametrize("facts", [{}, {"error": "reading the file's facts took too long"}])
    def test_no_facts(self, facts: dict[str, Any]) -> None:
        finding = examine(facts)
        assert finding.status is Status.INAPPLICABLE
        assert str(facts.get("error", "no facts")) in finding.why

    def test_nothing_found_proves_nothing(self) -> None:
        finding = examine_file(encode("JPEG"))
        assert finding.status is Status.CLEAR
        assert "absence proves nothing" in finding.why
        assert (finding.score, finding.log10_lr, finding.card) == (None, None, "metadata")

    def test_it_needs_no_picture(self) -> None:
        facts = read_facts(
            jpeg_with_xmp(f'Iptc4xmpExt:DigitalSourceType="{IPTC}compositeSynthetic"'), "image/jpeg", None, None
        )
        subject = Subject(Exhibit.open(b"x"), None, facts, None, None)  # type: ignore[arg-type]
        assert MetadataExaminer().examine(subject).status is Status.FOUND


class TestSourceTypes:
    @pytest.mark.parametrize(
        "value",
        [
            IPTC + "trainedAlgorithmicMedia",
            IPTC.replace("http:", "https:") + "trainedalgorithmicmedia",
            "trainedAlgorithmicMedia",
            "digsrctype:trainedAlgorithmicMedia",
            "TRAINEDALGORITHMICMEDIA",
            "Trained Algorithmic Media",
            IPTC + "compositeWithTrainedAlgorithmicMedia",
            IPTC + "compositeSynthetic",
            IPTC + "algorithmicMedia",
            "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData",
            "Created using Generative AI",
        ],
    )
    def test_declare(self, value: str) -> None:
        assert declares_synthetic(value)
        finding = examine_file(jpeg_with_xmp(f'Iptc4xmpExt:DigitalSourceType="{value}"'))
        assert finding.status is Status.FOUND
        region = declared(finding)[0]
        assert region.field_name == "XMP Iptc4xmpExt:DigitalSourceType"
        assert region.details["kind"] == "iptc_digital_source_type"
        assert region.details["strength"] == "statement"

    @pytest.mark.parametrize(
        "term",
        [
            "digitalCapture",
            "minorHumanEdits",
            "humanEdits",
            "algorithmicallyEnhanced",
            "compositeCapture",
            "softwareImage",
            "screenCapture",
            "negativeFilm",
            "dataDrivenMedia",
            "digitalCreation",
        ],
    )
    def test_do_not_declare(self, term: str) -> None:
        finding = examine_file(jpeg_with_xmp(f'Iptc4xmpExt:DigitalSourceType="{IPTC}{term}"'))
        assert declared(finding) == []
        assert finding.status is Status.CLEAR

    def test_a_sentence_is_no_term(self) -> None:
        assert declares_synthetic("what trainedAlgorithmicMedia means, explained") is None
        assert declares_capture(IPTC + "digitalCapture")


class TestCredits:
    @pytest.mark.parametrize(
        "value",
        [
            "Made with Google AI",
            "Edited with Google AI",
            "Made with AI",
            "Imagined with AI",
            "Created with Bing Image Creator",
            "Made with Bing Image Creator. Powered by DALL-E 3",
            "AI generated",
            "AI-generated image",
            "Contains AI-generated content",
            "Image generated by DALL·E 3",
            "Generated with Adobe Firefly",
            "AI生成",
            "Made with Meta AI.",
            "This image was generated by AI",
        ],
    )
    def test_formulas_declare_anywhere(self, value: str) -> None:
        assert prose_credit(value)
        assert (
            declared(examine_file(jpeg_with_xmp(f'photoshop:Credit="{value}"')))[0].details["kind"] == "vendor_credit"
        )

    @pytest.mark.parametrize(
        "value",
        [
            "OpenAI headquarters",
            "Sam Altman of OpenAI speaks",
            "A talk about Midjourney",
            "Enhanced with AI",
            "Not generated by AI",
            "Is this AI-generated? No.",
            "Gemini Observatory",
            "Firefly in the garden",
            "Made with love",
            "A picture made with AI Weiwei's permission",
            "Adobe Photoshop",
            "ChatGPT",
            "Stable diffusion of gases",
        ],
    )
    def test_prose_does_not(self, value: str) -> None:
        assert prose_credit(value) is None
        info = PngImagePlugin.PngInfo()
        for key in ("Description", "Title", "Comment"):
            info.add_text(key, value)
        assert declared(examine_file(encode("PNG", pnginfo=info), "image/png")) == []
        assert declared(examine_file(jpeg_with_xmp(f'dc:description="{value}" photoshop:Headline="{value}"'))) == []

    @pytest.mark.parametrize(
        "value",
        [
            "Adobe Firefly",
            "Adobe_Firefly 3.0",
            "DALL-E 3",
            "ChatGPT",
            "Midjourney v6",
            "OpenAI-API",
            "NovelAI",
            "Google Gemini 2.5",
            "Stable Diffusion XL",
            "ComfyUI 0.3",
            "AI generated;txt2img;flux",
        ],
    )
    def test_software_that_generates(self, value: str) -> None:
        assert software_credit(value)
        assert declared(examine_file(jpeg_with_xmp(f'xmp:CreatorTool="{value}"')))

    @pytest.mark.parametrize(
        "value",
        [
            "Adobe Photoshop 25.0 (Firefly enabled)",
            "GIMP 2.10",
            "17.5.1",
            "Gemini Photos",
            "DALLAS imaging 1",
            "Fluxus",
            "Sora Camera Tool",
            "HDR+ 1.0.5",
            "Leonardo DiCaprio's phone",
            "Google",
        ],
    )
    def test_software_that_does_not(self, value: str) -> None:
        assert software_credit(value) is None

    def test_credit_fields_tell_products_from_firms(self) -> None:
        assert credit_line("Midjourney").strength == "statement"  # type: ignore[union-attr]
        assert credit_line("OpenAI").strength == "hint"  # type: ignore[union-attr]
        assert credit_line("Kandinsky") is None
        assert credit_line("Jane Doe for OpenAI") is None
        assert keyword_credit("ai generated").strength == "hint"  # type: ignore[union-attr]

    def test_makers(self) -> None:
        assert device_credit("Ideogram AI")
        assert device_credit("Black Forest Labs")
        assert device_credit("Canon") is None
        assert device_credit("Firefly 8SE") is None

    def test_a_hint_alone_is_said_to_be_one(self) -> None:
        finding = examine_file(jpeg_with_xmp('photoshop:Credit="OpenAI"'))
        assert finding.status is Status.FOUND
        assert "hints" in finding.why

    def test_a_history_agent_declares(self) -> None:
        facts = {
            "media_type": "image/jpeg",
            "xmp": {"history": [{"action": "saved", "softwareAgent": "Adobe Firefly 2"}]},
        }
        assert declared(examine(facts))[0].field_name == "XMP history softwareAgent"


class TestRecords:
    def test_generator_records(self) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", "a cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Model: dream")
        region = declared(examine_file(encode("PNG", pnginfo=info), "image/png"))[0]
        assert region.details["kind"] == "stable_diffusion"
        assert region.details["model"] == "dream"

    def test_a_graph_that_only_resizes_is_a_hint(self) -> None:
        found = [{"kind": "comfyui", "tool": "ComfyUI", "field": "PNG prompt", "text": "{}", "makes_pictures": False}]
        region = declared(examine({"media_type": "image/png", "generator": {"found": found}}))[0]
        assert region.details["strength"] == "hint"

    @pytest.mark.parametrize(
        ("label", "strength"), [("1", "statement"), ("2", "hint"), ("3", "hint"), ("AIGC", "statement")]
    )
    def test_aigc(self, label: str, strength: str) -> None:
        facts = {"media_type": "image/png", "aigc": {"field": "PNG AIGC", "Label": label, "ContentProducer": "001"}}
        region = declared(examine(facts))[0]
        assert (region.details["kind"], region.details["strength"]) == ("aigc_label", strength)

    def test_samsung(self) -> None:
        facts = {"media_type": "image/jpeg", "jpeg": {"samsung": {"records": [], "generative_ai_type": "3"}}}
        assert declared(examine(facts))[0].details == {"kind": "samsung_galaxy_ai", "strength": "hint"}


def c2pa_facts(actions: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    store = {
        "present": True,
        "read": True,
        "where": "JPEG APP11",
        "validation_state": "Valid",
        "content_changed": False,
        "failures": [],
        "active": {"claim_generator": "some camera", "signer": "Maker", "actions": actions},
    }
    return {"media_type": "image/jpeg", "c2pa": {**store, **more}}


class TestC2pa:
    def test_a_generated_picture(self) -> None:
        action = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia", "softwareAgent": "X"}
        region = declared(examine(c2pa_facts([action])))[0]
        assert region.field_name == "C2PA c2pa.created digitalSourceType"
        assert region.details["validation_state"] == "Valid"
        assert region.details["agent"] == "X"

    def test_an_invalid_claim_still_declares_and_says_so(self) -> None:
        action = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
        facts = c2pa_facts(
            [action], validation_state="Invalid", content_changed=True, failures=["assertion.dataHash.mismatch"]
        )
        finding = examine(facts)
        region = declared(finding)[0]
        assert region.details["validation_state"] == "Invalid"
        assert region.details["content_changed"] is True
        assert odd(finding) == ["c2pa_binding"]

    def test_a_camera_does_not_declare(self) -> None:
        finding = examine(c2pa_facts([{"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}]))
        assert finding.status is Status.CLEAR
        assert [r.field_name for r in finding.regions if r.label == "history"] == ["C2PA manifest"]

    def test_ingredients_declare_unless_only_put_into_a_model(self) -> None:
        made = {"action": "c2pa.created", "digitalSourceType": IPTC + "trainedAlgorithmicMedia"}
        for relationship, expected in (("parentOf", 1), ("componentOf", 1), ("inputTo", 0)):
            part = {"title": "x.png", "relationship": relationship, "actions": [made]}
            assert len(declared(examine(c2pa_facts([{"action": "c2pa.opened"}], ingredients=[part])))) == expected

    def test_a_generator_that_signs_without_a_source_type(self) -> None:
        facts = c2pa_facts([{"action": "c2pa.created"}])
        facts["c2pa"]["active"]["claim_generator"] = "ChatGPT"
        assert declared(examine(facts))[0].field_name == "C2PA claim generator"

    def test_unread_manifests_only_hint(self) -> None:
        store = {
            "present": True,
            "read": False,
            "where": "PNG caBX",
            "why": "c2pa-python is not installed",
            "source_types": ["trainedAlgorithmicMedia"],
        }
        region = declared(examine({"media_type": "image/png", "c2pa": store}))[0]
        assert region.details["strength"] == "hint"


class TestContradictions:
    @pytest.mark.parametrize(
        ("dates", "expected"),
        [
            ({"DateTimeOriginal": "2024:05:03 12:00:00", "ModifyDate": "2024:05:01 12:00:00"}, ["date_order"]),
            ({"DateTimeOriginal": "2024:05:01 12:00:00", "ModifyDate": "2024:05:03 12:00:00"}, []),
            ({"DateTimeOriginal": "2024:05:01 20:00:00", "ModifyDate": "2024:05:01 12:00:00"}, []),
            (
                {
                    "DateTimeOriginal": "2024:05:01 20:00:00",
                    "OffsetTimeOriginal": "+02:00",
                    "ModifyDate": "2024:05:01 12:00:00",
                    "OffsetTime": "+02:00",
                },
                ["date_order"],
            ),
            ({"DateTimeOriginal": "2031:01:01 00:00:00"}, ["future_date"]),
            ({"DateTimeOriginal": "1970:05:01 00:00:00"}, ["early_date"]),
            ({"DateTimeOriginal": "0000:00:00 00:00:00"}, []),
            ({"DateTimeOriginal": "2024:02:31 00:00:00", "ModifyDate": "rubbish"}, []),
        ],
    )
    def test_dates(self, dates: dict[str, str], expected: list[str]) -> None:
        assert odd(examine(exif_facts(make="Canon", dates=dates))) == expected

    def test_old_prints_may_carry_old_dates(self) -> None:
        assert odd(examine(exif_facts(dates={"DateTimeOriginal": "1935:05:01 00:00:00"}))) == []

    @pytest.mark.parametrize(
        ("gps", "expected"),
        [
            ({"date": "2024:05:01", "time": "10:00:00"}, []),
            ({"date": "2024:05:02", "time": "10:00:00"}, []),
            ({"date": "2024:05:04", "time": "10:00:00"}, ["gps_date"]),
            ({"date": "2024:05:02"}, []),
            ({"date": "2023:05:01"}, ["gps_date"]),
        ],
    )
    def test_satellite_date(self, gps: dict[str, str], expected: list[str]) -> None:
        dates = {"DateTimeOriginal": "2024:05:01 12:00:00"}
        assert odd(examine(exif_facts(make="Canon", dates=dates, gps=gps))) == expected

    @pytest.mark.parametrize(
        ("stated", "expected"),
        [
            ([160, 120], []),
            ([120, 160], []),
            ([168, 120], []),
            ([4000, 3000], ["dimensions"]),
            ([160, 90], ["dimensions"]),
        ],
    )
    def test_dimensions(self, stated: list[int], expected: list[str]) -> None:
        assert odd(examine(exif_facts(dimensions=stated))) == expected

    @pytest.mark.parametrize(("correlation", "expected"), [(0.98, []), (None, []), (0.2, ["thumbnail"])])
    def test_thumbnail(self, correlation: float | None, expected: list[str]) -> None:
        thumbnail = {"bytes": 900, "width": 160, "height": 120, "correlation": correlation}
        assert odd(examine(exif_facts(thumbnail=thumbnail))) == expected

    def test_a_camera_that_used_a_software_library(self) -> None:
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = "NIKON CORPORATION", "NIKON D850"
        assert odd(examine_file(encode("JPEG", exif=exif))) == ["quantisation"]
        exif[0x0131] = "Adobe Photoshop 25.0"
        assert odd(examine_file(encode("JPEG", exif=exif))) == []
        phone = Image.Exif()
        phone[0x010F], phone[0x0110] = "samsung", "SM-S911B"
        assert odd(examine_file(encode("JPEG", exif=phone))) == []

    def test_history_against_software(self) -> None:
        facts = exif_facts(make="Canon", software="Ver.1.01")
        facts["xmp"] = {"history": [{"action": "saved", "softwareAgent": "Adobe Photoshop 25.0"}]}
        assert odd(examine(facts)) == ["software"]
        facts["exif"]["software"] = "Adobe Photoshop 25.0 (Windows)"
        assert odd(examine(facts)) == []

    def test_marker_order_and_trailing_data(self) -> None:
        plain = encode("JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
        app0_end = 4 + struct.unpack(">H", plain[4:6])[0]
        exif_end = app0_end + 2 + struct.unpack(">H", plain[app0_end + 2 : app0_end + 4])[0]
        swapped = plain[:2] + plain[app0_end:exif_end] + plain[2:app0_end] + plain[exif_end:]
        assert odd(examine_file(plain)) == []
        assert odd(examine_file(swapped)) == ["marker_order"]
        assert odd(examine_file(plain + b"\xff\xd9")) == ["trailing_data"]
        assert odd(examine_file(plain + b"\0" * 16)) == []

    def test_capture_against_synthesis(self) -> None:
        facts = c2pa_facts([{"action": "c2pa.created", "digitalSourceType": IPTC + "digitalCapture"}])
        facts["xmp"] = {"properties": {"photoshop:Credit": "Made with Google AI"}}
        assert odd(examine(facts)) == ["source_type"]

    def test_why_names_the_first_and_promises_nothing(self) -> None:
        why = examine(exif_facts(dimensions=[4000, 3000])).why
        assert "EXIF PixelXDimension" in why
        assert "does not show what was changed" in why


class TestNotable:
    def test_writer_camera_structure_history(self) -> None:
        facts = {
            **exif_facts(make="Canon", model="Canon EOS R5", maker_note={"bytes": 9, "maker": None}),
            "writer": {
                "software": "GIMP 2.10",
                "kind": "editor",
                "camera": "Canon EOS R5",
                "encoder": "IJG",
                "evidence": [{"field": "EXIF Software", "value": "GIMP 2.10"}],
            },
            "xmp": {"history": [{"action": "saved", "softwareAgent": "GIMP", "when": "2024"}]},
        }
        regions = {r.label: r for r in examine(facts).regions}
        assert regions["writer"].value == "GIMP 2.10"
        assert regions["camera"].details["missing"] == ["no exposure settings", "no capture date"]
        assert regions["structure"].value == "IJG"
        assert regions["history"].value == "saved, GIMP, 2024"


WORDS = (
    "texts history properties found actions active ingredients failures evidence dates gps thumbnail "
    "dimensions order trailer quantisation samsung make model software keyword text field kind "
    "softwareAgent digitalSourceType date DateTimeOriginal ModifyDate correlation width height Label read "
    "present exact family jfif comments"
)
NAMES = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=24,
)


class TestHarmless:
    def test_values_are_short_clean_text(self) -> None:
        hostile = "Made with\x00 Google AI"
        region = declared(examine({"media_type": "x", "iptc": {"Credit": hostile.replace("\x00", "")}}))[0]
        assert region.value == "Made with Google AI"
        long = {"media_type": "x", "aigc": {"Label": "1", "ContentProducer": "<script>\u202e\x07" + "x" * 5000}}
        value = declared(examine(long))[0].value
        assert value is not None
        assert len(value) <= 300
        assert value.startswith("Label 1, ContentProducer <script> xxx")

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    "exif",
                    "xmp",
                    "iptc",
                    "icc",
                    "png",
                    "jpeg",
                    "generator",
                    "stealth",
                    "aigc",
                    "c2pa",
                    "writer",
                    "errors",
                    "media_type",
                ]
            ),
            JSON,
            max_size=6,
        )
    )
    def test_any_shape_of_facts(self, facts: dict[str, Any]) -> None:
        examine(facts).to_dict()
