"""Where facevalue keeps what it fetched or was given, and whether it may use the network."""

from __future__ import annotations

import os
from pathlib import Path

from facevalue.errors import OfflineError

HOME_VARIABLE = "FACEVALUE_HOME"
OFFLINE_VARIABLE = "FACEVALUE_OFFLINE"


def home() -> Path:
    """The folder for weights, registry and cases: FACEVALUE_HOME, else the platform's user data directory.

    The folder need not exist; whoever writes into it makes it.
    """
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("facevalue", appauthor=False))


def models_dir() -> Path:
    """Where `facevalue models pull` puts third-party weights."""
    return home() / "models"


def offline() -> bool:
    """Whether FACEVALUE_OFFLINE refuses every network use ("", "0", "false", "no" and "off" do not)."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in {"", "0", "false", "no", "off"}


def require_network(purpose: str) -> None:
    """Call before any network use; purpose completes "... needs the network". Raises OfflineError."""
    if offline():
        raise OfflineError(f"{purpose} needs the network, but {OFFLINE_VARIABLE} refuses it")
