"""Rules about the private key: its form, its fit, and who can read it."""

from __future__ import annotations

from facevalue.errors import UsageError
from facevalue.signing.identity import same_key
from facevalue.signing.keys import (
    PKCS8_HINT,
    PrivateKey,
    form_fault,
    is_encrypted,
    key_form,
    load_private_key,
    readable_by_others,
)
from facevalue.signing.lint import Checked, EngineView, Outcome, Rule, RuleOf, Subject
from facevalue.signing.lint_leaf import verdict

_NONE = "no key was given"


def _form(rule: Rule, subject: Subject) -> Checked:
    if subject.key is None:
        return Checked(rule, Outcome.NOT_JUDGED, _NONE)
    fault = form_fault(subject.key)
    found = f"it is {fault}" if fault else f"PKCS#8 ({key_form(subject.key)})"
    name = str(subject.path) if subject.path else "KEY"
    return verdict(rule, fault is None, found, f"convert it: {PKCS8_HINT.replace('KEY', name)}")


def _opened(subject: Subject) -> PrivateKey | None:
    """The private key, where it can be opened without asking anybody."""
    if subject.key is None or form_fault(subject.key):
        return None
    if is_encrypted(subject.key) and not subject.passphrase:
        return None
    return load_private_key(subject.key, subject.path.name if subject.path else "key", subject.passphrase)


def _opens(rule: Rule, subject: Subject) -> Checked:
    if subject.key is None or form_fault(subject.key):
        return Checked(rule, Outcome.NOT_JUDGED, _NONE if subject.key is None else "it is not PKCS#8")
    try:
        key = _opened(subject)
    except UsageError as error:
        return Checked(rule, Outcome.FAILED, str(error), "give the right passphrase, or restore the file")
    if key is None:
        return Checked(rule, Outcome.NOT_JUDGED, "it is encrypted, and no passphrase was given")
    return Checked(rule, Outcome.PASSED, "it opens")


def _matches(rule: Rule, subject: Subject) -> Checked:
    try:
        key = _opened(subject)
    except UsageError:
        key = None
    if key is None:
        return Checked(rule, Outcome.NOT_JUDGED, "there is no key that can be opened")
    if same_key(key.public_key(), subject.leaf):
        return Checked(rule, Outcome.PASSED, "it is the first certificate's key")
    other = next((c for c in subject.chain[1:] if same_key(key.public_key(), c)), None)
    found = "it is the key of another certificate of the chain" if other else "it belongs to no certificate here"
    fix = "use the key that it was requested with: openssl pkey -in KEY -pubout must say what openssl x509 -pubkey says"
    return verdict(rule, False, found, fix)


def _private(rule: Rule, subject: Subject) -> Checked:
    if subject.path is None:
        return Checked(rule, Outcome.NOT_JUDGED, _NONE)
    if not readable_by_others(subject.path):
        return Checked(rule, Outcome.PASSED, "its owner alone")
    return Checked(rule, Outcome.ADVICE, "others on this machine too", f"chmod 600 {subject.path}")


KEY_RULES: tuple[RuleOf, ...] = (
    (Rule("key-form", "RFC 5958", "a private key in PKCS#8 (PEM)"), _form),
    (Rule("key-opens", "RFC 5958", "a key that opens", EngineView.NO_VIEW), _opens),
    (Rule("key-matches", "C2PA 2.2, 13.2", "the key of the first certificate", EngineView.ACCEPTS), _matches),
    (
        Rule("key-private", "ISO/IEC 27002, 8.24", "a key file that its owner alone can read", EngineView.NO_VIEW),
        _private,
    ),
)
