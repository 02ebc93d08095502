"""The time stamp of a claim signature: when, by whom, and whether an anchor of time-stamping authorities vouches.

That the token fits the signature is the engine's finding (`timeStamp.validated`); here its certificates are judged.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Sequence

from cryptography import x509

from facevalue.provenance.chain import TIME_STAMPING, ChainResult, check_tsa_chain, extended_key_usages

_SEQUENCE, _OID, _CONTEXT_0 = 0x30, 0x06, 0xA0
MAX_CERTIFICATES = 16


def check_token(token: str, anchors: Sequence[x509.Certificate], moment: datetime.datetime) -> ChainResult | None:
    """Our own check of the chain inside a token (base64 DER); None when no certificate can be read from it.

    moment: the time that the token states.
    """
    try:
        found = certificates_in(content_info(base64.b64decode(token)))
        certificates = [x509.load_der_x509_certificate(der) for der in found]
    except Exception:  # no CMS at all, or a certificate that is none
        return None
    leaves = [c for c in certificates if _is_tsa(c)]
    if not leaves:
        return None
    rest = [c for c in certificates if c is not leaves[0]]
    return check_tsa_chain([leaves[0], *rest], anchors, moment)


def content_info(der: bytes) -> bytes:
    """The CMS ContentInfo of a token: `sigTst2` holds it bare, `sigTst` in a TimeStampResp (RFC 3161, section 2.4.2).

    Raises ValueError when it is neither.
    """
    tag, start, end = _tlv(der, 0)
    inner, _, inner_end = _tlv(der, start)
    if tag == _SEQUENCE and inner == _OID:
        return der[:end]
    if tag == _SEQUENCE and inner == _SEQUENCE and inner_end < end:
        _, _, last = _tlv(der, inner_end)
        return der[inner_end:last]
    raise ValueError("this is no time-stamp token")


def certificates_in(content: bytes) -> list[bytes]:
    """DER certificates of a CMS SignedData (RFC 5652, section 5.1), in the order in which they lie there.

    Read by ourselves: authorities write the set unsorted, which strict DER readers refuse. Raises ValueError.
    """
    _, start, end = _tlv(content, 0)
    wrapped = [value for tag, value in _values(content[start:end]) if tag == _CONTEXT_0]
    for tag, signed in _values(wrapped[0]) if wrapped else ():
        sets = [value for inner, value in _values(signed) if tag == _SEQUENCE and inner == _CONTEXT_0]
        return [_whole(kind, der) for kind, der in _values(sets[0])][:MAX_CERTIFICATES] if sets else []
    return []


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents of the DER values that follow each other."""
    at = 0
    while at < len(der):
        tag, start, end = _tlv(der, at)
        yield tag, der[start:end]
        at = end


def _whole(tag: int, content: bytes) -> bytes:
    """The DER value of a tag and a content."""
    count = len(content)
    if count < 0x80:
        return bytes([tag, count]) + content
    size = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _tlv(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of the content of the DER value at an offset. Raises ValueError."""
    if at + 2 > len(der):
        raise ValueError("the DER value is cut off")
    tag, size, start = der[at], der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("the DER length has a form that is not allowed")
        size, start = int.from_bytes(der[start : start + count], "big"), start + count
    if start + size > len(der):
        raise ValueError("the DER value is cut off")
    return tag, start, start + size


def _is_tsa(certificate: x509.Certificate) -> bool:
    try:
        return not _is_authority(certificate) and TIME_STAMPING in extended_key_usages(certificate)
    except Exception:  # a malformed extension
        return False


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
