"""What provenance contributes to an opinion. It is no likelihood ratio: a credential holds or it does not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an exhibit stands towards its credential or a registered original.

    differs: a trusted credential or a registered original exists, and the content differs from it. upheld: a trusted
    credential is intact and its history clean. sentence: what was found, empty when there is no credential.
    """

    differs: bool = False
    upheld: bool = False
    sentence: str = ""

    @property
    def decides(self) -> bool:
        """Whether it alone can make a verdict on an exhibit of which nothing else could be examined."""
        return self.differs or self.upheld


NO_STANDING = Standing()
