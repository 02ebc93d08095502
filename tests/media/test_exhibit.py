"""An exhibit: what it takes, what it refuses, and how it names what it was given."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import make
import pytest

from facevalue.errors import UnreadableError
from facevalue.exhibit import Exhibit, sniff

EXPECTED = {
    "jpeg": "image/jpeg",
    "mpo": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
}


def test_path_bytes_and_stream_give_the_same_exhibit(tmp_path: Path) -> None:
    data = make.save(make.scene(), "PNG")
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    with path.open("rb") as stream:
        exhibits = [Exhibit.open(path), Exhibit.open(str(path)), Exhibit.open(stream)]
    exhibits += [Exhibit.open(data, name="photo.png"), Exhibit.open(io.BytesIO(data), name="photo.png")]
    assert all(e == exhibits[0] for e in exhibits)
    assert exhibits[0].sha256 == hashlib.sha256(data).hexdigest()
    assert (exhibits[0].name, exhibits[0].size) == ("photo.png", len(data))


def test_opening_changes_nothing_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(make.save(make.scene(), "PNG"))
    path.chmod(0o444)
    before = path.stat()
    Exhibit.open(path)
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)


def test_the_name_has_no_folders(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x")
    assert Exhibit.open(path).name == "a.bin"


@pytest.mark.parametrize(("writer", "media_type"), EXPECTED.items())
def test_type_is_decided_by_content(writer: str, media_type: str) -> None:
    assert Exhibit.open(make.WRITERS[writer](make.scene()), name="wrong.txt").media_type == media_type


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "audio/mp4"),
        (b"\0\0\0\x183gp4", "application/octet-stream"),
        (b"\0\0\0\x14ftyp3gp4\0\0\0\x003gp4", "video/3gpp"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0heic", "image/heic"),
        (b"\x1aE\xdf\xa3\0\0", "video/x-matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "video/x-msvideo"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"\xff\xfb\x90\x64\0\0", "audio/mpeg"),
        (b"\xff\xf1\x50\x80\0\0", "audio/aac"),
        (b"ID3\x04\0\0", "audio/mpeg"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\0", "application/zip"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml"),
        (b"\xef\xbb\xbf  <svg/>", "image/svg+xml"),
        (b"<!DOCTYPE html><html><body><svg/></body></html>", "text/html"),
        (b"BM is not always a bitmap", "text/plain"),
        ("grüße".encode() * 200, "text/plain"),
        (b"\xff\x0a\0\0", "image/jxl"),
        (b"\xff\xff\xff\xff\xff", "application/octet-stream"),
        (b"\xff\xfe\xff\xff", "application/octet-stream"),
        (bytes(100), "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_what_is_not_a_picture_is_named(data: bytes, media_type: str) -> None:
    assert sniff(data) == media_type


def test_refusals_are_plain_sentences(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="is a folder, not a file"):
        Exhibit.open(tmp_path)
    with pytest.raises(UnreadableError, match=r"cannot read missing\.jpg"):
        Exhibit.open(tmp_path / "missing.jpg")
    with pytest.raises(UnreadableError, match="not a usable path"):
        Exhibit.open("a\0b")
    with pytest.raises(UnreadableError, match="text stream; open it in binary mode"):
        Exhibit.open(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.parametrize("as_stream", [True, False])
def test_too_large_a_file_is_refused(as_stream: bool) -> None:
    data = bytes(2_000_001)
    with pytest.raises(UnreadableError, match="larger than the limit of 1 MiB"):
        Exhibit.open(io.BytesIO(data) if as_stream else data, max_bytes=1 << 20)


# -- clips and sounds --------------------------------------------------------------------------------------------------

MOVIE = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(range(256)) * 100


def test_a_clip_given_as_a_path_is_hashed_but_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MOVIE)
    exhibit = Exhibit.open(path)
    assert exhibit.data == b""
    assert (exhibit.size, exhibit.media_type, exhibit.name) == (len(MOVIE), "video/mp4", "clip.mp4")
    assert exhibit.sha256 == hashlib.sha256(MOVIE).hexdigest()
    assert exhibit == Exhibit.open(MOVIE, name="clip.mp4")
    assert exhibit.head(8) == MOVIE[:8]
    with exhibit.open_binary() as one, exhibit.open_binary() as two:
        assert one.read(10) == MOVIE[:10]
        assert two.read() == MOVIE


@pytest.mark.parametrize("most", [1, 1 << 20])
def test_a_clip_from_a_stream_is_kept_or_spooled(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facevalue.exhibit.MAX_CLIP_IN_MEMORY", most)
    exhibit = Exhibit.open(io.BytesIO(MOVIE), name="clip.mp4")
    assert exhibit.size == len(MOVIE)
    assert exhibit.data == (MOVIE if most > len(MOVIE) else b"")
    assert exhibit.head(30) == MOVIE[:30]
    with exhibit.open_binary() as one, exhibit.open_binary() as two:
        assert os.fstat(one.fileno()).st_size == len(MOVIE)
        one.seek(100)
        assert two.read() == MOVIE
        assert one.read(5) == MOVIE[100:105]
    assert exhibit.change_note() is None


def test_nothing_can_be_written_to_an_exhibit(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MOVIE)
    for source in (path, MOVIE):
        with Exhibit.open(source).open_binary() as stream, pytest.raises(OSError):
            os.write(stream.fileno(), b"x")
    assert path.read_bytes() == MOVIE


def test_a_changed_or_missing_clip_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(MOVIE)
    exhibit = Exhibit.open(path)
    assert exhibit.change_note() is None
    path.write_bytes(MOVIE + b"more")
    assert "changed after it was hashed" in str(exhibit.change_note())
    path.unlink()
    assert "no longer where it was" in str(exhibit.change_note())
    with pytest.raises(UnreadableError, match=r"cannot read clip\.mp4"):
        exhibit.head(1)


def test_the_limit_on_size_is_wider_for_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facevalue.exhibit.MAX_EXHIBIT_BYTES", 10_000)
    path = tmp_path / "clip.mp4"
    path.write_bytes(MOVIE)
    assert Exhibit.open(path).size == len(MOVIE)
    path.write_bytes(bytes(20_000))
    with pytest.raises(UnreadableError, match="larger than the limit"):
        Exhibit.open(path)


def ogg_page(payload: bytes, flags: int = 2) -> bytes:
    return b"OggS\0" + bytes([flags]) + bytes(20) + b"\1" + bytes([len(payload)]) + payload


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\xa3\x42\x86\x81\x01\x42\x82\x88matroska", "video/x-matroska"),
        (ogg_page(b"OpusHead12345678"), "audio/ogg"),
        (ogg_page(b"\x01vorbis123456789"), "audio/ogg"),
        (ogg_page(b"OpusHead12345678") + ogg_page(b"\x80theora12345678"), "video/ogg"),
        (ogg_page(b"OpusHead12345678") + ogg_page(b"\x80theora12345678", 0), "audio/ogg"),
        (b"#!AMR\n\x04", "audio/amr"),
        (b"#!AMR-WB\n\x04", "audio/amr-wb"),
        (b"ID3\4\0\0\0\0\0\x04abcd\xff\xf1\x50\x80", "audio/aac"),
        (b"ID3\4\0\0\0\0\0\x04abcd\xff\xfb\x90\x64", "audio/mpeg"),
        (b"ID3\4\0\0\0\0\0\x04abcdfLaC", "audio/flac"),
        (b"FORM\0\0\0\0AIFC", "audio/aiff"),
        (b"FORM\0\0\0\0ILBM", "application/octet-stream"),
        ((b"G" + bytes(187)) * 4, "video/mp2t"),
        ((b"\0\0\0\1G" + bytes(187)) * 4, "video/mp2t"),
    ],
)
def test_clips_and_sounds_are_told_by_content(data: bytes, media_type: str) -> None:
    assert sniff(data) == media_type
