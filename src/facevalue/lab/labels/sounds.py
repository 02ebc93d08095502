"""Labelled recordings: WAV, FLAC, MP3 or M4A, mono."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from facevalue.errors import UsageError
from facevalue.lab.labels import made as words
from facevalue.lab.labels.credential import labelled
from facevalue.lab.labels.made import Labelled, Made
from facevalue.lab.labels.stated import tags, with_xmp_chunk, xmp_box
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import SoftBinding
from facevalue.watermark import SPEECH_ALGORITHM, Payload, speech

Samples = npt.NDArray[np.float32]
# Suffix -> container, encoder, bit rate (0: lossless).
_FORMS = {
    ".wav": ("wav", "pcm_s16le", 0),
    ".flac": ("flac", "flac", 0),
    ".mp3": ("mp3", "libmp3lame", 128_000),
    ".m4a": ("ipod", "alac", 0),
}
_SIXTEEN = {"flac": "s16", "alac": "s16p"}
_RATES = range(8_000, 96_001)
# A sound of a few seconds holds hardly more than one copy of the code: whether it can be read back depends on which
# bits meet a pause, so other payloads are tried.
_TRIES = 6


def write_sound(
    samples: npt.NDArray[np.float32] | npt.NDArray[np.int16],
    rate: int,
    out: Path,
    made: Made,
    *,
    who: Identity | None = None,
) -> Labelled:
    """Write a mono recording with a watermark, a statement in its metadata, and a credential.

    samples: float32 (n,) with full scale 1, or int16 (n,). rate: Hz, 8,000 to 96,000. out: .wav, .flac, .mp3 or .m4a.
    who: signs in place of the lab's identity. A sound that is too short or too plain for a watermark is written
    without one, and a note says so. Raises UsageError for anything else, SigningError when it cannot be signed.
    """
    form = _FORMS.get(out.suffix.lower())
    if form is None:
        raise UsageError(f"a recording is written as {', '.join(_FORMS)}, not as '{out.suffix}'")
    values = _floats(samples)
    if rate not in _RATES:
        raise UsageError(f"a recording's rate lies between {_RATES[0]:,} and {_RATES[-1]:,} Hz, not at {rate}")

    def draft(ready: Path) -> tuple[tuple[str, ...], tuple[str, ...], SoftBinding | None]:
        for turn in range(_TRIES):
            sound, payload, notes = _watermarked(values, rate, made, turn)
            data = _encoded(sound, rate, form, made)
            if payload is None or _holds(data, payload):
                break
        else:
            payload, notes = None, ("no watermark: it could not be read back from the file",)
        ready.write_bytes(data)
        if payload is None:
            return (words.SOURCE_TYPE,), notes, None
        binding = SoftBinding(SPEECH_ALGORITHM, payload.to_bytes(), "watermark")
        return (words.WATERMARK, words.SOURCE_TYPE), notes, binding

    return labelled(out, made, who, draft)


def _floats(samples: npt.NDArray[Any]) -> Samples:
    if samples.ndim != 1 or not len(samples) or samples.dtype not in (np.dtype(np.float32), np.dtype(np.int16)):
        raise UsageError("a recording is an array float32 or int16 (n,) with at least one sample")
    if samples.dtype == np.int16:
        return np.asarray(samples, np.float32) / np.float32(32768)
    if not np.isfinite(samples).all():
        raise UsageError("a recording's samples must be finite")
    return np.asarray(np.clip(samples, -1, 1), np.float32)


def _watermarked(samples: Samples, rate: int, made: Made, turn: int) -> tuple[Samples, Payload | None, tuple[str, ...]]:
    carried = speech.read(samples, rate) if len(samples) >= speech.MIN_READ_S * rate else None
    if carried is not None and carried.payload.synthetic:
        return samples, carried.payload, ()
    payload = made.payload(samples.tobytes() + bytes(turn))
    try:
        return np.clip(speech.embed(samples, rate, payload).samples, -1, 1), payload, ()
    except UsageError as error:
        return samples, None, (f"no watermark: {error}",)


def _encoded(samples: Samples, rate: int, form: tuple[str, str, int], made: Made) -> bytes:
    container, encoder, bit_rate = form
    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=container) as target:
            target.metadata.update(tags(made, "audio"))
            stream: Any = target.add_stream(encoder, rate=rate, layout="mono")
            if bit_rate:
                stream.bit_rate = bit_rate
            _mux(target, stream, samples, rate)
    except (av.FFmpegError, ValueError) as error:
        raise UsageError(f"{encoder} cannot write {rate} Hz here: {type(error).__name__}") from None
    data = buffer.getvalue()
    if container == "wav":
        return with_xmp_chunk(data, made.uri, made.tool)
    return data + (xmp_box(made.uri, made.tool) if container == "ipod" else b"")


def _mux(target: Any, stream: Any, samples: Samples, rate: int) -> None:
    context = stream.codec_context
    if context.name in _SIXTEEN:
        context.format = _SIXTEEN[context.name]
    to_stored = av.AudioResampler(context.format.name, "mono", context.sample_rate, frame_size=context.frame_size or 0)
    values = np.round(samples * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for part in (frame, None):
        for piece in to_stored.resample(part):
            target.mux(stream.encode(piece))
    target.mux(stream.encode(None))


def _holds(data: bytes, payload: Payload) -> bool:
    parts: list[Samples] = []
    with av.open(io.BytesIO(data), "r") as container:
        rate = int(container.streams.audio[0].rate)
        to_float = av.AudioResampler("flt", "mono", rate)
        for frame in [*container.decode(audio=0), None]:
            parts += [np.asarray(piece.to_ndarray()[0], np.float32) for piece in to_float.resample(frame)]
    found = speech.read(np.concatenate(parts), rate)
    return found is not None and found.payload == payload
