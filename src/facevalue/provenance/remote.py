"""Which hosts may be asked when a user verifies online: those that the file names, and no address of this network."""

from __future__ import annotations

import base64
import ipaddress
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

MAX_HOSTS = 4


def hosts_to_ask(reading: Mapping[str, Any]) -> tuple[str, ...]:
    """Hosts of the remote manifest and of the signer's OCSP responder, public ones only.

    A file from a stranger must not make this machine ask its own network: a name that leads to a private, loopback or
    link-local address is left out (the engine resolves it once more, so this narrows the risk and does not end it).
    """
    signature = reading.get("signature") or {}
    wanted: list[tuple[object, tuple[str, ...]]] = [(reading.get("remote"), ("https",))]
    wanted += [(url, ("http", "https")) for url in _responders((signature.get("chain") or [""])[0])]
    hosts = [host for url, schemes in wanted if (host := _host(url, schemes))]
    return tuple(h for h in dict.fromkeys(hosts) if is_public(h))[:MAX_HOSTS]


def _host(url: object, schemes: tuple[str, ...]) -> str | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts.hostname if parts and parts.scheme in schemes else None
    except ValueError:
        return None


def is_public(host: str) -> bool:
    """Whether every address of a host is a public one. Asks the resolver."""
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in found)


def _responders(leaf: str) -> list[str]:
    """Addresses of OCSP responders in a certificate (base64 DER); empty when it names none or cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(leaf))
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except Exception:  # no such extension, or no certificate
        return []
    ocsp = [d for d in access if d.access_method == AuthorityInformationAccessOID.OCSP]
    return [d.access_location.value for d in ocsp if isinstance(d.access_location, x509.UniformResourceIdentifier)]
