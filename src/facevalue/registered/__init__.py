"""What a registry knows of an exhibit, as an answer that provenance can take: what joins the two.

provenance and registry know nothing of each other. `asker` makes a question out of whatever names a registry; `sources`
asks it and has every claim proven by its log; `answer` says what that amounts to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from facevalue.errors import FacevalueError, UsageError
from facevalue.exhibit import Exhibit
from facevalue.provenance.outside import OutsideAnswer, OutsideLookup
from facevalue.registered.answer import Carried, answer, unanswered
from facevalue.registered.finding import climb_for, known_with
from facevalue.registered.known_logs import parse_log_key
from facevalue.registered.sources import KeyPolicy, Opened, is_address, open_source, told_by
from facevalue.registry.client import RemoteRegistry
from facevalue.registry.errors import LogError

if TYPE_CHECKING:
    from facevalue.registry import Registry

    Where: TypeAlias = str | os.PathLike[str] | RemoteRegistry | Registry | OutsideLookup

Asker = Callable[[Exhibit, Carried], OutsideAnswer]


def asker(where: Where, log_key: str | None = None) -> Asker:
    """How to ask: a registry's folder or http(s) address, a Registry, a RemoteRegistry, or a callable of one's own.

    log_key: the verifier key that the registry's log must have. It is remembered (known_logs), and without it the log
    must have the key that it had before.

    The question never raises for a registry that cannot be opened or asked, or whose log does not hold: the answer
    says so. Raises UsageError for anything else and for a malformed key, and OfflineError for an address while
    FACEVALUE_OFFLINE=1.
    """
    keys = KeyPolicy(parse_log_key(log_key) if log_key is not None else None)
    if isinstance(where, str) and is_address(where):
        where = RemoteRegistry(where)
    if isinstance(where, str | os.PathLike):
        path = Path(where)
        return lambda exhibit, carried: _asked(lambda: open_source(path), exhibit, carried, keys)
    if isinstance(where, RemoteRegistry):
        remote, keys = where, KeyPolicy(keys.given, where.url)
        return lambda exhibit, carried: _asked(lambda: Opened(remote), exhibit, carried, keys)
    if callable(where):
        lookup = where
        return lambda exhibit, _: lookup(exhibit)
    if not hasattr(where, "find_content"):
        raise UsageError(f"a registry is a folder, an address, a Registry or a callable, not {type(where).__name__}")
    local = where
    return lambda exhibit, carried: _asked(lambda: Opened.of(local), exhibit, carried, keys)


def _asked(opened: Callable[[], Opened], exhibit: Exhibit, carried: Carried, keys: KeyPolicy) -> OutsideAnswer:
    """The answer, whatever becomes of the question."""
    try:
        with opened() as source:
            known = told_by(source, exhibit.sha256, carried.manifest, keys)
            if carried.manifest is not None or known.content or (known.log is not None and known.log.wrong):
                return answer(exhibit.sha256, carried, known)
            climbed = climb_for(exhibit, source, carried.asset_hash)
            return answer(exhibit.sha256, carried, known_with(known, climbed), climbed)
    except LogError as error:
        return unanswered(str(error), log_broken=True)
    except FacevalueError as error:  # among them: the extra that is missing, and how to install it
        return unanswered(str(error))
    except (OSError, ValueError) as error:  # a folder that may not be read, a path with an embedded NUL
        return unanswered(getattr(error, "strerror", None) or str(error))


__all__ = ["Asker", "Carried", "asker"]
