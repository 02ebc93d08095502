"""Facts read from files that these tests make in memory, block by block."""

from __future__ import annotations

import gzip
import io
import json
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from facevalue.media.facts import read_facts
from facevalue.media.facts.quant import _zigzag
from facevalue.media.facts.text import MAX_TOTAL, bounded, clean

DST = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
A1111 = (
    "a cat, best quality\nNegative prompt: blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 12345, Size: 512x512, Model hash: abc123, Model: dream, "
    "Version: v1.9.4"
)
COMFY = json.dumps(
    {
        "3": {"class_type": "KSampler", "inputs": {"seed": 1, "model": ["4", 0]}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl.safetensors"}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
    }
)
AIGC = {"Label": "1", "ContentProducer": "001191", "ProduceID": "P1", "ReservedCode1": "x", "PropagateID": "Q"}


def picture(width: int = 160, height: int = 120, seed: int = 1) -> Image.Image:
    """A smooth picture with structure of its own, so that a thumbnail can be told from another's."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def with_segments(jpeg: bytes, *segments: bytes, at: int = 2) -> bytes:
    return jpeg[:at] + b"".join(segments) + jpeg[at:]


def xmp_packet(attributes: str = "", body: str = "") -> bytes:
    names = {
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
        "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
        "dc": "http://purl.org/dc/elements/1.1/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "dcterms": "http://purl.org/dc/terms/",
        "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
    }
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in names.items())
    return (
        f'<?xpacket begin="" id="W5M0"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {declared}>'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def xmp_segment(packet: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


def facts_of(data: bytes, media_type: str) -> dict[str, Any]:
    image = pixels = None
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except Exception:
        image = pixels = None
    return read_facts(data, media_type, image, pixels)


def jpeg_facts(*segments: bytes, **options: Any) -> dict[str, Any]:
    return facts_of(with_segments(encode(picture(), "JPEG", **options), *segments), "image/jpeg")


def png_facts(**texts: str) -> dict[str, Any]:
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        info.add_text(keyword.replace("__", " ").replace("_dash_", "-"), text)
    return facts_of(encode(picture(), "PNG", pnginfo=info), "image/png")


def exif_of(**fields: Any) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1  # Pillow drops a block whose first directory is empty
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    for name, value in fields.items():
        if name in ("Make", "Model", "Software", "DateTime", "Artist", "ImageDescription", "Orientation"):
            exif[ExifTags.Base[name]] = value
        else:
            inner[ExifTags.Base[name]] = value
    return exif


class TestJpeg:
    @pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 90, 95, 100])
    def test_quality_of_library_tables_is_exact(self, quality: int) -> None:
        jpeg = jpeg_facts(quality=quality)["jpeg"]
        assert jpeg["quality"] == quality
        assert jpeg["quantisation"] == {"family": "ijg", "quality": quality, "exact": True}

    def test_structure(self) -> None:
        jpeg = jpeg_facts(quality=80, subsampling=2)["jpeg"]
        assert (jpeg["width"], jpeg["height"], jpeg["components"]) == (160, 120, 3)
        assert jpeg["subsampling"] == "4:2:0"
        assert jpeg["frame"] == "baseline"
        assert jpeg["huffman"] == "standard"
        assert jpeg["order"][:2] == ["SOI", "APP0:JFIF"]
        assert jpeg["order"][-1] == "EOI"
        assert (jpeg["eoi"], jpeg["trailing_bytes"]) == (1, 0)

    def test_progressive_and_optimised(self) -> None:
        jpeg = jpeg_facts(progressive=True, optimize=True)["jpeg"]
        assert jpeg["frame"] == "progressive"
        assert jpeg["huffman"] == "optimised"
        assert jpeg["scans"] > 1

    def test_restart_interval_and_comment(self) -> None:
        jpeg = jpeg_facts(comment="hello", restart_marker_rows=1)["jpeg"]
        assert jpeg["restart_interval"] > 0
        assert jpeg["comments"] == ["hello"]

    def test_foreign_tables_get_the_nearest_quality(self) -> None:
        odd = [[max(1, (i * 7) % 40 + 3) for i in range(64)]] * 2
        jpeg = jpeg_facts(qtables=odd)["jpeg"]
        assert jpeg["quantisation"]["family"] == "custom"
        assert 1 <= jpeg["quality"] <= 100

    def test_flat_and_mozjpeg_tables(self) -> None:
        assert jpeg_facts(qtables=[[9] * 64] * 2)["jpeg"]["quantisation"]["family"] == "flat"
        rows = (
            "16 16 16 18 25 37 56 85 16 17 20 27 34 40 53 75 16 20 24 31 43 62 91 135 18 27 31 40 53 74 106 156 "
            "25 34 43 53 69 94 131 189 37 40 62 74 94 124 169 238 56 53 91 106 131 169 226 311 "
            "85 75 135 156 189 238 311 418"
        )
        robidoux = np.array([int(word) for word in rows.split()])
        scaled = np.clip((robidoux * 50 + 50) // 100, 1, 255)
        found = jpeg_facts(qtables=[scaled.tolist()] * 2)["jpeg"]["quantisation"]
        assert found == {"family": "mozjpeg", "quality": 75, "exact": True}

    def test_zigzag(self) -> None:
        assert _zigzag()[:10].tolist() == [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
        assert sorted(_zigzag().tolist()) == list(range(64))

    @pytest.mark.parametrize(
        ("tail", "kind"),
        [
            (b"\xff\xd9", "repeated_end_marker"),
            (b"PK\x03\x04rest of it", "archive"),
            (b"\0" * 40, "padding"),
            (b"\0\0\0\x18ftypmp42", "motion_video"),
            (b"who knows what", "unknown"),
        ],
    )
    def test_trailing_data(self, tail: bytes, kind: str) -> None:
        facts = facts_of(encode(picture(), "JPEG") + tail, "image/jpeg")
        assert facts["jpeg"]["trailer"] == {"bytes": len(tail), "kind": kind}

    def test_second_picture_with_and_without_directory(self) -> None:
        two = encode(picture(), "MPO", save_all=True, append_images=[picture(seed=2)])
        assert facts_of(two, "image/jpeg")["jpeg"]["trailer"]["kind"] == "further_picture"
        pasted = encode(picture(), "JPEG") * 2
        found = facts_of(pasted, "image/jpeg")["jpeg"]
        assert found["trailer"]["kind"] == "appended_jpeg"
        assert found["eoi"] == 2

    def test_samsung_trailer_and_its_flag(self) -> None:
        name = b"PhotoEditor_Re_Edit_Data"
        record = b"\0\0\xa1\x0b" + struct.pack("<I", len(name)) + name + b'{"genAIType":3}'
        directory = b"SEFH" + struct.pack("<II", 106, 1) + struct.pack("<III", 0xBA10000, len(record), len(record))
        tail = record + directory + struct.pack("<I", len(directory)) + b"SEFT"
        jpeg = facts_of(encode(picture(), "JPEG") + tail, "image/jpeg")["jpeg"]
        assert jpeg["samsung"] == {"records": [name.decode()], "generative_ai_type": "3"}

    def test_cut_off(self) -> None:
        jpeg = facts_of(encode(picture(), "JPEG", quality=70)[:-200], "image/jpeg")["jpeg"]
        assert jpeg["ended"] is False
        assert jpeg["quality"] == 70


class TestExif:
    def test_fields(self) -> None:
        exif = exif_of(
            Make="Canon",
            Model="Canon EOS R5",
            Software="Firmware 1.8",
            DateTime="2024:05:01 12:00:00",
            DateTimeOriginal="2024:05:01 12:00:00",
            ExifImageWidth=160,
            ExifImageHeight=120,
            Orientation=6,
        )
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSDateStamp] = "2024:05:01"
        gps[ExifTags.GPS.GPSLatitude] = (51.0, 30.0, 0.0)
        gps[ExifTags.GPS.GPSLongitude] = (0.0, 7.0, 0.0)
        facts = jpeg_facts(exif=exif)
        found = facts["exif"]
        assert (found["make"], found["model"]) == ("Canon", "Canon EOS R5")
        assert found["dimensions"] == [160, 120]
        assert found["orientation"] == 6
        assert found["dates"]["DateTimeOriginal"] == "2024:05:01 12:00:00"
        assert found["gps"] == {"position": True, "date": "2024:05:01"}
        assert "51" not in json.dumps(found["fields"]["GPS"])
        assert facts["writer"]["camera"] == "Canon EOS R5"
        assert facts["errors"] == []

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
    def test_every_container(self, kind: str) -> None:
        data = encode(picture(), kind, exif=exif_of(Make="Nikon", Software="Tool 1"))
        assert facts_of(data, f"image/{kind.lower()}")["exif"]["make"] == "Nikon"

    @pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
    def test_user_comment_in_utf16_of_either_order(self, codec: str) -> None:
        comment = b"UNICODE\0" + A1111.encode(codec)
        facts = jpeg_facts(exif=exif_of(UserComment=comment))
        assert facts["exif"]["texts"]["UserComment"].startswith("a cat")
        assert facts["generator"]["kind"] == "stable_diffusion"

    def test_a_broken_block_costs_only_itself(self) -> None:
        facts = jpeg_facts(segment(0xE1, b"Exif\0\0nonsense"), segment(0xFE, b"kept"), quality=60)
        assert facts["exif"] == {}
        assert any(line.startswith("exif") for line in facts["errors"])
        assert facts["jpeg"]["comments"] == ["kept"]
        assert facts["jpeg"]["quality"] == 60

    def test_directory_that_points_at_itself(self) -> None:
        tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<I", 8)
        facts = jpeg_facts(segment(0xE1, b"Exif\0\0" + tiff))
        assert facts["exif"]["complaints"]


def exif_with_thumbnail(thumbnail: bytes) -> bytes:
    """A block of two directories, the second holding a JPEG."""
    second = 8 + 2 + 12 + 4
    first = struct.pack("<H", 1) + struct.pack("<HHII", 0x0112, 3, 1, 1) + struct.pack("<I", second)
    at = second + 2 + 24 + 4
    entries = struct.pack("<HHII", 0x0201, 4, 1, at) + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
    return b"Exif\0\0II*\0\x08\0\0\0" + first + struct.pack("<H", 2) + entries + b"\0\0\0\0" + thumbnail


class TestThumbnail:
    def of(self, thumbnail: Image.Image, shown: Image.Image | None = None) -> dict[str, Any]:
        block = segment(0xE1, exif_with_thumbnail(encode(thumbnail, "JPEG")))
        data = with_segments(encode(shown or picture(320, 240), "JPEG"), block)
        found: dict[str, Any] = facts_of(data, "image/jpeg")["exif"]["thumbnail"]
        return found

    def test_the_same_picture(self) -> None:
        assert self.of(picture(80, 60))["correlation"] > 0.95

    def test_turned_and_letterboxed(self) -> None:
        assert self.of(picture(80, 60).transpose(Image.Transpose.ROTATE_90))["correlation"] > 0.95
        boxed = Image.new("RGB", (80, 80))
        boxed.paste(picture(80, 60), (0, 10))
        assert self.of(boxed)["correlation"] > 0.9

    def test_another_picture(self) -> None:
        assert self.of(picture(80, 60, seed=9))["correlation"] < 0.6

    def test_flat_pictures_are_not_compared(self) -> None:
        assert self.of(Image.new("RGB", (80, 60), "gray"))["correlation"] is None


class TestXmp:
    HISTORY = (
        "<xmpMM:History><rdf:Seq>"
        '<rdf:li rdf:parseType="Resource"><stEvt:action>created</stEvt:action></rdf:li>'
        '<rdf:li stEvt:action="saved" stEvt:softwareAgent="Adobe Photoshop 25.0" stEvt:when="2024-01-02"/>'
        "</rdf:Seq></xmpMM:History>"
        "<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>A caption</rdf:li></rdf:Alt></dc:description>"
        "<dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>"
    )

    def test_attributes_elements_and_history(self) -> None:
        packet = xmp_packet(f'Iptc4xmpExt:DigitalSourceType="{DST}" xmp:CreatorTool="Tool"', self.HISTORY)
        xmp = jpeg_facts(xmp_segment(packet))["xmp"]
        assert xmp["properties"]["Iptc4xmpExt:DigitalSourceType"] == DST
        assert xmp["properties"]["dc:description"] == "A caption"
        assert xmp["properties"]["dc:subject"] == "one"
        assert xmp["properties"]["dc:subject[2]"] == "two"
        assert [e["action"] for e in xmp["history"]] == ["created", "saved"]
        assert xmp["history"][1]["softwareAgent"] == "Adobe Photoshop 25.0"

    def test_extended_packet(self) -> None:
        packet, guid = xmp_packet('photoshop:Credit="Made with Google AI"'), b"A" * 32
        half = len(packet) // 2
        parts = [
            segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", len(packet), at) + part)
            for at, part in ((half, packet[half:]), (0, packet[:half]))
        ]
        assert jpeg_facts(*parts)["xmp"]["properties"]["photoshop:Credit"] == "Made with Google AI"

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
    def test_every_container(self, kind: str) -> None:
        packet = xmp_packet(f'Iptc4xmpExt:DigitalSourceType="{DST}"')
        if kind == "PNG":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
            data = encode(picture(), "PNG", pnginfo=info)
        elif kind == "TIFF":
            data = encode(picture(), "TIFF", tiffinfo={700: packet})
        else:
            data = encode(picture(), kind, xmp=packet)
        properties = facts_of(data, f"image/{kind.lower()}")["xmp"]["properties"]
        assert properties["Iptc4xmpExt:DigitalSourceType"] == DST

    def test_gif(self) -> None:
        gif = encode(picture().quantize(16), "GIF", comment=b"a comment", xmp=b"")
        body = (
            b"\x21\xff\x0bXMP DataXMP"
            + xmp_packet('xmp:CreatorTool="Tool"')
            + b"\x01"
            + bytes(range(255, -1, -1))
            + b"\0"
        )
        at = 13 + (3 << ((gif[10] & 7) + 1))
        facts = facts_of(gif[:at] + body + gif[at:], "image/gif")
        assert facts["xmp"]["properties"]["xmp:CreatorTool"] == "Tool"
        assert facts["container"]["version"] == "89a"

    def test_entities_are_refused(self) -> None:
        bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + xmp_packet("", "<dc:title>&a;</dc:title>")
        facts = jpeg_facts(xmp_segment(b"<x>" + bomb))
        assert "dc:title" not in facts["xmp"]["properties"]
        assert any(line.startswith("xmp") for line in facts["errors"])

    def test_a_packet_that_is_cut_off_still_states(self) -> None:
        packet = xmp_packet(f'Iptc4xmpExt:DigitalSourceType="{DST}" xmp:CreatorTool="Tool"', self.HISTORY)
        facts = jpeg_facts(xmp_segment(packet[: packet.index(b"softwareAgent")]))
        assert facts["xmp"]["properties"]["Iptc4xmpExt:DigitalSourceType"] == DST
        assert any("ParseError" in line for line in facts["errors"])

    def test_statements_survive_a_flood_of_properties(self) -> None:
        flood = "".join(f'<x{i}:p xmlns:x{i}="http://n{i}/">v</x{i}:p>' for i in range(1200))
        packet = xmp_packet("", flood + f"<Iptc4xmpExt:DigitalSourceType>{DST}</Iptc4xmpExt:DigitalSourceType>")
        properties = facts_of(encode(picture(), "WEBP", xmp=packet), "image/webp")["xmp"]["properties"]
        assert properties["Iptc4xmpExt:DigitalSourceType"] == DST


class TestIptcIccPng:
    def test_iim_inside_image_resources(self) -> None:
        sets = [(1, 90, b"\x1b%G"), (2, 110, "Café AI".encode()), (2, 25, b"one"), (2, 25, b"two"), (2, 65, b"Tool")]
        iim = b"".join(bytes([0x1C, r, d]) + struct.pack(">H", len(v)) + v for r, d, v in sets)
        irb = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iim)) + iim
        iptc = jpeg_facts(segment(0xED, b"Photoshop 3.0\0" + irb))["iptc"]
        assert iptc == {"Credit": "Café AI", "Keywords": ["one", "two"], "OriginatingProgram": "Tool"}

    def test_icc(self) -> None:
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        icc = jpeg_facts(icc_profile=profile)["icc"]
        assert icc["class"] == "display"
        assert "sRGB" in icc["description"]
        assert icc["bytes"] == len(profile)

    def test_png_chunks(self) -> None:
        info = PngImagePlugin.PngInfo()
        info.add_text("Title", "plain")
        info.add_text("Comment", "packed", zip=True)
        info.add_itxt("Author", "Zoë", zip=True)
        data = encode(picture(), "PNG", pnginfo=info, dpi=(300, 300))
        png = facts_of(data + b"tail", "image/png")["png"]
        assert [t["text"] for t in png["texts"]] == ["plain", "packed", "Zoë"]
        assert png["order"][0] == "IHDR"
        assert png["unit"] == "metre"
        assert png["trailer"] == {"bytes": 4, "kind": "unknown"}
        assert png["bad_checksums"] == []

    def test_bad_checksum_is_named(self) -> None:
        data = bytearray(encode(picture(), "PNG"))
        data[29] ^= 1
        assert facts_of(bytes(data), "image/png")["png"]["bad_checksums"] == ["IHDR"]

    def test_text_bombs_inflate_to_a_bound(self) -> None:
        body = b"parameters\0\0" + zlib.compress(b"A" * (64 << 20), 9)
        chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
        data = encode(picture(), "PNG")
        start = time.perf_counter()
        facts = read_facts(data[:33] + chunk * 40 + data[33:], "image/png", None, None)
        assert time.perf_counter() - start < 5
        assert len(json.dumps(facts)) < 3 * MAX_TOTAL


GENERATORS: list[tuple[str, dict[str, str]]] = [
    ("stable_diffusion", {"parameters": A1111}),
    ("comfyui", {"prompt": COMFY}),
    ("comfyui", {"workflow": json.dumps({"nodes": [{"type": "KSampler"}], "links": [], "last_node_id": 1})}),
    ("invokeai", {"invokeai_metadata": json.dumps({"positive_prompt": "x", "model": {"name": "m"}})}),
    ("invokeai", {"sd_dash_metadata": json.dumps({"model_weights": "m", "image": {"prompt": "x"}})}),
    ("invokeai", {"Dream": '"a cat" -s 50 -S 42 -W 512 -H 512 -C 7.5 -A k_lms'}),
    ("novelai", {"Title": "AI generated image", "Software": "NovelAI", "Source": "Stable Diffusion XL 1"}),
    ("novelai", {"Comment": json.dumps({"prompt": "x", "steps": 28, "signed_hash": "h"})}),
    ("fooocus", {"parameters": A1111.replace("v1.9.4", "Fooocus v2.5.5"), "fooocus_scheme": "a1111"}),
    ("fooocus", {"parameters": json.dumps({"version": "Fooocus v2.5.5", "prompt": "x", "base_model": "juggernaut"})}),
    ("swarmui", {"parameters": json.dumps({"sui_image_params": {"prompt": "x", "model": "m", "seed": 1}})}),
    ("midjourney", {"Description": "a cat --v 6.0 Job ID: 01234567-89ab-cdef-0123-456789abcdef"}),
    ("easy_diffusion", {"prompt": "x", "seed": "1", "use_stable_diffusion_model": "sd-v1-5"}),
    ("draw_things", {"Comment": json.dumps({"c": "x", "uc": "", "model": "m", "sampler": "DPM++", "steps": 20})}),
    ("stable_diffusion", {"meta": json.dumps({"prompt": "x", "steps": 9, "sampler": "e", "seed": 1, "cfg_scale": 7})}),
]


class TestGenerators:
    @pytest.mark.parametrize(("kind", "texts"), GENERATORS)
    def test_png_records(self, kind: str, texts: dict[str, str]) -> None:
        generator = png_facts(**texts)["generator"]
        assert generator is not None
        assert generator["kind"] == kind

    def test_details(self) -> None:
        record = png_facts(parameters=A1111)["generator"]["found"][0]
        assert record["field"] == "PNG tEXt parameters"
        assert record["model"] == "dream"
        assert record["prompt"] == "a cat, best quality"
        assert record["settings"]["Steps"] == "20"
        comfy = png_facts(prompt=COMFY)["generator"]["found"][0]
        assert (comfy["model"], comfy["prompt"]) == ("sd_xl.safetensors", "a dog")

    def test_exif_carriers(self) -> None:
        comfy = facts_of(encode(picture(), "WEBP", exif=exif_of(Make=f"prompt:{COMFY}")), "image/webp")
        assert comfy["generator"]["kind"] == "comfyui"
        flux = jpeg_facts(exif=exif_of(Software="AI generated;txt2img;flux", Make="Black Forest Labs"))
        assert flux["generator"]["kind"] == "flux"
        grok = exif_of(ImageDescription="Signature: " + "Ab1+" * 20, Artist="01234567-89ab-cdef-0123-456789abcdef")
        assert jpeg_facts(exif=grok)["generator"]["kind"] == "xai_grok"

    @pytest.mark.parametrize(
        "caption",
        [
            "OpenAI headquarters, San Francisco",
            "How to use Midjourney and Stable Diffusion",
            "Steps: 12 to the church, Sampler: no",
            '{"prompt": "what do you see?"}',
            "Job ID: 7",
            "A tutorial on the AIGC label, Label: 1",
        ],
    )
    def test_prose_is_no_record(self, caption: str) -> None:
        facts = png_facts(Description=caption, Comment=caption)
        assert facts["generator"] is None
        assert facts["aigc"] is None


def hide(image: Image.Image, text: str, channel: str, packed: bool) -> Image.Image:
    """The published stealth layout, written independently of the reader."""
    payload = gzip.compress(text.encode()) if packed else text.encode()
    name = {"alpha": "png", "rgb": "rgb"}[channel]
    raw = f"stealth_{name}{'comp' if packed else 'info'}".encode() + struct.pack(">I", len(payload) * 8) + payload
    bits = [byte >> shift & 1 for byte in raw for shift in range(7, -1, -1)]
    out = image.convert("RGBA") if channel == "alpha" else image.convert("RGB")
    access = out.load()
    assert access is not None
    position = 0
    for x in range(out.width):
        for y in range(out.height):
            values = list(access[x, y])
            for index in (3,) if channel == "alpha" else (0, 1, 2):
                if position < len(bits):
                    values[index] = values[index] & ~1 | bits[position]
                    position += 1
            access[x, y] = tuple(values)
    return out


class TestStealth:
    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("channel", ["alpha", "rgb"])
    def test_round_trip(self, channel: str, packed: bool) -> None:
        facts = facts_of(encode(hide(picture(), A1111, channel, packed), "PNG"), "image/png")
        assert facts["stealth"]["channel"] == channel
        assert facts["stealth"]["text"].startswith("a cat")
        assert facts["generator"]["found"][0]["field"] == f"stealth {channel} parameters"

    def test_ordinary_pictures_hide_nothing(self) -> None:
        assert facts_of(encode(picture().convert("RGBA"), "PNG"), "image/png")["stealth"] is None

    def test_a_lying_length_is_an_error(self) -> None:
        hidden = hide(picture(20, 20), "x", "rgb", False)
        assert facts_of(encode(hidden.crop((0, 0, 8, 7)), "PNG"), "image/png")["stealth"] is None
        noisy = np.asarray(hidden).copy()
        noisy.transpose(1, 0, 2).reshape(-1)[120:152] |= 1
        flat = noisy.transpose(1, 0, 2).copy()
        flat.reshape(-1)[120:152] |= 1
        facts = facts_of(encode(Image.fromarray(flat.transpose(1, 0, 2).copy()), "PNG"), "image/png")
        assert any("stealth" in line for line in facts["errors"])


class TestAigc:
    @pytest.mark.parametrize("where", ["png", "user_comment", "xmp", "xmp_quoted", "comment", "nested"])
    def test_carriers(self, where: str) -> None:
        text = json.dumps(AIGC)
        facts = {
            "png": lambda: png_facts(AIGC=text),
            "user_comment": lambda: jpeg_facts(
                exif=exif_of(UserComment=b"ASCII\0\0\0" + json.dumps({"AIGC": AIGC}).encode())
            ),
            "xmp": lambda: jpeg_facts(xmp_segment(xmp_packet("", f"<TC260:AIGC>{text}</TC260:AIGC>"))),
            "xmp_quoted": lambda: jpeg_facts(xmp_segment(xmp_packet(f"TC260:AIGC='{text}'"))),
            "comment": lambda: jpeg_facts(comment=f'{{"AIGC":{text}}}'),
            "nested": lambda: png_facts(Comment=json.dumps({"AIGC": text})),
        }[where]()
        assert facts["aigc"]["Label"] == "1"
        assert facts["aigc"]["ContentProducer"] == "001191"
        assert facts["aigc"]["meaning"] == "is generated"


def signed(image: bytes, source_type: str | None, mime: str = "image/jpeg", **manifest: Any) -> bytes:
    """The picture with a C2PA manifest, signed with keys made here."""
    c2pa = pytest.importorskip("c2pa")
    x509 = pytest.importorskip("cryptography.x509")
    from datetime import UTC, datetime, timedelta

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text: str) -> Any:
        return x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, text), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test")]
        )

    now = datetime.now(UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(subject: str, public: Any, ca: bool) -> Any:
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("Root")).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        usage = dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True
        )
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        if not ca:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        return builder.sign(root_key, hashes.SHA256())

    chain = [certificate("Signer", key.public_key(), False), certificate("Root", root_key.public_key(), True)]
    pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain).decode()

    def sign(data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    action = {"action": "c2pa.created", "digitalSourceType": source_type} if source_type else {"action": "c2pa.edited"}
    tree = {
        "claim_generator_info": [{"name": "test maker", "version": "1"}],
        "title": "picture",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        **manifest,
    }
    out = io.BytesIO()
    quiet = {"verify": {"verify_after_sign": False, "verify_trust": False, "remote_manifest_fetch": False}}
    context = c2pa.Context.from_dict(quiet)
    signer = c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, pem)
    c2pa.Builder(json.dumps(tree), context).sign(signer, mime, io.BytesIO(image), out)
    return out.getvalue()


class TestC2pa:
    @pytest.mark.parametrize(("kind", "where"), [("JPEG", "JPEG APP11"), ("PNG", "PNG caBX"), ("WEBP", "WebP C2PA")])
    def test_claims_are_read(self, kind: str, where: str) -> None:
        mime = f"image/{kind.lower()}"
        facts = facts_of(signed(encode(picture(), kind), DST, mime), mime)
        c2pa = facts["c2pa"]
        assert (c2pa["present"], c2pa["where"], c2pa["read"]) == (True, where, True)
        assert c2pa["validation_state"] == "Valid"
        assert c2pa["active"]["actions"][0]["digitalSourceType"] == DST
        assert c2pa["active"]["claim_generator"].startswith("test maker 1")
        assert c2pa["content_changed"] is False

    @pytest.mark.parametrize("kind", ["AVIF", "TIFF", "GIF"])
    def test_other_containers(self, kind: str) -> None:
        mime = f"image/{kind.lower()}"
        image = picture().quantize(16) if kind == "GIF" else picture()
        assert facts_of(signed(encode(image, kind), DST, mime), mime)["c2pa"]["read"] is True

    def test_changed_content_is_told(self) -> None:
        data = bytearray(signed(encode(picture(), "JPEG"), DST))
        data[-30] ^= 0x55
        c2pa = facts_of(bytes(data), "image/jpeg")["c2pa"]
        assert c2pa["content_changed"] is True
        assert c2pa["validation_state"] == "Invalid"
        assert c2pa["active"]["actions"][0]["digitalSourceType"] == DST

    def test_without_the_engine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        data = signed(encode(picture(), "JPEG"), DST)
        monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
        c2pa = facts_of(data, "image/jpeg")["c2pa"]
        assert c2pa["read"] is False
        assert "not installed" in c2pa["why"]
        assert c2pa["source_types"] == ["trainedAlgorithmicMedia"]

    def test_a_damaged_store_is_a_fact(self) -> None:
        data = signed(encode(picture(), "JPEG"), DST).replace(b"jumd", b"jumx")
        c2pa = facts_of(data, "image/jpeg")["c2pa"]
        assert c2pa["present"] is True
        assert c2pa["read"] is False

    def test_a_manifest_kept_elsewhere_is_not_fetched(self) -> None:
        c2pa = jpeg_facts(xmp_segment(xmp_packet('dcterms:provenance="https://example.invalid/m.c2pa"')))["c2pa"]
        assert c2pa["present"] is False
        assert c2pa["remote"] == "https://example.invalid/m.c2pa"


class TestWriter:
    def test_names_and_kinds(self) -> None:
        editor = jpeg_facts(exif=exif_of(Software="Adobe Photoshop 25.0"))["writer"]
        assert (editor["software"], editor["kind"]) == ("Adobe Photoshop 25.0", "editor")
        phone = jpeg_facts(exif=exif_of(Make="Apple", Model="iPhone 15", Software="17.5.1"))["writer"]
        assert (phone["camera"], phone["kind"]) == ("Apple iPhone 15", "camera")
        library = jpeg_facts(comment="CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90")["writer"]
        assert library["kind"] == "library"
        assert png_facts(Software="GIMP 2.10")["writer"]["kind"] == "editor"
        assert "quality 75" in jpeg_facts()["writer"]["encoder"]


MEDIA_TYPES = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/avif",
    "image/heic",
    "image/tiff",
    "image/bmp",
]


def rich_files() -> list[tuple[bytes, str]]:
    exif = exif_of(Make="Canon", Software="x", DateTimeOriginal="2024:05:01 12:00:00", UserComment=b"ASCII\0\0\0hello")
    packet = xmp_packet(f'Iptc4xmpExt:DigitalSourceType="{DST}"', TestXmp.HISTORY)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", A1111, zip=True)
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    small = picture(48, 32)
    jpeg = with_segments(
        encode(small, "JPEG", exif=exif, xmp=packet, comment="c"),
        segment(0xE1, exif_with_thumbnail(encode(picture(32, 24), "JPEG"))),
    )
    return [
        (jpeg, "image/jpeg"),
        (encode(small, "PNG", pnginfo=info, exif=exif), "image/png"),
        (encode(small, "WEBP", exif=exif, xmp=packet), "image/webp"),
        (encode(small, "AVIF", exif=exif, xmp=packet), "image/avif"),
        (encode(small, "TIFF", tiffinfo={700: packet, 305: "x"}), "image/tiff"),
        (encode(small.quantize(8), "GIF", comment=b"hi"), "image/gif"),
    ]


RICH = rich_files()


def assert_harmless(facts: dict[str, Any]) -> None:
    text = json.dumps(facts, allow_nan=False)
    assert len(text) < 3 * MAX_TOTAL
    assert json.dumps(json.loads(text)) == text
    assert set(facts) >= {"jpeg", "exif", "xmp", "iptc", "icc", "png", "generator", "stealth", "aigc", "c2pa", "writer"}


class TestHostileBytes:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.binary(max_size=400), media_type=st.sampled_from(MEDIA_TYPES))
    def test_random_bytes(self, data: bytes, media_type: str) -> None:
        assert_harmless(read_facts(data, media_type, None, None))

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        chosen=st.sampled_from(RICH),
        edits=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=6)), max_size=8),
        keep=st.floats(0.05, 1),
    )
    def test_mutated_files(self, chosen: tuple[bytes, str], edits: list[tuple[float, bytes]], keep: float) -> None:
        data = bytearray(chosen[0])
        for place, patch in edits:
            at = int(place * (len(data) - 1))
            data[at : at + len(patch)] = patch
        assert_harmless(facts_of(bytes(data[: int(len(data) * keep)]), chosen[1]))

    @pytest.mark.parametrize("media_type", MEDIA_TYPES)
    def test_any_type_may_be_claimed(self, media_type: str) -> None:
        for data, _ in RICH:
            assert_harmless(read_facts(data, media_type, None, None))

    def test_script_and_control_characters_stay_harmless_text(self) -> None:
        hostile = "<script>alert(1)</script>\x00\x07\u202eevil\u2066\ud83d"
        assert clean(hostile) == "<script>alert(1)</script> evil"
        found = jpeg_facts(xmp_segment(xmp_packet('photoshop:Credit="&lt;script&gt;x&#x202e;y"')))
        assert found["xmp"]["properties"]["photoshop:Credit"] == "<script>xy"

    def test_everything_is_bounded(self) -> None:
        tree = {
            "a": ["x" * 5000] * 5000,
            "b": {str(i): "y" * 900 for i in range(5000)},
            "c": float("nan"),
            "d": 1 << 90,
        }
        assert len(json.dumps(bounded(tree), allow_nan=False)) < 2 * MAX_TOTAL

    @pytest.mark.parametrize(
        "data",
        [
            b"\xff\xd8" + b"\xff\xd0" * 3_000_000,
            b"\xff\xd8" + b"\xff\xe1\x00\x04ab" * 1_000_000,
            b"\xff\xd8" + b"\xff" * 6_000_000,
            b"\xff\xd8\xff\xd9" + b"\xff\xd8\xff\xd9" * 1_000_000,
        ],
    )
    def test_marker_floods_take_no_time(self, data: bytes) -> None:
        start = time.perf_counter()
        assert_harmless(read_facts(data, "image/jpeg", None, None))
        assert time.perf_counter() - start < 5
