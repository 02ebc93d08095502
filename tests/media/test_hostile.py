"""Hostile files cost one error each: never a crash of the caller, never a hang, never a broken pool."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import struct
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import make
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import facevalue
from facevalue.errors import DecodeError, LimitError
from facevalue.exhibit import Exhibit
from facevalue.media import Limits, Media, decode

GOOD = make.save(make.scene(), "PNG")


def decode_bytes(data: bytes, **limits: Any) -> Media:
    return decode(Exhibit.open(data), Limits(**limits))


def assert_still_works() -> None:
    assert np.array_equal(decode_bytes(GOOD).picture.pixels, make.scene())


# -- pixels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (make.huge_png(), "2,500 MP"),
        (make.huge_gif(), "4,295 MP"),
        (make.huge_bmp(), "3,600 MP"),
    ],
)
def test_a_picture_that_declares_too_much_is_refused_before_decoding(data: bytes, size: str) -> None:
    start = time.monotonic()
    with pytest.raises(LimitError, match=f"the picture declares {size}, more than the limit of 200 MP"):
        decode_bytes(data)
    assert time.monotonic() - start < 10
    assert_still_works()


@pytest.mark.parametrize("name", make.WRITERS)
def test_the_pixel_limit_holds_for_every_format(name: str) -> None:
    with pytest.raises(LimitError, match="the picture declares 6,144 pixels, more than the limit of 6,000 pixels"):
        decode_bytes(make.WRITERS[name](make.scene()), pixels=6000)
    assert decode_bytes(make.WRITERS[name](make.scene()), pixels=6144).picture.width == 96


def test_a_jpeg_and_a_tiff_that_lie_about_their_size() -> None:
    jpeg = bytearray(make.save(make.scene(), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65000, 65000)
    with pytest.raises(LimitError, match="declares 4,225 MP"):
        decode_bytes(bytes(jpeg))
    body = make.scene().tobytes()
    tags = {256: (4, [100_000]), 257: (4, [100_000]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [2])}
    tags |= {273: (4, [0]), 277: (3, [3]), 278: (4, [100_000]), 279: (4, [len(body)])}
    with pytest.raises(LimitError, match="declares 10,000 MP"):
        decode_bytes(make.tiff(tags, body))


def test_a_heic_that_lies_about_its_size() -> None:
    with pytest.raises(DecodeError):
        decode_bytes(make.heic(make.scene(), declared=(32_000, 32_000)))
    assert_still_works()


# -- bombs in the metadata -----------------------------------------------------------------------------------------


def test_a_text_bomb_costs_nothing_but_the_text() -> None:
    start = time.monotonic()
    found = decode_bytes(make.with_chunk(GOOD, make.text_bomb())).picture
    assert np.array_equal(found.pixels, make.scene())
    assert not found.truncated
    assert any("oversized" in note for note in found.notes)
    assert time.monotonic() - start < 10


def test_a_thousand_text_bombs() -> None:
    data = make.with_chunk(GOOD, make.text_bomb(20) * 1000)
    assert np.array_equal(decode_bytes(data).picture.pixels, make.scene())


def test_a_profile_bomb_costs_nothing_but_the_profile() -> None:
    found = decode_bytes(make.with_chunk(GOOD, make.profile_bomb())).picture
    assert np.array_equal(found.pixels, make.scene())
    assert found.icc_profile is None


def test_an_international_text_bomb() -> None:
    squeezed = zlib.compress(b"x" * (64 << 20), 9)
    bomb = make.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + squeezed)
    assert np.array_equal(decode_bytes(make.with_chunk(GOOD, bomb)).picture.pixels, make.scene())


def test_an_mpo_with_a_broken_index_still_gives_its_first_picture() -> None:
    data = bytearray(make.WRITERS["mpo"](make.scene()))
    at = data.index(b"MPF\0") + 4
    for cut in range(0, 60, 4):
        broken = bytearray(data)
        broken[at + cut : at + cut + 4] = b"\xff\xff\xff\x7f"
        found = decode_bytes(bytes(broken)).picture
        assert found.pixels.shape == (64, 96, 3)
        assert not found.truncated


def test_a_gif_of_a_million_frames_is_counted_to_a_bound() -> None:
    head = make.save(make.scene(32, 32), "GIF")[:-1]
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\x00"
    found = decode_bytes(head + frame * 1_000_000 + b";").picture
    assert found.frames == 10_000


def test_a_tiff_whose_directories_form_a_ring() -> None:
    data = bytearray(make.tiled_tiff(make.scene()))
    start = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, start)[0]
    struct.pack_into("<I", data, start + 2 + 12 * entries, start)
    assert decode_bytes(bytes(data)).picture.frames == 1


# -- limits and recovery -------------------------------------------------------------------------------------------


def test_out_of_time_is_a_limit_error_and_the_next_one_works() -> None:
    data = make.save(make.busy(3000, 2000), "PNG")
    start = time.monotonic()
    with pytest.raises(LimitError, match=r"longer than the limit of 0\.001 s"):
        decode_bytes(data, seconds=0.001)
    assert time.monotonic() - start < 10
    assert_still_works()


def test_out_of_memory_is_a_limit_error_and_the_next_one_works() -> None:
    for name in ("jpeg", "png", "webp", "tiff", "bmp", "avif", "heic"):
        data = make.WRITERS[name](make.busy(1600, 1200))
        with pytest.raises(LimitError, match="more memory than the limit of 4 MiB"):
            decode_bytes(data, memory_bytes=4 << 20)
        assert_still_works()


def test_tiny_limits_of_every_kind_never_break_the_pool() -> None:
    data = make.save(make.busy(), "JPEG")
    for memory in (0, 1 << 16, 1 << 21):
        for seconds in (0.0, 0.005, 30.0):
            with contextlib.suppress(LimitError):
                decode_bytes(data, memory_bytes=memory, seconds=seconds)
    assert_still_works()


def workers() -> list[int]:
    """Process ids of this process's living decoding workers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"facevalue.media.worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def kill_while_decoding(data: bytes, how: signal.Signals) -> Media:
    """Decode a large picture, and kill the worker once its memory shows that it is at it."""

    def strike() -> None:
        stop = time.monotonic() + 30
        while time.monotonic() < stop:
            for pid in workers():
                with contextlib.suppress(OSError, IndexError):
                    if int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 > 150 << 20:
                        os.kill(pid, how)
                        return
            time.sleep(0.002)

    hunter = threading.Thread(target=strike)
    hunter.start()
    try:
        return decode_bytes(data)
    finally:
        hunter.join()


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers through /proc")


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_worker_killed_while_idle_is_replaced(how: signal.Signals) -> None:
    assert_still_works()
    before = workers()
    assert before
    for pid in before:
        os.kill(pid, how)
    assert_still_works()
    assert set(workers()) - set(before)


@needs_proc
def test_a_worker_killed_at_work() -> None:
    slow = make.save(np.zeros((9000, 9000, 3), np.uint8), "PNG", compress_level=1)
    assert_still_works()
    # One that has served others may have died of what they left behind: a fresh one is asked before giving up.
    assert kill_while_decoding(slow, signal.SIGKILL).picture.width == 9000
    for pid in workers():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(DecodeError, match=r"the decoder crashed on this file \(SIGSEGV\)") as caught:
        kill_while_decoding(slow, signal.SIGSEGV)
    assert not isinstance(caught.value, LimitError)
    assert caught.value.facts
    assert_still_works()


@needs_proc
def test_workers_do_not_pile_up() -> None:
    threads = [threading.Thread(target=assert_still_works) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= len(workers()) <= 4


def test_errors_carry_facts() -> None:
    with pytest.raises(LimitError) as caught:
        decode_bytes(make.save(make.scene(), "JPEG"), pixels=100)
    assert isinstance(caught.value.facts, dict)
    assert "error" not in caught.value.facts


# -- mutations -----------------------------------------------------------------------------------------------------

SMALL = make.busy(96, 64)
SEEDS = {
    **{name: write(SMALL) for name, write in make.WRITERS.items()},
    "jpeg_exif_icc": make.save(SMALL, "JPEG", exif=make.exif_with_orientation(6), icc_profile=make.icc_profile()),
    "png_icc": make.save(SMALL, "PNG", exif=make.exif_with_orientation(3), icc_profile=make.icc_profile()),
    "gif_animated": make.save(SMALL, "GIF", save_all=True, append_images=[make.Image.fromarray(SMALL[::-1])]),
    "heic_exif": make.heic(SMALL, exif=make.exif_with_orientation(6).tobytes(), icc=make.icc_profile()),
}


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Flip bits, overwrite numbers with extreme ones, cut, repeat or move a piece; the head is hit most often."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if len(out) < 4:
            break
        reach = min(len(out), chance.choice((64, 512, len(out))))
        at = chance.randrange(reach)
        kind = chance.randrange(7)
        if kind <= 1:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            lie = chance.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000))
            form = chance.choice((">I", "<I", ">H", "<H"))
            size = struct.calcsize(form)
            out[at : at + size] = struct.pack(form, lie & (256**size - 1))
        elif kind == 3:
            del out[chance.randrange(len(out)) :]
        elif kind == 4:
            out[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 20)))
        elif kind == 5:
            piece = out[at : at + chance.randrange(1, 200)]
            out[at:at] = piece * chance.choice((1, 2, 50))
        else:
            del out[at : at + chance.randrange(1, 64)]
    return bytes(out)


def survives(data: bytes, limits: Limits) -> bool:
    """Whether the bytes decode; anything but a Media or a DecodeError within the limit fails the test."""
    start, media, refusal = time.monotonic(), None, ""
    try:
        media = decode(Exhibit.open(data), limits)
    except DecodeError as error:
        refusal = str(error)
    assert time.monotonic() - start < limits.seconds + GRACE_SECONDS
    if media is None:
        assert refusal
        assert " at 0x" not in refusal
        return False
    found = media.picture
    assert found.pixels.dtype == np.uint8
    assert found.pixels.ndim == 3
    assert found.pixels.shape[2] == 3
    assert found.width * found.height <= limits.pixels
    assert 0 < found.decoded_fraction <= 1
    return True


# Starting a process, and reading facts from a file that has just ended one, come on top of the limit.
GRACE_SECONDS = 7
QUICK = Limits(pixels=20_000_000, memory_bytes=512 << 20, seconds=10)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(SEEDS)), seed=st.integers(0, 2**32))
def test_any_mutation_decodes_or_is_refused(name: str, seed: int) -> None:
    survives(mutate(SEEDS[name], random.Random(seed)), QUICK)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(SEEDS)), share=st.floats(0, 1))
def test_any_truncation_decodes_or_is_refused(name: str, share: float) -> None:
    survives(SEEDS[name][: int(len(SEEDS[name]) * share)], QUICK)


@settings(max_examples=40, deadline=None)
@given(head=st.sampled_from(sorted(SEEDS)), rest=st.binary(max_size=400))
def test_a_genuine_head_on_noise(head: str, rest: bytes) -> None:
    survives(SEEDS[head][:24] + rest, QUICK)


@pytest.mark.slow
def test_two_thousand_mutated_files() -> None:
    chance, names = random.Random(2024), sorted(SEEDS)
    decoded = sum(survives(mutate(SEEDS[names[i % len(names)]], chance), QUICK) for i in range(2000))
    assert 200 < decoded < 1900  # the mutations are neither harmless nor always fatal
    assert_still_works()


@pytest.mark.slow
def test_the_largest_allowed_picture_fits_the_memory_limit() -> None:
    pixels = np.zeros((13_333, 15_000, 3), np.uint8)
    pixels[:, ::50] = 200
    found = decode_bytes(make.save(pixels, "JPEG", quality=80, exif=make.exif_with_orientation(6))).picture
    assert found.pixels.shape == (15_000, 13_333, 3)


@pytest.mark.slow
def test_two_thousand_mutated_files_give_one_examination_each() -> None:
    # The whole way through: the pictures are small, so that every examiner looks at those that decode.
    chance, names = random.Random(2025), sorted(SEEDS)
    files = [mutate(SEEDS[names[i % len(names)]], chance) for i in range(2000)]
    verdicts = [exam.opinion.verdict for exam in facevalue.check_many(iter(files), workers=2, limits=QUICK)]
    assert len(verdicts) == len(files)
    assert 100 < verdicts.count("unexamined") < 1900
