"""The channel code: 64 bits of payload and a check of 24, convolutionally coded, 288 code bits in all.

Check: CRC-24 (RFC 4880, section 6.1: generator 0x864CFB, start 0xB704CE). Code: rate 1/3, constraint length 9,
generators 557, 663, 711 octal (free distance 18; Larsen 1973, as used in 3GPP TS 25.212), ended with eight zeros.
Decoding: maximum likelihood over soft values (Viterbi 1967), several received words at once. Numpy only.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from facevalue.watermark.payload import PAYLOAD_BYTES

Bits = npt.NDArray[np.uint8]
Soft = npt.NDArray[np.float32]

CHECK_BITS = 24
INFO_BITS = PAYLOAD_BYTES * 8 + CHECK_BITS
_MEMORY = 8
_STATES = 1 << _MEMORY
_GENERATORS = (0o557, 0o663, 0o711)
_STEPS = INFO_BITS + _MEMORY
CODE_BITS = _STEPS * len(_GENERATORS)

_CRC_START, _CRC_GENERATOR = 0xB704CE, 0x1864CFB


def crc24(data: bytes) -> int:
    """The check of some bytes, 0 .. 2**24 - 1."""
    crc = _CRC_START
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= _CRC_GENERATOR
    return crc


def encode(payload: bytes) -> Bits:
    """The code word of eight bytes: uint8 (CODE_BITS,), 0 or 1."""
    word = payload + crc24(payload).to_bytes(3, "big")
    bits = np.concatenate([np.unpackbits(np.frombuffer(word, np.uint8)), np.zeros(_MEMORY, np.uint8)])
    taps = np.array([[g >> k & 1 for k in range(_MEMORY + 1)] for g in _GENERATORS], np.int64)
    # out[t, g] = sum over k of bits[t - k] * tap: the newest bit meets the generator's highest tap.
    streams = [np.convolve(bits.astype(np.int64), tap[::-1])[:_STEPS] % 2 for tap in taps]
    return np.stack(streams, axis=1).reshape(-1).astype(np.uint8)


def signs(payload: bytes) -> Soft:
    """The code word as float32 (CODE_BITS,): +1 for a one, -1 for a zero."""
    return encode(payload).astype(np.float32) * 2 - 1


def decode(soft: Soft) -> tuple[bytes | None, ...]:
    """The likeliest code word of each row; its eight bytes, or None where the check fails.

    soft: float32 (tries, CODE_BITS), positive for a one; only ratios matter.
    """
    words = np.packbits(maximum_likelihood(soft), axis=1)
    return tuple(_checked(word.tobytes()) for word in words)


def maximum_likelihood(soft: Soft) -> Bits:
    """The information bits of the likeliest code word of each row, unchecked: uint8 (tries, INFO_BITS)."""
    return _viterbi(np.atleast_2d(np.asarray(soft, np.float32)))


def _checked(word: bytes) -> bytes | None:
    payload, check = word[:PAYLOAD_BYTES], int.from_bytes(word[PAYLOAD_BYTES:], "big")
    return payload if crc24(payload) == check else None


@cache
def _outputs() -> npt.NDArray[np.int64]:
    """Which of the eight output triples each transition gives: (2, 128, 2) by (oldest bit, rest of state, input)."""
    states = np.arange(_STATES).reshape(2, _STATES // 2)
    registers = states[:, :, None] << 1 | np.arange(2)
    triple = np.zeros(registers.shape, np.int64)
    for generator in _GENERATORS:
        # The register holds the newest bit lowest; the generator's highest tap belongs to the newest bit.
        mirrored = int(f"{generator:09b}"[::-1], 2)
        parity = np.vectorize(lambda r, g=mirrored: int(r & g).bit_count() & 1)(registers)
        triple = triple << 1 | parity
    return triple


def _viterbi(soft: Soft) -> Bits:
    """Information bits (tries, INFO_BITS) of the likeliest paths from state 0 to state 0."""
    tries, half = len(soft), _STATES // 2
    triples = (np.arange(8)[:, None] >> np.array([2, 1, 0]) & 1).astype(np.float32) * 2 - 1
    gains = triples @ np.ascontiguousarray(soft.reshape(tries, _STEPS, 3).transpose(1, 2, 0))  # (steps, 8, tries)
    path = np.full((_STATES, tries), -1e9, np.float32)
    path[0] = 0
    chosen = np.empty((_STEPS, _STATES, tries), bool)
    outputs = _outputs()
    for step in range(_STEPS):
        both = path.reshape(2, half, 1, tries) + gains[step][outputs]
        first, second = both.reshape(2, _STATES, tries)
        np.greater(second, first, out=chosen[step])
        path = np.maximum(first, second)
    return _traced(chosen)


def _traced(chosen: npt.NDArray[np.bool_]) -> Bits:
    """Back from state 0: a state's lowest bit is the input that led to it, `chosen` its predecessor's oldest bit."""
    tries = chosen.shape[2]
    state, rows = np.zeros(tries, np.int64), np.arange(tries)
    bits = np.empty((tries, _STEPS), np.uint8)
    for step in range(_STEPS - 1, -1, -1):
        bits[:, step] = state & 1
        state = state >> 1 | chosen[step, state, rows].astype(np.int64) << (_MEMORY - 1)
    return bits[:, :INFO_BITS]
