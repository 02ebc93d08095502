"""Proving an original: from a file to a signed one that two verifiers accept, a registry knows and a log holds.

`sign` does it. `Identity` is who signs, `Signed` is what comes of it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facevalue.signing.errors import RejectedError, SignerError, SigningError
    from facevalue.signing.identity import Identity
    from facevalue.signing.record import Signed, Step, StepStatus
    from facevalue.signing.workflow import sign

_HOMES = {
    "errors": "RejectedError SignerError SigningError",
    "identity": "Identity",
    "record": "Signed Step StepStatus",
    "workflow": "sign",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["Identity", "RejectedError", "Signed", "SignerError", "SigningError", "Step", "StepStatus", "sign"]


def __getattr__(name: str) -> Any:
    """Fetch a public name from its module, once."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'facevalue.signing' has no attribute {name!r}")
    value = getattr(import_module(f"facevalue.signing.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
