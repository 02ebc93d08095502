"""Opening a clip inside the worker: the demuxer that its content asks for and no other, its tracks, its length.

The file arrives as an inherited descriptor. No other protocol is allowed, so that playlists and references to other
files lead nowhere; the demuxer is forced by the sniffed type, so that nothing is guessed twice.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import av

from facevalue.media.clip_plan import ClipLimits

_MOV = ("mp4", "mov,mp4,m4a,3gp,3g2,mj2")
_MATROSKA = ("matroska", "matroska,webm")
# sniffed type -> (demuxer, the names it goes by)
DEMUXERS: dict[str, tuple[str, str]] = {
    "video/mp4": _MOV,
    "video/quicktime": _MOV,
    "video/3gpp": _MOV,
    "audio/mp4": _MOV,
    "video/x-matroska": _MATROSKA,
    "video/webm": _MATROSKA,
    "video/x-msvideo": ("avi", "avi"),
    "video/mp2t": ("mpegts", "mpegts"),
    "video/mpeg": ("mpeg", "mpeg"),
    "video/x-flv": ("flv", "flv"),
    "video/x-ms-asf": ("asf", "asf"),
    "video/ogg": ("ogg", "ogg"),
    "audio/ogg": ("ogg", "ogg"),
    "audio/mpeg": ("mp3", "mp3"),
    "audio/aac": ("aac", "aac"),
    "audio/flac": ("flac", "flac"),
    "audio/wav": ("wav", "wav"),
    "audio/aiff": ("aiff", "aiff"),
    "audio/amr": ("amr", "amr"),
    "audio/amr-wb": ("amr", "amr"),
}
_ELEMENTARY = b"\x00\x00\x01\xb3"  # MPEG video without a container
_ENCRYPTED = frozenset({"encv", "enca", "drmi", "drms"})
_PROBE_BYTES = 20_000_000
FAR_S = 400 * 3600.0  # no time stamp beyond this is believed


class Refused(Exception):
    """The file cannot be examined; the text is the sentence that says why. limit: it passes one."""

    def __init__(self, message: str, limit: bool = False) -> None:
        super().__init__(message)
        self.limit = limit


@dataclass
class Opened:
    """An open container and what was chosen in it.

    pictures, sound: the tracks to read, None without one. base_s: time stamp at which the presentation starts.
    duration_s: as declared, 0.0 when unknown or absurd. notes: plain sentences.
    """

    container: Any
    pictures: Any
    sound: Any
    base_s: float
    duration_s: float
    picture_tracks: int
    audio_tracks: int
    notes: list[str] = field(default_factory=list)

    @property
    def is_mov(self) -> bool:
        """Whether the container keeps an index of every sample and an edit list."""
        return "mov" in self.container.format.name

    def only(self, stream: Any) -> Any:
        """That stream, with the demuxer told to skip all others."""
        for other in self.container.streams:
            other.discard = av.stream.Discard.default if other is stream else av.stream.Discard.all
        return stream


def open_clip_file(fd: int, media_type: str, limits: ClipLimits) -> Opened:
    """Open and choose. Raises Refused."""
    name, names = _demuxer(fd, media_type)
    options = {
        "fd": str(fd),
        "protocol_whitelist": "fd",
        "format_whitelist": names,
        "probesize": str(_PROBE_BYTES),
        "max_streams": str(max(limits.tracks + 1, 2)),
        "max_pixels": str(limits.pixels),
    }
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        container = av.open("fd:", format=name, options=options, metadata_errors="replace")
    except MemoryError as error:
        if DEMUXERS[media_type] is _MOV and _top_boxes(fd)[1] > limits.tracks:
            raise Refused(_why_not(fd, media_type, limits, error), limit=True) from None
        raise
    except Exception as error:  # PyAV raises its own family, and ValueError besides, on what it cannot make sense of
        raise Refused(_why_not(fd, media_type, limits, error)) from None
    return _choose(container, limits)


def _demuxer(fd: int, media_type: str) -> tuple[str, str]:
    if media_type not in DEMUXERS:
        raise Refused(f"files of this type ({media_type}) are not decoded by this version")
    if media_type == "video/mpeg":
        os.lseek(fd, 0, os.SEEK_SET)
        if os.read(fd, 4) == _ELEMENTARY:
            return ("mpegvideo", "mpegvideo")
    return DEMUXERS[media_type]


def _choose(container: Any, limits: ClipLimits) -> Opened:
    streams = list(container.streams)
    if len(streams) > limits.tracks:
        raise Refused(f"the file declares more than {limits.tracks} tracks, which is the limit", limit=True)
    notes: list[str] = []
    shown = [s for s in streams if s.type == "video" and not s.disposition & av.stream.Disposition.attached_pic]
    heard = [s for s in streams if s.type == "audio"]
    pictures = _pick([s for s in shown if _usable(s, "picture", notes)])
    sound = _pick([s for s in heard if _usable(s, "audio", notes)])
    if len(shown) > 1:
        notes.append(f"the file has {len(shown)} picture tracks; one of them was examined")
    if len(heard) > 1:
        notes.append(f"the file has {len(heard)} audio tracks; one of them was examined")
    duration = (container.duration or 0) / av.time_base
    return Opened(
        container,
        pictures,
        sound,
        _base(container, [s for s in (pictures, sound) if s is not None]),
        duration if 0 < duration < FAR_S else 0.0,
        len(shown),
        len(heard),
        notes,
    )


def _usable(stream: Any, what: str, notes: list[str]) -> bool:
    context = stream.codec_context
    if context is None:
        notes.append(f"a codec that is not built in keeps an {what} track from being read".replace("an p", "a p"))
        return False
    if _tag(context) in _ENCRYPTED:
        notes.append(f"the {what} track is encrypted")
        return False
    return True


def _tag(context: Any) -> str:
    try:
        return str(context.codec_tag).strip("\0")
    except UnicodeDecodeError:  # any four bytes are allowed, and PyAV reads them as ASCII
        return ""


def _pick(streams: list[Any]) -> Any:
    marked = [s for s in streams if s.disposition & av.stream.Disposition.default]
    return (marked or streams or [None])[0]


def _base(container: Any, streams: list[Any]) -> float:
    """Where the presentation starts. MP4 and its kin count from 0 on; elsewhere the earliest track is the start."""
    starts = [float(s.start_time * s.time_base) for s in streams if s.start_time is not None and s.time_base]
    start = min(starts, default=0.0)
    if abs(start) >= FAR_S:
        return 0.0
    return min(start, 0.0) if "mov" in container.format.name else start


def codec_name(stream: Any) -> str:
    """The codec's own name, not that of the decoder."""
    return str(stream.codec_context.codec.canonical_name)


def frame_rate(stream: Any) -> float:
    """Average frames per second as declared; 0.0 when unknown or absurd."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    return rate if 0 < rate <= 1000 else 0.0


# -- what was wrong ------------------------------------------------------------------------------------------------


def _why_not(fd: int, media_type: str, limits: ClipLimits, error: Exception) -> str:
    if DEMUXERS[media_type] is _MOV:
        boxes, tracks = _top_boxes(fd)
        if tracks > limits.tracks:
            return f"the file declares {tracks:,} tracks, more than the limit of {limits.tracks}"
        if "moov" not in boxes and "moof" not in boxes:
            return (
                "the file has no index (its moov box is missing): the recording was cut off before it was finished, "
                "and nothing in it can be decoded"
            )
    if getattr(error, "errno", None) == 12:
        return "opening the file needs more memory than the limit allows"
    return f"the file is damaged or not what it claims to be ({media_type}): it cannot be opened"


def _top_boxes(fd: int) -> tuple[list[str], int]:
    """Types of an ISO base-media file's outermost boxes (at most 1000), and the `trak` boxes in its first moov."""
    size, at, kinds, tracks = os.fstat(fd).st_size, 0, list[str](), 0
    while at + 8 <= size and len(kinds) < 1000:
        head = os.pread(fd, 16, at)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        kinds.append(head[4:8].decode("latin-1"))
        if kinds[-1] == "moov" and not tracks:
            tracks = os.pread(fd, min(max(length, 0), 64 << 20), at).count(b"trak")
        if length < 8:
            break
        at += length
    return kinds, tracks
