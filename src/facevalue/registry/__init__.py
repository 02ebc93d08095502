"""Signed originals, and the append-only log over them that anyone can audit.

    from facevalue.registry import Registry, verify_proof

    registry = Registry.create(folder, "example.org/registry")
    registry.find_content(sha256)            # every claim on a content, earliest first
    verify_proof(proof, log=key)             # offline: no registry, no server, no database

The log, its proofs and RemoteRegistry need nothing beyond the package itself. Registry needs the extra
`facevalue[registry]` (SQLAlchemy, Alembic), and create_app needs FastAPI, which that brings.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from facevalue.errors import MissingExtraError

if TYPE_CHECKING:
    from facevalue.registry.admission import Request
    from facevalue.registry.client import RemoteRegistry
    from facevalue.registry.errors import ForkError, LogError, ProofError, RefusedError, RegistryError
    from facevalue.registry.proof import Proven, read_proof, verify_proof
    from facevalue.registry.registry import Receipt, Registry
    from facevalue.registry.service.app import create_app
    from facevalue.registry.submission import Action, sign
    from facevalue.registry.words import Algorithm, Binding, Claim, Entry, Key, Role

_HOMES = {
    "admission": "Request",
    "client": "RemoteRegistry",
    "errors": "ForkError LogError ProofError RefusedError RegistryError",
    "proof": "Proven read_proof verify_proof",
    "registry": "Receipt Registry",
    "service.app": "create_app",
    "submission": "Action sign",
    "words": "Algorithm Binding Claim Entry Key Role",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
_EXTRA = {"alembic", "fastapi", "pydantic", "sqlalchemy", "starlette", "uvicorn"}

__all__ = [
    "Action",
    "Algorithm",
    "Binding",
    "Claim",
    "Entry",
    "ForkError",
    "Key",
    "LogError",
    "ProofError",
    "Proven",
    "Receipt",
    "RefusedError",
    "Registry",
    "RegistryError",
    "RemoteRegistry",
    "Request",
    "Role",
    "create_app",
    "read_proof",
    "sign",
    "verify_proof",
]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its module, once. Raises MissingExtraError when its extra is not installed."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'facevalue.registry' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"facevalue.registry.{home}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in _EXTRA:
            raise MissingExtraError("the registry", "registry") from None
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
