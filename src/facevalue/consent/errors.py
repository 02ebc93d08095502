"""What is said when consent is missing or does not cover what is to be done."""

from __future__ import annotations

from facevalue.errors import UsageError


class ConsentError(UsageError):
    """There is no valid consent for this use of a likeness; the text says why."""
