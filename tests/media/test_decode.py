"""Every format, depth, ink, profile and orientation arrives as the same upright sRGB picture."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import make
import numpy as np
import pytest
from PIL import Image, ImageCms

from facevalue.errors import DecodeError
from facevalue.exhibit import Exhibit
from facevalue.media import Media, Picture, decode

COLOURS = [make.RED, make.GREEN, make.BLUE, make.YELLOW]


def picture(data: bytes) -> Picture:
    return decode(Exhibit.open(data)).picture


def off_by(found: list[tuple[int, int, int]], wanted: list[tuple[int, int, int]]) -> int:
    return int(np.abs(np.array(found) - np.array(wanted)).max())


# -- formats -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", make.WRITERS)
def test_every_format_gives_the_same_colours(name: str) -> None:
    found = picture(make.WRITERS[name](make.scene()))
    assert (found.width, found.height) == (96, 64)
    assert found.stored_size == (96, 64)
    assert found.pixels.dtype == np.uint8
    assert found.pixels.shape == (64, 96, 3)
    assert off_by(make.quadrants(found.pixels), COLOURS) <= 4
    assert not found.truncated
    assert found.decoded_fraction == 1.0
    assert found.orientation == 1


@pytest.mark.parametrize(
    ("name", "format", "mode"),
    [
        ("jpeg_cmyk", "JPEG", "CMYK"),
        ("mpo", "JPEG", "RGB"),
        ("png_palette", "PNG", "P"),
        ("webp", "WEBP", "RGB"),
        ("heic", "HEIF", "RGB"),
    ],
)
def test_format_and_stored_mode_are_reported(name: str, format: str, mode: str) -> None:
    found = picture(make.WRITERS[name](make.scene()))
    assert (found.format, found.mode) == (format, mode)


def test_pixels_are_read_only_and_exact_for_lossless_formats() -> None:
    pixels = make.busy()
    for name in ("png", "bmp", "tiff_lzw", "tiff_tiled", "webp_lossless"):
        source = pixels[:224] if name == "tiff_tiled" else pixels
        found = picture(make.WRITERS[name](source)).pixels
        assert np.array_equal(found, source), name
        assert not found.flags.writeable


def test_the_name_does_not_matter() -> None:
    exhibit = Exhibit.open(make.save(make.scene(), "WEBP"), name="holiday.jpg")
    assert decode(exhibit).picture.format == "WEBP"


def test_grayscale_becomes_three_equal_channels() -> None:
    gray = Image.fromarray(make.scene()).convert("L")
    for format in ("JPEG", "PNG", "TIFF", "WEBP"):
        found = picture(make.save(gray, format)).pixels.astype(int)
        assert np.abs(found - np.asarray(gray, int)[..., None]).max() <= 4


def test_one_bit_pictures() -> None:
    stripes = Image.fromarray((np.indices((32, 40)).sum(axis=0) % 8 < 4).astype(np.uint8) * 255).convert("1")
    for format in ("PNG", "TIFF", "BMP"):
        found = picture(make.save(stripes, format)).pixels
        assert np.array_equal(found[..., 0], np.asarray(stripes, np.uint8) * 255)


def test_multi_picture_files_give_the_first() -> None:
    first, second = make.scene(), make.scene()[::-1]
    pages = [Image.fromarray(second)]
    cases = {
        "MPO": make.mpo(first, second),
        "TIFF": make.save(first, "TIFF", save_all=True, append_images=pages),
        "GIF": make.save(first, "GIF", save_all=True, append_images=pages),
        "WEBP": make.save(first, "WEBP", save_all=True, append_images=pages, lossless=True),
        "PNG": make.save(first, "PNG", save_all=True, append_images=pages),
        "AVIF": make.save(first, "AVIF", save_all=True, append_images=pages),
    }
    for format, data in cases.items():
        found = picture(data)
        assert found.frames == 2, format
        assert off_by(make.quadrants(found.pixels), COLOURS) <= 6, format
        assert any("2 pictures" in note for note in found.notes), format


# -- inks and depth ------------------------------------------------------------------------------------------------


def test_cmyk_without_adobes_marker_is_not_inverted() -> None:
    inks = Image.fromarray(make.scene()).convert("CMYK")
    adobe = make.save(inks, "JPEG", quality=95)
    at = adobe.index(b"\xff\xee\x00\x0eAdobe")
    plain = adobe[:at] + adobe[at + 16 :]
    inverted = 255 - np.asarray(Image.merge("CMYK", inks.split()))  # what the same numbers mean without the marker
    expected = np.asarray(Image.frombytes("CMYK", inks.size, inverted.tobytes()).convert("RGB"))
    assert off_by(make.quadrants(picture(adobe).pixels), COLOURS) <= 4
    assert off_by(make.quadrants(picture(plain).pixels), make.quadrants(expected)) <= 4


def test_sixteen_bits_are_scaled_to_eight() -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).round().astype(np.uint16), (32, 1))
    wanted = np.arange(256)
    for data in (make.png16(ramp), make.save(Image.fromarray(ramp), "TIFF")):
        found = picture(data)
        assert found.mode.startswith("I;16")
        assert np.abs(found.pixels[5, :, 1].astype(int) - wanted).max() <= 1
    colour = np.stack([ramp, ramp[:, ::-1], ramp // 2], axis=-1)
    for data in (make.png16(colour), make.rgb16_tiff(colour)):
        found = picture(data).pixels.astype(int)
        assert np.abs(found[5, :, 0] - wanted).max() <= 1
        assert np.abs(found[5, :, 1] - wanted[::-1]).max() <= 1
        assert np.abs(found[5, :, 2] - wanted / 2).max() <= 1


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_float_tiffs_are_scaled_by_their_evident_range(top: float) -> None:
    ramp = np.tile(np.linspace(0, top, 256, dtype=np.float32), (16, 1))
    found = picture(make.save(Image.fromarray(ramp), "TIFF"))
    assert found.mode == "F"
    assert np.abs(found.pixels[3, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_float_tiffs_with_odd_values_say_how_they_were_scaled() -> None:
    ramp = np.tile(np.linspace(-10, 10, 256, dtype=np.float32), (16, 1))
    ramp[0, :3] = np.nan, np.inf, -np.inf
    found = picture(make.save(Image.fromarray(ramp), "TIFF"))
    assert np.abs(found.pixels[3, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert any("-10 to 10" in note for note in found.notes)


# -- transparency --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_alpha_is_composited_on_white_and_noted(format: str) -> None:
    layered = np.dstack([make.scene(), np.full((64, 96), 255, np.uint8)])
    layered[:32, :48, 3] = 0
    layered[:32, 48:, 3] = 128
    options = {"lossless": True} if format == "WEBP" else {"quality": 95} if format == "AVIF" else {}
    found = picture(make.save(Image.fromarray(layered), format, **options))
    half = tuple(round(c * 128 / 255 + 127) for c in make.GREEN)
    assert off_by(make.quadrants(found.pixels), [(255, 255, 255), half, make.BLUE, make.YELLOW]) <= 5
    assert any("white" in note for note in found.notes)


def test_an_opaque_alpha_channel_is_no_news() -> None:
    assert picture(make.WRITERS["png_alpha"](make.scene())).notes == ()


def test_transparent_palette_and_key_colours() -> None:
    indexed = Image.new("P", (40, 40), 0)
    indexed.putpalette([200, 30, 40, 40, 50, 190])
    indexed.paste(1, (0, 20, 40, 40))
    for format in ("PNG", "GIF"):
        found = picture(make.save(indexed, format, transparency=0)).pixels
        assert tuple(found[5, 5]) == (255, 255, 255), format
        assert tuple(found[30, 5]) == (40, 50, 190), format
    keyed = picture(make.save(make.scene(), "PNG", transparency=make.RED)).pixels
    assert off_by(make.quadrants(keyed), [(255, 255, 255), *COLOURS[1:]]) == 0


# -- orientation ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_honoured(format: str, orientation: int) -> None:
    stored = make.stored_for(make.scene(), orientation)
    options = {"exif": make.exif_with_orientation(orientation)}
    if format == "TIFF":
        options["compression"] = "tiff_lzw" if orientation % 2 else "raw"
    found = picture(make.save(stored, format, **options))
    assert off_by(make.quadrants(found.pixels), COLOURS) <= 5
    assert (found.width, found.height) == (96, 64)
    assert found.stored_size == (stored.shape[1], stored.shape[0])
    assert found.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_across_many_strips(orientation: int) -> None:
    upright = make.busy(2000, 1504)
    stored = make.stored_for(upright, orientation)
    found = picture(make.save(stored, "PNG", compress_level=1, exif=make.exif_with_orientation(orientation)))
    assert np.array_equal(found.pixels, upright)


def test_rotation_inside_the_container_is_honoured_once() -> None:
    turned = np.ascontiguousarray(np.rot90(make.scene(), -1))
    exif = make.exif_with_orientation(6).tobytes()
    assert off_by(make.quadrants(picture(make.heic(turned, quarter_turns=1)).pixels), COLOURS) <= 4
    # in HEIF the Exif orientation only repeats what irot already says
    both = make.heic(turned, quarter_turns=1, exif=exif)
    assert off_by(make.quadrants(picture(both).pixels), COLOURS) <= 4
    avif = make.save(make.stored_for(make.scene(), 6), "AVIF", exif=make.exif_with_orientation(6), quality=95)
    assert off_by(make.quadrants(picture(avif).pixels), COLOURS) <= 5


def test_an_impossible_orientation_is_ignored_with_a_note() -> None:
    found = picture(make.save(make.scene(), "JPEG", exif=make.exif_with_orientation(77)))
    assert found.orientation == 1
    assert any("orientation" in note for note in found.notes)


def test_an_orientation_in_xmp_alone_is_not_believed() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6"/></x:xmpmeta>'
    assert picture(make.save(make.scene(), "JPEG", xmp=xmp)).width == 96


# -- colour profiles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_a_profile_with_swapped_primaries_swaps_the_channels(name: str) -> None:
    red, green, blue = make.SRGB_PRIMARIES
    profile = make.icc_profile((blue, green, red), name="red is blue")
    found = picture(make.save(make.scene(), name, icc_profile=profile))
    assert found.icc_profile == "red is blue"
    assert off_by(make.quadrants(found.pixels), [c[::-1] for c in COLOURS]) <= 8


def test_a_profile_in_heic_is_honoured() -> None:
    red, green, blue = make.SRGB_PRIMARIES
    found = picture(make.heic(make.scene(), icc=make.icc_profile((blue, green, red), name="swapped")))
    assert off_by(make.quadrants(found.pixels), [c[::-1] for c in COLOURS]) <= 12


def test_a_wide_gamut_profile_is_converted_as_lcms_does() -> None:
    profile = make.icc_profile(make.P3_PRIMARIES, name="Display P3 of sorts")
    source = Image.fromarray(make.scene())
    wanted = ImageCms.profileToProfile(source, io.BytesIO(profile), ImageCms.createProfile("sRGB"))
    found = picture(make.save(source, "PNG", icc_profile=profile))
    assert np.array_equal(found.pixels, np.asarray(wanted))
    assert not np.array_equal(found.pixels, make.scene())


def test_a_profile_called_srgb_is_not_taken_at_its_word() -> None:
    red, green, blue = make.SRGB_PRIMARIES
    lying = make.icc_profile((green, red, blue), name="sRGB IEC61966-2.1")
    found = picture(make.save(make.scene(), "PNG", icc_profile=lying))
    assert not np.array_equal(found.pixels, make.scene())


def test_srgb_changes_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = picture(make.save(make.busy(), "PNG", icc_profile=profile))
    assert np.array_equal(found.pixels, make.busy())
    assert "sRGB" in (found.icc_profile or "")


def test_a_gray_profile() -> None:
    gray = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (16, 1)))
    dark = make.icc_profile(gamma=4.0, name="dark gray", space=b"GRAY")
    found = picture(make.save(gray, "PNG", icc_profile=dark))
    assert found.icc_profile == "dark gray"
    assert int(found.pixels[0, 128, 0]) < 90


@pytest.mark.parametrize(
    "profile", [b"not a profile at all" * 20, make.icc_profile()[:150], make.icc_profile(space=b"GRAY")]
)
def test_an_unusable_profile_is_a_note(profile: bytes) -> None:
    found = picture(make.save(make.scene(), "JPEG", icc_profile=profile))
    assert off_by(make.quadrants(found.pixels), COLOURS) <= 4
    assert found.icc_profile is None
    assert any("colour profile" in note for note in found.notes)


# -- cut off -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("name", ["jpeg", "jpeg_444", "png", "bmp", "gif", "tiff"])
def test_a_cut_off_picture_decodes_as_far_as_it_goes(name: str, keep: float) -> None:
    whole = make.WRITERS[name](make.busy())
    complete = picture(whole).pixels
    found = picture(whole[: int(len(whole) * keep)])
    assert found.truncated
    assert found.pixels.shape == complete.shape
    assert found.decoded_fraction == pytest.approx(keep, abs=0.12)
    assert any("cut off" in note for note in found.notes)
    good = int(found.height * found.decoded_fraction) - 20
    if good > 0 and name != "gif":  # Pillow writes interlaced GIFs, whose rows come in four passes
        first = found.height - good if name == "bmp" else 0  # a BMP begins with the bottom row
        rows = slice(first, first + good)
        assert np.abs(found.pixels[rows].astype(int) - complete[rows]).mean() < 1


def test_a_cut_off_progressive_jpeg_is_coarse_but_whole() -> None:
    whole = make.WRITERS["jpeg_progressive"](make.busy())
    found = picture(whole[: len(whole) // 2])
    assert found.truncated
    assert found.decoded_fraction > 0.9
    assert any("detail may be missing" in note for note in found.notes)


def test_a_cut_off_webp_keeps_its_upper_rows() -> None:
    whole = make.save(make.busy(), "WEBP", quality=90)
    complete = picture(whole).pixels.astype(int)
    found = picture(whole[: len(whole) * 6 // 10])
    assert found.truncated
    assert 0.3 < found.decoded_fraction < 0.75
    rows = round(found.height * found.decoded_fraction)
    assert np.abs(found.pixels[: rows - 20] - complete[: rows - 20]).mean() < 1
    assert (found.pixels[rows:] == 128).all()


def test_a_jpeg_without_its_last_marker_is_whole() -> None:
    found = picture(make.save(make.busy(), "JPEG")[:-2])
    assert found.decoded_fraction == 1.0


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "heic", "gif", "bmp", "tiff"])
def test_a_header_alone_is_refused(name: str) -> None:
    whole = make.WRITERS[name](make.busy())
    with pytest.raises(DecodeError):
        picture(whole[:60])


def test_a_damaged_chunk_in_the_middle_costs_only_what_follows() -> None:
    whole = bytearray(make.save(make.busy(), "PNG"))
    for at in range(len(whole) * 6 // 10, len(whole) * 6 // 10 + 40):
        whole[at] ^= 0x5A
    found = picture(bytes(whole))
    assert found.truncated
    assert found.decoded_fraction > 0.3


# -- what is not a picture -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", r"this is a video \(video/mp4\), not a picture"),
        (b"ID3\x04\0\0\0", r"this is a sound file \(audio/mpeg\)"),
        (b"%PDF-1.7", "this is a PDF document"),
        (b"PK\x03\x04", "this is a ZIP archive"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "this is an SVG drawing"),
        (b"\xff\x0a\0\0", "this is a JPEG XL picture .* does not decode"),
        (b"just a letter", "this is text"),
        (b"\x93\x01\x02\x03" * 9, "match no format"),
    ],
)
def test_the_refusal_names_what_it_seems_to_be(data: bytes, sentence: str) -> None:
    with pytest.raises(DecodeError, match=sentence) as caught:
        decode(Exhibit.open(data))
    assert isinstance(caught.value.facts, dict)


# -- the process behind it -----------------------------------------------------------------------------------------


def test_threads_decode_side_by_side() -> None:
    found: dict[int, Media] = {}
    data = [make.save(make.busy(seed=i), "PNG") for i in range(4)]

    def work(i: int) -> None:
        for _ in range(3):
            found[i] = decode(Exhibit.open(data[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        assert np.array_equal(found[i].picture.pixels, make.busy(seed=i))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_gets_processes_of_its_own() -> None:
    data = make.save(make.scene(), "PNG")
    decode(Exhibit.open(data))
    # a clean interpreter: forking the test runner itself, with its threads, would test the runner
    script = (
        "import os, sys\n"
        "from facevalue.exhibit import Exhibit\n"
        "from facevalue.media import decode\n"
        "data = sys.stdin.buffer.read()\n"
        "decode(Exhibit.open(data))\n"
        "child = os.fork()\n"
        "decode(Exhibit.open(data)); decode(Exhibit.open(data))\n"
        "if child: assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_script_needs_no_main_guard_and_leaves_no_process(tmp_path: Path) -> None:
    picture_path, script = tmp_path / "a.png", tmp_path / "script.py"
    picture_path.write_bytes(make.save(make.scene(), "PNG"))
    (tmp_path / "json.py").write_text("raise SystemExit('a file beside the exhibit was imported')")
    script.write_text(
        "import sys\nsys.path.pop(0)\n"
        "from facevalue.exhibit import Exhibit\nfrom facevalue.media import decode\n"
        "print(decode(Exhibit.open('a.png')).picture.pixels.shape)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "(64, 96, 3)"
    assert done.stderr == ""


def test_twelve_megapixels_arrive_in_time() -> None:
    data = make.save(make.busy(4000, 3000), "JPEG", quality=90)
    decode(Exhibit.open(data))
    exhibit, times = Exhibit.open(data), []
    for _ in range(3):
        start = time.perf_counter()
        decode(exhibit)
        times.append(time.perf_counter() - start)
    assert min(times) < 1.0  # 0.1 to 0.35 s on an idle core; the bound leaves room for a busy machine


def test_the_same_bytes_give_the_same_answer() -> None:
    exhibit = Exhibit.open(make.save(make.busy(), "JPEG")[:5000])
    first, second = decode(exhibit), decode(exhibit)
    assert first.facts == second.facts
    assert first.picture.notes == second.picture.notes
    assert np.array_equal(first.picture.pixels, second.picture.pixels)
