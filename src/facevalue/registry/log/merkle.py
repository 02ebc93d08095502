"""The Merkle tree of RFC 9162, section 2.1: hashes, inclusion proofs, consistency proofs, and their verification.

Everything is a pure function. A tree is given as a NodeReader: (level, index) -> the 32-byte hash of the perfect
subtree over the leaves [index * 2**level, (index + 1) * 2**level). Verification believes nothing of what it is given:
sizes, lengths and every hash are checked, and what does not verify raises ProofError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import reduce

from facevalue.registry.errors import ProofError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
# A tree of 2**63 leaves is as large as tile paths (C2SP tlog-tiles) can name; a proof in it has at most so many hashes.
MAX_SIZE = 1 << 63
MAX_PROOF = 64

NodeReader = Callable[[int, int], bytes]
Proof = tuple[bytes, ...]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || entry), 32 bytes (section 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right), 32 bytes (section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over one or more hashes that stand for subtrees of equal size; any number of them."""
    row = list(hashes)
    while len(row) > 1:
        paired = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
    return row[0]


def range_root(read: NodeReader, start: int, end: int) -> bytes:
    """MTH(D[start:end]), where start is a multiple of the smallest power of two that is >= end - start.

    Such a range is a row of perfect subtrees, falling in size; every range that a proof needs is one.
    """
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(read(level, start >> level))
        start += 1 << level
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))


def tree_root(read: NodeReader, size: int) -> bytes:
    """The root of the tree over the first `size` leaves."""
    return range_root(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: NodeReader, index: int, size: int) -> Proof:
    """PATH(index, D[size]), the leaf's side first (section 2.1.3.1). Raises ProofError unless 0 <= index < size."""
    if not 0 <= index < size:
        raise ProofError(f"a log of {size} entries has no entry {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_root(read, middle, end))
            end = middle
        else:
            path.append(range_root(read, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(read: NodeReader, first: int, second: int) -> Proof:
    """PROOF(first, D[second]) (section 2.1.4.1); empty for equal sizes and for the empty tree.

    Raises ProofError unless 0 <= first <= second.
    """
    if not 0 <= first <= second:
        raise ProofError(f"a log of {second} entries cannot extend one of {first}")
    path: list[bytes] = []
    start, end, whole = 0, second, True
    while first and first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(range_root(read, middle, end))
            end = middle
        else:
            path.append(range_root(read, start, middle))
            start, whole = middle, False
    if first and not whole:
        path.append(range_root(read, start, end))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with that hash is entry `index` of the tree with that size and root (section 2.1.3.2).

    Raises ProofError.
    """
    _check_size(size)
    if type(index) is not int or not 0 <= index < size:
        raise ProofError(f"a log of {size} entries has no entry {index!r:.40}")
    _check_hashes(leaf, root, *_bounded(proof))
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the inclusion proof is too short")
    if found != root:
        raise ProofError("the inclusion proof leads to another root")


def verify_consistency(first: int, second: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of size `second` extends the one of size `first` (section 2.1.4.2). Raises ProofError.

    The empty tree is extended by every tree, with an empty proof; its root must be the empty root.
    """
    _check_size(first)
    _check_size(second)
    if first > second:
        raise ProofError(f"a log of {second} entries cannot extend one of {first}")
    _check_hashes(root1, root2, *_bounded(proof))
    if first in (0, second):
        _check_trivial(first, second, root1, root2, proof)
        return
    rest = list(proof)
    if not rest:
        raise ProofError("the consistency proof is empty")
    if first & (first - 1) == 0:
        rest.insert(0, root1)
    old, new = _climb(first - 1, second - 1, rest)
    if old != root1:
        raise ProofError("the consistency proof leads to another old root")
    if new != root2:
        raise ProofError("the consistency proof leads to another new root")


def memory_reader(leaves: Sequence[bytes]) -> NodeReader:
    """A NodeReader over leaf hashes held in memory; it computes every subtree anew."""
    return lambda level, index: fold(leaves[index << level : (index + 1) << level])


def _check_trivial(first: int, second: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    if proof:
        raise ProofError("a consistency proof between these sizes must be empty")
    if (first == 0 and root1 != EMPTY_ROOT) or (second == 0 and root2 != EMPTY_ROOT):
        raise ProofError("the root of an empty log is not the empty root")
    if first == second and root1 != root2:
        raise ProofError("two logs of the same size have different roots")


def _climb(place: int, last: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof is too short")
    return old, new


def _split(count: int) -> int:
    """The largest power of two that is smaller than count."""
    return 1 << (count - 1).bit_length() - 1


def _check_size(size: int) -> None:
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise ProofError(f"{size!r:.40} is not the size of a log")


def _bounded(proof: Sequence[bytes]) -> Sequence[bytes]:
    if len(proof) > MAX_PROOF:
        raise ProofError(f"a proof of {len(proof)} hashes is longer than any log needs")
    return proof


def _check_hashes(*hashes: bytes) -> None:
    if not all(type(h) is bytes and len(h) == HASH_BYTES for h in hashes):
        raise ProofError(f"a hash is not {HASH_BYTES} bytes")
