"""Facts of containers: made files of every format, boxes built by hand, and hostile ones."""

from __future__ import annotations

import io
import json
import struct
from typing import Any

import make_clip
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.media.facts.container import read_container_facts
from facevalue.media.facts.container_marks import X264_UUID, find_marks
from facevalue.media.facts.container_reader import MAX_BYTES, FactsError, Window, mac_time
from facevalue.media.facts.text import MAX_TOTAL


def facts_of(data: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
    out = read_container_facts(io.BytesIO(data), media_type)
    assert len(json.dumps(out, allow_nan=False, ensure_ascii=False)) < 2 * MAX_TOTAL
    return out


def box(kind: bytes, body: bytes = b"", size: int | None = None) -> bytes:
    return struct.pack(">I", len(body) + 8 if size is None else size) + kind + body


def texts(facts: dict[str, Any]) -> dict[str, str]:
    return {s["key"]: s["value"] for s in facts["strings"]}


def writers(facts: dict[str, Any]) -> list[str]:
    return [w["writer"] for w in facts["writers"]]


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")


def movie(*extra: bytes, handler: bytes = b"VideoHandler\0", tables: bytes = b"", kind: bytes = b"vide") -> bytes:
    """A moov box with one track, created on 2023-11-14."""
    made = 1_700_000_000 + 2_082_844_800
    mvhd = box(b"mvhd", struct.pack(">IIIII", 0, made, made, 1000, 2000) + bytes(80))
    tkhd = box(b"tkhd", struct.pack(">IIII", 7, made, made, 1) + bytes(68))
    mdhd = box(b"mdhd", struct.pack(">IIIIIH", 0, made, made, 12_800, 25_600, 0x55C4) + bytes(2))
    hdlr = box(b"hdlr", bytes(8) + kind + bytes(12) + handler)
    mdia = box(b"mdia", mdhd + hdlr + box(b"minf", box(b"stbl", tables)))
    return box(b"moov", mvhd + box(b"trak", tkhd + mdia) + b"".join(extra))


# -- every format ------------------------------------------------------------------------------------------------------

FORMATS = {"mp4": "iso_bmff", "mov": "iso_bmff", "mkv": "matroska", "webm": "matroska", "avi": "avi", "ts": "mpeg_ts",
           "flv": "flv", "wmv": "asf"}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_every_container_of_clips_names_its_format_and_its_muxer(name: str) -> None:
    facts = facts_of(make_clip.a_clip(name, seconds=0.4))
    assert facts["format"] == FORMATS[name]
    assert "error" not in facts
    assert facts["oddities"] == []
    assert any("Lavf" in writer for writer in writers(facts))


@pytest.mark.parametrize("name", ["wav", "mp3", "ogg", "flac", "aac", "m4a", "amr", "aiff", "mka"])
def test_every_container_of_sound_is_read(name: str) -> None:
    media_type = make_clip.SOUNDS[name][3]
    facts = facts_of(make_clip.a_sound(name, seconds=0.5), media_type)
    expected = {"aac": "adts", "m4a": "iso_bmff", "mka": "matroska"}.get(name, name)
    assert facts["format"] == expected
    assert "error" not in facts
    assert [t["kind"] for t in facts["tracks"]] == ["audio"]


def test_mp4_order_tracks_and_tables() -> None:
    facts = facts_of(make_clip.clip(seconds=1.0, options={"g": "5", "bf": "0", "sc_threshold": "0"}))
    assert facts["order"] == ["ftyp", "free", "mdat", "moov"]
    assert facts["moov_first"] is False
    assert facts["brands"]["major"] == "isom"
    video, audio = facts["tracks"]
    assert (video["kind"], video["codecs"], video["width"], video["height"]) == ("video", ["avc1"], 160, 120)
    assert video["samples"] == 25
    assert video["key_frames"] == 5
    assert video["key_steps"] == [[5, 4]]
    assert video["distinct_deltas"] == 1
    assert video["duration_s"] == pytest.approx(1.0)
    assert (audio["kind"], audio["sample_rate"]) == ("audio", 44_100)


def test_mp4_index_in_front_and_fragments() -> None:
    front = facts_of(make_clip.clip(seconds=0.4, muxer={"movflags": "faststart"}))
    assert front["moov_first"] is True
    pieces = facts_of(make_clip.clip(seconds=2.0, muxer={"movflags": "frag_keyframe+empty_moov"}, options={"g": "10"}))
    assert pieces["fragments"] > 1
    assert any(part.startswith("moof mdat") for part in pieces["order"])


@pytest.mark.parametrize(("name", "encoder"), [("mp4", "x264"), ("mkv", "x264"), ("ts", "x264"), ("hevc", "x265")])
def test_settings_of_x264_and_x265(name: str, encoder: str) -> None:
    marks = {m["encoder"]: m for m in facts_of(make_clip.a_clip(name, seconds=0.4))["marks"]}
    assert encoder in marks
    assert marks[encoder]["version"]
    assert "keyint" in marks[encoder]["settings"]


def test_encoders_without_a_mark_give_none() -> None:
    assert facts_of(make_clip.a_clip("webm", seconds=0.4, audio=None))["marks"] == []


def test_mp3_tag_of_lame_and_id3() -> None:
    facts = facts_of(make_clip.a_sound("mp3", seconds=0.5, metadata={"title": "a title"}), "audio/mpeg")
    assert facts["xing"]["kind"] in ("Xing", "Info")
    assert facts["id3v2"].startswith("2.")
    assert texts(facts)["TIT2"] == "a title"
    assert any(m["encoder"] == "LAME" for m in facts["marks"])


def test_wav_with_a_broadcast_extension() -> None:
    body = (
        b"a take".ljust(256, b"\0") + b"Recorder X".ljust(32, b"\0") + b"ref".ljust(32, b"\0") + b"2024-05-0610:20:30"
    )
    chunk = b"bext" + struct.pack("<I", 602) + body.ljust(602, b"\0")
    wave = make_clip.a_sound("wav", seconds=0.2)
    data = wave[:12] + chunk + wave[12:]
    facts = facts_of(b"RIFF" + struct.pack("<I", len(data) - 8) + data[8:], "audio/wav")
    assert facts["bext"] == {"date": "2024-05-06 10:20:30"}
    assert texts(facts)["originator"] == "Recorder X"
    assert facts["order"][0] == "bext"


# -- texts and writers -------------------------------------------------------------------------------------------------


def test_tags_of_a_made_clip() -> None:
    tags = {"title": "holiday", "comment": "by the sea"}
    facts = facts_of(make_clip.clip(seconds=0.4, metadata=tags))
    assert texts(facts)["©nam"] == "holiday"
    assert texts(facts)["©cmt"] == "by the sea"


def keyed(**values: bytes) -> bytes:
    names = [name.replace("_", ".").encode() for name in values]
    keys = box(b"keys", struct.pack(">II", 0, len(names)) + b"".join(box(b"mdta", n) for n in names))
    items = [
        box(struct.pack(">I", i), box(b"data", struct.pack(">II", 1, 0) + v)) for i, v in enumerate(values.values(), 1)
    ]
    return box(b"meta", box(b"hdlr", bytes(8) + b"mdta" + bytes(12)) + keys + box(b"ilst", b"".join(items)))


def test_keys_of_an_apple_camera_and_a_place_that_is_not_kept() -> None:
    meta = keyed(
        com_apple_quicktime_make=b"Apple",
        com_apple_quicktime_model=b"iPhone 15",
        com_apple_quicktime_location_ISO6709=b"+48.8577+002.2950+035.0/",
    )
    facts = facts_of(FTYP + movie(meta, handler=b"Core Media Video\0") + box(b"mdat", b"x"))
    assert "an Apple camera" in writers(facts)
    assert texts(facts)["com.apple.quicktime.model"] == "iPhone 15"
    assert facts["location"] is True
    assert "48.8" not in json.dumps(facts)


def test_a_place_in_user_data_is_not_kept_either() -> None:
    udta = box(b"udta", box(b"\xa9xyz", struct.pack(">HH", 18, 0x15C7) + b"+48.8577+002.2950/"))
    facts = facts_of(FTYP + movie(udta) + box(b"mdat", b"x"))
    assert facts["location"] is True
    assert texts(facts)["©xyz"] == "present"


@pytest.mark.parametrize(
    ("handler", "writer"),
    [
        (b"VideoHandle\0", "Android"),
        (b"GoPro AVC\0", "GoPro"),
        (b"\x1fMainconcept Video Media Handler", "MainConcept"),
        (b"Twitter-vork muxer\0", "Twitter"),
        (b"ISO Media file produced by Google Inc.\0", "Google"),
        (b"Vimeo Artax Video Handler\0", "Vimeo"),
    ],
)
def test_handlers_tell_writers(handler: bytes, writer: str) -> None:
    facts = facts_of(FTYP + movie(handler=handler) + box(b"mdat", b"x"))
    assert any(writer in name for name in writers(facts))


def test_times_of_a_movie() -> None:
    facts = facts_of(FTYP + movie() + box(b"mdat", b"x"))
    assert facts["movie"] == {
        "created": "2023-11-14T22:13:20+00:00", "modified": "2023-11-14T22:13:20+00:00", "timescale": 1000,
        "duration_s": 2.0,
    }  # fmt: skip
    assert facts["tracks"][0]["media_created"] == facts["movie"]["created"]
    assert facts["tracks"][0]["language"] == "und"


def test_time_stamps_that_mean_nothing() -> None:
    assert mac_time(0) is None
    assert mac_time(1 << 63) is None


def test_edit_list_and_c2pa_box() -> None:
    edits = box(b"edts", box(b"elst", struct.pack(">II", 0, 2) + struct.pack(">Iii", 500, 0, 65536) * 2))
    moov = movie()
    trak = moov.index(b"trak") - 4
    size = struct.unpack(">I", moov[trak : trak + 4])[0]
    inner = moov[trak + 8 : trak + size]
    moov = box(b"moov", moov[8:trak] + box(b"trak", inner + edits))
    uuid = box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(8))
    facts = facts_of(FTYP + moov + uuid + box(b"mdat", b"x"))
    assert facts["tracks"][0]["edits"] == [[500, 0], [500, 0]]
    assert facts["c2pa"] is True


def test_a_mark_is_cut_at_its_end() -> None:
    mark = find_marks(b"abc" + X264_UUID + b"x264 - core 164 r3095 - options: crf=23.0 keyint=250\0secret", "here")
    assert mark[0]["settings"] == {"crf": "23.0", "keyint": "250"}
    assert mark[0]["version"] == "164 r3095"
    assert "secret" not in json.dumps(mark)


# -- hostile -----------------------------------------------------------------------------------------------------------


def test_sizes_that_lie_are_noted_and_cut() -> None:
    facts = facts_of(FTYP + box(b"mdat", b"x" * 8, size=1 << 30))
    assert facts["order"] == ["ftyp", "mdat"]
    assert any("mdat states a size that reaches past" in odd for odd in facts["oddities"])
    assert any("no moov" in odd for odd in facts["oddities"])


@pytest.mark.parametrize("size", [2, 7])
def test_a_size_below_the_header_ends_the_walk(size: int) -> None:
    facts = facts_of(FTYP + box(b"moov", b"", size=size))
    assert any("smaller than its own header" in odd for odd in facts["oddities"])


def test_size_zero_reaches_to_the_end_and_wide_sizes_are_read() -> None:
    wide = struct.pack(">I4sQ", 1, b"mdat", 16 + 4) + b"xxxx"
    facts = facts_of(FTYP + wide + box(b"free", b"y" * 5, size=0))
    assert facts["order"] == ["ftyp", "mdat", "free"]
    assert facts["boxes"][1][2] == 20
    assert facts["boxes"][2][2] == 13


def test_deep_nesting_stops_with_a_sentence() -> None:
    body = b""
    for _ in range(64):
        body = box(b"minf", body)
    facts = facts_of(FTYP + box(b"moov", body) + box(b"mdat", b"x"))
    assert "nested too deeply" in facts["error"]
    assert facts["order"] == ["ftyp", "moov", "mdat"]


def test_many_boxes_stop_with_a_sentence() -> None:
    facts = facts_of(FTYP + box(b"moov", box(b"abcd") * 20_000))
    assert "error" in facts
    assert facts["brands"]["major"] == "isom"


def test_tables_that_claim_billions_of_entries() -> None:
    tables = box(b"stts", struct.pack(">II", 0, 0xFFFFFFFF) + bytes(64)) + box(b"stss", struct.pack(">II", 0, 1 << 31))
    facts = facts_of(FTYP + movie(tables=tables) + box(b"mdat", b"x"))
    assert facts["tracks"][0]["samples"] == 0
    assert facts["tracks"][0]["key_frames"] == 0


class _Endless(io.RawIOBase):
    """A stream of 5 TB that begins with a header and goes on with a repeated block."""

    def __init__(self, head: bytes, block: bytes) -> None:
        self.head, self.block, self.at, self.given = head, block, 0, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = {0: 0, 1: self.at, 2: 5 << 40}[whence] + offset
        return self.at

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= MAX_BYTES
        self.given += size
        at, self.at = self.at, self.at + size
        if at < len(self.head):
            return (self.head + self.block * (size // len(self.block) + 1))[at : at + size]
        start = (at - len(self.head)) % len(self.block)
        return (self.block * (size // len(self.block) + 2))[start : start + size]


ENDLESS = {
    "boxes": (FTYP, box(b"free", bytes(24))),
    "movie": (FTYP + struct.pack(">I4sQ", 1, b"moov", 4 << 40), box(b"trak", box(b"tkhd", bytes(60)))),
    "texts": (FTYP + struct.pack(">I4sQ", 1, b"udta", 4 << 40), box(b"\xa9nam", struct.pack(">HH", 4, 0) + b"text")),
    "clusters": (b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7, b"\x1f\x43\xb6\x75\x84abcd"),
    "tags": (
        b"\x1aE\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x12\x54\xc3\x67\x01" + b"\x0f" * 7,
        b"\x73\x73\x80",
    ),
    "chunks": (b"RIFF\xff\xff\xff\xffAVI ", b"JUNK\x04\0\0\0abcd"),
    "pages": (b"", b"OggS" + bytes(22) + b"\x01\x04abcd"),
    "blocks": (b"fLaC", b"\x01\0\0\x04abcd"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_file_of_terabytes_costs_a_few_megabytes(name: str) -> None:
    stream = _Endless(*ENDLESS[name])
    facts = read_container_facts(stream, "video/mp4")
    assert facts["size"] == 5 << 40
    assert stream.given <= MAX_BYTES + (1 << 20)
    assert len(json.dumps(facts)) < 2 * MAX_TOTAL


class _Broken(io.RawIOBase):
    def __init__(self, sized: bool) -> None:
        self.sized = sized

    def seek(self, offset: int, whence: int = 0) -> int:
        if not self.sized:
            raise OSError("no")
        return 1 << 20

    def read(self, size: int = -1) -> bytes:
        raise OSError("no")


@pytest.mark.parametrize("sized", [True, False])
def test_a_stream_that_fails_is_a_sentence(sized: bool) -> None:
    facts = read_container_facts(_Broken(sized), "video/mp4")
    assert facts["format"] == "unknown"
    assert facts["error"].startswith("the stream")


def test_the_window_refuses_over_budget() -> None:
    window = Window(io.BytesIO(bytes(100)), max_bytes=10, max_reads=2)
    assert window.read(0, 4) == bytes(4)
    with pytest.raises(FactsError):
        window.read(0, 8)


def test_texts_lose_control_characters_and_overrides() -> None:
    facts = facts_of(make_clip.clip(seconds=0.2, metadata={"title": "a\u202etxt.exe\x07"}))
    assert texts(facts)["©nam"] == "atxt.exe"


MAGICS = [FTYP + movie(), b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI ", b"RIFF\0\0\0\0WAVE", b"OggS", b"fLaC", b"ID3\4\0\0",
          b"\xff\xfb", b"\xff\xf1", b"#!AMR\n", b"FLV\1\5", b"\x47" + bytes(187) + b"\x47" + bytes(187) + b"\x47",
          b"FORM\0\0\0\0AIFF", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b""]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(magic=st.sampled_from(MAGICS), rest=st.binary(max_size=600))
def test_random_bytes_never_raise(magic: bytes, rest: bytes) -> None:
    assert facts_of(magic + rest)["format"]


REAL = {name: make_clip.a_clip(name, seconds=0.2) for name in ("mp4", "mov", "mkv", "avi", "flv", "ts")} | {
    name: make_clip.a_sound(name, seconds=0.2) for name in ("wav", "mp3", "ogg", "flac", "m4a")
}


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_mutated_files_never_raise(data: st.DataObject) -> None:
    raw = bytearray(REAL[data.draw(st.sampled_from(sorted(REAL)))])
    # Structure stands at both ends; most of what lies between is coded data.
    ends = st.integers(0, min(len(raw), 900) - 1) | st.integers(max(len(raw) - 2_000, 0), len(raw) - 1)
    for at, value in data.draw(st.lists(st.tuples(ends, st.integers(0, 255)), min_size=1, max_size=12)):
        raw[at] = value
    cut = data.draw(st.integers(0, len(raw)))
    facts = facts_of(bytes(raw[: cut or len(raw)]))
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
