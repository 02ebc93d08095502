"""`facevalue.sign`: watermark, fingerprints, credential, time stamp, verified again, registry, log; then the output.

Nothing is where it belongs before all of it is done: see `placing`. A step that cannot be done is said, with the
reason; one that was asked for and fails ends the signing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facevalue.errors import UsageError
from facevalue.exhibit import Exhibit
from facevalue.provenance.record import AxisStatus, Provenance
from facevalue.provenance.settings import EngineSettings
from facevalue.provenance.trust import AnchorKind, TrustSet, trust_set
from facevalue.registry.jumbf import read_store
from facevalue.signing.confirm import confirm, own_lists
from facevalue.signing.engine import Built, Order, build, engine_settings
from facevalue.signing.formats import Format, format_of
from facevalue.signing.history import History, history_of, take
from facevalue.signing.identity import Identity
from facevalue.signing.lint import lint_chain
from facevalue.signing.manifest import SoftBinding, checked_title, definition, shown_name, source_term
from facevalue.signing.marks import Mark, mark
from facevalue.signing.placing import Place, as_signing_error, workplace
from facevalue.signing.prints import fingerprints
from facevalue.signing.publish import Desk, Published, entry_of
from facevalue.signing.record import Signed, Step, StepStatus
from facevalue.signing.stamp import Stamp, stamping
from facevalue.signing.store import find_identity

if TYPE_CHECKING:
    from facevalue.signing.publish import Where

Source = str | os.PathLike[str]
OnStep = Callable[[Step], None]


def sign(
    path: Source,
    out: Source | None = None,
    identity: Identity | str | Path | None = None,
    *,
    passphrase: str | None = None,
    sidecar: bool = False,
    watermark: bool = True,
    title: str | None = None,
    source_type: str | None = None,
    ingredients: Sequence[Source] = (),
    registry: Where | None = None,
    private: bool = False,
    log_key: str | None = None,
    tsa: str | Stamp | None = None,
    online: bool = False,
    trust: str | Path | None = None,
    tsa_trust: str | Path | None = None,
    force: bool = False,
    on_step: OnStep | None = None,
) -> Signed:
    """Sign a file and write it to `out`; the original stays as it is.

    out: by default NAME.signed.EXT beside the original, or NAME.c2pa when `sidecar`. identity: an Identity, or the
    name or folder of one that `facevalue identity init` made; passphrase opens its keys. sidecar: write the manifest
    alone and leave the original byte-identical, without a watermark. title: by default the file's name. source_type:
    an IPTC digitalSourceType, such as digitalCapture, for a file that carries no credential. ingredients: files that
    it was made from, the parent first; a file that carries a credential is its own parent. registry: enter it there (a
    folder, an http(s) address, a Registry or a RemoteRegistry), `private` for key holders alone; log_key: the key
    that its log must have. tsa: a time-stamping authority, as an address (which needs `online`) or as a function from
    RFC 3161 request to response. trust, tsa_trust: anchors by which ingredients and the time stamp are judged, in place
    of the published ones. force: replace an earlier output. on_step is told of each step when it is done.

    Raises UsageError, OfflineError, MissingExtraError, UnreadableError and SigningError; there is no output then.
    """
    who = _identity(identity, passphrase)
    plan = _plan(Path(path), out, sidecar=sidecar, title=title, source_type=source_type, force=force, registry=registry)
    stamp = stamping(tsa, online=online)
    lists = trust_set(trust, tsa_trust)
    others = [take(Path(i), Exhibit.open(i), own_lists(who, lists)) for i in ingredients]
    subject = take(plan.source, plan.exhibit, own_lists(who, lists), own=True)
    history = history_of(subject, others, plan.source_type)
    with contextlib.ExitStack() as held:
        desk = Desk(registry, who, log_key) if registry is not None else None
        if desk is not None:
            held.callback(desk.close)
        folder = held.enter_context(workplace(plan.place))
        job = _Job(plan, who, history, lists, folder, on_step, stamp, desk, private)
        try:
            return job.run(watermark=watermark)
        except OSError as error:
            raise as_signing_error(error, plan.place.target) from None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be signed, checked before anything is done."""

    source: Path
    exhibit: Exhibit
    form: Format
    place: Place
    title: str
    sidecar: bool
    source_type: str | None


def _identity(identity: Identity | str | Path | None, passphrase: str | None) -> Identity:
    if identity is None:
        raise UsageError("who signs? Name an identity; facevalue identity init NAME makes one to try things out")
    who = identity if isinstance(identity, Identity) else find_identity(identity).open(passphrase)
    judged = lint_chain(who.certificates)
    if judged.failed:
        first = judged.failed[0]
        raise UsageError(
            f"the certificate of {who.name} would be rejected: {first.rule.wants} is wanted, found: {first.found} "
            f"({first.rule.name}); facevalue identity lint shows all rules"
        )
    return who


def _plan(
    source: Path,
    out: Source | None,
    *,
    sidecar: bool,
    title: str | None,
    source_type: str | None,
    force: bool,
    registry: object,
) -> _Plan:
    exhibit = Exhibit.open(source)
    form = format_of(exhibit.media_type)
    target = Path(out) if out is not None else default_output(source, sidecar=sidecar)
    place = Place.choose(target, [source], force=force, proof=registry is not None)
    name = checked_title(title) if title is not None else shown_name(exhibit.name)
    term = source_term(source_type) if source_type is not None else None
    return _Plan(source, exhibit, form, place, name, sidecar, term)


def default_output(source: Path, *, sidecar: bool) -> Path:
    """NAME.signed.EXT beside the original, or NAME.c2pa for a manifest alone (C2PA 2.2, section 11.4)."""
    return source.with_suffix(".c2pa") if sidecar else source.with_name(f"{source.stem}.signed{source.suffix}")


@dataclass(slots=True)
class _Job:
    """One signing, step by step."""

    plan: _Plan
    who: Identity
    history: History
    lists: TrustSet
    folder: Path
    on_step: OnStep | None
    stamp: Stamp | None
    desk: Desk | None
    private: bool
    steps: list[Step] = field(default_factory=list)
    marked: bool = False

    def run(self, *, watermark: bool) -> Signed:
        """All steps in order; the output stands when this returns."""
        told = StepStatus.DONE if self.history.sources or self.plan.source_type else StepStatus.OFF
        self._note(Step("history", told, self.history.sentence, {"ingredients": list(self.history.states)}))
        ready, exhibit, bindings = self._soft_bindings(watermark)
        signed, store = self._credential(ready, exhibit, bindings)
        final = exhibit if self.plan.sidecar else Exhibit.open(signed, name=self.plan.place.target.name)
        found = self._verify(final, store)
        manifest_id = read_store(store)[-1].label
        published = self._publish(final, store, manifest_id, bindings)
        proof = self._put(signed, published)
        return self._account(final, found, store, manifest_id, bindings, published, proof)

    # -- soft bindings

    def _soft_bindings(self, wanted: bool) -> tuple[Path, Exhibit, tuple[SoftBinding, ...]]:
        """The file to be signed (the original, or a marked copy), and its soft bindings."""
        marked = self._mark(wanted)
        ready = marked.path or self.plan.source
        exhibit = Exhibit.open(ready, name=self.plan.exhibit.name) if marked.path else self.plan.exhibit
        with self._timed() as spent:
            prints, sentence = fingerprints(exhibit, self.plan.form)
        status = StepStatus.DONE if prints else StepStatus.NOT_DONE
        details = {"algorithms": sorted({b.algorithm for b in prints})}
        self._note(Step("fingerprint", status, sentence, details, spent[0]))
        own = (marked.binding,) if marked.binding else ()
        return ready, exhibit, (*own, *prints)

    def _mark(self, wanted: bool) -> Mark:
        if not wanted or self.plan.sidecar:
            why = "the original stays byte-identical" if self.plan.sidecar else "it was not wanted"
            self._note(Step("watermark", StepStatus.OFF, f"none: {why}"))
            return Mark("")
        with self._timed() as spent:
            plan = self.plan
            marked = mark(plan.exhibit, plan.source, self.folder, plan.form, synthetic=self.history.synthetic)
        self.marked = marked.fresh
        status = StepStatus.DONE if marked.binding else StepStatus.NOT_DONE
        self._note(Step("watermark", status, marked.sentence, marked.details, spent[0]))
        return marked

    # -- credential

    def _credential(self, ready: Path, exhibit: Exhibit, bindings: tuple[SoftBinding, ...]) -> tuple[Path, bytes]:
        target = self.folder / f"signed{self.plan.source.suffix}"
        with self._timed() as spent:
            built = build(self._order(ready, exhibit, bindings, target), self.who, self.stamp)
        if self.plan.sidecar:
            target = self.folder / "signed.c2pa"
            target.write_bytes(built.store)
        where = "beside the file" if self.plan.sidecar else "in the file"
        details = {"algorithm": self.who.algorithm, "bytes": len(built.store)}
        sentence = f"{len(built.store):,} bytes {where}, signed by {self.who.subject}"
        own = spent[0] - built.stamp_s
        self._note(Step("credential", StepStatus.DONE, sentence, details, own))
        self._note_stamp(built)
        return target, built.store

    def _order(self, ready: Path, exhibit: Exhibit, bindings: tuple[SoftBinding, ...], target: Path) -> Order:
        """A manifest apart from its file binds the whole of it; files of boxes have a hash of their own for that."""
        plan = self.plan
        whole = bytes.fromhex(exhibit.sha256) if plan.sidecar and not plan.form.boxes else None
        manifest = definition(
            plan.title,
            media_type=plan.form.engine,
            source_type=plan.source_type,
            sources=self.history.sources,
            bindings=bindings,
            whole_sha256=whole,
            edited=self.history.edited,
            marked=self.marked,
        )
        size = max([exhibit.size, *(i.path.stat().st_size for i in self.history.ingredients)])
        return Order(
            manifest,
            ready,
            None if plan.sidecar else target,
            plan.form.engine,
            size,
            self.history.ingredients,
            self._settings(),
        )

    def _settings(self) -> dict[str, Any]:
        """Anchors too, since the engine records of each ingredient whether its signer is vouched for."""
        lists = own_lists(self.who, self.lists)
        judged = EngineSettings(lists.pem(AnchorKind.CLAIM), lists.pem(AnchorKind.TSA)).to_engine()
        return {
            **engine_settings(),
            "trust": judged["trust"],
            "verify": {**judged["verify"], "verify_after_sign": False},
        }

    def _note_stamp(self, built: Built) -> None:
        if self.stamp is None:
            why = "none: no authority was named (--tsa ADDRESS --online)"
            self._note(Step("time_stamp", StepStatus.OFF, why))
            return
        self._note(Step("time_stamp", StepStatus.DONE, "by the authority that was named", {}, built.stamp_s))

    # -- verified again

    def _verify(self, exhibit: Exhibit, store: bytes) -> Provenance:
        with self._timed() as spent:
            apart = store if self.plan.sidecar else None
            found = confirm(exhibit, self.who, self.lists, apart, stamped=self.stamp is not None)
        state = {"state": str(found.state)}
        self._note(Step("verified", StepStatus.DONE, f"{found.state}: {found.summary}", state, spent[0]))
        second = found.axes["second_opinion"]
        status = StepStatus.DONE if second.status is AxisStatus.PASSED else StepStatus.NOT_DONE
        self._note(Step("second_verifier", status, second.summary))
        return found

    # -- registry and log

    def _publish(
        self, exhibit: Exhibit, store: bytes, manifest_id: str, bindings: tuple[SoftBinding, ...]
    ) -> Published | None:
        if self.desk is None:
            hint = "none was named (--registry FOLDER or address; facevalue registry init NAME makes one)"
            self._note(Step("registry", StepStatus.OFF, f"not registered: {hint}"))
            self._note(Step("log", StepStatus.OFF, "no registry, hence no log"))
            return None
        with self._timed() as spent:
            plan = self.plan
            entry = entry_of(exhibit.sha256, exhibit.media_type, plan.title, store, manifest_id, bindings, self.private)
            published = self.desk.publish(entry, store)
        proven = published.proven
        sentence = f"entered at {proven.checkpoint.origin} by {proven.publisher}"
        self._note(Step("registry", StepStatus.DONE, sentence, published.to_dict(), spent[0]))
        told = f"leaf {proven.leaf} of {proven.checkpoint.size}; the proof of inclusion verifies"
        self._note(Step("log", StepStatus.DONE, told, {"leaf": proven.leaf, "size": proven.checkpoint.size}))
        return published

    # -- the end

    def _put(self, signed: Path, published: Published | None) -> Path | None:
        """The output last: where it is, everything else is."""
        place = self.plan.place
        ready = [(signed, place.target)]
        if published is not None:
            proof = self.folder / "proof.json"
            proof.write_bytes(published.proof_bytes())
            ready.insert(0, (proof, place.proof))
        place.put(ready)
        return place.proof if published else None

    def _account(
        self,
        exhibit: Exhibit,
        found: Provenance,
        store: bytes,
        manifest_id: str,
        bindings: tuple[SoftBinding, ...],
        published: Published | None,
        proof: Path | None,
    ) -> Signed:
        plan = self.plan
        warnings = [*self.history.warnings, *([exhibit.change_note() or ""] if plan.sidecar else [])]
        return Signed(
            path=plan.place.target,
            sidecar=plan.sidecar,
            original=plan.exhibit.name,
            content_sha256=exhibit.sha256,
            media_type=exhibit.media_type,
            title=plan.title,
            identity=self.who,
            manifest_id=manifest_id,
            manifest_sha256=hashlib.sha256(store).hexdigest(),
            provenance=found,
            steps=tuple(self.steps),
            bindings=bindings,
            warnings=tuple(filter(None, warnings)),
            proof=proof,
            registry=published.to_dict() if published else None,
        )

    def _note(self, step: Step) -> None:
        self.steps.append(step)
        if self.on_step is not None:
            self.on_step(step)

    @contextlib.contextmanager
    def _timed(self) -> Iterator[list[float]]:
        """A list that holds the seconds spent, once the block has ended."""
        spent = [0.0]
        start = time.perf_counter()
        try:
            yield spent
        finally:
            spent[0] = time.perf_counter() - start


__all__ = ["default_output", "sign"]
