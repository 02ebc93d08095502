"""What the lab says of a thing it made, and what a labelled file then carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facevalue.errors import UsageError
from facevalue.signing.manifest import IPTC, SYNTHETIC, source_term, source_uri
from facevalue.watermark import Payload

COMPOSITE_TYPE = IPTC + "compositeWithTrainedAlgorithmicMedia"
ALGORITHMIC_TYPE = IPTC + "algorithmicMedia"
TRAINED_TYPE = IPTC + "trainedAlgorithmicMedia"

VISIBLE, WATERMARK, SOURCE_TYPE, CREDENTIAL = "visible_mark", "watermark", "digital_source_type", "c2pa"


@dataclass(frozen=True)
class Made:
    """How something came about.

    tool: for example "facevalue lab: swap". source_type: an IPTC digitalSourceType that says that a model or an
    algorithm made it, as an address (TRAINED_TYPE, COMPOSITE_TYPE, ALGORITHMIC_TYPE) or as its last word. ingredients:
    the files it was made from, first the one that was changed; none for what was drawn from nothing. parameters:
    JSON-ready; they and the seed go into the credential.

    Raises UsageError for a source type that does not say that it is synthetic, or parameters that are not JSON.
    """

    tool: str
    source_type: str
    ingredients: tuple[Path, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.term not in SYNTHETIC:
            raise UsageError(f"the lab writes nothing as {self.term}: what it makes is {', '.join(sorted(SYNTHETIC))}")
        try:
            json.dumps(dict(self.parameters), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"the parameters of {self.tool} cannot be written as JSON: {error}") from None

    @property
    def term(self) -> str:
        """The digitalSourceType's last word."""
        return source_term(self.source_type)

    @property
    def uri(self) -> str:
        """The digitalSourceType's address."""
        return source_uri(self.term)

    def payload(self, content: bytes) -> Payload:
        """What the watermark holds: synthetic; the identifier follows from tool, seed and content, nothing else."""
        digest = hashlib.sha256(b"\0".join((self.tool.encode(), str(self.seed).encode(), content))).digest()
        return Payload.random(synthetic=True, seed=int.from_bytes(digest[:8], "big"))


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file that the lab wrote. sha256: of the file. media_type: as it is sniffed.

    content_sha256: of the file before the credential went in; the same inputs and seed give the same one, whereas a
    credential has a new number and signature each time. labels: which it carries, of "visible_mark", "watermark",
    "digital_source_type" and "c2pa". notes: plain sentences on what it could not hold.
    """

    path: Path
    sha256: str
    media_type: str
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    content_sha256: str
