"""The ladder: copies of a registered original are found, rung by rung, and verify tells of them."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from make_registry import Party
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent.parent / "fingerprint"))
from scenes import jpeg, png, scene

import facevalue as fv
from facevalue import watermark
from facevalue.cli import app
from facevalue.exhibit import Exhibit
from facevalue.fingerprint import LOCAL, PDQ
from facevalue.registered.finding import find
from facevalue.registered.ladder import Climb, Strength
from facevalue.registered.prints import bindings_of, fingerprinter
from facevalue.registry import Binding, Entry

RGB = scene(60)
ORIGINAL = png(RGB)
CROP = jpeg(RGB[40:, 60:], 70)


def register(party: Party, data: bytes, **more: Any) -> int:
    bindings = (*bindings_of(Exhibit.open(data)), *more.pop("extra", ()))
    entry = Entry(hashlib.sha256(data).digest(), "image/png", bindings=bindings, **more)
    return party.add(entry)


def climbed(party: Party, data: bytes) -> Climb:
    return find(Exhibit.open(data), party.registry)


def statuses(found: Climb) -> dict[str, str]:
    return {rung.name: str(rung.status) for rung in found.rungs}


def test_the_same_bytes_are_an_exact_match(party: Party) -> None:
    leaf = register(party, ORIGINAL)
    found = climbed(party, ORIGINAL)
    assert found.best is not None
    assert (found.best.told.leaf, found.best.strength) == (leaf, Strength.EXACT)


def test_a_copy_is_a_strong_match_and_a_crop_a_possible_one(party: Party) -> None:
    register(party, png(scene(61)))
    leaf = register(party, ORIGINAL)
    copy, crop = climbed(party, jpeg(RGB[:, ::-1], 40)), climbed(party, CROP)
    assert [(m.told.leaf, m.strength) for m in copy.matches] == [(leaf, Strength.STRONG)]
    assert [(m.told.leaf, m.strength) for m in crop.matches] == [(leaf, Strength.POSSIBLE)]
    assert statuses(crop)["PDQ"] == "none"
    assert statuses(crop)["local features"] == "match"


def test_a_stranger_is_not_found_and_every_rung_is_listed(party: Party) -> None:
    register(party, ORIGINAL)
    found = climbed(party, png(scene(62)))
    assert found.matches == ()
    assert list(statuses(found)) == [
        "sha256",
        "asset hash",
        "watermark",
        "PDQ",
        "local features",
        "aligned watermark",
    ]


def test_a_crop_of_a_marked_original_is_read_once_it_is_aligned(party: Party) -> None:
    payload = watermark.Payload.random(seed=4)
    large = cv2.resize(RGB, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    marked = watermark.picture.embed(np.asarray(large, np.uint8), payload).rgb
    leaf = register(party, png(marked), extra=(Binding(watermark.PICTURE_ALGORITHM, payload.to_bytes()),))
    whole, crop = climbed(party, jpeg(marked, 80)), climbed(party, jpeg(marked[60:, 80:], 85))
    assert statuses(whole)["watermark"] == "match"
    assert statuses(crop)["aligned watermark"] == "match"
    assert crop.best is not None
    assert (crop.best.told.leaf, crop.best.strength) == (leaf, Strength.STRONG)


def marked_clip(payload: watermark.Payload) -> bytes:
    """Four seconds of a marked scene, H.264."""
    import av

    large = np.asarray(cv2.resize(RGB, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    marked, out = watermark.picture.embed(large, payload).rgb, io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=5, options={"crf": "23"})
        stream.width, stream.height = large.shape[1] // 2 * 2, large.shape[0] // 2 * 2
        for _ in range(20):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(marked, format="rgb24")))
        target.mux(stream.encode(None))
    return out.getvalue()


def test_a_marked_clip_is_found_by_its_watermark(party: Party) -> None:
    payload = watermark.Payload.random(seed=6)
    bindings = (Binding(watermark.PICTURE_ALGORITHM, payload.to_bytes()),)
    leaf = party.add(Entry(hashlib.sha256(b"the original").digest(), "video/mp4", bindings=bindings))
    found = climbed(party, marked_clip(payload))
    assert statuses(found)["watermark"] == "match"
    assert [match.told.leaf for match in found.matches] == [leaf]


def test_conflicting_claims_are_all_shown_earliest_first(party: Party) -> None:
    first = register(party, ORIGINAL)
    entry = Entry(hashlib.sha256(b"x").digest(), "image/png", bindings=bindings_of(Exhibit.open(jpeg(RGB, 80))))
    second = party.add(entry, party.key(name="other.example.org"))
    found = climbed(party, jpeg(RGB, 50))
    assert [match.told.leaf for match in found.matches] == [first, second]
    assert found.conflict


def test_a_claim_that_names_anothers_fingerprint_must_carry_it(party: Party) -> None:
    """What a database says beside the signed claim is not believed."""
    leaf = register(party, ORIGINAL)
    assert {b.alg for b in party.registry.claim(leaf).entry.bindings} >= {PDQ, LOCAL}
    found = climbed(party, jpeg(RGB, 50))
    assert all(match.told.broken is None for match in found.matches)


def test_verify_tells_of_a_recovered_match(party: Party) -> None:
    register(party, ORIGINAL, title="<b>first</b>", manifest_id="urn:c2pa:first")
    folder = party.registry.folder.root
    copy, crop = (fv.verify(d, registry=folder, second_opinion=False) for d in (jpeg(RGB, 50), CROP))
    assert copy.state is fv.State.RECOVERED_MATCH
    assert "Matched by soft binding" in copy.axes["recovered"].summary
    assert copy.axes["log"].status is fv.AxisStatus.PASSED
    assert crop.state is fv.State.NO_CREDENTIALS
    assert "possible match" in crop.axes["recovered"].summary


def test_a_file_that_does_not_decode_is_looked_for_by_its_bytes(party: Party) -> None:
    data = b"no picture at all"
    party.add(Entry(hashlib.sha256(data).digest(), "text/plain"))
    found = climbed(party, data)
    assert found.best is not None
    assert statuses(found)["PDQ"] == "not_asked"


def test_the_index_is_made_anew_when_it_is_damaged(party: Party) -> None:
    leaf = register(party, ORIGINAL)
    assert climbed(party, CROP).best is not None
    party.registry.features.close()
    path = party.registry.folder.root / "features" / "words.sqlite"
    for part in path.parent.glob("words.sqlite-*"):
        part.unlink()
    path.write_bytes(b"damaged " * 1000)
    found = climbed(party, CROP)
    assert found.best is not None
    assert found.best.told.leaf == leaf


def test_the_command_lists_rungs_and_claims(party: Party, tmp_path: Path) -> None:
    register(party, ORIGINAL, title="the first")
    suspect = tmp_path / "suspect.jpg"
    suspect.write_bytes(jpeg(RGB, 50))
    folder = str(party.registry.folder.root)
    shown = CliRunner().invoke(app, ["registry", "find", str(suspect), "--folder", folder])
    assert shown.exit_code == 0, shown.output
    assert "strong match by PDQ, local features" in shown.output
    told = CliRunner().invoke(app, ["registry", "find", str(suspect), "--folder", folder, "--json"])
    answer = json.loads(told.output)
    assert answer["entries"][0]["strength"] == "strong"
    assert answer["rungs"][0]["rung"] == "sha256"


def test_the_service_finds_by_content(party: Party) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    from facevalue.registry import create_app

    register(party, ORIGINAL, manifest_id="urn:c2pa:first")
    with testclient.TestClient(create_app(party.registry, fingerprinter=fingerprinter())) as client:
        answer = client.post("/matches/byContent", content=CROP, headers={"Content-Type": "image/jpeg"})
    assert [match["manifestId"] for match in answer.json()["matches"]] == ["urn:c2pa:first"]
    assert "org.facevalue.local.1" in answer.headers["X-Facevalue-Matched-By"]


def test_the_service_asks_for_the_watermark_as_well(party: Party) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    from facevalue.registry import create_app

    payload = watermark.Payload.random(seed=7)
    bindings = (Binding(watermark.PICTURE_ALGORITHM, payload.to_bytes()),)
    content = hashlib.sha256(b"the original").digest()
    party.add(Entry(content, "image/png", bindings=bindings, manifest_id="urn:c2pa:marked"))
    large = np.asarray(cv2.resize(RGB, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)
    copy = jpeg(watermark.picture.embed(large, payload).rgb, 80)
    with testclient.TestClient(create_app(party.registry, fingerprinter=fingerprinter())) as client:
        answer = client.post("/matches/byContent", content=copy, headers={"Content-Type": "image/jpeg"})
    assert [match["manifestId"] for match in answer.json()["matches"]] == ["urn:c2pa:marked"]
