"""Media of every kind, and a time-stamping authority; made anew for every run."""

from __future__ import annotations

import contextlib
import datetime
import functools
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import av
import make_credentials as kit
import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from make_heic import heic

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@functools.cache
def sound(container: str, codec: str) -> bytes:
    """Half a second of noise."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=44100)
        stream.layout = "mono"
        noise = np.random.default_rng(1).normal(0, 3000, (1, 22050)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = 44100
        held = av.AudioFifo()
        for part in av.AudioResampler(stream.codec_context.format, "mono", 44100).resample(frame):
            held.write(part)
        while (part := held.read(stream.codec_context.frame_size or 1024, partial=True)) is not None:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return buffer.getvalue()


@functools.cache
def clip(container: str, side: int = 64, frames: int = 10) -> bytes:
    """A second of noise."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        rng = np.random.default_rng(3)
        for _ in range(frames):
            pixels = rng.integers(0, 256, (side, side, 3), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode())
    return buffer.getvalue()


@functools.cache
def phone_clip() -> bytes:
    data = clip("mp4")
    return data[:8] + b"3gp4" + data[12:]


@functools.cache
def still() -> bytes:
    return heic(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))


MEDIA: dict[str, Callable[[], bytes]] = {
    "jpg": lambda: kit.picture("JPEG"),
    "png": lambda: kit.picture("PNG"),
    "webp": lambda: kit.picture("WEBP"),
    "gif": lambda: kit.picture("GIF"),
    "avif": lambda: kit.picture("AVIF"),
    "tif": lambda: kit.picture("TIFF"),
    "heic": still,
    "svg": kit.drawing,
    "mp4": lambda: clip("mp4"),
    "3gp": phone_clip,
    "mov": lambda: clip("mov"),
    "avi": lambda: clip("avi"),
    "wav": kit.sound,
    "mp3": lambda: sound("mp3", "libmp3lame"),
    "flac": lambda: sound("flac", "flac"),
    "m4a": lambda: sound("ipod", "aac"),
    "pdf": kit.document,
}


# -- a time-stamping authority (RFC 3161) --------------------------------------------------------------------------


@functools.cache
def authority() -> kit.Party:
    """Below the same root as the signers of the tests."""
    return kit.issue(kit.Wish("Test time stamps", ekus=(kit.TIME_STAMPING,), extra=()), kit.intermediate())


def stamp(request: bytes, party: kit.Party | None = None) -> bytes:
    """A TimeStampResp: granted, for whatever is asked."""
    party = party or authority()
    fields = _fields(_fields(request)[0][1])
    imprint, nonce = fields[1], next((f for f in fields[2:] if f[0] == 0x02), None)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d%H%M%SZ").encode()
    parts = [_int(1), _oid("1.2.3.4.1"), _der(*imprint), _int(7), _der(0x18, now)]
    info = _seq(*parts, *([_der(*nonce)] if nonce else []))
    return _seq(_seq(_int(0)), _signed_data(info, party))


def _signed_data(info: bytes, party: kit.Party) -> bytes:
    sha256 = _seq(_oid("2.16.840.1.101.3.4.2.1"))
    certificate = party.certificate.public_bytes(Encoding.DER)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(info)
    used = hashes.Hash(hashes.SHA256())
    used.update(certificate)
    attributes = [
        _seq(_oid("1.2.840.113549.1.9.3"), _der(0x31, _oid("1.2.840.113549.1.9.16.1.4"))),
        _seq(_oid("1.2.840.113549.1.9.4"), _der(0x31, _der(0x04, digest.finalize()))),
        _seq(_oid("1.2.840.113549.1.9.16.2.47"), _der(0x31, _seq(_seq(_seq(_der(0x04, used.finalize())))))),
    ]
    body = b"".join(sorted(attributes))
    signature = party.key.sign(_der(0x31, body), ec.ECDSA(hashes.SHA256()))
    issuer = _seq(party.certificate.issuer.public_bytes(), _int(party.certificate.serial_number))
    signer = _seq(_int(1), issuer, sha256, _der(0xA0, body), _seq(_oid("1.2.840.10045.4.3.2")), _der(0x04, signature))
    held = b"".join(c.public_bytes(Encoding.DER) for c in party.chain)
    content = _seq(_oid("1.2.840.113549.1.9.16.1.4"), _der(0xA0, _der(0x04, info)))
    signed = _seq(_int(3), _der(0x31, sha256), content, _der(0xA0, held), _der(0x31, signer))
    return _seq(_oid("1.2.840.113549.1.7.2"), _der(0xA0, signed))


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def _seq(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _int(value: int) -> bytes:
    return _der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    out = [40 * first + second]
    for number in rest:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | number & 0x7F)
        out += reversed(digits)
    return _der(0x06, bytes(out))


def _fields(der: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of the values that follow each other."""
    out, at = [], 0
    while at < len(der):
        tag, size, at = der[at], der[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(der[at : at + count], "big"), at + count
        out.append((tag, der[at : at + size]))
        at += size
    return out


def facts(signed: Any) -> dict[str, Any]:
    """The JSON of a signing, once it met its schema."""
    import json

    import jsonschema

    from facevalue.reports.json import load_schema

    found = json.loads(signed.to_json())
    jsonschema.Draft202012Validator(load_schema("signing-1")).validate(found)
    return found


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The authority at an address: /broken answers 500, /page a web page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(500 if self.path == "/broken" else 200)
            kind = "text/html" if self.path == "/page" else "application/timestamp-reply"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(stamp(request))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
