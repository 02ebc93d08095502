"""The log keys that were given or seen before: FACEVALUE_HOME/known-logs.json.

A registry says itself which key signs its log, so that whoever takes its place says another one. A key is therefore
remembered with its log's name (and the address it was met at), and one that has changed is a failure. The first key
of a log that nobody vouched for is remembered too (trust on first use), and said to be so every time.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from facevalue.errors import UsageError
from facevalue.home import home
from facevalue.registry.canonical import parse
from facevalue.registry.errors import LogError, RegistryError
from facevalue.registry.files import locked, write_durably
from facevalue.registry.log.note import ED25519, VerifierKey, parse_vkey

FILE_NAME = "known-logs.json"
SCHEMA = "facevalue.known_logs/1"
MAX_LOGS = 10_000
_MAX_BYTES = 16 << 20


class Standing(StrEnum):
    """What is known of the key that a registry says its log has."""

    GIVEN = "given"  # it is the one that the user gave, now or before
    SEEN = "seen"  # the same as when this log was first met
    FIRST = "first"  # met for the first time
    CHANGED = "changed"  # another one than before
    OTHER = "other"  # another one than the user gives now


@dataclass(frozen=True, slots=True)
class KnownLog:
    """One log: its key, since when (an ISO date), whether the user gave it, and the addresses that it was met at."""

    key: VerifierKey
    since: str
    given: bool
    at: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"key": str(self.key), "since": self.since, "given": self.given, "at": list(self.at)}


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """How a log's key stands. since: an ISO date, None for what is new. expected: the key that it should have been."""

    standing: Standing
    key: VerifierKey
    since: str | None = None
    expected: VerifierKey | None = None

    @property
    def wrong(self) -> bool:
        """Whether nothing may rest on a log with this key."""
        return self.standing in (Standing.CHANGED, Standing.OTHER)

    @property
    def sentence(self) -> str:
        """One plain sentence."""
        if self.standing is Standing.GIVEN:
            return f"Known key: {self.key} is the key that you gave{f' on {self.since}' if self.since else ''}."
        if self.standing is Standing.SEEN:
            return (
                f"Known key: {self.key} is the same as when this log was first asked, on {self.since}. It was taken on "
                "trust then: compare it with the key that the registry publishes, and give it with --log-key."
            )
        if self.standing is Standing.FIRST:
            return (
                f"First use: the key {self.key} is the registry's own word and is remembered from now on. Compare it "
                "with the key that the registry publishes, and give it with --log-key."
            )
        before = f"known since {self.since}" if self.standing is Standing.CHANGED else "given"
        return f"The log's key is {self.key}, and not the one that was {before}: {self.expected}."


def check_key(told: VerifierKey, where: str | None, given: VerifierKey | None) -> KeyCheck:
    """How the key that a registry says its log has stands. where: its address, None for a folder. given: by the user.

    Raises RegistryError when the list of known keys is damaged or cannot be read.
    """
    if given is not None:
        return KeyCheck(Standing.GIVEN if given == told else Standing.OTHER, told, expected=given)
    known = _known(_read(), told, where)
    if known is None:
        return KeyCheck(Standing.FIRST, told)
    if known.key != told:
        return KeyCheck(Standing.CHANGED, told, known.since, known.key)
    return KeyCheck(Standing.GIVEN if known.given else Standing.SEEN, told, known.since)


def remember(check: KeyCheck, where: str | None) -> None:
    """Remember a key whose log was seen to hold; one that is wrong never is. Raises RegistryError, OSError."""
    if check.wrong:
        return
    path = home() / FILE_NAME
    with locked(path.with_name(f".{FILE_NAME}.lock")):
        logs = _read()
        known = _known(logs, check.key, where)
        if check.standing is not Standing.GIVEN and known is not None and known.key != check.key:
            return  # another process met another key in this moment; the next look says so
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        kept = known if known is not None and known.key == check.key else KnownLog(check.key, today, False)
        given = kept.given or check.standing is Standing.GIVEN
        at = tuple(sorted({*kept.at, *([where] if where else [])}))
        entry = replace(kept, given=given, at=at)
        if entry == known:
            return
        rest = [log for log in logs if log.key.name != check.key.name and (where is None or where not in log.at)]
        _write(path, [*rest, entry][-MAX_LOGS:])


def parse_log_key(text: str) -> VerifierKey:
    """A verifier key as a user gives it. Raises UsageError."""
    try:
        return parse_vkey(text, (ED25519,))
    except LogError as error:
        raise UsageError(f"--log-key: {error}") from None


def _known(logs: Sequence[KnownLog], told: VerifierKey, where: str | None) -> KnownLog | None:
    """What is known of the log: by the address first, since a registry that was replaced may have another name."""
    here = [log for log in logs if where is not None and where in log.at]
    named = [log for log in logs if log.key.name == told.name]
    return next(iter([*here, *named]), None)


def _read() -> list[KnownLog]:
    path = home() / FILE_NAME
    try:
        with path.open("rb") as stream:
            data = parse(stream.read(_MAX_BYTES).decode("utf-8"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RegistryError(f"the list of known log keys cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise RegistryError(_damaged(path)) from None
    try:
        if data["schema"] != SCHEMA:
            raise RegistryError(f"the list of known log keys in {path.name} was made by another version of facevalue")
        return [_log(row) for row in data["logs"]]
    except (KeyError, TypeError, ValueError, LogError):
        raise RegistryError(_damaged(path)) from None


def _log(row: Any) -> KnownLog:
    since = datetime.date.fromisoformat(row["since"]).isoformat()
    return KnownLog(parse_vkey(row["key"], (ED25519,)), since, row["given"] is True, tuple(map(str, row["at"])))


def _damaged(path: Path) -> str:
    return f"the list of known log keys, {path.name} in FACEVALUE_HOME, is damaged: repair or remove it"


def _write(path: Path, logs: Sequence[KnownLog]) -> None:
    data = {"schema": SCHEMA, "logs": [log.to_dict() for log in logs]}
    write_durably(path, json.dumps(data, indent=2).encode() + b"\n")
