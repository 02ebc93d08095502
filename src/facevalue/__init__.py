"""facevalue: never take media at face value.

    import facevalue as fv

    exam = fv.check("photo.jpg")
    exam.opinion.verdict          # Verdict.NO_SIGNS, SUSPECT, FAKE, DECLARED_SYNTHETIC, ...
    exam.opinion.by_question      # one opinion, with its likelihood ratio, per question
    exam.save("report.html")
    fv.verify("photo.jpg").state  # State.VERIFIED, ALTERED, NO_CREDENTIALS, ...
    fv.sign("photo.jpg", "signed.jpg", "newsroom")

Importing the package loads nothing heavy: each name below is fetched when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from facevalue._version import __version__

if TYPE_CHECKING:
    from facevalue.comparison import Comparison, compare
    from facevalue.errors import (
        DecodeError,
        FacevalueError,
        ForkError,
        LimitError,
        LogError,
        MissingExtraError,
        ModelError,
        OfflineError,
        ProofError,
        RefusedError,
        RegistryError,
        UnreadableError,
        UsageError,
    )
    from facevalue.examine import Examination, check, check_many
    from facevalue.exhibit import Exhibit
    from facevalue.finding import Finding, Opinion, Question, QuestionOpinion, Region, Status, Verdict
    from facevalue.media import Limits
    from facevalue.provenance.record import Axis, AxisStatus, Provenance, State
    from facevalue.signing import Identity, Signed, sign
    from facevalue.verification import verify

__all__ = [
    "Axis",
    "AxisStatus",
    "Comparison",
    "DecodeError",
    "Examination",
    "Exhibit",
    "FacevalueError",
    "Finding",
    "ForkError",
    "Identity",
    "LimitError",
    "Limits",
    "LogError",
    "MissingExtraError",
    "ModelError",
    "OfflineError",
    "Opinion",
    "ProofError",
    "Provenance",
    "Question",
    "QuestionOpinion",
    "RefusedError",
    "Region",
    "RegistryError",
    "Signed",
    "State",
    "Status",
    "UnreadableError",
    "UsageError",
    "Verdict",
    "__version__",
    "check",
    "check_many",
    "compare",
    "sign",
    "verify",
]

_HOMES = {
    "facevalue.comparison": "Comparison compare",
    "facevalue.errors": (
        "DecodeError FacevalueError ForkError LimitError LogError MissingExtraError ModelError OfflineError "
        "ProofError RefusedError RegistryError UnreadableError UsageError"
    ),
    "facevalue.examine": "Examination check check_many",
    "facevalue.exhibit": "Exhibit",
    "facevalue.finding": "Finding Opinion Question QuestionOpinion Region Status Verdict",
    "facevalue.media": "Limits",
    "facevalue.provenance.record": "Axis AxisStatus Provenance State",
    "facevalue.signing": "Identity Signed sign",
    "facevalue.verification": "verify",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Fetch a public name from the module it lives in, once (PEP 562)."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'facevalue' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
