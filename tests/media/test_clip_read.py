"""Clips, sounds and animated pictures: what is read is what was made, at its true times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import make_clip
import numpy as np
import pytest

from facevalue.exhibit import Exhibit
from facevalue.media import ClipLimits, ReadPlan, is_animated, open_clip
from facevalue.media.clip import KIND_I, SAMPLE_RATE_HZ, ClipEnd, ClipInfo, Frame

EVERY = ReadPlan(look_hz=1000, burst_frames=0)
CLIP = make_clip.clip()


def read(data: bytes, plan: ReadPlan = EVERY, **limits: Any) -> tuple[ClipInfo, list[Frame], ClipEnd]:
    with open_clip(Exhibit.open(data), ClipLimits(**limits), plan) as clip:
        return clip.info, list(clip), clip.end()


def level(samples: np.ndarray) -> float:
    return float(np.abs(samples.astype(float)).mean())


# -- formats -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", make_clip.CLIPS)
def test_every_clip_gives_its_frames_and_its_sound(name: str) -> None:
    _, _, audio, media_type = make_clip.CLIPS[name]
    data = make_clip.a_clip(name)
    assert Exhibit.open(data).media_type == media_type
    info, frames, end = read(data)
    assert (info.width, info.height) == (160, 120)
    assert info.whole
    assert abs(info.duration_s - 2.0) < 0.2
    assert 49 <= len(frames) <= 51
    assert end.table is not None
    assert len(end.table) == len(frames)
    assert np.all(np.diff(end.table.time_s) > 0)
    assert [f.time_s for f in frames] == end.table.time_s.tolist()
    assert abs(float(np.median(np.diff(end.table.time_s))) - 0.04) < 0.003
    error = np.abs(frames[10].pixels.astype(int) - make_clip.scene(10 + len(frames) - 50).astype(int)).mean()
    assert error < 12
    assert not end.truncated, end.notes
    assert (end.sound is not None) == (audio is not None) == (info.audio_tracks == 1)
    if end.sound is not None:
        assert abs(end.sound.duration_s - 2.0) < 0.15
        assert level(end.sound.samples) > 2000


@pytest.mark.parametrize("name", make_clip.SOUNDS)
def test_every_sound_is_read_whole(name: str) -> None:
    _, _, rate, media_type = make_clip.SOUNDS[name]
    data = make_clip.a_sound(name, seconds=3.0)
    assert Exhibit.open(data).media_type in (media_type, "video/x-matroska")
    info, frames, end = read(data)
    assert not frames
    assert not info.has_pictures
    assert end.table is None
    assert end.sound is not None
    assert end.sound.source_rate_hz == rate
    assert abs(end.sound.duration_s - 3.0) < 0.12
    assert end.sound.samples.dtype == np.int16
    assert not end.sound.samples.flags.writeable
    loud, quiet = (
        end.sound.samples[int(a * SAMPLE_RATE_HZ) : int(b * SAMPLE_RATE_HZ)] for a, b in ((0.2, 0.7), (0.87, 0.97))
    )
    assert level(loud) > 2000 > 100 > level(quiet)
    assert not end.truncated, end.notes


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "AVIF"])
def test_animated_pictures_keep_their_own_times(kind: str) -> None:
    data = make_clip.animation(kind, 6, ms=[100, 50, 200, 100, 300, 100])
    exhibit = Exhibit.open(data)
    assert is_animated(exhibit)
    assert not is_animated(Exhibit.open(make_clip.animation(kind, 1)))
    info, frames, end = read(data)
    assert [round(f.time_s, 3) for f in frames] == [0.0, 0.1, 0.15, 0.35, 0.45, 0.75]
    assert (info.width, info.height) == (96, 64)
    assert info.duration_s == pytest.approx(0.85)
    assert end.table is not None
    assert len(end.table) == 6


def test_other_files_are_not_animated() -> None:
    assert not is_animated(Exhibit.open(CLIP))
    assert not is_animated(Exhibit.open(b"GIF89a"))
    assert not is_animated(Exhibit.open(b"RIFF\0\0\0\0WEBPANMF"))
    assert not is_animated(Exhibit.open(b"\0\0\0\x1cftypavis\0\0\0\0avifmoov"))


# -- times ---------------------------------------------------------------------------------------------------------


def test_a_variable_frame_rate_keeps_its_times() -> None:
    times = [0.0, 0.1, 0.15, 0.5, 0.9, 1.3, 1.31]
    _, frames, _ = read(make_clip.clip(audio=None, times=times, frames=make_clip.scenes(len(times))))
    assert np.allclose([f.time_s for f in frames], times, atol=1e-3)


def test_sound_that_starts_late() -> None:
    _, frames, end = read(make_clip.clip(sound_start=0.7, seconds=1.0))
    assert frames[0].time_s == 0.0
    assert end.sound is not None
    assert end.sound.start_s == pytest.approx(0.7, abs=0.05)


def test_pictures_that_start_late() -> None:
    _, frames, end = read(make_clip.clip(picture_start=0.5, seconds=1.0))
    assert frames[0].time_s == pytest.approx(0.5, abs=0.05)
    assert end.sound is not None
    assert end.sound.start_s == pytest.approx(0.0, abs=0.03)


def test_a_transport_stream_counts_from_its_start() -> None:
    _, frames, end = read(make_clip.a_clip("ts"))
    assert frames[0].time_s < 0.1
    assert end.sound is not None
    assert end.sound.start_s < 0.1


@pytest.mark.parametrize("container", ["matroska", "mp4"])
def test_a_gap_in_the_sound_becomes_silence(container: str) -> None:
    _, _, end = read(with_gap(container))
    assert end.sound is not None
    assert len(end.sound.gaps) == 1
    at, seconds = end.sound.gaps[0]
    assert at == pytest.approx(1.0, abs=0.1)
    assert seconds == pytest.approx(2.0, abs=0.1)
    assert end.sound.duration_s == pytest.approx(4.0, abs=0.15)
    assert level(end.sound.samples[int(1.5 * SAMPLE_RATE_HZ) : int(2.5 * SAMPLE_RATE_HZ)]) < 5


def with_gap(container: str) -> bytes:
    """One second of sound, two seconds without packets, one second of sound."""
    import io

    import av

    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream("flac" if container == "matroska" else "aac", rate=44_100, layout="mono")
        wave = make_clip.tone(4.0, hertz=300).reshape(1, -1)
        for start in range(0, 4 * 44_100 - 1024, 1024):
            if 44_100 <= start < 3 * 44_100:
                continue
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, start : start + 1024]), "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 44_100, start, Fraction(1, 44_100)
            for packet in stream.encode(frame):
                target.mux(packet)
        target.mux(stream.encode(None))
    return out.getvalue()


# -- the picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rotate", "corner"), [(0, (0, 0)), (90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_rotation_is_applied(rotate: int, corner: tuple[int, int]) -> None:
    info, frames, end = read(make_clip.clip(seconds=0.2, rotate=rotate, audio=None))
    assert info.rotation == rotate
    assert (info.width, info.height) == ((160, 120) if rotate % 180 == 0 else (120, 160))
    y, x = (8 if c == 0 else -8 for c in corner)
    red, green, blue = frames[0].pixels[y, x].astype(int)
    assert red > 150 > 90 > max(green, blue)
    assert end.table is not None
    thumb = end.table.thumb[0].astype(int)
    expected = np.asarray(frames[0].pixels.astype(float) @ [0.299, 0.587, 0.114])
    blocks = expected[: expected.shape[0] // 4 * 4, : expected.shape[1] // 4 * 4]
    blocks = blocks.reshape(4, blocks.shape[0] // 4, 4, -1).mean((1, 3))
    assert np.abs(thumb.reshape(4, 8, 4, 8).mean((1, 3)) - blocks).max() < 12


def test_the_aspect_of_samples_is_applied() -> None:
    info, frames, _ = read(make_clip.clip(seconds=0.2, aspect=Fraction(4, 3), audio=None))
    assert (info.width, info.height) == (213, 120)
    assert frames[0].pixels.shape == (120, 213, 3)
    info, _, _ = read(make_clip.clip(seconds=0.2, aspect=Fraction(3, 4), audio=None))
    assert (info.width, info.height) == (160, 160)


@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("full", [True, False])
def test_matrix_and_range_are_respected(matrix: int, full: bool) -> None:
    colour = {"colorspace": matrix, "color_range": 2 if full else 1}
    flat = np.full((120, 160, 3), (200, 60, 30), np.uint8)
    flat[:, 80:] = (20, 160, 230)
    data = make_clip.clip(audio=None, frames=[flat] * 3, colour=colour)
    pixels = read(data)[1][0].pixels.astype(int)
    assert np.abs(pixels[60, 30] - (200, 60, 30)).max() <= 5
    assert np.abs(pixels[60, 130] - (20, 160, 230)).max() <= 5


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_becomes_sdr_that_is_neither_dark_nor_burnt(transfer: int) -> None:
    colour = {"colorspace": 9, "color_trc": transfer, "color_primaries": 9}
    ramp = np.repeat(np.linspace(0, 255, 160, dtype=np.uint8)[None, :, None], 120, axis=0).repeat(3, axis=2)
    data = make_clip.clip(
        "mp4", "libx265", None, frames=[ramp] * 3, colour=colour, pixel_format="yuv420p10le"
    )  # fmt: skip
    row = read(data)[1][0].pixels[60].astype(int)
    assert row[2].max() < 12
    assert row[-3].min() > 235
    grey = row.mean(axis=1)
    assert np.all(np.diff(grey) > -4)
    assert np.ptp(row, axis=1).max() < 12  # grey stays grey
    middle = 0.5811 if transfer == 16 else 0.75  # the code of white: 203 cd/m2 (BT.2408)
    assert 190 < grey[round(middle * 159)] < 250


def test_a_change_of_size_is_scaled_and_said() -> None:
    data = make_clip.a_clip("ts", seconds=1.0) + make_clip.a_clip("ts", seconds=1.0, size=(320, 240))
    info, frames, end = read(data)
    assert {f.pixels.shape for f in frames} == {(120, 160, 3)}
    assert any("another size" in note for note in end.notes)
    assert np.all(np.diff([f.time_s for f in frames]) > 0)
    assert info.width == 160


def test_the_frame_table() -> None:
    _, _, end = read(make_clip.clip(seconds=3.0, options={"g": "25", "keyint_min": "25", "sc_threshold": "0"}))
    table = end.table
    assert table is not None
    assert np.flatnonzero(table.key).tolist() == [0, 25, 50]
    assert np.all(table.kind[table.key] == KIND_I)
    assert np.all(table.bytes > 0)
    assert np.all((table.qp > 5) & (table.qp < 45))
    assert set(table.segment.tolist()) == {0}
    _, _, vp8 = read(make_clip.a_clip("webm", seconds=0.5))
    assert vp8.table is not None
    assert np.all(np.isnan(vp8.table.qp))


def test_coarser_quantisation_shows_in_the_table() -> None:
    means = []
    for crf in ("15", "40"):
        table = read(make_clip.clip(seconds=0.5, options={"crf": crf}))[2].table
        assert table is not None
        means.append(float(table.qp.mean()))
    assert means[1] > means[0] + 15


# -- tracks ----------------------------------------------------------------------------------------------------------


def test_several_tracks_are_mentioned_and_one_is_read() -> None:
    info, frames, end = read(make_clip.clip("matroska", seconds=1.0, video_tracks=2, audio_tracks=3))
    assert (info.picture_tracks, info.audio_tracks) == (2, 3)
    assert len(frames) == 25
    assert end.sound is not None
    assert end.sound.tracks == 3
    assert any("2 picture tracks" in n for n in end.notes)
    assert any("3 audio tracks" in n for n in end.notes)


def test_stereo_is_mixed() -> None:
    left = np.zeros((32_000, 2), np.int16)
    left[:, 0] = make_clip.tone(2.0, 16_000)[:, 0]
    _, _, end = read(make_clip.sound(samples=left, rate=16_000))
    assert end.sound is not None
    assert end.sound.channels == 2
    assert 1000 < level(end.sound.samples[:8000]) < 4000


def test_a_plan_can_leave_out_sound_or_pictures() -> None:
    info, frames, end = read(CLIP, ReadPlan(sound=False))
    assert frames
    assert end.sound is None
    info, frames, end = read(CLIP, ReadPlan(pictures=False))
    assert not frames
    assert not info.has_pictures
    assert end.sound is not None


# -- looks, bursts, segments -----------------------------------------------------------------------------------------


def test_looks_and_bursts() -> None:
    plan = ReadPlan(look_hz=5, burst_every_s=1.0, burst_frames=4)
    _, frames, end = read(make_clip.clip(seconds=3.0), plan)
    looks = [f for f in frames if f.look]
    assert [round(f.time_s, 2) for f in looks] == [round(0.2 * i, 2) for i in range(15)]
    for number in range(3):
        burst = [f.time_s for f in frames if f.burst == number]
        assert np.allclose(burst, number + 0.04 * np.arange(4), atol=1e-6)
    assert end.table is not None
    assert len(end.table) == 75
    assert all(f.index == round(f.time_s * 25) for f in frames)


@pytest.mark.parametrize("name", ["mp4", "mkv", "ts", "avi", "webm"])
def test_a_long_clip_is_sampled_over_its_length(name: str) -> None:
    options = {"g": "25"}
    plan = ReadPlan(look_hz=1000, burst_frames=0, whole_up_to_s=6.0, segment_s=2.0)
    info, frames, end = read(make_clip.a_clip(name, seconds=30.0, size=(64, 48), options=options), plan)
    assert not info.whole
    assert len(info.segments) == 3
    assert end.table is not None
    times = end.table.time_s
    assert np.all(np.diff(times) > 0)
    assert 4.0 <= len(times) / 25 <= 7.0
    assert times[0] < 0.2
    assert times[-1] > 28.0
    assert sorted(set(end.table.segment.tolist())) == [0, 1, 2]
    assert {f.index for f in frames} == {-1}
    assert end.sound is not None
    assert end.sound.duration_s == pytest.approx(30.0, abs=0.3)
    assert any("30 s" in n and "stretches" in n for n in end.notes)
    assert not end.truncated, end.notes


def test_a_long_clip_with_a_single_key_frame_is_read_from_its_start() -> None:
    plan = ReadPlan(look_hz=1000, burst_frames=0, whole_up_to_s=6.0, segment_s=2.0)
    options = {"g": "100000", "keyint_min": "100000", "sc_threshold": "0"}
    info, frames, end = read(make_clip.clip(seconds=20.0, size=(64, 48), options=options), plan)
    assert len(info.segments) == 1
    assert 5.5 < frames[-1].time_s < 6.5
    assert any("1 of 3 stretches" in n for n in end.notes)


def test_a_clip_without_a_declared_length_is_measured() -> None:
    data = make_clip.a_clip("webm", seconds=4.0)
    at = data.index(b"\x44\x89")  # EBML id of Duration (RFC 9559, section 5.1.2.10): made a Void
    data = data[:at] + b"\xec\x89" + data[at + 2 :]
    info, frames, _ = read(data, ReadPlan(look_hz=1000, whole_up_to_s=120))
    assert info.duration_s == pytest.approx(4.0, abs=0.2)
    assert len(frames) == 100


# -- facts and sources -----------------------------------------------------------------------------------------------


def test_tags_and_labels_are_facts() -> None:
    label = '{"Label": "1", "ContentProducer": "P", "ProduceID": "7"}'
    data = make_clip.clip(seconds=0.2, metadata={"AIGC": label}, muxer={"movflags": "use_metadata_tags"})
    facts = read(data)[2].facts
    assert facts["media_type"] == "video/mp4"
    assert facts["aigc"]["Label"] == "1"
    assert facts["tags"]["AIGC"] == label


def test_an_xmp_packet_in_a_clip_is_read() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="A tool"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    body = bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet
    data = CLIP + (len(body) + 8).to_bytes(4, "big") + b"uuid" + body
    assert read(data)[2].facts["xmp"]["properties"]["xmp:CreatorTool"] == "A tool"


@pytest.mark.parametrize("how", ["path", "bytes", "stream"])
def test_every_source_gives_the_same_clip(how: str, tmp_path: Any) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CLIP)
    sources: dict[str, Callable[[], Any]] = {
        "path": lambda: path,
        "bytes": lambda: CLIP,
        "stream": lambda: path.open("rb"),
    }
    exhibit = Exhibit.open(sources[how](), name="clip.mp4")
    with open_clip(exhibit) as clip:
        times = [f.time_s for f in clip]
    assert times == expected_times()


def expected_times() -> list[float]:
    return [f.time_s for f in read(CLIP, ReadPlan())[1]]


def test_two_readers_of_one_exhibit_do_not_disturb_each_other(tmp_path: Any) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CLIP)
    exhibit = Exhibit.open(path)

    def turns(a: Iterator[Frame], b: Iterator[Frame]) -> list[tuple[float, float]]:
        return [(x.time_s, y.time_s) for x, y in zip(a, b, strict=True)]

    with open_clip(exhibit) as one, open_clip(exhibit) as two:
        assert all(x == y for x, y in turns(iter(one), iter(two)))


def test_a_file_that_changed_is_mentioned(tmp_path: Any) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(CLIP)
    exhibit = Exhibit.open(path)
    with path.open("ab") as stream:
        stream.write(b"\0\0\0\x08free")
    with open_clip(exhibit) as clip:
        assert any("changed after it was hashed" in note for note in clip.end().notes)


def test_end_can_be_asked_for_at_once_and_twice() -> None:
    with open_clip(Exhibit.open(CLIP)) as clip:
        end = clip.end()
        assert clip.end() is end
    assert end.table is not None
    assert len(end.table) == 50


def test_the_same_clip_reads_the_same_twice() -> None:
    first, second = read(CLIP), read(CLIP)
    assert first[0] == second[0]
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first[1], second[1], strict=True))
    assert first[2].sound is not None
    assert second[2].sound is not None
    assert np.array_equal(first[2].sound.samples, second[2].sound.samples)
