"""What credentials do to an examination: the verdicts that they alone can make, in the order of the contract."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "provenance"))
import make_credentials as kit

import facevalue as fv
from facevalue.finding import Finding, Question, Status
from facevalue.opinion.standing import NO_STANDING, Standing
from facevalue.opinion.weigh import weigh
from facevalue.reports.html import render_html
from facevalue.reports.json import load_schema
from facevalue.reports.terminal import lines

ATTACK = "<script>alert(1)</script>'; DROP TABLE x; --\u202e\x1b[31m"
PROVENANCE = ("provenance",)


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.anchors(tmp_path_factory.mktemp("trust"), kit.root())


def _found(lr: float | None) -> Finding:
    return Finding("eye", Question.GENERATED, Status.FOUND, "eye looked", 0.5, lr)


class TestWeighing:
    DIFFERS, UPHELD = Standing(differs=True, sentence="It differs."), Standing(upheld=True, sentence="It holds.")

    @pytest.mark.parametrize(
        ("standing", "lr", "verdict"),
        [
            (DIFFERS, 5.0, "altered"),
            (DIFFERS, -2.0, "altered"),
            (UPHELD, 5.0, "fake"),
            (UPHELD, 1.5, "suspect"),
            (UPHELD, 0.5, "verified"),
            (UPHELD, None, "verified"),
            (NO_STANDING, 0.5, "no_signs"),
            (Standing(sentence="Nobody vouches."), 0.5, "no_signs"),
        ],
    )
    def test_verdicts_win_in_the_order_of_the_contract(
        self, standing: Standing, lr: float | None, verdict: str
    ) -> None:
        opinion = weigh([_found(lr)], standing=standing)
        assert opinion.verdict == verdict
        if verdict in ("altered", "verified"):
            assert opinion.reasons[0] == standing.sentence
        elif standing.sentence:
            assert f"Credential: {standing.sentence}" in opinion.reasons


class TestChecking:
    def test_altered_content_of_a_trusted_credential(self, trust: Path) -> None:
        exam = fv.check(kit.flipped(kit.sign(kit.picture()), -20), questions=PROVENANCE, trust=trust)
        assert exam.opinion.verdict == "altered"
        assert exam.provenance["credentials"]["state"] == "altered"

    def test_an_intact_credential_of_a_trusted_signer(self, trust: Path) -> None:
        data = kit.sign(kit.picture())
        assert fv.check(data, questions=PROVENANCE, trust=trust).opinion.verdict == "verified"
        assert fv.check(data, questions=PROVENANCE).opinion.verdict != "verified"

    def test_a_laundered_picture_is_not_verified_and_the_reason_says_why(self, trust: Path) -> None:
        exam = fv.check(kit.laundered(), questions=PROVENANCE, trust=trust)
        assert exam.opinion.verdict != "verified"
        assert any("ingredient" in r and "dataHash.mismatch" in r for r in exam.opinion.reasons)

    def test_a_declaration_wins_over_an_intact_credential(self, trust: Path) -> None:
        tree = kit.manifest({"action": "c2pa.created", "digitalSourceType": kit.TRAINED})
        exam = fv.check(kit.sign(kit.picture(), tree=tree), questions=PROVENANCE, trust=trust)
        assert exam.opinion.verdict == "declared_synthetic"

    def test_a_document_that_nothing_decodes_still_has_a_credential(self, trust: Path) -> None:
        exam = fv.check(kit.sign(kit.document(), "application/pdf"), trust=trust)
        assert exam.opinion.verdict == "verified"
        assert exam.not_examined
        assert fv.check(kit.document(), trust=trust).opinion.verdict == "unexamined"

    def test_a_sound_is_verified_too(self, trust: Path) -> None:
        exam = fv.check(kit.sign(kit.sound(), "audio/wav"), questions=PROVENANCE, trust=trust)
        assert exam.opinion.verdict == "verified"

    def test_anchors_that_cannot_be_read_are_refused_before_anything_is_examined(self, tmp_path: Path) -> None:
        with pytest.raises(fv.UsageError):
            fv.check(kit.picture(), trust=tmp_path / "gone.pem")
        with pytest.raises(fv.UsageError):
            fv.check_many([kit.picture()], trust=tmp_path / "gone.pem")


class TestSchemas:
    def test_every_state_meets_its_schema(self, trust: Path) -> None:
        jsonschema = pytest.importorskip("jsonschema")
        own, whole = (jsonschema.Draft202012Validator(load_schema(n)) for n in ("provenance-1", "examination-1"))
        good = kit.sign(kit.picture())
        for data in (good, kit.flipped(good, -20), kit.picture(), kit.laundered(2), b"", good[:900]):
            own.validate(fv.verify(data, trust=trust).to_dict())
            whole.validate(fv.check(data, questions=PROVENANCE, trust=trust).to_dict())

    def test_the_two_schemas_say_the_same_of_credentials(self) -> None:
        own, whole = load_schema("provenance-1"), load_schema("examination-1")
        for name, definition in own["$defs"].items():
            assert whole["$defs"][name] == definition
        for key, value in whole["$defs"]["credentials"]["properties"].items():
            assert own["properties"][key] == value


@pytest.fixture(scope="module")
def exam(trust: Path) -> fv.Examination:
    """Of a picture whose credential, and its ingredient's, are full of what might steer a browser or a terminal."""
    tree = kit.manifest(title=ATTACK + "x" * 10_000, generator=ATTACK + "y" * 10_000)
    before = kit.sign(kit.picture(), tree=tree)
    return fv.check(kit.sign(before, parent=before, parent_title=ATTACK), questions=PROVENANCE, trust=trust)


class TestHostileTexts:
    def test_they_are_inert_in_html_and_bounded(self, exam: fv.Examination) -> None:
        page = render_html(exam)
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
        assert "\u202e" not in page
        assert "\x1b" not in page
        assert "x" * 3000 not in page

    def test_they_are_inert_on_a_terminal(self, exam: fv.Examination) -> None:
        text = "\n".join(line for _, line in lines(exam))
        assert "\x1b" not in text
        assert "\u202e" not in text

    def test_the_report_of_a_verification_escapes_them_too(self, trust: Path) -> None:
        from facevalue.reports.provenance import render_provenance

        tree = kit.manifest(title=ATTACK, generator=ATTACK)
        found = fv.verify(kit.sign(kit.picture(), tree=tree), trust=trust, name=ATTACK + ".jpg")
        page = render_provenance(found)
        assert found.state is fv.State.VERIFIED
        assert "<script>alert" not in page
        assert "\u202e" not in page


def test_the_report_of_an_examination_has_a_section_on_credentials(trust: Path) -> None:
    page = render_html(fv.check(kit.laundered(), questions=PROVENANCE, trust=trust))
    assert "<h2>Credentials</h2>" in page
    assert "Bytes outside the hash" in page
    assert "assertion.dataHash.mismatch (recorded)" in page
