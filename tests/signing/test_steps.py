"""The steps of signing, one by one: time stamps, registry and log, the second look, soft bindings, watermarks."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import make_credentials as kit
import make_signing as media
import pytest

import facevalue as fv
from facevalue.signing import RejectedError, SignerError, SigningError
from facevalue.signing.store import StoredIdentity

Sign = Callable[..., fv.Signed]
CAPTURE = "digitalCapture"


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestTime:
    def test_a_callback_stamps_and_the_stamp_is_judged(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        trust = kit.anchors(tmp_path, kit.root())
        signed = quick(original, tsa=media.stamp, tsa_trust=trust)
        assert signed["time_stamp"].status == "done"
        assert signed.provenance.axes["time"].status == "passed"
        assert "Test time stamps" in signed.provenance.axes["time"].summary

    def test_an_authority_that_nobody_vouches_for(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        signed = quick(original, tsa=media.stamp, tsa_trust=kit.anchors(tmp_path, kit.stranger()))
        assert signed.provenance.axes["time"].status == "unknown"

    @pytest.mark.parametrize("answer", [b"", b"nonsense", b"\x30\x05\x30\x03\x02\x01\x02"])
    def test_an_authority_that_answers_nonsense_leaves_nothing(
        self, answer: bytes, quick: Sign, original: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(SigningError):
            quick(original, tsa=lambda request: answer)
        assert left(tmp_path) == ["photo.jpg"]

    def test_an_authority_that_fails_says_why(self, quick: Sign, original: Path) -> None:
        def broken(request: bytes) -> bytes:
            raise ConnectionError("the line is down")

        with pytest.raises(SignerError, match="authority failed: ConnectionError: the line is down"):
            quick(original, tsa=broken)

    def test_an_address_needs_to_be_asked_for(self, quick: Sign, original: Path) -> None:
        with pytest.raises(fv.UsageError, match="add --online"):
            quick(original, tsa="https://tsa.example.org")
        with pytest.raises(fv.OfflineError, match="FACEVALUE_OFFLINE"):
            quick(original, tsa="https://tsa.example.org", online=True)
        with pytest.raises(fv.UsageError, match="begins with http"):
            quick(original, tsa="ftp://tsa.example.org", online=True)

    def test_an_address_is_asked(self, quick: Sign, original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FACEVALUE_OFFLINE", "0")
        with media.serving() as address:
            signed = quick(original, tsa=address, online=True)
            assert signed.provenance.axes["time"].details["stated"]
            with pytest.raises(SignerError, match="authority answers 500"):
                quick(original, original.with_name("b.jpg"), tsa=f"{address}/broken", online=True)
            with pytest.raises(SignerError, match="is no time stamp"):
                quick(original, original.with_name("b.jpg"), tsa=f"{address}/page", online=True)


class TestRegistry:
    def test_it_is_entered_and_the_proof_lies_beside(self, quick: Sign, original: Path, party: object) -> None:
        from facevalue.registry import verify_proof

        signed = quick(original, registry=party.registry.folder.root, title="A bridge")
        assert media.facts(signed)["registry"]["publisher"] == "desk.example.org"
        assert signed.proof == original.with_name("photo.signed.jpg.proof.json")
        proven = verify_proof(
            json.loads(signed.proof.read_text()),
            log=party.registry.log.verifier,
            content=bytes.fromhex(signed.content_sha256),
        )
        entry = proven.submission.entry
        assert (entry.title, entry.manifest_id) == ("A bridge", signed.manifest_id)
        assert entry.asset_hash is not None
        assert {b.alg for b in entry.bindings} == {b.algorithm for b in signed.bindings}
        found = fv.verify(signed.path, registry=party.registry)
        assert [found.axes[n].status for n in ("registry", "log")] == ["passed", "passed"]

    def test_a_stripped_sidecar_is_recovered_by_hash(self, quick: Sign, original: Path, party: object) -> None:
        quick(original, sidecar=True, registry=party.registry).path.unlink()
        assert fv.verify(original, registry=party.registry).state is fv.State.RECOVERED_MATCH

    def test_a_private_entry(self, quick: Sign, original: Path, party: object) -> None:
        signed = quick(original, registry=party.registry, private=True)
        content = bytes.fromhex(signed.content_sha256)
        assert party.registry.find_content(content) == []
        assert len(party.registry.find_content(content, private=True)) == 1

    def test_a_key_that_is_not_known_leaves_nothing(
        self, original: Path, party: object, tmp_path: Path, home: Path
    ) -> None:
        from facevalue.signing.store import init_identity

        stranger = init_identity("stranger").open()
        with pytest.raises(fv.UsageError, match=r"does not know the key of .* registry key add .* --name str"):
            fv.sign(original, None, stranger, watermark=False, registry=party.registry)
        assert not original.with_name("photo.signed.jpg").exists()

    def test_an_identity_without_a_key_for_registries(self, original: Path, party: object) -> None:
        signer = kit.signer()
        who = fv.Identity(signer.pem(), signer.sign)
        with pytest.raises(fv.UsageError, match="has no key for a registry: facevalue registry key new"):
            fv.sign(original, None, who, watermark=False, registry=party.registry)

    def test_a_registry_that_is_not_there(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        with pytest.raises(fv.UsageError, match="run facevalue registry init"):
            quick(original, registry=tmp_path / "none")
        with pytest.raises(fv.OfflineError):
            quick(original, registry="https://registry.example.org")
        with pytest.raises(fv.UsageError, match="a registry is a folder"):
            quick(original, registry=3)

    def test_a_log_with_another_key_gets_nothing(
        self, quick: Sign, original: Path, party: object, tmp_path: Path
    ) -> None:
        from make_registry import Party

        stranger = Party(tmp_path / "another")
        with pytest.raises(SigningError, match=r"nothing was sent to the registry: The log's key is .* not the one"):
            quick(original, registry=party.registry, log_key=str(stranger.registry.log.verifier))
        assert party.registry.size() == 0
        quick(original, registry=party.registry, log_key=str(party.registry.log.verifier))
        assert party.registry.size() == 1
        stranger.registry.close()

    def test_without_one_the_steps_say_what_to_do(self, quick: Sign, original: Path) -> None:
        signed = quick(original)
        assert (signed["registry"].status, signed["log"].status, signed.proof) == ("off", "off", None)
        assert "facevalue registry init" in signed["registry"].sentence

    def test_a_full_disk_at_the_end_leaves_no_output(
        self, quick: Sign, original: Path, party: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import errno

        from facevalue.signing import placing

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(placing, "_flush_folder", full)
        with pytest.raises(SigningError, match=r"no space is left to write photo\.signed\.jpg: nothing was half"):
            quick(original, registry=party.registry)
        assert left(original.parent) == ["photo.jpg", "registry"]


class TestVerifiedAgain:
    def test_what_does_not_verify_is_not_given_out(
        self, quick: Sign, original: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from facevalue.signing import workflow

        build = workflow.build

        def corrupted(order: object, *rest: object) -> object:
            built = build(order, *rest)
            order.target.write_bytes(kit.flipped(order.target.read_bytes(), -20))
            return built

        monkeypatch.setattr(workflow, "build", corrupted)
        with pytest.raises(RejectedError, match=r"does not verify \(binding\): .* It was removed"):
            quick(original)
        assert left(original.parent) == ["photo.jpg"]

    def test_a_second_verifier_that_disagrees_is_heard(
        self, quick: Sign, original: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from facevalue.signing import confirm

        verify = confirm.verify_exhibit

        def disagreeing(*args: object, **more: object) -> fv.Provenance:
            found = verify(*args, **more)
            axis = replace(found.axes["second_opinion"], status=fv.AxisStatus.WARNING, summary="It disagrees.")
            return replace(found, axes={**found.axes, "second_opinion": axis})

        monkeypatch.setattr(confirm, "verify_exhibit", disagreeing)
        with pytest.raises(RejectedError, match=r"\(second_opinion\): It disagrees"):
            quick(original)
        assert left(original.parent) == ["photo.jpg"]

    def test_a_second_verifier_that_is_not_there_is_said(
        self, quick: Sign, original: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from facevalue.signing import confirm

        verify = confirm.verify_exhibit

        def alone(*args: object, **more: object) -> fv.Provenance:
            found = verify(*args, **more)
            status, told = fv.AxisStatus.NOT_AVAILABLE, "It is not installed: pip install it."
            axis = replace(found.axes["second_opinion"], status=status, summary=told)
            return replace(found, axes={**found.axes, "second_opinion": axis})

        monkeypatch.setattr(confirm, "verify_exhibit", alone)
        step = quick(original)["second_verifier"]
        assert (str(step.status), "not installed" in step.sentence) == ("not_done", True)


class TestSoftBindings:
    def test_the_manifest_names_them_and_the_registry_finds_by_them(
        self, quick: Sign, party: object, tmp_path: Path, scene: object, encode: Callable[..., bytes]
    ) -> None:
        from facevalue.registry import Binding

        source = write(tmp_path, "scene.jpg", encode(scene, "JPEG", quality=92))
        signed = quick(source, registry=party.registry)
        pdq = next(b for b in signed.bindings if b.algorithm == "org.facevalue.pdq.1")
        assert b"org.facevalue.pdq.1" in signed.path.read_bytes()
        assert base64.b64encode(pdq.value) in signed.path.read_bytes()
        assert signed["fingerprint"].status == "done"
        claims = party.registry.find_binding(Binding(pdq.algorithm, pdq.value))
        assert [c.entry.content.hex() for c in claims] == [signed.content_sha256]

    def test_documents_have_none_and_it_is_said(self, quick: Sign, tmp_path: Path) -> None:
        signed = quick(write(tmp_path, "a.pdf", kit.document()))
        assert (signed["fingerprint"].status, signed.bindings) == ("not_done", ())
        assert "application/pdf" in signed["fingerprint"].sentence


class TestWatermarks:
    """The marks themselves are tested beside their code; here, that the signed copy holds what its manifest says."""

    @pytest.fixture
    def photo(self, tmp_path: Path, scene: object, encode: Callable[..., bytes]) -> Path:
        return write(tmp_path, "photo.jpg", encode(scene, "JPEG", quality=92))

    def test_the_signed_copy_holds_the_mark_that_it_names(
        self, photo: Path, who: fv.Identity, party: object, desk: StoredIdentity
    ) -> None:
        from facevalue.marking import read_file
        from facevalue.registry import Binding

        data = photo.read_bytes()
        signed = fv.sign(photo, None, who, source_type="trainedAlgorithmicMedia", registry=party.registry)
        assert photo.read_bytes() == data
        held = next(b for b in signed.bindings if b.kind == "watermark")
        found = read_file(signed.path)
        assert (found.payload.to_bytes(), found.payload.synthetic) == (held.value, True)
        claims = party.registry.find_binding(Binding(held.algorithm, held.value))
        assert [c.entry.content.hex() for c in claims] == [signed.content_sha256]
        verified = fv.verify(signed.path, trust=desk.trust_file)
        assert [a["action"] for a in verified.history[0].actions] == ["c2pa.created", "c2pa.watermarked"]
        assert held.algorithm.encode() in signed.path.read_bytes()
        assert signed["watermark"].details["distortion_db"] >= 36

    def test_a_mark_that_is_there_is_kept(self, photo: Path, who: fv.Identity, desk: StoredIdentity) -> None:
        first = fv.sign(photo, None, who, source_type=CAPTURE)
        second = fv.sign(first.path, None, who)
        marks = [next(b.value for b in s.bindings if b.kind == "watermark") for s in (first, second)]
        assert marks[0] == marks[1]
        assert "already, which is kept" in second["watermark"].sentence
        verified = fv.verify(second.path, trust=desk.trust_file)
        assert [a["action"] for a in verified.history[0].actions] == ["c2pa.opened"]
        assert verified.state is fv.State.VERIFIED

    @pytest.mark.parametrize("suffix", ["pdf", "gif", "heic", "svg"])
    def test_where_none_can_be_made_it_is_said(self, suffix: str, who: fv.Identity, tmp_path: Path) -> None:
        source = write(tmp_path, f"in.{suffix}", media.MEDIA[suffix]())
        signed = fv.sign(source, tmp_path / f"out.{suffix}", who)
        assert signed["watermark"].status == "not_done"
        assert signed["watermark"].sentence.startswith("none: ")
        assert not [b for b in signed.bindings if b.kind == "watermark"]
        assert str(signed.provenance.state) == "verified"

    def test_a_picture_too_small_for_one(self, original: Path, who: fv.Identity, tmp_path: Path) -> None:
        source = write(tmp_path, "small.png", kit.picture("PNG"))
        signed = fv.sign(source, None, who)
        assert (signed["watermark"].status, str(signed.provenance.state)) == ("not_done", "verified")
