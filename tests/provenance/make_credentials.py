"""Test chains, keys and signed files, made anew for every run; nothing here is trusted by anybody."""

from __future__ import annotations

import datetime
import functools
import io
import json
import struct
import sys
import wave
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING
CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
CREATED = {"action": "c2pa.created", "digitalSourceType": CAPTURE}

_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False, "verify_after_sign": False},
    "core": {"allowed_network_hosts": []},
}


def _name(common: str) -> x509.Name:
    pairs = ((NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, "Test newsroom"))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


@dataclass(frozen=True)
class Party:
    """A certificate and its key (P-256), with the certificates above it, nearest first."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def chain(self) -> list[x509.Certificate]:
        return [self.certificate, *self.above]

    def pem(self, *, above: bool = True) -> str:
        return "".join(pem_of(c) for c in (self.chain if above else [self.certificate]))

    def sign(self, data: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass(frozen=True)
class Wish:
    """What a certificate shall be like."""

    name: str = "Signer"
    ca: bool = False
    ekus: tuple[x509.ObjectIdentifier, ...] = (EMAIL,)
    start: datetime.datetime = NOW - 400 * DAY
    end: datetime.datetime = NOW + 400 * DAY
    path_length: int | None = None
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    usage_signs: bool | None = None
    serial: int = field(default_factory=x509.random_serial_number)


def issue(wish: Wish, issuer: Party | None = None) -> Party:
    """A certificate as wished; self-signed without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    signs = (not wish.ca) if wish.usage_signs is None else wish.usage_signs
    above = issuer.certificate if issuer else None
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(wish.name))
        .issuer_name(above.subject if above else _name(wish.name))
        .public_key(key.public_key())
        .serial_number(wish.serial)
        .not_valid_before(wish.start)
        .not_valid_after(wish.end)
        .add_extension(x509.BasicConstraints(wish.ca, wish.path_length), True)
        .add_extension(x509.KeyUsage(signs, False, False, False, False, wish.ca, wish.ca, False, False), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    signer = issuer.key if issuer else key
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    if wish.ekus and not wish.ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage(wish.ekus), False)
    for extension, critical in wish.extra:
        builder = builder.add_extension(extension, critical)
    return Party(builder.sign(signer, hashes.SHA256()), key, tuple(issuer.chain) if issuer else ())


@functools.cache
def root() -> Party:
    return issue(Wish("Test root", ca=True))


@functools.cache
def intermediate() -> Party:
    return issue(Wish("Test intermediate", ca=True), root())


@functools.cache
def signer() -> Party:
    return issue(Wish("Press signer"), intermediate())


@functools.cache
def stranger() -> Party:
    """A root that vouches for nobody here."""
    return issue(Wish("Another root", ca=True))


def anchors(folder: Path, *parties: Party) -> Path:
    """A PEM file of those certificates."""
    path = folder / f"anchors-{len(list(folder.iterdir()))}.pem"
    path.write_text("".join(pem_of(p.certificate) for p in parties))
    return path


@functools.cache
def picture(form: str = "JPEG", seed: int = 1, side: int = 48) -> bytes:
    """A small picture with noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


@functools.cache
def sound() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(np.random.default_rng(2).integers(-999, 999, 4000, np.int16).tobytes())
    return buffer.getvalue()


def drawing() -> bytes:
    head = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    return head + b'<rect width="9" height="9"/></svg>'


@functools.cache
def tone(form: str, codec: str) -> bytes:
    """A third of a second of noise in a container that PyAV writes."""
    import av

    buffer, rng = io.BytesIO(), np.random.default_rng(4)
    with av.open(buffer, "w", format=form) as out:
        stream = out.add_stream(codec, rate=16_000, layout="mono")
        samples = rng.integers(-9_999, 9_999, (1, 16_000 // 3), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 16_000
        for piece in av.AudioResampler(stream.format, "mono", 16_000, stream.frame_size or None).resample(frame):
            out.mux(stream.encode(piece))
        out.mux(stream.encode())
    return buffer.getvalue()


@functools.cache
def still() -> bytes:
    """A picture as HEIC."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "media"))
    from make_heic import heic

    return heic(np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8))


@functools.cache
def clip(form: str = "mp4") -> bytes:
    """A second of noise, as MP4, MOV or AVI."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        rng = np.random.default_rng(3)
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (64, 64, 3), np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return buffer.getvalue()


def document() -> bytes:
    """The smallest PDF that a reader takes."""
    parts, offsets = [b"%PDF-1.4\n"], []
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    )
    for number, body in enumerate(objects, 1):
        offsets.append(sum(map(len, parts)))
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = sum(map(len, parts))
    table = b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return b"".join(parts) + table + b"trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start


def manifest(*actions: dict[str, Any], title: str = "a picture", generator: str = "test desk") -> dict[str, Any]:
    return {
        "title": title,
        "claim_generator_info": [{"name": generator, "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(actions or (CREATED,))}}],
    }


def sign(
    data: bytes,
    media_type: str = "image/jpeg",
    *,
    by: Party | None = None,
    tree: dict[str, Any] | None = None,
    parent: bytes | None = None,
    parent_title: str = "before.jpg",
    chain: str | None = None,
) -> bytes:
    """Signed bytes. parent: taken over as the parent ingredient, whatever state it is in."""
    return _sign(data, media_type, by or signer(), tree, parent, parent_title, chain)[0]


def sign_aside(data: bytes, media_type: str = "image/jpeg", *, remote: str | None = None) -> tuple[bytes, bytes]:
    """The file, untouched unless it refers to an address, and its manifest store apart from it."""
    return _sign(data, media_type, signer(), None, None, "", None, aside=True, remote=remote)


def _sign(
    data: bytes,
    media_type: str,
    by: Party,
    tree: dict[str, Any] | None,
    parent: bytes | None,
    parent_title: str,
    chain: str | None,
    *,
    aside: bool = False,
    remote: str | None = None,
) -> tuple[bytes, bytes]:
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    tree = tree or (manifest(opened, title="taken over") if parent is not None else manifest())
    with c2pa.Context.from_dict(_SETTINGS) as context:
        builder = c2pa.Builder(json.dumps(tree), context)
        if parent is not None:
            entry = {"title": parent_title, "relationship": "parentOf", "label": "parent"}
            builder.add_ingredient(json.dumps(entry), media_type, io.BytesIO(parent))
        if aside:
            builder.set_no_embed()
        if remote:
            builder.set_remote_url(remote)
        out = io.BytesIO()
        engine_signer = c2pa.Signer.from_callback(by.sign, c2pa.C2paSigningAlg.ES256, chain or by.pem())
        store = builder.sign(engine_signer, media_type, io.BytesIO(data), out)
    return out.getvalue(), bytes(store)


def flipped(data: bytes, at: int) -> bytes:
    """One bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def laundered(rounds: int = 1, by: Party | None = None) -> bytes:
    """Signed, tampered with, and signed anew so often: each time the one before becomes the parent ingredient."""
    data = flipped(sign(picture(), by=by), -20)
    for number in range(rounds):
        data = sign(data, by=by, parent=data, parent_title=f"round {number}.jpg")
    return data


def free_box(data: bytes, count: int) -> bytes:
    """An MP4 with a free box of that many bytes at its end."""
    return data + struct.pack(">I", 8 + count) + b"free" + bytes(count)
