"""The registry through its public interface, in SQLite and in PostgreSQL."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from make_registry import MARK, ORIGIN, PDQ, Party, entry, manifest_store, pdq, sha

from facevalue.errors import UsageError
from facevalue.registry import (
    Action,
    Algorithm,
    Binding,
    Entry,
    ProofError,
    RefusedError,
    Registry,
    RegistryError,
    Request,
    Role,
    sign,
    verify_proof,
)
from facevalue.registry.log.monitor import Monitor
from facevalue.registry.log.source import Folder
from facevalue.registry.store.bands import as_rows, distances
from facevalue.registry.words import ALGORITHMS, Kind


def code_of(call, *arguments, **named) -> str:
    with pytest.raises(RefusedError) as refused:
        call(*arguments, **named)
    return refused.value.code


def test_register_find_prove_revoke(party: Party) -> None:
    registry = party.registry
    claim = entry(
        title="A bridge <script>alert(1)</script> ' OR 1=1 --",
        asset_hash=bytes(48),
        bindings=(pdq(bytes(range(32))), Binding(MARK, bytes(8)), pdq(bytes(32))),
    )
    leaf = party.add(claim)
    (found,) = registry.find_content(claim.content)
    assert (found.leaf, found.entry, found.publisher, found.revoked) == (leaf, claim, ORIGIN, False)
    assert [c.leaf for c in registry.find_asset_hash(bytes(48))] == [leaf]
    assert [c.leaf for c in registry.find_binding(Binding(MARK, bytes(8)))] == [leaf]
    assert registry.find_binding(Binding(MARK, bytes(7) + b"\1")) == []
    assert registry.find_content(sha("b")) == []
    proven = verify_proof(registry.proof(leaf), log=registry.log.verifier, content=claim.content)
    assert proven.submission.entry == claim
    revocation = party.revoke(leaf, reason="wrong file")
    (found,) = registry.find_content(claim.content)
    assert [(r.leaf, r.reason) for r in found.revocations] == [(revocation, "wrong file")]
    assert verify_proof(registry.proof(revocation)).submission.action is Action.REVOKE
    assert registry.facts()["size"] == 2


def test_conflicting_claims_are_all_shown_earliest_first(party: Party) -> None:
    first, second = party.key(name="one.example"), party.key(name="two.example")
    leaves = [party.add(entry(title=str(n)), key) for n, key in enumerate([second, first, party.owner, second])]
    party.revoke(leaves[1], first)
    claims = party.registry.find_content(sha("a"))
    assert [(c.leaf, c.publisher, c.revoked) for c in claims] == [
        (leaves[0], "two.example", False),
        (leaves[1], "one.example", True),
        (leaves[2], ORIGIN, False),
        (leaves[3], "two.example", False),
    ]


def flipped(value: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(value, "big")
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(32, "big")


def test_fingerprints_within_31_bits_are_all_found_and_no_other(party: Party) -> None:
    rng = random.Random(3)
    original = rng.randbytes(32)
    near = [flipped(original, rng.sample(range(256), n)) for n in (0, 1, 16, 30, 31, 31, 31)]
    # Two flips in every band but one: the least that the bands promise to find; and one more, which is beyond 31.
    worst = flipped(original, [16 * band + bit for band in range(16) for bit in (3, 11)][:-1])
    beyond = flipped(original, [16 * band + bit for band in range(16) for bit in (3, 11)])
    others = [*near, worst, beyond, *(rng.randbytes(32) for _ in range(100))]
    requests = [party.ask(Action.REGISTER, entry=entry(str(n), bindings=(pdq(v),))) for n, v in enumerate(others)]
    receipts = party.registry.submit(requests)
    found = party.registry.find_binding(pdq(original))
    wanted = sorted(
        (int(d), r.leaf)
        for d, r in zip(distances(original, as_rows(b"".join(others))), receipts, strict=True)
        if d <= 31
    )
    assert [(c.distance, c.leaf) for c in found] == wanted
    assert len(wanted) == 8
    assert [c.distance for c in party.registry.find_binding(pdq(original), distance=16)] == [0, 1, 16]


def test_an_entry_with_one_fingerprint_twice_is_found_once(party: Party) -> None:
    leaf = party.add(entry(bindings=(pdq(bytes(32)), pdq(b"\1" + bytes(31)))))
    assert [(c.leaf, c.distance) for c in party.registry.find_binding(pdq(bytes(32)))] == [(leaf, 0)]


def test_who_may_do_what(party: Party) -> None:
    publisher, other = party.key(name="one.example"), party.key(name="two.example")
    curator, auditor = party.key(Role.CURATOR), party.key(Role.AUDITOR)
    mine, also, third = (party.add(entry(text), publisher) for text in "abc")
    assert code_of(party.add, entry("d"), auditor) == "forbidden"
    assert code_of(party.revoke, mine, other) == "not_found"
    assert code_of(party.revoke, mine, auditor) == "forbidden"
    assert code_of(party.revoke, 99, publisher) == "not_found"
    party.revoke(mine, publisher)
    assert code_of(party.revoke, mine, publisher) == "already_revoked"
    party.revoke(also, curator)
    party.registry.disable_key(publisher.public_key().public_bytes_raw())
    assert code_of(party.revoke, third, publisher) == "disabled_key"
    assert code_of(party.add, entry("d"), publisher) == "disabled_key"
    assert [c.revoked for c in party.registry.find_content(sha("c"))] == [False]
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    assert code_of(party.add, entry("d"), Ed25519PrivateKey.generate()) == "unknown_key"
    assert code_of(party.registry.disable_key, bytes(32)) == "unknown_key"


def test_a_submission_counts_once_here_and_now(party: Party) -> None:
    registry, now = party.registry, party.registry.now()
    request = party.ask(Action.REGISTER, entry=entry())
    leaf = registry.submit_one(request).leaf
    with pytest.raises(RefusedError, match=f"it became leaf {leaf}") as refused:
        registry.submit_one(request)
    assert (refused.value.code, refused.value.status) == ("replayed", 409)
    twice = party.ask(Action.REGISTER, entry=entry("b"))
    first, second = registry.submit([twice, twice])
    assert not isinstance(first, RefusedError)
    assert isinstance(second, RefusedError)
    for late in (-400, 4000):
        old = Request(sign(party.owner, ORIGIN, Action.REGISTER, entry=entry(), now=now + late))
        assert code_of(registry.submit_one, old) == "stale"
    elsewhere = Request(sign(party.owner, "other.example", Action.REGISTER, entry=entry()))
    assert code_of(registry.submit_one, elsewhere) == "wrong_registry"
    assert registry.size() == 2


def test_a_refusal_does_not_take_the_others_with_it(party: Party) -> None:
    good = [party.ask(Action.REGISTER, entry=entry(text)) for text in "ab"]
    bad = Request({**party.ask(Action.REGISTER, entry=entry("c")).envelope, "signature": "AAAA"})
    outcomes = party.registry.submit([good[0], bad, good[1]])
    assert [isinstance(o, RefusedError) for o in outcomes] == [False, True, False]
    assert party.registry.size() == 2


def test_private_claims_are_in_the_log_and_for_key_holders_only(party: Party) -> None:
    registry = party.registry
    publisher, auditor, other = party.key(), party.key(Role.AUDITOR), party.key(name="two.example")
    leaf = party.add(entry(private=True, bindings=(pdq(bytes(32)),)), publisher)
    gone = party.revoke(leaf, publisher)
    assert registry.find_content(sha("a")) == []
    assert registry.find_binding(pdq(bytes(32))) == []
    assert code_of(registry.claim, leaf) == "not_found"
    assert code_of(registry.proof, leaf) == "not_found"
    assert code_of(registry.proof, gone) == "not_found"
    assert [c.leaf for c in registry.find_content(sha("a"), private=True)] == [leaf]
    for key in (publisher, auditor, party.owner):
        proof = registry.read_for(party.ask(Action.READ, key, leaf=leaf))
        assert verify_proof(proof, content=sha("a")).leaf == leaf
    assert code_of(registry.read_for, party.ask(Action.READ, other, leaf=leaf)) == "not_found"
    asked = party.ask(Action.READ, auditor, leaf=leaf)
    registry.read_for(asked)
    assert code_of(registry.read_for, asked) == "replayed"
    assert code_of(registry.submit_one, party.ask(Action.READ, auditor, leaf=leaf)) == "bad_request"
    assert code_of(registry.read_for, party.ask(Action.REGISTER, entry=entry())) == "bad_request"


def test_the_log_says_nothing_about_contents(local: Party) -> None:
    local.add(entry(title="secret words"))
    local.add(entry(title="secret words"))
    files = [path.read_bytes() for path in local.registry.folder.log.rglob("*") if path.is_file()]
    assert not any(sha("a") in data or sha("a").hex().encode() in data or b"secret" in data for data in files)
    # The same claim twice is two unlike commitments: the salt differs.
    assert local.registry.proof(0)["salt"] != local.registry.proof(1)["salt"]


def test_manifests_are_kept_by_hash_and_belong_to_their_id(party: Party) -> None:
    import hashlib

    store = manifest_store("urn:c2pa:old", "urn:c2pa:new")
    digest = hashlib.sha256(store).digest()
    claim = entry(manifest_id="urn:c2pa:new", manifest=digest)
    assert code_of(party.add, claim) == "bad_manifest"  # the bytes are not here yet
    assert code_of(party.add, claim, manifest=store + b"x") == "bad_manifest"
    assert code_of(party.add, entry(manifest_id="urn:c2pa:old", manifest=digest), manifest=store) == "bad_manifest"
    leaf = party.add(claim, manifest=store)
    party.add(entry("b", manifest_id="urn:c2pa:new", manifest=digest))
    assert party.registry.manifest(digest) == store
    assert party.registry.manifest(bytes(32)) is None
    assert [c.leaf for c in party.registry.find_manifest("urn:c2pa:new")] == [leaf, leaf + 1]
    (kept,) = party.registry.folder.root.glob("manifests/*/*")
    kept.write_bytes(store[:-1])
    with pytest.raises(RegistryError, match="damaged"):
        party.registry.manifest(digest)


def test_strangers_leave_no_manifests_behind(local: Party) -> None:
    import hashlib

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    store = manifest_store("urn:c2pa:x")
    claim = entry(manifest_id="urn:c2pa:x", manifest=hashlib.sha256(store).digest())
    assert code_of(local.add, claim, Ed25519PrivateKey.generate(), store) == "unknown_key"
    assert not (local.registry.folder.root / "manifests").exists()


def test_bindings_must_be_known_and_well_formed(party: Party) -> None:
    assert code_of(party.add, entry(bindings=(Binding("com.unknown.1", b"x"),))) == "unknown_algorithm"
    assert code_of(party.add, entry(bindings=(pdq(bytes(31)),))) == "bad_binding"
    assert code_of(party.registry.find_binding, Binding("com.unknown.1", b"x")) == "unknown_algorithm"
    assert code_of(party.registry.find_binding, pdq(bytes(33))) == "bad_binding"


def test_more_algorithms_can_be_known(tmp_path: Path) -> None:
    extra = Algorithm("com.example.mark.1", Kind.WATERMARK)
    Registry.create(tmp_path, ORIGIN).close()
    registry = Registry.create(tmp_path, ORIGIN, algorithms=[extra, extra])
    assert extra in registry.algorithms()
    assert len({a.name for a in registry.algorithms()}) == len(registry.algorithms()) == len(ALGORITHMS) + 1
    registry.close()


def test_what_was_registered_survives_reopening(party: Party) -> None:
    leaf = party.add(entry())
    party.registry.close()
    again = Registry.open(party.registry.folder.root, url=party.url)
    assert [c.leaf for c in again.find_content(sha("a"))] == [leaf]
    assert again.pending() == 0
    monitor = Monitor(party.registry.folder.root / "monitor", again.log.verifier)
    assert monitor.visit(Folder(again.folder.log)).now.size == 1
    again.close()


def test_opening_what_is_not_a_registry(tmp_path: Path, local: Party) -> None:
    root = local.registry.folder.root
    with pytest.raises(UsageError, match="no registry"):
        Registry.open(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="leave --db out"):
        Registry.open(root, url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(UsageError, match="already"):
        Registry.create(root, "other.example")
    with pytest.raises(UsageError, match="postgresql:// URL"):
        Registry.create(tmp_path / "x", ORIGIN, url="mysql://x")
    (root / "registry.json").write_text("{")
    with pytest.raises(RegistryError, match="damaged"):
        Registry.open(root)


def test_an_unreachable_database_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(RegistryError, match="database"):
        Registry.create(tmp_path / "x", ORIGIN, url="postgresql://nobody@127.0.0.1:1/none")


def test_an_older_copy_of_the_database_stops_the_registry(local: Party) -> None:
    """The log must never be rewritten: leaves that it has and the database lacks are a reason to stop."""
    import shutil

    root = local.registry.folder.root
    local.add(entry("a"))
    local.registry.close()
    shutil.copytree(root, root.with_name("copy"))
    again = Registry.open(root)
    again.submit_one(local.ask(Action.REGISTER, entry=entry("b")))
    again.close()
    for file in root.glob("registry.sqlite*"):
        file.unlink()
    shutil.copy(root.with_name("copy") / "registry.sqlite", root)
    with pytest.raises(RegistryError, match="more than the database"):
        Registry.open(root)


def test_proofs_are_checked_to_the_last_field(local: Party) -> None:
    leaf = local.add(entry())
    local.add(entry("b"))
    proof = json.loads(json.dumps(local.registry.proof(leaf)))
    verifier = local.registry.log.verifier
    assert verify_proof(proof, log=verifier).log_known
    assert not verify_proof(proof).log_known
    other = json.loads(json.dumps(local.registry.proof(leaf + 1)))
    record = proof["record"]
    spoiled = [
        {**proof, "leaf": 1},
        {**proof, "leaf": "0"},
        {**proof, "leaf": 10**30},
        {**proof, "salt": other["salt"]},
        {**proof, "salt": ""},
        {**proof, "record": other["record"]},
        {**proof, "record": {**record, "publisher": "someone.else"}},
        {**proof, "record": {**record, "time": "2020-01-01T00:00:00.000000Z"}},
        {**proof, "record": {**record, "time": 1.5}},
        {**proof, "record": {**record, "more": 1}},
        {**proof, "record": []},
        {**proof, "inclusion": []},
        {**proof, "inclusion": other["inclusion"]},
        {**proof, "inclusion": [*proof["inclusion"], proof["inclusion"][0]]},
        {**proof, "inclusion": [1, None]},
        {**proof, "inclusion": ["A"] * 10_000},
        {**proof, "checkpoint": proof["checkpoint"].replace("\n2\n", "\n3\n")},
        {**proof, "checkpoint": ""},
        {**proof, "log": str(verifier)[:-4]},
        {**proof, "schema": "else"},
        {k: v for k, v in proof.items() if k != "salt"},
        {},
    ]
    for bad in spoiled:
        with pytest.raises(ProofError):
            verify_proof(bad)
    with pytest.raises(ProofError, match="another content"):
        verify_proof(proof, content=sha("b"))


def test_a_proof_of_another_log_does_not_pass_for_this_one(local: Party, tmp_path: Path) -> None:
    stranger = Party(tmp_path / "stranger")  # the same name, another key
    stranger.add(entry())
    proof = stranger.registry.proof(0)
    verify_proof(proof)
    with pytest.raises(ProofError):
        verify_proof(proof, log=local.registry.log.verifier)
    stranger.registry.close()


def test_migrations_make_the_tables_of_this_version(party: Party) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    from facevalue.registry.store.tables import metadata

    with party.registry.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_newer_database_is_refused_and_an_older_is_told_about(local: Party) -> None:
    from sqlalchemy import text

    root = local.registry.folder.root
    with local.registry.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UsageError, match="another version"):
        Registry.open(root)
    with pytest.raises(RegistryError, match="newer version"):
        Registry.create(root, ORIGIN)


def test_long_and_odd_titles(party: Party) -> None:
    for title in ("x" * 1000, "‮gpj.exe", "Ünïcødé 🖼", "a\u200bb"):
        leaf = party.add(entry(title=title))
        assert party.registry.claim(leaf).entry.title == title
    for title in ("x" * 1001, "a\0b", "a\nb", "\x1b[31m"):
        assert code_of(party.add, entry(title=title)) == "bad_request"


def test_pdq_is_known_by_name() -> None:
    assert Entry.from_dict(entry(bindings=(pdq(bytes(32)),)).to_dict()).bindings[0].alg == PDQ
