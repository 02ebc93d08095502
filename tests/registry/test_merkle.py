"""The Merkle tree against the published vectors of the RFC 6962 reference, a naive implementation, and forgers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facevalue.registry.errors import ProofError
from facevalue.registry.log.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    memory_reader,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

# The 8-leaf tree of the Certificate Transparency reference implementation (RFC 6962, RFC 9162 section 2.1).
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): INCLUSION[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
HASHES = [leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES]
READ = memory_reader(HASHES)
OTHER = hashlib.sha256(b"another").digest()


def unhex(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(h) for h in hashes]


def root(size: int) -> bytes:
    return bytes.fromhex(ROOTS[size - 1]) if size else EMPTY_ROOT


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size: int) -> None:
    assert tree_root(READ, size).hex() == ROOTS[size - 1]


def test_the_empty_root() -> None:
    assert tree_root(READ, 0).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_the_published_inclusion_proofs(index: int, size: int) -> None:
    proof = unhex(INCLUSION[index, size])
    assert list(inclusion_proof(READ, index, size)) == proof
    verify_inclusion(HASHES[index], index, size, proof, root(size))


@pytest.mark.parametrize(("first", "second"), CONSISTENCY)
def test_the_published_consistency_proofs(first: int, second: int) -> None:
    proof = unhex(CONSISTENCY[first, second])
    assert list(consistency_proof(READ, first, second)) == proof
    verify_consistency(first, second, root(first), root(second), proof)


def malformed_inclusion(index: int, size: int, proof: list[bytes]) -> Iterator[tuple]:
    """The ways of the reference's tests to spoil a proof: leaf, index, size, proof, root."""
    leaf, head = HASHES[index], root(size)
    for wrong in (index - 1, index + 1, index ^ 2):
        yield leaf, wrong, size, proof, head
    yield leaf, index, size * 2, proof, head
    yield leaf, index, size // 2, proof, head
    yield b"WrongLeaf", index, size, proof, head
    yield leaf, index, size, proof, EMPTY_ROOT
    yield leaf, index, size, proof, OTHER
    yield leaf, index, size, proof, b""
    for spoiled in spoil(proof, head):
        yield leaf, index, size, spoiled, head
    yield leaf, index, size, [head] * 65, head
    yield leaf, index, size, ["text"], head
    yield leaf, float(index), size, proof, head
    yield leaf, index, True, proof, head
    yield leaf, index, 1 << 64, proof, head


def spoil(proof: list[bytes], garbage: bytes) -> Iterator[list[bytes]]:
    yield [*proof, b""]
    yield [*proof, garbage]
    yield [b"", *proof]
    yield [garbage, *proof]
    for place, value in enumerate(proof):
        yield [*proof[:place], bytes([value[0] ^ 8]) + value[1:], *proof[place + 1 :]]
        yield [*proof[:place], value[:-1], *proof[place + 1 :]]
    if proof:
        yield proof[:-1]
        yield proof[1:]
    if len(proof) > 1:
        yield [proof[0], OTHER, *proof[1:]]
        yield list(reversed(proof))


@pytest.mark.parametrize(("index", "size"), [pair for pair in INCLUSION if pair != (0, 1)])
def test_malformed_inclusion_proofs_are_refused(index: int, size: int) -> None:
    count = 0
    for leaf, place, of, proof, head in malformed_inclusion(index, size, unhex(INCLUSION[index, size])):
        with pytest.raises(ProofError):
            verify_inclusion(leaf, place, of, proof, head)
        count += 1
    assert count > 15


@pytest.mark.parametrize(("first", "second"), [pair for pair in CONSISTENCY if pair != (1, 1)])
def test_malformed_consistency_proofs_are_refused(first: int, second: int) -> None:
    proof, old, new = unhex(CONSISTENCY[first, second]), root(first), root(second)
    bad = [(first, second, old, new, spoiled) for garbage in (old, new) for spoiled in spoil(proof, garbage)]
    bad += [(first, second, old, new, [proof[0], *proof]), (first, second, old, new, [])]
    bad += [(first + step, second, old, new, proof) for step in (-1, 1)] + [(first ^ 2, second, old, new, proof)]
    bad += [(first, second * 2, old, new, proof), (first, second // 2, old, new, proof)]
    bad += [(first, second, b"WrongRoot", new, proof), (first, second, old, b"WrongRoot", proof)]
    bad += [(first, second, new, old, proof), (-1, second, old, new, proof), (first, second, old, new, [old] * 65)]
    for case in bad:
        with pytest.raises(ProofError):
            verify_consistency(*case)


@pytest.mark.parametrize(
    ("first", "second", "old", "new", "proof"),
    [
        (0, 0, OTHER, OTHER, []),  # the empty log has one root only
        (0, 0, EMPTY_ROOT, EMPTY_ROOT, [EMPTY_ROOT]),
        (0, 1, OTHER, OTHER, []),
        (0, 1, EMPTY_ROOT, OTHER, [EMPTY_ROOT]),
        (1, 1, OTHER, EMPTY_ROOT, []),
        (1, 1, OTHER, OTHER, [OTHER]),
        (1, 0, OTHER, EMPTY_ROOT, []),
        (2, 1, OTHER, OTHER, []),
        (1, 2, OTHER, OTHER, []),
        (1, 1, b"", b"", []),
    ],
)
def test_trivial_consistency_is_not_trivially_granted(first, second, old, new, proof) -> None:
    with pytest.raises(ProofError):
        verify_consistency(first, second, old, new, proof)


def test_what_is_always_consistent() -> None:
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    verify_consistency(0, 5, EMPTY_ROOT, OTHER, [])
    verify_consistency(7, 7, OTHER, OTHER, [])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (8, 8)])
def test_no_proof_is_made_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ProofError):
        inclusion_proof(READ, index, size)
    with pytest.raises(ProofError):
        verify_inclusion(HASHES[0], index, size, [], HASHES[0])
    with pytest.raises(ProofError):
        consistency_proof(READ, size + 1, size)


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 9162, section 2.1.1, writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_against_the_naive_implementation(leaves: list[bytes], data: st.DataObject) -> None:
    read = memory_reader([leaf_hash(leaf) for leaf in leaves])
    size = len(leaves)
    head = tree_root(read, size)
    assert head == naive_root(leaves)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(read, index, size)
    assert list(path) == naive_path(index, leaves)
    verify_inclusion(leaf_hash(leaves[index]), index, size, path, head)
    first = data.draw(st.integers(1, size))
    proof = consistency_proof(read, first, size)
    assert list(proof) == naive_subproof(first, leaves, True)
    verify_consistency(first, size, naive_root(leaves[:first]), head, proof)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_proof_of_one_place_proves_no_other(size: int, other: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(bytes([i])) for i in range(max(size, other))]
    read = memory_reader(leaves)
    index, place = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, other - 1))
    path = inclusion_proof(read, index, size)
    if (index, size) == (place, other):
        return
    with pytest.raises(ProofError):
        verify_inclusion(leaves[index], place, other, path, tree_root(read, other))
