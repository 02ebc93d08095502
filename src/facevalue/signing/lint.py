"""Why a certificate would be rejected, rule by rule: the certificate profile of C2PA 2.2, section 14.5.1.

Engines answer "the certificate is invalid" for a dozen causes. Here every rule says what it wants, what was found, how
to put it right, and what the engine (c2pa-python) was seen to do with a certificate that breaks it; the tests hold each
of these against the engine itself.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography import x509

from facevalue.errors import UsageError
from facevalue.provenance.chain import fingerprint, subject_of
from facevalue.signing.identity import read_chain_file
from facevalue.signing.keys import read_key_file
from facevalue.signing.store import find_identity

SCHEMA = "facevalue.identity.lint/1"


class Outcome(StrEnum):
    """How one rule came out. advice: kept by nobody's force, but better kept. not_judged: nothing to judge it by."""

    PASSED = "passed"
    FAILED = "failed"
    ADVICE = "advice"
    NOT_JUDGED = "not_judged"


class EngineView(StrEnum):
    """What the engine does with a certificate that breaks the rule when it signs or, without a word, afterwards."""

    REFUSES = "refuses"
    ACCEPTS = "accepts"
    NO_VIEW = "no_view"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. section: where it is written. wants: what it asks for. engine: see EngineView."""

    name: str
    section: str
    wants: str
    engine: EngineView = EngineView.REFUSES


@dataclass(frozen=True, slots=True)
class Checked:
    """One rule, judged. found: what is there. fix: how to put it right; empty where there is nothing to do."""

    rule: Rule
    outcome: Outcome
    found: str
    fix: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "rule": self.rule.name,
            "section": self.rule.section,
            "wants": self.rule.wants,
            "outcome": str(self.outcome),
            "found": self.found,
            "fix": self.fix,
            "engine": str(self.rule.engine),
        }


@dataclass(frozen=True, slots=True)
class Subject:
    """What is judged. key: the bytes of its key file, or None; path: that file. moment: aware of its time zone."""

    chain: tuple[x509.Certificate, ...]
    moment: datetime.datetime
    key: bytes | None = None
    path: Path | None = None
    passphrase: str | None = None

    @property
    def leaf(self) -> x509.Certificate:
        """The signer's certificate."""
        return self.chain[0]


@dataclass(frozen=True, slots=True)
class Linted:
    """Every rule, judged, and what the engine itself answered when it was asked to sign with this chain.

    engine_accepts: None when it was not asked.
    """

    name: str
    subject: str
    sha256: str
    rules: tuple[Checked, ...]
    engine_accepts: bool | None = None
    engine_said: str = ""

    def __getitem__(self, name: str) -> Checked:
        """The rule of that name. Raises KeyError."""
        for checked in self.rules:
            if checked.rule.name == name:
                return checked
        raise KeyError(name)

    @property
    def failed(self) -> tuple[Checked, ...]:
        """The rules that it breaks."""
        return tuple(c for c in self.rules if c.outcome is Outcome.FAILED)

    @property
    def usable(self) -> bool:
        """Whether claims signed with it would be accepted, as far as the certificates themselves tell."""
        return not self.failed and self.engine_accepts is not False

    @property
    def summary(self) -> str:
        """One plain sentence."""
        if self.failed:
            broken = ", ".join(c.rule.name for c in self.failed)
            count = len(self.failed)
            return f"It would be rejected: it breaks {count} {'rule' if count == 1 else 'rules'} ({broken})."
        if self.engine_accepts is False:
            return f"It keeps every rule that is known here, but the engine refuses it: {self.engine_said}"
        return "It keeps every rule of the profile. Whether anybody trusts it is for trust lists to say."

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in schema facevalue.identity.lint/1."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "subject": self.subject,
            "sha256": self.sha256,
            "usable": self.usable,
            "summary": self.summary,
            "rules": [c.to_dict() for c in self.rules],
            "engine": {"accepts": self.engine_accepts, "said": self.engine_said},
        }


def lint(
    what: str | Path,
    key: str | Path | None = None,
    *,
    passphrase: str | None = None,
    now: datetime.datetime | None = None,
    ask_engine: bool = True,
) -> Linted:
    """Judge an identity (its name or folder), or a file with a chain in PEM or one certificate in DER.

    key: a file with the private key, to be judged too; an identity brings its own. ask_engine: have the engine try.
    Raises UsageError when there is nothing to judge.
    """
    path = Path(what)
    moment = now or datetime.datetime.now(datetime.UTC)
    if _is_file(path):
        name, chain = path.name, read_chain_file(path)
        key_path = Path(key) if key is not None else None
    else:
        stored = find_identity(what)
        name, chain = stored.name, read_chain_file(stored.chain_file)
        key_path = Path(key) if key is not None else stored.key_file
    data = read_key_file(key_path) if key_path is not None else None
    subject = Subject(chain, moment, data, key_path, passphrase)
    return lint_subject(subject, name, ask_engine=ask_engine)


def lint_chain(chain: Sequence[x509.Certificate], *, now: datetime.datetime | None = None) -> Linted:
    """Judge certificates that are in memory already; the engine is not asked."""
    if not chain:
        raise UsageError("there is no certificate to judge")
    subject = Subject(tuple(chain), now or datetime.datetime.now(datetime.UTC))
    return lint_subject(subject, subject_of(chain[0]), ask_engine=False)


def lint_subject(subject: Subject, name: str, *, ask_engine: bool) -> Linted:
    """Judge a subject by every rule."""
    from facevalue.signing.lint_chain import CHAIN_RULES
    from facevalue.signing.lint_key import KEY_RULES
    from facevalue.signing.lint_leaf import LEAF_RULES

    judged = [_judged(rule, judge, subject) for rule, judge in (*LEAF_RULES, *CHAIN_RULES, *KEY_RULES)]
    accepts, said = _asked(subject) if ask_engine else (None, "it was not asked")
    return Linted(name, subject_of(subject.leaf), fingerprint(subject.leaf), tuple(judged), accepts, said)


RuleOf = tuple[Rule, Callable[[Rule, Subject], Checked]]


def _judged(rule: Rule, judge: Callable[[Rule, Subject], Checked], subject: Subject) -> Checked:
    try:
        return judge(rule, subject)
    except Exception as error:  # extensions are parsed when they are looked at; one malformed spoils all of them
        found = f"it cannot be read ({type(error).__name__}: {str(error)[:120]})"
        return Checked(rule, Outcome.FAILED, found, "have the certificate issued again: its encoding is broken")


def _asked(subject: Subject) -> tuple[bool | None, str]:
    from facevalue.signing.probe import ask_engine

    return ask_engine(subject.chain)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


__all__ = [
    "Checked",
    "EngineView",
    "Linted",
    "Outcome",
    "Rule",
    "Subject",
    "lint",
    "lint_chain",
    "lint_subject",
]
