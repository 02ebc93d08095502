"""A HEIC writer small enough for tests: one HEVC intra picture whose every block is raw samples (PCM).

No encoder of HEVC is needed: with 16 x 16 coding blocks in PCM mode the arithmetic coder only ever carries one flag per
block (ITU-T H.265, clauses 7.3.8 and 9.3). The container is ISO/IEC 23008-12 with the fewest boxes a reader accepts.
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt
from PIL import Image

_BLOCK = 16
# H.265 table 9-52, fourth column: the only one a coder reaches whose range is still near its initial 510.
_LPS = bytes.fromhex(
    "f0e3d8cdc3b9afa69e968e87807a746e68635e5955504c4845413e3b38353230"
    "2d2b29272523211f1e1c1b191817161514131211100f0e0e0d0c0c0b0b0a09"
)


def heic(
    pixels: npt.NDArray[np.uint8],
    *,
    quarter_turns: int = 0,
    exif: bytes | None = None,
    icc: bytes | None = None,
    declared: tuple[int, int] | None = None,
    brand: bytes = b"heic",
) -> bytes:
    """RGB (H, W, 3), sides multiples of 16, as a HEIC still with 4:2:0 chroma, full range BT.601.

    quarter_turns: anticlockwise, written as an `irot` property. exif: a TIFF block, stored as an Exif item. declared:
    width and height to claim instead of the true ones (in the container and in the coded stream).
    """
    height, width = pixels.shape[:2]
    vps, sps, pps = _parameter_sets(*(declared or (width, height)))
    picture = _nal(19, _slice(pixels))
    coded = struct.pack(">I", len(picture)) + picture
    properties = [_hvcc(vps, sps, pps), _full(b"ispe", struct.pack(">II", *(declared or (width, height))))]
    properties.append(_box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)))
    if icc:
        properties.append(_box(b"colr", b"prof" + icc))
    if quarter_turns:
        properties.append(_box(b"irot", bytes([quarter_turns & 3])))
    items = [(1, b"hvc1", coded)]
    if exif is not None:
        items.append((2, b"Exif", struct.pack(">I", 0) + exif))
    return _container(items, properties, brand)


def _container(items: list[tuple[int, bytes, bytes]], properties: list[bytes], brand: bytes) -> bytes:
    kind = _box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    offset = 0
    for _ in range(2):  # the first pass measures, the second knows where the data begins
        where, at = b"", offset
        for number, _name, body in items:
            where += struct.pack(">HHHII", number, 0, 1, at, len(body))
            at += len(body)
        meta = _full(
            b"meta",
            _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + _full(b"pitm", struct.pack(">H", 1))
            + _full(b"iloc", b"\x44\x00" + struct.pack(">H", len(items)) + where)
            + _full(b"iinf", struct.pack(">H", len(items)) + b"".join(_infe(n, name) for n, name, _ in items))
            + (_full(b"iref", _box(b"cdsc", struct.pack(">HHH", 2, 1, 1))) if len(items) > 1 else b"")
            + _box(b"iprp", _box(b"ipco", b"".join(properties)) + _ipma(len(properties))),
        )
        offset = len(kind) + len(meta) + 8
    return kind + meta + _box(b"mdat", b"".join(body for _, _, body in items))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24) + body)


def _infe(number: int, kind: bytes) -> bytes:
    return _full(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2)


def _ipma(count: int) -> bytes:
    return _full(b"ipma", struct.pack(">IHB", 1, 1, count) + bytes(0x80 | i for i in range(1, count + 1)))


def _hvcc(vps: bytes, sps: bytes, pps: bytes) -> bytes:
    head = bytes([1, 3]) + struct.pack(">I", 0x70000000) + bytes([0xB0, 0, 0, 0, 0, 0]) + bytes([93])
    head += bytes([0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 3])
    for number, unit in ((32, vps), (33, sps), (34, pps)):
        head += bytes([0x80 | number]) + struct.pack(">HH", 1, len(unit)) + unit
    return _box(b"hvcC", head)


class _Bits:
    """Bits, most significant first, with the Exp-Golomb codes of clause 9.2."""

    def __init__(self) -> None:
        self.bits: list[int] = []

    def u(self, count: int, value: int) -> _Bits:
        self.bits += [value >> i & 1 for i in range(count - 1, -1, -1)]
        return self

    def ue(self, *values: int) -> _Bits:
        for value in values:
            length = (value + 1).bit_length()
            self.u(length - 1, 0).u(length, value + 1)
        return self

    def close(self) -> bytes:
        """A stop bit, zeros up to the byte."""
        return self.u(1, 1).aligned()

    def aligned(self) -> bytes:
        self.bits += [0] * (-len(self.bits) % 8)
        return np.packbits(np.array(self.bits, np.uint8)).tobytes()


def _profile(bits: _Bits) -> None:
    bits.u(8, 3).u(32, 0x70000000)  # Main Still Picture, compatible with 1, 2 and 3
    bits.u(4, 0b1011).u(44, 0).u(8, 93)


def _parameter_sets(width: int, height: int) -> tuple[bytes, bytes, bytes]:
    vps = _Bits().u(4, 0).u(2, 3).u(6, 0).u(3, 0).u(1, 1).u(16, 0xFFFF)
    _profile(vps)
    vps.u(1, 1).ue(0, 0, 0).u(6, 0).ue(0).u(2, 0)
    sps = _Bits().u(4, 0).u(3, 0).u(1, 1)
    _profile(sps)
    sps.ue(0, 1, width, height).u(1, 0).ue(0, 0, 4).u(1, 1).ue(0, 0, 0)
    sps.ue(1, 0, 0, 2, 0, 0)  # 16 x 16 blocks only; transforms of 4 to 16
    sps.u(3, 0).u(1, 1).u(8, 0x77).ue(1, 0).u(1, 1)  # PCM of 8 bits in 16 x 16 blocks, not filtered
    sps.ue(0).u(5, 0)
    pps = _Bits().ue(0, 0).u(7, 0).ue(0, 0, 0).u(3, 0).ue(0, 0).u(6, 0).u(1, 0)
    pps.u(1, 1).u(1, 0).u(1, 1).u(2, 0).ue(0).u(2, 0)
    return _nal(32, vps.close()), _nal(33, sps.close()), _nal(34, pps.close())


def _nal(kind: int, payload: bytes) -> bytes:
    """A unit with its header, and 03 put between two zeros and a byte below 4 (clause 7.4.2)."""
    out, zeros = bytearray([kind << 1, 1]), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _slice(pixels: npt.NDArray[np.uint8]) -> bytes:
    planes = np.asarray(Image.fromarray(pixels).convert("YCbCr"))
    luma = planes[..., 0]
    chroma = planes[..., 1:].astype(np.uint16).reshape(luma.shape[0] // 2, 2, luma.shape[1] // 2, 2, 2)
    chroma = (chroma.sum(axis=(1, 3)) // 4).astype(np.uint8)
    parts = [_Bits().u(2, 0b10).ue(0, 2).ue(0).close()]
    rows, columns = luma.shape[0] // _BLOCK, luma.shape[1] // _BLOCK
    for index in range(rows * columns):
        y, x = divmod(index, columns)
        parts.append(_block_flags(index))
        half = _BLOCK // 2
        parts.append(luma[y * _BLOCK : (y + 1) * _BLOCK, x * _BLOCK : (x + 1) * _BLOCK].tobytes())
        for plane in range(2):
            parts.append(chroma[y * half : (y + 1) * half, x * half : (x + 1) * half, plane].tobytes())
    parts.append(_Coder().terminate(1).finish())
    return b"".join(parts)


def _block_flags(index: int) -> bytes:
    """What precedes a block's samples: "the slice goes on", "one partition", "raw samples follow"."""
    coder = _Coder()
    if index:
        coder.terminate(0)
    return coder.most_probable(min(index, 62)).terminate(1).finish()


class _Coder:
    """The arithmetic encoder of clause 9.3.4.6, as far as these flags need it."""

    def __init__(self) -> None:
        self.low, self.range, self.first, self.waiting, self.out = 0, 510, True, 0, _Bits()

    def most_probable(self, state: int) -> _Coder:
        self.range -= _LPS[state]
        return self._renormalise()

    def terminate(self, flag: int) -> _Coder:
        self.range -= 2
        if flag:
            self.low += self.range
            self.range = 2
        return self._renormalise()

    def finish(self) -> bytes:
        self._put(self.low >> 9 & 1)
        return self.out.u(2, (self.low >> 7 & 3) | 1).aligned()

    def _renormalise(self) -> _Coder:
        while self.range < 256:
            if self.low < 256:
                self._put(0)
            elif self.low >= 512:
                self.low -= 512
                self._put(1)
            else:
                self.low -= 256
                self.waiting += 1
            self.range <<= 1
            self.low <<= 1
        return self

    def _put(self, bit: int) -> None:
        if self.first:
            self.first = False
        else:
            self.out.u(1, bit)
        self.out.bits += [1 - bit] * self.waiting
        self.waiting = 0
