"""The signed file, verified again before anybody gets it: by our own verifier and by an independent one."""

from __future__ import annotations

import hashlib

from facevalue.exhibit import Exhibit
from facevalue.provenance.record import AxisStatus, Provenance, State
from facevalue.provenance.trust import AnchorKind, TrustList, TrustSet
from facevalue.signing.errors import RejectedError
from facevalue.signing.identity import Identity
from facevalue.verification import verify_exhibit

_WHOLE = (AxisStatus.PASSED, AxisStatus.WARNING)
_GOOD = (State.VERIFIED, State.VERIFIED_WITH_WARNINGS)


def own_lists(identity: Identity, lists: TrustSet) -> TrustSet:
    """The lists to go by, and, before them, what vouches for the identity itself."""
    anchors = identity.anchors or identity.certificates[-1:]
    pem = identity.trust_pem()
    digest = hashlib.sha256(pem.encode()).hexdigest()
    own = [TrustList("the identity's own anchors", kind, anchors, pem, digest, "the identity") for kind in AnchorKind]
    return TrustSet((*own, *lists.lists), lists.missing)


def confirm(exhibit: Exhibit, identity: Identity, lists: TrustSet, store: bytes | None, *, stamped: bool) -> Provenance:
    """What the verifiers say. store: the manifest, when it is kept apart. stamped: a time stamp must be in it.

    Raises RejectedError when either does not accept the file, with the reason.
    """
    found = verify_exhibit(exhibit, own_lists(identity, lists), sidecar=store)
    for name in ("binding", "claim_signature"):
        if found.axes[name].status not in _WHOLE:
            raise _rejected(found, name)
    if found.state not in _GOOD and not (_unanchored(identity) and found.state is State.UNTRUSTED_SIGNER):
        raise RejectedError(f"the signed file does not verify ({found.state}): {found.summary} It was removed.")
    if found.axes["second_opinion"].status is AxisStatus.WARNING:
        raise _rejected(found, "second_opinion")
    time = found.axes["time"].status
    if time is AxisStatus.FAILED or (stamped and time is AxisStatus.ABSENT):
        raise _rejected(found, "time")
    return found


def _unanchored(identity: Identity) -> bool:
    """A chain of one certificate, issued by a root that is not at hand, cannot be traced here."""
    return not identity.anchors and len(identity.certificates) == 1


def _rejected(found: Provenance, name: str) -> RejectedError:
    axis = found.axes[name]
    told = f" {axis.evidence[0]}" if axis.evidence else ""
    return RejectedError(f"the signed file does not verify ({name}): {axis.summary}{told} It was removed.")
