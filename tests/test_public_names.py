"""The names that callers may rely on. A name that comes or goes is a line in CHANGELOG.md."""

import pytest

import facevalue

PUBLIC = {
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
}


def test_public_names_are_exactly_these() -> None:
    assert set(facevalue.__all__) == PUBLIC
    assert dir(facevalue) == sorted(PUBLIC)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(facevalue, name) is getattr(facevalue, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        facevalue.chek  # noqa: B018


def test_every_error_is_public_and_one_tree() -> None:
    from facevalue import errors

    assert set(errors.__all__) <= PUBLIC
    for name in errors.__all__:
        assert issubclass(getattr(facevalue, name), facevalue.FacevalueError)


def test_every_public_name_is_documented() -> None:
    for name in PUBLIC - {"__version__"}:
        assert (getattr(facevalue, name).__doc__ or "").strip(), f"{name} has no docstring"


def test_verdicts_stand_in_the_order_in_which_they_win() -> None:
    assert [str(v) for v in facevalue.Verdict] == [
        "altered",
        "declared_synthetic",
        "fake",
        "suspect",
        "verified",
        "inconclusive",
        "no_signs",
        "unexamined",
    ]


def test_questions_are_those_of_the_contract() -> None:
    assert {str(q) for q in facevalue.Question} == {
        "generated",
        "face_swapped",
        "edited",
        "voice_synthetic",
        "lips_mismatched",
        "provenance",
    }
