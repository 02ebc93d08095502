"""Marking recordings: the mark is computed on the mix of the channels and added to each of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.marking.marked import MarkedFile
from facevalue.watermark import SPEECH_ALGORITHM, Payload, speech

# Sniffed type -> container to write.
SOUNDS = {
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/mp4": "mp4",
    "audio/aiff": "aiff",
}
# Codecs as FFmpeg names them -> encoder; others of the same container are refused.
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis", "aac": "aac", "flac": "flac"}
_LOSSY = {"mp3", "opus", "vorbis", "aac"}
_LEAST_BIT_RATE = 96_000
# All channels are held in memory while they are marked.
MAX_SECONDS = 1800.0
_AT_ONCE = 1 << 14

Channels = npt.NDArray[np.float32]


def mark_sound(exhibit: Exhibit, out: Path, payload: Payload) -> MarkedFile:
    """Write a marked copy, in the source's container, codec, rate and layout. Raises UsageError for other codecs."""
    notes: list[str] = []
    with exhibit.open_binary() as stream, av.open(stream, "r", metadata_errors="replace") as source:
        if not source.streams.audio:
            raise UsageError("the file has no sound track")
        track = source.streams.audio[0]
        codec = str(track.codec_context.codec.canonical_name)
        if not codec.startswith("pcm_") and codec not in _ENCODERS:
            raise UsageError(f"sound stored as {codec} is not marked: convert to WAV or FLAC first")
        channels = _decoded(source, track)
        mix = channels.mean(axis=0)
        found = speech.embed(mix, int(track.rate), payload)
        _write(source, track, out, SOUNDS[exhibit.media_type], codec, channels + (found.samples - mix))
    if codec in _LOSSY:
        notes.append(f"the sound was compressed as {codec} once more")
    return MarkedFile(out, exhibit.media_type, SPEECH_ALGORITHM, payload, found.snr_db, 0, tuple(notes))


def _decoded(source: Any, track: Any) -> Channels:
    """All samples, float32 (channels, n), full scale 1. Raises UsageError for none, or for more than MAX_SECONDS."""
    to_float = av.AudioResampler(format="fltp", layout=track.layout.name, rate=track.rate)
    parts: list[Channels] = []
    count = 0
    for frame in source.decode(track):
        frame.pts = None
        parts += [np.asarray(piece.to_ndarray(), np.float32) for piece in to_float.resample(frame)]
        count += frame.samples
        if count > MAX_SECONDS * track.rate:
            raise UsageError(f"recordings of more than {MAX_SECONDS / 60:g} minutes are not marked")
    parts += [np.asarray(piece.to_ndarray(), np.float32) for piece in to_float.resample(None)]
    if not count:
        raise UsageError("no sound in the file could be decoded")
    return np.concatenate(parts, axis=1)


def _write(source: Any, track: Any, out: Path, container: str, codec: str, channels: Channels) -> None:
    with av.open(str(out), "w", format=container) as target:
        target.metadata.update({str(k): str(v) for k, v in source.metadata.items()})
        stream: Any = target.add_stream(_ENCODERS.get(codec, codec), rate=track.rate, layout=track.layout.name)
        context = stream.codec_context
        if codec in _LOSSY:
            stream.bit_rate = max(int(track.codec_context.bit_rate or 0), _LEAST_BIT_RATE)
        else:
            context.format = track.codec_context.format.name
        to_stored = av.AudioResampler(
            context.format.name, track.layout.name, track.rate, frame_size=context.frame_size or 0
        )
        for start in range(0, channels.shape[1], _AT_ONCE):
            piece = np.ascontiguousarray(np.clip(channels[:, start : start + _AT_ONCE], -1, 1))
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=track.layout.name)
            frame.sample_rate, frame.pts, frame.time_base = track.rate, start, Fraction(1, track.rate)
            for ready in to_stored.resample(frame):
                target.mux(stream.encode(ready))
        for ready in to_stored.resample(None):
            target.mux(stream.encode(ready))
        target.mux(stream.encode(None))
