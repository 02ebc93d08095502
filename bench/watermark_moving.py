"""Clips and speech for bench/watermark.py: what codecs and lines leave of a mark, and how little it is heard."""

from __future__ import annotations

import csv
import io
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from watermark_figures import mean, says, wilson

from facevalue.watermark import Payload, picture, speech, video

Rgb = Any


def clips(data: Path, limit: int) -> dict[str, Any]:
    """H.264 at two qualities of the first two seconds of real clips."""
    good, psnr, n, spent = defaultdict[str, int](int), list[float](), 0, list[float]()
    for number, path in enumerate(sorted((data / "videos/real").glob("*.mp4"))):
        frames = _frames(path, 50)
        if n == limit or not frames or min(frames[0].shape[:2]) < picture.MIN_MARK_PX:
            continue
        n += 1
        payload = Payload.random(seed=number)
        embedder = video.Embedder(payload)
        start = time.process_time()
        marked = [embedder(frame) for frame in frames]
        spent.append(1e3 * (time.process_time() - start) / len(frames))
        psnr.append(float(np.mean([picture.psnr_db(a, b) for a, b in zip(frames, marked, strict=True)])))
        for crf in (23, 28):
            back = _h264(marked, crf)
            good[f"H.264 CRF {crf}, 8 frames"] += says(video.read(back[:: max(1, len(back) // 8)]), payload)
            good[f"H.264 CRF {crf}, one frame"] += says(video.read(back[len(back) // 2 :][:1]), payload)
    return {
        "n": n,
        "psnr_db": mean(psnr),
        "payload_exact": {name: wilson(v, n) for name, v in sorted(good.items())},
        "processor_ms_a_frame": round(float(np.median(spent)), 1),
    }


def _frames(path: Path, count: int) -> list[Rgb]:
    out = []
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24")
            out.append(np.ascontiguousarray(rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]))
            if len(out) == count:
                break
    return out


def _h264(frames: Sequence[Rgb], crf: int) -> list[Rgb]:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        stream.options = {"crf": str(crf), "preset": "medium"}
        for rgb in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as back:
        return [np.ascontiguousarray(f.to_ndarray(format="rgb24")) for f in back.decode(video=0)]


# -- speech ---

RATE = 16_000


def recordings(audio: Path, seconds: float) -> Iterator[tuple[str, Any]]:
    """Recordings of one group or system, joined to the length; those on which constants were chosen are left out."""
    files = defaultdict[str, list[str]](list)
    with (audio / "index.tsv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            real = row["label"] == "bonafide"
            files[f"{'a' if real else 'b'} {row['group'] if real else row['system']}"].append(row["file"])
    seen = 0
    for name, names in sorted(files.items()):
        sound = np.concatenate([_sound(audio / file) for file in names[:40]])
        if name.startswith("a ") and len(sound) >= 12 * RATE:
            seen += 1
            if seen <= 24:  # chosen on
                continue
        if len(sound) >= seconds * RATE:
            yield name, sound[: round(seconds * RATE)]


def _sound(path: Path) -> Any:
    with av.open(str(path)) as source:
        to_mono = av.AudioResampler("flt", "mono", RATE)
        parts = [p.to_ndarray()[0] for f in source.decode(audio=0) for p in to_mono.resample(f)]
        return np.concatenate([*parts, *(p.to_ndarray()[0] for p in to_mono.resample(None))])


def through(sound: Any, rate: int, encoder: str, container: str, stored: int, bit_rate: int = 0) -> tuple[Any, int]:
    """A sound through a codec: samples and their rate."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=stored, layout="mono")
        if bit_rate:
            stream.bit_rate = bit_rate
        context = stream.codec_context
        resampler = av.AudioResampler(context.format.name, "mono", stored, frame_size=context.frame_size or 0)
        frame = av.AudioFrame.from_ndarray(np.clip(sound, -1, 1)[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in (frame, None):
            for piece in resampler.resample(part):
                out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as back:
        to_float = av.AudioResampler("flt", "mono", stored)
        parts = [p.to_ndarray()[0] for f in back.decode(audio=0) for p in to_float.resample(f)]
        return np.concatenate([*parts, *(p.to_ndarray()[0] for p in to_float.resample(None))]), stored


def noisy(sound: Any, db: float) -> Any:
    """White noise at a signal to noise ratio."""
    level = math.sqrt(float((sound**2).mean()) / 10 ** (db / 10))
    return (sound + np.random.default_rng(4).normal(0, level, len(sound))).astype(np.float32)


LINES: dict[str, Callable[[Any], tuple[Any, int]]] = {
    "untouched": lambda x: (x, RATE),
    "MP3 64 kbit/s": lambda x: through(x, RATE, "libmp3lame", "mp3", 44_100, 64_000),
    "Opus 24 kbit/s": lambda x: through(x, RATE, "libopus", "ogg", 48_000, 24_000),
    "G.711 at 8 kHz": lambda x: through(x, RATE, "pcm_mulaw", "wav", 8_000),
    "resampled to 44.1 kHz": lambda x: through(x, RATE, "pcm_s16le", "wav", 44_100),
    "start trimmed by 3.217 s": lambda x: (x[round(3.217 * RATE) :], RATE),
    "white noise, 30 dB": lambda x: (noisy(x, 30), RATE),
}


def sounds(data: Path, limit: int) -> dict[str, Any]:
    """Every line, for recordings of several lengths; quality at the longest."""
    out: dict[str, Any] = {}
    found = list(recordings(data / "audio", 20.0))[:limit]
    for seconds in (10.0, 20.0):
        good, snr, seg, intelligible = defaultdict[str, int](int), list[float](), list[float](), list[float]()
        for number, (_, sound) in enumerate(found):
            sound, payload = sound[: round(seconds * RATE)], Payload.random(seed=number)
            marked = speech.embed(sound, RATE, payload)
            snr.append(marked.snr_db)
            seg.append(segmental_snr(sound, marked.samples))
            if seconds == 20.0:
                intelligible.append(stoi(sound, marked.samples))
            for name, line in LINES.items():
                good[name] += says(speech.read(*line(marked.samples)), payload)
        quality = {"snr_db": mean(snr), "segmental_snr_db": mean(seg)}
        if intelligible:
            quality["stoi"] = mean(intelligible, 4)
        exact = {name: wilson(good[name], len(found)) for name in LINES}
        out[f"{seconds:g} s"] = {**quality, "payload_exact": exact}
    false = sum(speech.read(sound, RATE) is not None for _, sound in found)
    return {"n": len(found), "lengths": out, "false_in_unmarked": wilson(false, len(found))}


def segmental_snr(clean: Any, other: Any) -> float:
    """Mean over 30 ms of speech of the signal to noise ratio, -10 .. 35 dB each (Hansen and Pellom 1998)."""
    size = round(0.03 * RATE)
    a, b = (v[: len(v) // size * size].reshape(-1, size).astype(np.float64) for v in (clean, other))
    power, error = (a**2).sum(axis=1), ((a - b) ** 2).sum(axis=1)
    loud = power > power.max() * 1e-4
    return float(np.clip(10 * np.log10(power[loud] / np.maximum(error[loud], 1e-12)), -10, 35).mean())


def stoi(clean: Any, other: Any) -> float:
    """Short-time objective intelligibility, 0..1 (Taal, Hendriks, Heusdens and Jensen 2011)."""
    from scipy.signal import resample_poly

    a, b = (resample_poly(v.astype(np.float64), 5, 8) for v in (clean, other))
    window, hop, size = np.hanning(258)[1:-1], 128, 512
    starts = np.arange(0, len(a) - 256, hop)
    frames = [v[starts[:, None] + np.arange(256)] * window for v in (a, b)]
    level = 20 * np.log10(np.linalg.norm(frames[0], axis=1) + 1e-12)
    kept = level > level.max() - 40
    spectra = [np.abs(np.fft.rfft(f[kept], size)) ** 2 for f in frames]
    hertz = np.fft.rfftfreq(size, 1 / 10_000)
    centres = 150 * 2 ** (np.arange(15) / 3)
    bands = np.array([(hertz >= c / 2 ** (1 / 6)) & (hertz < c * 2 ** (1 / 6)) for c in centres], float)
    x, y = (np.sqrt(s @ bands.T).T for s in spectra)
    scores = []
    for stop in range(30, x.shape[1] + 1):
        p, q = x[:, stop - 30 : stop], y[:, stop - 30 : stop]
        q = q * np.linalg.norm(p, axis=1, keepdims=True) / (np.linalg.norm(q, axis=1, keepdims=True) + 1e-12)
        q = np.minimum(q, p * (1 + 10 ** (15 / 20)))
        p, q = (v - v.mean(axis=1, keepdims=True) for v in (p, q))
        scores.append((p * q).sum(axis=1) / (np.linalg.norm(p, axis=1) * np.linalg.norm(q, axis=1) + 1e-12))
    return float(np.mean(scores))
