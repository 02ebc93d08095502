"""RFC 3161 time stamps: from an address over the network, if the user asks for it, or from a callback."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from facevalue.errors import UsageError
from facevalue.home import require_network
from facevalue.signing.errors import SignerError

MAX_REPLY_BYTES = 256 << 10
TIMEOUT_S = 30.0
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"

Stamp = Callable[[bytes], bytes]


def stamping(tsa: str | Stamp | None, *, online: bool) -> Stamp | None:
    """From a request (DER) to its response (DER). tsa: an address, or a function that does just that.

    Raises UsageError for an address without `online` or of another scheme, OfflineError while FACEVALUE_OFFLINE=1.
    """
    if tsa is None or callable(tsa):
        return tsa
    try:
        parts = urlsplit(tsa)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("a time-stamping authority's address begins with http:// or https://")
    if not online:
        raise UsageError("a time stamp is asked for over the network: add --online")
    require_network("asking a time-stamping authority")
    return lambda request: _post(tsa, request)


def _post(url: str, query: bytes) -> bytes:
    # Only http(s): the scheme was checked when the address was given.
    request = urllib.request.Request(url, query, {"Content-Type": _QUERY, "Accept": _REPLY})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            kind = answer.headers.get_content_type()
            data: bytes = answer.read(MAX_REPLY_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise SignerError(f"the time-stamping authority answers {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SignerError(f"the time-stamping authority cannot be asked: {reason!s:.200}") from None
    if kind != _REPLY or len(data) > MAX_REPLY_BYTES:
        raise SignerError("the time-stamping authority's answer is no time stamp")
    return data
