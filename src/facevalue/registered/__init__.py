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
from facevalue.registered.sources import Opened, is_address, open_source, told_by
from facevalue.registry.client import RemoteRegistry
from facevalue.registry.errors import LogError

if TYPE_CHECKING:
    from facevalue.registry import Registry

    Where: TypeAlias = str | os.PathLike[str] | RemoteRegistry | Registry | OutsideLookup

Asker = Callable[[Exhibit, Carried], OutsideAnswer]


def asker(where: Where) -> Asker:
    """How to ask: a registry's folder or http(s) address, a Registry, a RemoteRegistry, or a callable of one's own.

    The question never raises for a registry that cannot be opened or asked, or whose log does not hold: the answer
    says so. Raises UsageError for anything else, and OfflineError for an address while FACEVALUE_OFFLINE=1.
    """
    if isinstance(where, str) and is_address(where):
        where = RemoteRegistry(where)
    if isinstance(where, str | os.PathLike):
        path = Path(where)
        return lambda exhibit, carried: _asked(lambda: open_source(path), exhibit, carried)
    if isinstance(where, RemoteRegistry):
        remote = where
        return lambda exhibit, carried: _asked(lambda: Opened(remote), exhibit, carried)
    if callable(where):
        lookup = where
        return lambda exhibit, _: lookup(exhibit)
    if not hasattr(where, "find_content"):
        raise UsageError(f"a registry is a folder, an address, a Registry or a callable, not {type(where).__name__}")
    local = where
    return lambda exhibit, carried: _asked(lambda: Opened.of(local), exhibit, carried)


def _asked(opened: Callable[[], Opened], exhibit: Exhibit, carried: Carried) -> OutsideAnswer:
    """The answer, whatever becomes of the question."""
    try:
        with opened() as source:
            return answer(exhibit.sha256, carried, told_by(source, exhibit.sha256, carried.manifest))
    except LogError as error:
        return unanswered(str(error), log_broken=True)
    except FacevalueError as error:  # among them: the extra that is missing, and how to install it
        return unanswered(str(error))
    except (OSError, ValueError) as error:  # a folder that may not be read, a path with an embedded NUL
        return unanswered(getattr(error, "strerror", None) or str(error))


__all__ = ["Asker", "Carried", "asker"]
