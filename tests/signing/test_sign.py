"""`facevalue.sign`, end to end: every format, what continues, what is refused, and that originals stay."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import make_credentials as kit
import make_signing as media
import pytest

import facevalue as fv
from facevalue.signing import SigningError
from facevalue.signing.placing import workplace
from facevalue.signing.store import StoredIdentity

Sign = Callable[..., fv.Signed]
CAPTURE = "digitalCapture"


def write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestFormats:
    @pytest.mark.parametrize("suffix", list(media.MEDIA))
    def test_a_signed_file_is_verified_and_a_changed_one_is_not(
        self, suffix: str, quick: Sign, desk: StoredIdentity, tmp_path: Path
    ) -> None:
        data = media.MEDIA[suffix]()
        source = write(tmp_path, f"in.{suffix}", data)
        signed = quick(source, tmp_path / f"out.{suffix}", source_type=CAPTURE)
        assert source.read_bytes() == data
        assert media.facts(signed)["state"] == "verified"
        assert signed["second_verifier"].status == "done"
        found = fv.verify(signed.path, trust=desk.trust_file)
        assert (found.state, found.exhibit.sha256) == (fv.State.VERIFIED, signed.content_sha256)
        assert found.axes["declared_origin"].details["source_types"] == [CAPTURE]
        after = fv.verify(changed(signed.path, found), trust=desk.trust_file).state
        assert after in ({fv.State.ALTERED, fv.State.ERROR} if suffix == "tif" else {fv.State.ALTERED})

    @pytest.mark.parametrize("suffix", list(media.MEDIA))
    def test_a_sidecar_binds_the_untouched_original(
        self, suffix: str, quick: Sign, desk: StoredIdentity, tmp_path: Path
    ) -> None:
        data = media.MEDIA[suffix]()
        source = write(tmp_path, f"in.{suffix}", data)
        signed = quick(source, sidecar=True, watermark=True)
        assert (signed.path, source.read_bytes()) == (tmp_path / "in.c2pa", data)
        assert signed["watermark"].status == "off"
        found = fv.verify(source, trust=desk.trust_file)
        assert (found.state, found.sidecar) == (fv.State.VERIFIED, True)
        assert found.notes == ("The manifest was found beside the file, in in.c2pa.",)
        other = write(tmp_path, f"other.{suffix}", kit.flipped(data, len(data) // 2))
        assert fv.verify(other, trust=desk.trust_file, sidecar=signed.path).state in {fv.State.ALTERED, fv.State.ERROR}

    def test_a_manifest_beside_another_file_accuses_nobody(
        self, quick: Sign, original: Path, desk: StoredIdentity, tmp_path: Path
    ) -> None:
        signed = quick(original, sidecar=True)
        other = write(tmp_path, "photo.png", kit.picture("PNG"))
        found = fv.verify(other, trust=desk.trust_file)
        assert (found.state, "photo.c2pa, does not fit it" in found.warnings[0]) == (fv.State.NO_CREDENTIALS, True)
        assert fv.verify(other, trust=desk.trust_file, sidecar=signed.path).state is fv.State.ALTERED
        signed.path.write_bytes(b"")
        assert "is empty" in fv.verify(original).notes[0]

    def test_what_cannot_be_signed_says_what_can(self, quick: Sign, tmp_path: Path) -> None:
        with pytest.raises(SigningError, match="files of the type text/plain cannot be signed; what can: 3gp, avi, "):
            quick(write(tmp_path, "a.txt", b"only text"), tmp_path / "b.txt")
        assert left(tmp_path) == ["a.txt"]

    def test_a_broken_file_is_a_sentence(self, quick: Sign, tmp_path: Path) -> None:
        with pytest.raises(SigningError, match="the engine could not sign it"):
            quick(write(tmp_path, "a.png", kit.picture("PNG")[:40]), tmp_path / "b.png")
        assert left(tmp_path) == ["a.png"]


def changed(path: Path, found: fv.Provenance) -> bytes:
    """The file with one bit flipped that the hash covers."""
    data = path.read_bytes()
    assert found.uncovered is not None
    gaps = [(r.start, r.start + r.length) for r in found.uncovered.ranges if r.start is not None and r.length]
    marks = (b"mdat", b"IDAT", b"\xff\xda", b"data", b"movi", b"endobj", b"<rect", b"LAME", b"fLaC", b"VP8")
    for at in (data.rfind(mark) + 12 for mark in marks if mark in data):
        if at < len(data) and not any(start <= at < end for start, end in gaps):
            return kit.flipped(data, at)
    return kit.flipped(data, next(n for n in range(len(data) - 1, 0, -1) if not any(s <= n < e for s, e in gaps)))


class TestHistory:
    def test_a_signed_input_continues_as_the_parent(self, quick: Sign, original: Path, desk: StoredIdentity) -> None:
        first = quick(original, source_type=CAPTURE)
        second = quick(first.path)
        found = fv.verify(second.path, trust=desk.trust_file)
        assert (found.state, len(found.history)) == (fv.State.VERIFIED, 2)
        assert [e.relationship for e in found.history] == [None, "parentOf"]
        assert [a["action"] for a in found.history[0].actions] == ["c2pa.opened"]
        assert (second.warnings, second.path.name) == ((), "photo.signed.signed.jpg")

    def test_a_laundered_parent_is_recorded_and_said(self, quick: Sign, tmp_path: Path, desk: StoredIdentity) -> None:
        first = quick(write(tmp_path, "a.jpg", kit.picture(side=160)), source_type=CAPTURE)
        tampered = write(tmp_path, "tampered.jpg", kit.flipped(first.path.read_bytes(), -20))
        signed = quick(tampered)
        assert "tampered.jpg is taken over as it is (altered)" in signed.warnings[0]
        found = fv.verify(signed.path, trust=desk.trust_file)
        assert found.state is fv.State.VERIFIED_WITH_WARNINGS
        assert any("dataHash.mismatch" in line for line in found.axes["history"].evidence)

    def test_an_untrusted_parent_is_recorded_and_said(self, quick: Sign, tmp_path: Path, desk: StoredIdentity) -> None:
        signed = quick(write(tmp_path, "a.jpg", kit.sign(kit.picture())))
        assert "(untrusted_signer)" in signed.warnings[0]
        found = fv.verify(signed.path, trust=desk.trust_file)
        assert found.state is fv.State.VERIFIED_WITH_WARNINGS
        assert any("signingCredential.untrusted, recorded" in line for line in found.axes["history"].evidence)

    def test_a_parent_whose_anchor_is_named_is_no_warning(self, quick: Sign, tmp_path: Path) -> None:
        trust = kit.anchors(tmp_path, kit.root())
        signed = quick(write(tmp_path, "a.jpg", kit.sign(kit.picture())), trust=trust)
        assert (signed.warnings, str(signed.provenance.state)) == ((), "verified")

    def test_ingredients_the_first_is_the_parent(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        before = write(tmp_path, "raw.png", kit.picture("PNG", seed=5))
        inset = write(tmp_path, "inset.webp", kit.picture("WEBP", seed=6))
        signed = quick(original, ingredients=[before, inset], source_type="compositeCapture")
        entries = signed.provenance.history
        assert {e.title: e.relationship for e in entries[1:]} == {"raw.png": "parentOf", "inset.webp": "componentOf"}
        assert [a["action"] for a in entries[0].actions] == ["c2pa.opened", "c2pa.edited", "c2pa.placed"]

    def test_nothing_is_stated_that_nobody_said(self, quick: Sign, original: Path) -> None:
        signed = quick(original)
        assert signed.provenance.axes["declared_origin"].status == "absent"
        assert signed["history"].sentence.startswith("opened; how it came about is not stated")

    def test_a_stated_origin_is_not_stated_again(self, quick: Sign, original: Path) -> None:
        first = quick(original, source_type=CAPTURE)
        with pytest.raises(fv.UsageError, match="for files without one"):
            quick(first.path, source_type=CAPTURE)

    @pytest.mark.parametrize("given", ["digitalcapture", f"{media.IPTC}digitalCapture"])
    def test_source_types_are_taken_as_terms_and_addresses(self, given: str, quick: Sign, original: Path) -> None:
        found = quick(original, source_type=given).provenance
        assert found.axes["declared_origin"].details["source_types"] == [CAPTURE]

    def test_an_unknown_source_type_lists_those_that_exist(self, quick: Sign, original: Path) -> None:
        with pytest.raises(fv.UsageError, match="unknown digitalSourceType 'camera'; known: algorithmicMedia"):
            quick(original, source_type="camera")


class TestTitles:
    HOSTILE = (
        "<script>alert(1)</script>",
        "'; DROP TABLE entries; --",
        "\u202egpj.exe \u2066bidi",
        "{{ 7 * 7 }} %s %n ${x}",
        "x" * 1000,
    )

    @pytest.mark.parametrize("title", HOSTILE, ids=["script", "sql", "bidi", "template", "long"])
    def test_hostile_titles_are_kept_and_harmless(self, title: str, quick: Sign, original: Path, party: object) -> None:
        from facevalue.reports.provenance import render_provenance

        signed = quick(original, title=title, registry=party.registry)
        assert media.facts(signed)["title"] == title
        found = fv.verify(signed.path, registry=party.registry)
        page = render_provenance(found)
        assert "<script>alert(1)" not in page
        assert "\u202e" not in page
        assert found.axes["registry"].status == "passed"
        assert party.registry.find_content(bytes.fromhex(signed.content_sha256))[0].entry.title == title

    @pytest.mark.parametrize("title", ["x" * 10_000, "a\nb", "\x1b[2J", "\ud800"])
    def test_titles_that_nobody_can_keep_are_refused(self, title: str, quick: Sign, original: Path) -> None:
        with pytest.raises(fv.UsageError, match="a title"):
            quick(original, title=title)


class TestOriginals:
    def test_the_default_output_lies_beside(self, quick: Sign, original: Path) -> None:
        assert quick(original).path == original.with_name("photo.signed.jpg")

    def test_an_original_is_never_the_output(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        data = original.read_bytes()
        (tmp_path / "soft.jpg").symlink_to(original)
        os.link(original, tmp_path / "hard.jpg")
        spelled = tmp_path / ".." / tmp_path.name / "photo.jpg"
        for out in (original, spelled, tmp_path / "soft.jpg", tmp_path / "hard.jpg"):
            with pytest.raises(fv.UsageError, match="originals are never overwritten"):
                quick(original, out, force=True)
        assert original.read_bytes() == data
        assert left(tmp_path) == ["hard.jpg", "photo.jpg", "soft.jpg"]

    def test_an_output_is_replaced_by_force_alone(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        out = write(tmp_path, "out.jpg", b"precious")
        with pytest.raises(fv.UsageError, match="exists already; --force"):
            quick(original, out)
        assert out.read_bytes() == b"precious"
        assert quick(original, out, force=True).path.read_bytes()[:2] == b"\xff\xd8"

    def test_a_dangling_link_is_taken_too(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        (tmp_path / "out.jpg").symlink_to(tmp_path / "nowhere")
        with pytest.raises(fv.UsageError, match="exists already"):
            quick(original, tmp_path / "out.jpg")

    @pytest.mark.parametrize("out", ["no/such/folder/a.jpg", "folder"])
    def test_places_that_are_none(self, out: str, quick: Sign, original: Path, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        with pytest.raises(fv.UsageError, match=r"no folder|is a folder"):
            quick(original, tmp_path / out)

    def test_a_missing_file(self, quick: Sign, tmp_path: Path) -> None:
        with pytest.raises(fv.UnreadableError, match=r"cannot read gone\.jpg"):
            quick(tmp_path / "gone.jpg")

    def test_two_signings_of_one_output_exclude_each_other(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        from facevalue.signing.placing import Place

        place = Place.choose(tmp_path / "out.jpg", [original], force=False, proof=False)
        with workplace(place), pytest.raises(SigningError, match="another process is signing to the same output"):
            quick(original, tmp_path / "out.jpg")
        assert quick(original, tmp_path / "out.jpg").path.is_file()

    def test_what_a_killed_signing_left_is_swept(self, quick: Sign, original: Path, tmp_path: Path) -> None:
        from facevalue.signing.placing import Place

        place = Place.choose(tmp_path / "out.jpg", [original], force=False, proof=False)
        with workplace(place) as folder:
            name = folder.name
        (tmp_path / name).mkdir()
        write(tmp_path / name, "signed.jpg", b"half")
        quick(original, tmp_path / "out.jpg")
        assert left(tmp_path) == ["out.jpg", "photo.jpg"]
