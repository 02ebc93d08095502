"""The credential: C2PA "created" or "edited" with the digitalSourceType, ingredients, and the lab's own signature.

The lab's identity is a test identity (see `facevalue identity`), made on first use under FACEVALUE_HOME: it binds the
statement to the content, and vouches for nobody. Nothing reaches for the network.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.home import home
from facevalue.lab.labels.made import CREDENTIAL, Labelled, Made
from facevalue.provenance.settings import EngineSettings
from facevalue.provenance.trust import AnchorKind, TrustSet, trust_set
from facevalue.signing.confirm import confirm, own_lists
from facevalue.signing.engine import Order, build, engine_settings
from facevalue.signing.formats import format_of
from facevalue.signing.history import History, Taken, history_of, take
from facevalue.signing.identity import Identity
from facevalue.signing.manifest import SoftBinding, definition
from facevalue.signing.placing import Place, as_signing_error, workplace
from facevalue.signing.store import MAX_DAYS, StoredIdentity, identities_dir, init_identity

LAB_IDENTITY = "facevalue-lab"
# What a credential says beyond the standard's actions: the tool, its parameters and its seed.
ASSERTION = "facevalue.lab.made"
Draft = Callable[[Path], tuple[tuple[str, ...], tuple[str, ...], SoftBinding | None]]


def lab_identity() -> Identity:
    """The identity that signs what the lab makes; made on first use, valid for ten years. Raises UsageError."""
    return _lab_identity(home())


@functools.lru_cache(maxsize=4)
def _lab_identity(_: Path) -> Identity:
    stored = StoredIdentity(identities_dir() / LAB_IDENTITY)
    if not stored.chain_file.is_file():
        with contextlib.suppress(UsageError):  # another process was faster: it is there now, or opening it says why
            stored = init_identity(LAB_IDENTITY, organisation="facevalue lab (test identity)", days=MAX_DAYS)
    return stored.open()


def labelled(out: Path, made: Made, who: Identity | None, draft: Draft) -> Labelled:
    """Have a draft written, sign it, verify it, and move it to `out` in one step.

    draft: writes a file with all other labels to the path it is given; returns which labels those are, notes, and the
    watermark's soft binding. who: signs in place of the lab's own identity. Raises UsageError (out is one of the
    ingredients, an ingredient cannot be read, ...) and SigningError; `out` is then as it was.
    """
    identity = who or lab_identity()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out.parent.name} cannot be made a folder: {error.strerror or error}") from None
    place = Place.choose(out, made.ingredients, force=True, proof=False)
    with workplace(place) as folder:
        try:
            return _labelled(folder, place, made, identity, draft)
        except OSError as error:
            raise as_signing_error(error, out) from None


def _labelled(folder: Path, place: Place, made: Made, identity: Identity, draft: Draft) -> Labelled:
    out = place.target
    ready, signed = folder / f"draft{out.suffix}", folder / f"signed{out.suffix}"
    labels, notes, binding = draft(ready)
    exhibit = Exhibit.open(ready, name=out.name)
    lists = own_lists(identity, _published())
    others, refused = _taken(made.ingredients, lists)
    history = history_of(take(ready, exhibit, lists, own=True), others, made.term)
    build(_order(ready, signed, exhibit, made, history, binding, lists), identity)
    final = Exhibit.open(signed, name=out.name)
    confirm(final, identity, _published(), None, stamped=False)
    place.put([(signed, out)])
    notes = (*notes, *refused, *history.warnings)
    return Labelled(out, final.sha256, final.media_type, (*labels, CREDENTIAL), notes, exhibit.sha256)


def _taken(ingredients: Sequence[Path], lists: TrustSet) -> tuple[list[Taken], list[str]]:
    """What the credential can name as ingredients, and sentences on the rest."""
    taken, refused = list[Taken](), list[str]()
    for path in ingredients:
        try:
            exhibit = Exhibit.open(path)
            taken.append(take(path, exhibit, lists))
        except UsageError as error:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            refused.append(f"the credential does not hold an ingredient (sha256 {digest}): {error}")
    return taken, refused


def _order(
    ready: Path,
    signed: Path,
    exhibit: Exhibit,
    made: Made,
    history: History,
    binding: SoftBinding | None,
    lists: TrustSet,
) -> Order:
    form = format_of(exhibit.media_type)
    manifest = definition(
        exhibit.name,
        media_type=form.engine,
        source_type=made.term,
        sources=history.sources,
        bindings=(binding,) if binding else (),
        whole_sha256=None,
        edited=history.edited,
        marked=binding is not None,
    )
    said = {"tool": made.tool, "seed": made.seed, "parameters": dict(made.parameters)}
    manifest["assertions"].append({"label": ASSERTION, "data": said, "created": True})
    judged = EngineSettings(lists.pem(AnchorKind.CLAIM), lists.pem(AnchorKind.TSA)).to_engine()
    settings = {
        **engine_settings(),
        "trust": judged["trust"],
        "verify": {**judged["verify"], "verify_after_sign": False},
    }
    size = max([exhibit.size, *(i.path.stat().st_size for i in history.ingredients)])
    return Order(manifest, ready, signed, form.engine, size, history.ingredients, settings)


@functools.lru_cache(maxsize=1)
def _published() -> TrustSet:
    """The published trust lists, by which ingredients are judged; empty where they are not installed."""
    return trust_set(None, None)


__all__ = ["ASSERTION", "LAB_IDENTITY", "lab_identity", "labelled"]
