"""Damaged, lying and hostile clips and sounds: one outcome each, in bounded time, and what decodes is kept."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import struct
import time
from pathlib import Path
from typing import Any

import make_clip
import numpy as np
import pytest

from facevalue.errors import DecodeError, LimitError
from facevalue.exhibit import Exhibit
from facevalue.media import ClipLimits, ReadPlan, open_clip
from facevalue.media.clip import ClipEnd

GOOD = make_clip.clip(seconds=1.0)
FAST_START = make_clip.clip(seconds=8.0, muxer={"movflags": "faststart"})
EVERY = ReadPlan(look_hz=1000, burst_frames=0)


def read(data: bytes, plan: ReadPlan = EVERY, **limits: Any) -> ClipEnd:
    with open_clip(Exhibit.open(data), ClipLimits(**limits), plan) as clip:
        for frame in clip:
            assert frame.pixels.dtype == np.uint8
        return clip.end()


# -- cut off ---------------------------------------------------------------------------------------------------------


def test_a_broken_tail_is_read_as_far_as_it_goes() -> None:
    end = read(FAST_START[: len(FAST_START) * 6 // 10])
    assert end.table is not None
    assert 60 < len(end.table) < 180
    assert end.truncated
    assert 0.3 < end.decoded_fraction < 0.9
    assert any("cut off or damaged" in note for note in end.notes)
    assert end.sound is not None
    assert 3.0 < end.sound.duration_s < 7.5


@pytest.mark.parametrize("name", ["mkv", "webm", "avi", "ts", "flv", "wmv"])
def test_a_cut_off_clip_of_any_format(name: str) -> None:
    data = make_clip.a_clip(name, seconds=8.0)
    end = read(data[: len(data) // 2])
    assert end.table is not None
    assert 50 < len(end.table) < 180
    if name not in ("ts", "flv"):  # these declare no length that could be missed
        assert end.truncated, end.notes


@pytest.mark.parametrize("name", ["wav", "flac", "m4a", "aiff"])
def test_a_cut_off_sound(name: str) -> None:
    muxer = {"movflags": "faststart"} if name == "m4a" else {}
    data = make_clip.a_sound(name, seconds=10.0, muxer=muxer)
    end = read(data[: len(data) // 2])
    assert end.sound is not None
    assert 3.0 < end.sound.duration_s < 6.5
    assert end.truncated
    assert 0.3 < end.decoded_fraction < 0.65


def test_a_missing_index_is_named() -> None:
    data = make_clip.clip(seconds=1.0)
    with pytest.raises(DecodeError, match=r"its moov box is missing\): .* cut off before it was finished"):
        read(data[: data.index(b"moov") - 4])


def test_damage_in_the_middle_costs_only_the_middle() -> None:
    data = bytearray(make_clip.a_clip("ts", seconds=6.0, options={"g": "25"}))
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    end = read(bytes(data))
    assert end.table is not None
    assert end.table.time_s[-1] > 5.5
    assert len(end.table) > 90
    assert np.all(np.diff(end.table.time_s) > 0)


# -- what is no clip ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"%PDF-1.7\n", "neither a clip, nor sound, nor an animated picture"),
        (b"#EXTM3U\n#EXTINF:9,\n/etc/hostname\n", "neither a clip"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "neither a clip"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "no index"),
        (b"\x1aE\xdf\xa3" + bytes(200), "cannot be opened"),
        (b"OggS\0\2" + bytes(100), "."),
        (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "."),
    ],
)
def test_what_is_no_clip_is_refused_in_a_sentence(data: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        read(data)


def box(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def test_a_hundred_thousand_tracks_are_refused() -> None:
    moov = box(b"moov", box(b"trak") * 100_000)
    with pytest.raises(DecodeError, match="declares 100,000 tracks, more than the limit of 64"):
        read(box(b"ftyp", b"isom\0\0\2\0isom") + moov)


def test_more_tracks_than_allowed_are_refused() -> None:
    data = make_clip.clip("matroska", None, "flac", seconds=0.2, audio_tracks=9)
    assert read(data).sound is not None
    with pytest.raises(LimitError, match="more than 8 tracks"):
        read(data, tracks=8)


def test_pictures_whose_codec_is_unknown_leave_the_sound() -> None:
    data = GOOD.replace(b"avc1", b"zzz1")
    with open_clip(Exhibit.open(data)) as clip:
        assert not clip.info.has_pictures
        end = clip.end()
    assert end.sound is not None
    assert any("not built in" in note for note in end.notes)


def test_pictures_that_do_not_decode_leave_the_sound() -> None:
    data = bytearray(make_clip.a_clip("mkv", seconds=1.0))
    for at in find_all(data, b"\x65\x88"):  # the first bytes of an IDR slice (H.264, 7.3.1)
        data[at : at + 400] = bytes(400)
    end = read(bytes(data))
    assert end.sound is not None


def find_all(data: bytes | bytearray, part: bytes) -> list[int]:
    found, at = [], -1
    while (at := data.find(part, at + 1)) >= 0:
        found.append(at)
    return found


# -- limits ------------------------------------------------------------------------------------------------------------


def test_the_pixel_limit() -> None:
    with pytest.raises(DecodeError):
        read(make_clip.clip(seconds=0.2, audio=None), pixels=10_000)
    end = read(GOOD, pixels=10_000)
    assert end.table is None
    assert end.sound is not None


def test_the_limit_on_frames() -> None:
    end = read(GOOD, frames=10)
    assert end.table is not None
    assert len(end.table) == 10
    assert any("only the first 10 frames" in note for note in end.notes)


def test_the_limit_on_sound() -> None:
    end = read(make_clip.a_sound("flac", seconds=5.0), sound_seconds=2.0)
    assert end.sound is not None
    assert 1.5 < end.sound.duration_s <= 2.0
    assert any("only the first 2 s" in note for note in end.notes)


def test_out_of_memory_is_a_limit() -> None:
    data = make_clip.clip(seconds=0.4, size=(1920, 1080), audio=None)
    with pytest.raises(LimitError, match="more memory than the limit"):
        read(data, memory_bytes=8 << 20)
    read(GOOD)


def test_out_of_time_is_a_limit() -> None:
    start = time.monotonic()
    with pytest.raises(LimitError, match="longer than its limit"):
        read(GOOD, seconds=0.0, seconds_per_s=0.0)
    assert time.monotonic() - start < 30


def test_a_lying_length_neither_hangs_nor_fools() -> None:
    data = bytearray(make_clip.a_clip("mkv", seconds=3.0))
    at = data.index(b"\x44\x89\x88")
    data[at + 3 : at + 11] = struct.pack(">d", 36_000_000.0)  # ten hours in milliseconds
    end = read(bytes(data))
    assert end.table is not None
    assert len(end.table) > 10
    assert end.sound is not None
    assert end.sound.duration_s < 5


def test_a_clip_that_is_longer_than_it_says() -> None:
    data = bytearray(make_clip.a_clip("mkv", seconds=30.0, size=(64, 48)))
    at = data.index(b"\x44\x89\x88")
    data[at + 3 : at + 11] = struct.pack(">d", 1000.0)
    end = read(bytes(data), ReadPlan(look_hz=5, whole_up_to_s=8.0))
    assert end.table is not None
    assert end.table.time_s[-1] < 10.5
    assert any("goes on after the end" in note for note in end.notes)


# -- a worker that is lost ---------------------------------------------------------------------------------------------


def worker_of(parent: int) -> int:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            child = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if child and b"facevalue.media.clip_worker" in (entry / "cmdline").read_bytes():
                return int(entry.name)
    raise AssertionError("no worker")


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the worker through /proc")
LONG = make_clip.clip(seconds=20.0, size=(640, 480), options={"g": "25"})


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_crash_keeps_the_frames_before_it_and_the_sound(how: signal.Signals) -> None:
    with open_clip(Exhibit.open(LONG), ClipLimits(), EVERY) as clip:
        frames = []
        for frame in clip:
            frames.append(frame.time_s)
            if len(frames) == 20:
                os.kill(worker_of(os.getpid()), how)
        end = clip.end()
    assert 20 <= len(frames) < 500
    assert end.truncated
    assert end.decoded_fraction < 1
    assert any(f"the decoder crashed on this file ({how.name})" in note for note in end.notes)
    assert end.sound is not None
    assert end.sound.duration_s == pytest.approx(20.0, abs=0.2)
    assert end.facts["media_type"] == "video/mp4"


@needs_proc
def test_a_worker_that_stands_still_is_ended() -> None:
    limits = ClipLimits(stall_seconds=3.0)
    with open_clip(Exhibit.open(LONG), limits, EVERY) as clip:
        for number, _ in enumerate(clip):
            if number == 5:
                os.kill(worker_of(os.getpid()), signal.SIGSTOP)
        end = clip.end()
    assert end.truncated
    assert any("stood still" in note for note in end.notes)


@needs_proc
def test_leaving_early_leaves_no_process_behind() -> None:
    with open_clip(Exhibit.open(LONG), ClipLimits(), EVERY) as clip:
        next(iter(clip))
        pid = worker_of(os.getpid())
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.slow
@needs_proc
def test_a_slow_reader_holds_the_worker_back() -> None:
    with open_clip(Exhibit.open(make_clip.clip(seconds=20.0, size=(640, 480))), ClipLimits(), EVERY) as clip:
        next(iter(clip))
        pid = worker_of(os.getpid())
        before = used(pid)
        for _ in range(100):
            time.sleep(0.1)
            now = used(pid)
            if now == before:
                break
            before = now
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert sum(1 for _ in clip) > 400  # most of the 500 frames had not been decoded yet
    assert resident < 400 << 20


def used(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11]


# -- mutations ---------------------------------------------------------------------------------------------------------

SMALL = {"seconds": 1.0, "size": (64, 48)}
CLIP_SEEDS = {name: make_clip.a_clip(name, **SMALL) for name in make_clip.CLIPS if name != "av1"}
CLIP_SEEDS |= {kind: make_clip.animation(kind, 5) for kind in ("WEBP", "GIF")}
SOUND_SEEDS = {name: make_clip.a_sound(name, seconds=1.5) for name in make_clip.SOUNDS}
QUICK = ClipLimits(
    pixels=4_000_000,
    memory_bytes=512 << 20,
    seconds=20,
    seconds_per_s=0.0,
    stall_seconds=20,
    frames=2_000,
    sound_seconds=600,
)
# Starting up to two processes, on a machine that is busy with other tests, comes on top of the limits.
MOST_SECONDS = 3 * QUICK.seconds


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Flip bits, overwrite numbers with extreme ones, cut, repeat or move a piece; head and tail are hit most often."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if len(out) < 16:
            break
        reach = min(len(out), chance.choice((64, 1024, len(out), len(out))))
        at = chance.randrange(reach) if chance.random() < 0.6 else len(out) - 1 - chance.randrange(reach)
        kind = chance.randrange(7)
        if kind <= 1:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            lie = chance.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000))
            form = chance.choice((">I", "<I", ">H", "<H"))
            size = struct.calcsize(form)
            out[at : at + size] = struct.pack(form, lie & (256**size - 1))
        elif kind == 3:
            del out[max(chance.randrange(len(out)), 16) :]
        elif kind == 4:
            out[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 20)))
        elif kind == 5:
            out[at:at] = out[at : at + chance.randrange(1, 200)] * chance.choice((1, 2, 50))
        else:
            del out[at : at + chance.randrange(1, 64)]
    return bytes(out)


def survives(data: bytes) -> bool:
    """Whether anything decodes; anything but a clean outcome within the limit fails the test."""
    start, end, refusal = time.monotonic(), None, ""
    try:
        end = read(data, **{name: getattr(QUICK, name) for name in QUICK.__slots__})
    except DecodeError as error:
        refusal = str(error)
    assert time.monotonic() - start < MOST_SECONDS
    if end is None:
        assert refusal
        assert " at 0x" not in refusal
        return False
    if end.table is not None:
        assert 0 < len(end.table) <= QUICK.frames
        assert np.all(np.diff(end.table.time_s) > 0)
    if end.sound is not None:
        assert end.sound.samples.dtype == np.int16
        assert end.sound.duration_s <= QUICK.sound_seconds + 1
    assert end.table is not None or end.sound is not None
    assert 0 <= end.decoded_fraction <= 1
    return True


@pytest.mark.parametrize("name", sorted(CLIP_SEEDS))
def test_a_mutated_clip(name: str) -> None:
    survives(mutate(CLIP_SEEDS[name], random.Random(f"few {name}")))


@pytest.mark.parametrize("name", sorted(SOUND_SEEDS))
def test_a_mutated_sound(name: str) -> None:
    survives(mutate(SOUND_SEEDS[name], random.Random(f"few {name}")))


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "seed"), [(CLIP_SEEDS, 41), (SOUND_SEEDS, 42)], ids=["clips", "sounds"])
def test_five_hundred_mutated_files(seeds: dict[str, bytes], seed: int) -> None:
    chance, names = random.Random(seed), sorted(seeds)
    decoded = sum(survives(mutate(seeds[names[i % len(names)]], chance)) for i in range(500))
    assert 100 < decoded < 495  # the mutations are neither harmless nor always fatal
    read(GOOD)
