"""One bounded request over the network, to an address that a stranger's file names: nothing here trusts it.

- Only public addresses: a file must not make this machine ask its own network. The name is resolved once, every address
  it leads to must be public, and the connection goes to one of those very addresses.
- A redirect is followed within the same scheme, host and port, three times at most; elsewhere it is refused.
- The body and the time for everything together are bounded; compression is not asked for.
- The network must be allowed: FACEVALUE_OFFLINE=1 refuses it. Proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from urllib.parse import SplitResult, urljoin, urlsplit

from facevalue._version import __version__
from facevalue.home import require_network

MAX_URL_CHARS = 2_000
MAX_REDIRECTS = 3
SECONDS = 20.0
_PIECE = 64 << 10
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_PRINTABLE = re.compile(r"[!-~]+")


class FetchError(Exception):
    """Nothing was fetched; the text says why, in words that complete "it could not be fetched: "."""


def fetch(
    url: object,
    *,
    schemes: tuple[str, ...],
    most_bytes: int,
    body: bytes | None = None,
    content_type: str = "",
    seconds: float = SECONDS,
) -> bytes:
    """The body of a successful answer; GET, or POST where there is a body to send.

    seconds: for everything together, redirects included. Raises FetchError, and OfflineError while FACEVALUE_OFFLINE=1.
    """
    require_network("fetching what a credential refers to")
    deadline = time.monotonic() + seconds
    headers = {"User-Agent": f"facevalue/{__version__}", "Accept-Encoding": "identity", "Connection": "close"}
    headers |= {"Content-Type": content_type} if content_type else {}
    place = _parsed(url, schemes)
    for _ in range(MAX_REDIRECTS + 1):
        with _answered(place, body, headers, deadline) as answer:
            if answer.status == 200:
                return _read(answer, most_bytes, deadline)
            if answer.status not in _REDIRECTS or body is not None:
                raise FetchError(f"{place.hostname} answers {answer.status}")
            place = _next(place, answer.headers.get("Location"), schemes)
    raise FetchError(f"{place.hostname} redirects more than {MAX_REDIRECTS} times")


def public_address(host: str, port: int) -> str:
    """One address of a host, if every one of them is public. Asks the resolver. Raises FetchError."""
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [str(row[4][0]).partition("%")[0] for row in rows]
    except (OSError, UnicodeError):
        raise FetchError(f"{host} is not known") from None
    if not found or not all(map(is_public, found)):
        raise FetchError(f"{host} lies in a private or local network")
    return found[0]


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from everywhere; an IPv4 address inside an IPv6 one counts as itself."""
    ip = ipaddress.ip_address(address)
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return (inner or ip).is_global and not ip.is_multicast


def _parsed(url: object, schemes: tuple[str, ...]) -> SplitResult:
    if not isinstance(url, str) or len(url) > MAX_URL_CHARS or not _PRINTABLE.fullmatch(url):
        raise FetchError("its address is malformed")
    try:
        place = urlsplit(url)
        known = bool(place.hostname) and place.scheme in schemes and (place.port or 1) > 0
    except ValueError:
        known = False
    if not known or place.username is not None or place.password is not None:
        raise FetchError(
            f"its address is not one of {' or '.join(schemes)} with a host and nothing else before the path"
        )
    return place


def _next(place: SplitResult, location: str | None, schemes: tuple[str, ...]) -> SplitResult:
    there = _parsed(urljoin(place.geturl(), location or ""), schemes)
    if (there.scheme, there.hostname, _port(there)) != (place.scheme, place.hostname, _port(place)):
        raise FetchError(f"{place.hostname} redirects to another place, {there.hostname}")
    return there


def _port(place: SplitResult) -> int:
    return place.port or _PORTS[place.scheme]


# -- one exchange --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _answered(
    place: SplitResult, body: bytes | None, headers: dict[str, str], deadline: float
) -> Iterator[http.client.HTTPResponse]:
    """The answer, its body still to be read; whatever goes wrong in between is a FetchError."""
    host = str(place.hostname)
    connection = http.client.HTTPConnection(host, _port(place), timeout=_left(deadline))
    try:
        with _connected(place, public_address(host, _port(place)), deadline) as stream:
            connection.sock = stream
            path = (place.path or "/") + (f"?{place.query}" if place.query else "")
            connection.request("GET" if body is None else "POST", path, body, headers)
            yield connection.getresponse()
    except FetchError:
        raise
    except ssl.SSLError as error:
        raise FetchError(f"{host} cannot be asked over TLS ({error.reason or 'no reason given'})") from None
    except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
        if time.monotonic() >= deadline:
            raise FetchError(f"{host} takes too long to answer") from None
        why = getattr(error, "strerror", None) or type(error).__name__
        raise FetchError(f"{host} cannot be asked ({why})") from None
    finally:
        connection.close()


@contextlib.contextmanager
def _connected(place: SplitResult, address: str, deadline: float) -> Iterator[socket.socket]:
    """A connection to exactly that address. A clock cuts it at the deadline, however slowly something drips in."""
    with socket.create_connection((address, _port(place)), _left(deadline)) as plain:
        held = plain.dup()
        clock = threading.Timer(_left(deadline), _cut, (held,))
        clock.daemon = True
        clock.start()
        try:
            if place.scheme == "https":
                context = ssl.create_default_context()
                with context.wrap_socket(plain, server_hostname=place.hostname) as secure:
                    yield secure
            else:
                yield plain
        finally:
            clock.cancel()
            held.close()


def _cut(stream: socket.socket) -> None:
    with contextlib.suppress(OSError):
        stream.shutdown(socket.SHUT_RDWR)


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)


def _read(answer: http.client.HTTPResponse, most_bytes: int, deadline: float) -> bytes:
    data = bytearray()
    while piece := answer.read1(_PIECE):
        data += piece
        if len(data) > most_bytes:
            raise FetchError(f"the answer is larger than {most_bytes:,} bytes")
    if time.monotonic() >= deadline:  # the clock cut it, which looks like its end
        raise FetchError("the answer takes too long")
    if answer.length:  # what was announced and never came
        raise FetchError("the answer was cut off")
    return bytes(data)
