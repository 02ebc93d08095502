"""`facevalue.verify`: the state and the axes of files that are signed, changed, laundered, or not signed at all."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import make_credentials as kit
import pytest

import facevalue as fv
from facevalue.exhibit import Exhibit
from facevalue.provenance.assess import assess
from facevalue.provenance.outside import Answer, OutsideAnswer
from facevalue.provenance.record import AXES
from facevalue.provenance.sandbox import ReadLimits, read_credential
from facevalue.provenance.settings import EngineSettings
from facevalue.provenance.trust import AnchorKind, trust_set


def status(found: fv.Provenance, axis: str) -> str:
    return str(found.axes[axis].status)


class TestStates:
    def test_a_trusted_signer_and_unchanged_content_are_verified(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(signed, trust=trust)
        assert found.state is fv.State.VERIFIED
        assert tuple(found.axes) == AXES
        assert [status(found, a) for a in ("binding", "claim_signature", "signer_trust")] == ["passed"] * 3
        assert found.axes["signer_trust"].details["list"] == trust.name
        assert found.axes["signer_trust"].details["ekus"] == ["emailProtection"]
        assert found.axes["claim_signature"].details["own_check"] == "valid"
        assert status(found, "time") == "absent"
        assert status(found, "revocation") == "not_asked"
        assert all(axis.does_not_prove for axis in found.axes.values())

    def test_without_an_anchor_the_signer_is_untrusted(self, signed: bytes, tmp_path: Path) -> None:
        found = fv.verify(signed, trust=kit.anchors(tmp_path, kit.stranger()))
        assert found.state is fv.State.UNTRUSTED_SIGNER
        assert (status(found, "binding"), status(found, "signer_trust")) == ("passed", "failed")
        assert "no anchor of claim signers" in found.summary

    def test_a_flipped_bit_of_the_content_is_altered(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(kit.flipped(signed, -20), trust=trust)
        assert found.state is fv.State.ALTERED
        assert status(found, "binding") == "failed"
        assert found.content_differs
        assert any("dataHash.mismatch" in line for line in found.axes["binding"].evidence)

    def test_altered_content_of_an_untrusted_signer_contradicts_no_trusted_credential(self, signed: bytes) -> None:
        found = fv.verify(kit.flipped(signed, -20))
        assert (found.state, found.content_differs) == (fv.State.ALTERED, False)

    def test_a_flipped_bit_of_the_claim_is_altered(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(kit.flipped(signed, signed.index(b"a picture") + 2), trust=trust)
        assert found.state is fv.State.ALTERED
        assert status(found, "claim_signature") == "failed"
        assert not found.content_differs  # anybody can write a claim that nobody signed

    def test_a_flipped_bit_of_an_assertion_is_altered(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(kit.flipped(signed, signed.index(b"digitalCapture")), trust=trust)
        assert found.state is fv.State.ALTERED
        assert any("hashedURI.mismatch" in line for line in found.axes["claim_signature"].evidence)

    @pytest.mark.parametrize("left", [0.999, 0.6, 0.3, 0.05])
    def test_a_truncated_file_is_never_verified(self, signed: bytes, trust: Path, left: float) -> None:
        found = fv.verify(signed[: int(len(signed) * left)], trust=trust)
        assert found.state in {fv.State.ALTERED, fv.State.ERROR}

    @pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
    def test_an_unsigned_picture_has_no_credentials_and_is_not_called_fake(self, form: str) -> None:
        found = fv.verify(kit.picture(form))
        assert found.state is fv.State.NO_CREDENTIALS
        assert "never means that a file is fake" in found.summary
        assert found.trust_lists == ()

    @pytest.mark.parametrize("data", [b"", b"nothing that is a picture", bytes(4096), b"\xff\xd8\xff\xe0 cut off"])
    def test_what_is_no_media_is_no_crash(self, data: bytes) -> None:
        assert fv.verify(data).state in {fv.State.ERROR, fv.State.NO_CREDENTIALS}

    def test_a_missing_file_is_an_error_that_says_so(self, tmp_path: Path) -> None:
        found = fv.verify(tmp_path / "gone.jpg")
        assert (found.state, found.exhibit.name) == (fv.State.ERROR, "gone.jpg")
        assert "No such file" in found.summary

    def test_equal_files_give_equal_json(self, signed: bytes, trust: Path) -> None:
        first, second = (fv.verify(signed, trust=trust).to_json() for _ in range(2))
        assert first == second
        assert json.loads(first)["schema"] == "facevalue.provenance/1"

    def test_a_limit_ends_the_reading_with_a_reason(self, signed: bytes) -> None:
        # Less than no time: hashing the file gets some beside it, in which a small one may be read after all.
        limits = ReadLimits(seconds=-60.0, memory_bytes=1 << 30)
        reading = read_credential(Exhibit.open(signed), EngineSettings(), limits=limits)
        assert reading == {"status": "failed", "why": "reading the credential took too long and was stopped"}
        assert fv.verify(signed).state is fv.State.UNTRUSTED_SIGNER  # the next one gets a reader that works


class TestSizes:
    def test_a_large_file_travels_as_a_descriptor(self, trust: Path, tmp_path: Path, monkeypatch: object) -> None:
        from facevalue.provenance import sandbox

        assert isinstance(monkeypatch, pytest.MonkeyPatch)
        monkeypatch.setattr(sandbox, "MAX_PIPED_BYTES", 1000)
        path = tmp_path / "sound.wav"
        path.write_bytes(kit.sign(kit.sound(), "audio/wav"))
        assert fv.verify(path, trust=trust).state is fv.State.VERIFIED
        assert fv.verify(path.read_bytes(), trust=trust).state is fv.State.VERIFIED


class TestLaundering:
    @pytest.mark.parametrize("rounds", [1, 2, 3])
    def test_a_tampered_picture_signed_anew_is_not_verified(self, rounds: int, trust: Path) -> None:
        data = kit.laundered(rounds)
        reading = read_credential(Exhibit.open(data), EngineSettings(claim_anchors=trust.read_text()))
        assert reading["state"] == "Trusted"  # the trap: the engine alone says so
        found = fv.verify(data, trust=trust)
        assert found.state is fv.State.VERIFIED_WITH_WARNINGS
        assert status(found, "history") == "failed"
        told = " ".join(found.axes["history"].evidence)
        assert "assertion.dataHash.mismatch, recorded when it was taken over" in told
        assert [e.depth for e in found.history] == list(range(rounds + 1))
        assert found.history[-1].results[-1].recorded

    def test_an_honest_step_is_clean(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(kit.sign(signed, parent=signed), trust=trust)
        assert (found.state, status(found, "history")) == (fv.State.VERIFIED, "passed")

    def test_an_ingredient_without_credentials_is_said_to_be_unknown(self, trust: Path) -> None:
        found = fv.verify(kit.sign(kit.picture(), parent=kit.picture()), trust=trust)
        assert found.state is fv.State.VERIFIED
        assert "carry no credentials" in " ".join(found.axes["history"].evidence)
        assert found.history[1].manifest is None

    def test_an_ingredient_of_a_stranger_is_a_warning(self, trust: Path) -> None:
        outsider = kit.issue(kit.Wish("Outsider"), kit.stranger())
        before = kit.sign(kit.picture(), by=outsider)
        found = fv.verify(kit.sign(before, parent=before), trust=trust)
        assert (found.state, status(found, "history")) == (fv.State.VERIFIED_WITH_WARNINGS, "warning")

    def test_an_ingredient_broken_after_signing_is_altered(self, signed: bytes, trust: Path) -> None:
        data = kit.sign(signed, parent=signed)
        inner = data.index(b"digitalCapture")  # the parent's assertion lies before the new manifest
        assert fv.verify(kit.flipped(data, inner), trust=trust).state is fv.State.ALTERED


class TestSigners:
    def _state(self, party: kit.Party, trust: Path, *, above: bool = True, **options: Path) -> fv.Provenance:
        return fv.verify(kit.sign(kit.picture(), by=party, chain=party.pem(above=above)), trust=trust, **options)

    def test_the_chain_must_be_whole(self, trust: Path) -> None:
        found = self._state(kit.signer(), trust, above=False)
        assert found.state is fv.State.UNTRUSTED_SIGNER

    def test_the_intermediate_may_be_the_anchor(self, tmp_path: Path) -> None:
        assert self._state(kit.signer(), kit.anchors(tmp_path, kit.intermediate())).state is fv.State.VERIFIED

    @pytest.mark.parametrize("eku", [kit.TIME_STAMPING, kit.OCSP_SIGNING], ids=["timeStamping", "OCSPSigning"])
    def test_keys_for_other_purposes_sign_no_claims_even_if_the_engine_trusts_them(
        self, eku: object, trust: Path
    ) -> None:
        party = kit.issue(kit.Wish("Odd signer", ekus=(eku,)), kit.intermediate())  # type: ignore[arg-type]
        found = self._state(party, trust)
        assert found.state is not fv.State.VERIFIED
        assert found.state is not fv.State.VERIFIED_WITH_WARNINGS
        assert status(found, "signer_trust") == "failed"
        assert "not meant for this" in found.axes["signer_trust"].summary

    def test_anchors_of_time_stamping_authorities_vouch_for_no_claim(self, signed: bytes, tmp_path: Path) -> None:
        lists = {"trust": kit.anchors(tmp_path, kit.stranger()), "tsa_trust": kit.anchors(tmp_path, kit.root())}
        found = fv.verify(signed, **lists)
        assert found.state is fv.State.UNTRUSTED_SIGNER
        if found.axes["signer_trust"].details["engine_trusts"]:  # the engine's trap
            assert any("The engine alone trusts" in line for line in found.axes["signer_trust"].evidence)

    def test_an_expired_certificate_is_untrusted_unless_a_time_stamp_says_when(
        self, signed: bytes, trust: Path
    ) -> None:
        lists = trust_set(trust)
        reading = read_credential(Exhibit.open(signed), EngineSettings(lists.pem(AnchorKind.CLAIM)))
        later = kit.NOW + datetime.timedelta(days=1000)
        found = assess(Exhibit.open(signed), reading, lists, now=later)
        assert found.state is fv.State.UNTRUSTED_SIGNER
        assert "was expired on" in found.summary
        assert found.axes["signer_trust"].details["expired"] is True


class TestOrigin:
    def test_a_generated_picture_states_so(self, trust: Path) -> None:
        tree = kit.manifest({"action": "c2pa.created", "digitalSourceType": kit.TRAINED})
        found = fv.verify(kit.sign(kit.picture(), tree=tree), trust=trust)
        axis = found.axes["declared_origin"]
        assert (str(axis.status), axis.details["source_types"]) == ("stated", ["trainedAlgorithmicMedia"])
        assert "generated by a trained model" in axis.summary


class TestElsewhere:
    def test_a_sidecar_is_read_when_it_is_named(self, trust: Path, tmp_path: Path) -> None:
        data, store = kit.sign_aside(kit.picture())
        aside = tmp_path / "picture.c2pa"
        aside.write_bytes(store)
        assert fv.verify(data, trust=trust).state is fv.State.NO_CREDENTIALS
        found = fv.verify(data, trust=trust, sidecar=aside)
        assert (found.state, found.sidecar) == (fv.State.VERIFIED, True)
        other = fv.verify(kit.picture(seed=9), trust=trust, sidecar=aside)
        assert other.state is fv.State.ALTERED

    @pytest.mark.parametrize("content", [b"", b"no manifest store at all"])
    def test_a_sidecar_that_is_none_is_refused_or_an_error(self, content: bytes, tmp_path: Path) -> None:
        aside = tmp_path / "bad.c2pa"
        aside.write_bytes(content)
        if content:
            assert fv.verify(kit.picture(), sidecar=aside).state is fv.State.ERROR
        else:
            with pytest.raises(fv.UsageError, match="is empty"):
                fv.verify(kit.picture(), sidecar=aside)
        with pytest.raises(fv.UsageError, match="cannot read the sidecar"):
            fv.verify(kit.picture(), sidecar=tmp_path / "gone.c2pa")

    def test_a_remote_manifest_is_reported_and_not_fetched(self) -> None:
        address = "https://manifests.example.invalid/one.c2pa"
        data, _ = kit.sign_aside(kit.picture(), remote=address)
        found = fv.verify(data)
        assert (found.state, found.remote) == (fv.State.NO_CREDENTIALS, address)
        assert "was not fetched" in found.notes[0]

    def test_online_is_refused_offline(self, signed: bytes) -> None:
        with pytest.raises(fv.OfflineError, match="verifying online needs the network"):
            fv.verify(signed, online=True)


class TestOutside:
    def test_nobody_was_asked(self, signed: bytes) -> None:
        found = fv.verify(signed)
        assert {status(found, a) for a in ("recovered", "registry", "log")} == {"not_asked"}

    def test_a_registry_fills_its_axes_and_a_match_is_not_called_valid(self) -> None:
        def ask(exhibit: fv.Exhibit) -> OutsideAnswer:
            return OutsideAnswer(
                recovered=Answer(fv.AxisStatus.PASSED, f"{exhibit.name} matches entry 7.", ("distance 4",)),
                registry=Answer(fv.AxisStatus.PASSED, "Registered by a test desk."),
                matched=True,
                summary="it is like entry 7.",
            )

        found = fv.verify(kit.picture(), registry=ask, name="a.jpg")
        assert found.state is fv.State.RECOVERED_MATCH
        assert found.summary.startswith("Matched by soft binding")
        assert found.axes["recovered"].evidence == ("distance 4",)
        assert status(found, "log") == "not_asked"

    def test_a_registered_original_that_differs_is_a_contradiction(self, signed: bytes, trust: Path) -> None:
        found = fv.verify(signed, trust=trust, registry=lambda _: OutsideAnswer(content_differs=True))
        assert (found.state, found.content_differs) == (fv.State.VERIFIED_WITH_WARNINGS, True)


class TestSecondOpinion:
    def test_the_independent_verifier_agrees_on_good_and_on_bad(self, signed: bytes, trust: Path) -> None:
        pytest.importorskip("encypher_c2pa", reason="needs the extra second-opinion")
        for data in (signed, kit.flipped(signed, -20), kit.laundered()):
            found = fv.verify(data, trust=trust)
            assert status(found, "second_opinion") == "passed", found.axes["second_opinion"].evidence

    def test_it_is_not_asked_when_it_is_not_wanted(self, signed: bytes) -> None:
        assert status(fv.verify(signed, second_opinion=False), "second_opinion") == "not_asked"

    def test_a_disagreement_is_a_warning(self, signed: bytes, trust: Path) -> None:
        lists = trust_set(trust)
        reading = read_credential(Exhibit.open(signed), EngineSettings(lists.pem(AnchorKind.CLAIM)))
        second = {"status": "asked", "by": "another", "integrity": "invalid", "signature": "invalid"}
        found = assess(Exhibit.open(signed), {**reading, "second": second}, lists)
        assert (found.state, status(found, "second_opinion")) == (fv.State.VERIFIED_WITH_WARNINGS, "warning")
