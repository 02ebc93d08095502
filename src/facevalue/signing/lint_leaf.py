"""Rules about the signer's certificate itself: C2PA 2.2, section 14.5.1, over RFC 5280."""

from __future__ import annotations

from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID

from facevalue.provenance.chain import ANY_EKU, EKU_NAMES, MIN_RSA_BITS, OCSP_SIGNING, TIME_STAMPING
from facevalue.provenance.settings import CLAIM_EKUS
from facevalue.signing.keys import CURVES
from facevalue.signing.lint import Checked, EngineView, Outcome, Rule, RuleOf, Subject

_E = TypeVar("_E", bound=x509.ExtensionType)
_PROFILE = "C2PA 2.2, 14.5.1"
_CURVES = tuple(CURVES.values())
_REISSUE = "ask the authority for a certificate"
# Critical extensions whose meaning a verifier here, or the engine, knows.
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)
_UNIQUE_IDS = (0x81, 0x82)  # issuerUniqueID [1] and subjectUniqueID [2] of a TBSCertificate


def extension(certificate: x509.Certificate, kind: type[_E]) -> x509.Extension[_E] | None:
    """The extension of that kind, or None. Raises ValueError when any extension is malformed."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def verdict(rule: Rule, good: bool, found: str, fix: str) -> Checked:
    """Passed, or failed with the way out."""
    return Checked(rule, Outcome.PASSED if good else Outcome.FAILED, found, "" if good else fix)


def _version(rule: Rule, subject: Subject) -> Checked:
    version = subject.leaf.version
    return verdict(rule, version is x509.Version.v3, f"version {version.value + 1}", f"{_REISSUE} of version 3")


def _unique_ids(rule: Rule, subject: Subject) -> Checked:
    odd = [tag for tag in _tags(subject.leaf.tbs_certificate_bytes) if tag in _UNIQUE_IDS]
    return verdict(rule, not odd, "present" if odd else "absent", f"{_REISSUE} without unique identifiers")


def _tags(tbs: bytes) -> list[int]:
    """Tags of the fields of a TBSCertificate; the library has passed its encoding already."""
    at, end = _body(tbs, 0)
    out = []
    while at < end:
        out.append(tbs[at])
        _, at = _body(tbs, at)
    return out


def _body(der: bytes, at: int) -> tuple[int, int]:
    """Start and end of the content of the DER value at an offset."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count], "big"), start + count
    return start, start + size


def key_fault(certificate: x509.Certificate) -> tuple[str, str | None]:
    """What key a certificate has, and what is wrong with it (None: nothing)."""
    try:
        key = certificate.public_key()
    except Exception:  # an algorithm that the library does not know
        return "a key of an unknown kind", "it must be RSA, EC (P-256, P-384, P-521) or Ed25519"
    if isinstance(key, rsa.RSAPublicKey):
        short = key.key_size < MIN_RSA_BITS
        return f"RSA, {key.key_size} bits", f"it needs {MIN_RSA_BITS} bits or more" if short else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        other = key.curve.name not in _CURVES
        return f"EC on {key.curve.name}", f"the curve must be one of {', '.join(_CURVES)}" if other else None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", None
    return type(key).__name__, "it must be RSA, EC (P-256, P-384, P-521) or Ed25519"


def _key(rule: Rule, subject: Subject) -> Checked:
    found, fault = key_fault(subject.leaf)
    return verdict(rule, fault is None, found, f"make a new key and a new certificate: {fault}")


def _exponent(rule: Rule, subject: Subject) -> Checked:
    try:
        key = subject.leaf.public_key()
    except Exception:  # judged by the rule on the key
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        return Checked(rule, Outcome.NOT_JUDGED, "the key is not an RSA key")
    e = key.public_numbers().e
    return verdict(rule, e >= 3 and e % 2 == 1, f"{e}", "make a new key with the public exponent 65537")


def _authority(rule: Rule, subject: Subject) -> Checked:
    found = extension(subject.leaf, x509.BasicConstraints)
    ca = found is not None and found.value.ca
    said = "no basic constraints" if found is None else f"CA:{'TRUE' if ca else 'FALSE'}"
    fix = f"{_REISSUE} for an end entity: basicConstraints = critical,CA:FALSE"
    return verdict(rule, not ca, said, fix)


def _self_signed(rule: Rule, subject: Subject) -> Checked:
    own = subject.leaf.issuer == subject.leaf.subject
    said = "issuer and subject are the same" if own else "issued by another"
    fix = "have an authority issue it; for trying things out, facevalue identity init NAME makes a chain"
    return verdict(rule, not own, said, fix)


def _usage(rule: Rule, subject: Subject) -> Checked:
    found = extension(subject.leaf, x509.KeyUsage)
    good = found is not None and found.value.digital_signature
    said = _usages(found.value) if found else "no key usage"
    return verdict(rule, good, said, f"{_REISSUE} with keyUsage = critical,digitalSignature")


def _usages(usage: x509.KeyUsage) -> str:
    names = {
        "digital_signature": "digitalSignature",
        "content_commitment": "nonRepudiation",
        "key_encipherment": "keyEncipherment",
        "data_encipherment": "dataEncipherment",
        "key_agreement": "keyAgreement",
        "key_cert_sign": "keyCertSign",
        "crl_sign": "cRLSign",
    }
    return ", ".join(name for field, name in names.items() if getattr(usage, field)) or "none"


def _cert_sign(rule: Rule, subject: Subject) -> Checked:
    found, basic = extension(subject.leaf, x509.KeyUsage), extension(subject.leaf, x509.BasicConstraints)
    odd = found is not None and found.value.key_cert_sign and not (basic is not None and basic.value.ca)
    said = "keyCertSign" if odd else "no keyCertSign"
    return verdict(rule, not odd, said, f"{_REISSUE} without the key usage keyCertSign")


def _usage_critical(rule: Rule, subject: Subject) -> Checked:
    found = extension(subject.leaf, x509.KeyUsage)
    if found is None:
        return Checked(rule, Outcome.NOT_JUDGED, "no key usage")
    if found.critical:
        return Checked(rule, Outcome.PASSED, "critical")
    return Checked(rule, Outcome.ADVICE, "not critical", "next time: keyUsage = critical,digitalSignature")


def _purposes(subject: Subject) -> list[str]:
    found = extension(subject.leaf, x509.ExtendedKeyUsage)
    return [oid.dotted_string for oid in found.value] if found else []


def _named(oids: list[str]) -> str:
    return ", ".join(EKU_NAMES.get(oid, oid) for oid in oids) or "none"


_WANTED = "extendedKeyUsage = 1.3.6.1.4.1.62558.2.1, or emailProtection or documentSigning (1.3.6.1.5.5.7.3.36)"


def _eku_present(rule: Rule, subject: Subject) -> Checked:
    found = _purposes(subject)
    return verdict(rule, bool(found), _named(found), f"{_REISSUE} with {_WANTED}")


def _eku_any(rule: Rule, subject: Subject) -> Checked:
    found = _purposes(subject)
    return verdict(rule, ANY_EKU not in found, _named(found), f"{_REISSUE} without anyExtendedKeyUsage")


def _eku_claims(rule: Rule, subject: Subject) -> Checked:
    found = _purposes(subject)
    return verdict(rule, any(oid in CLAIM_EKUS for oid in found), _named(found), f"{_REISSUE} with {_WANTED}")


def _eku_alone(rule: Rule, subject: Subject) -> Checked:
    found = _purposes(subject)
    single = [oid for oid in found if oid in (TIME_STAMPING, OCSP_SIGNING)]
    fix = "use a certificate made for claims alone: one for time stamps or OCSP answers may do nothing else"
    return verdict(rule, not single, _named(found), fix)


def _issuer_key(rule: Rule, subject: Subject) -> Checked:
    found = extension(subject.leaf, x509.AuthorityKeyIdentifier)
    said = (
        found.value.key_identifier.hex() if found and found.value.key_identifier else "present" if found else "absent"
    )
    return verdict(rule, found is not None, said, f"{_REISSUE} with authorityKeyIdentifier = keyid")


def _own_key(rule: Rule, subject: Subject) -> Checked:
    found = extension(subject.leaf, x509.SubjectKeyIdentifier)
    if found is not None:
        return Checked(rule, Outcome.PASSED, found.value.digest.hex())
    return Checked(rule, Outcome.ADVICE, "absent", "next time: subjectKeyIdentifier = hash")


def _critical(rule: Rule, subject: Subject) -> Checked:
    odd = [e.oid.dotted_string for e in subject.leaf.extensions if e.critical and e.oid not in _UNDERSTOOD]
    return verdict(rule, not odd, ", ".join(odd) or "none", f"{_REISSUE} in which these are not critical")


def _valid(rule: Rule, subject: Subject) -> Checked:
    start, end = subject.leaf.not_valid_before_utc, subject.leaf.not_valid_after_utc
    said = f"{start:%Y-%m-%d} to {end:%Y-%m-%d}"
    early = subject.moment < start
    fix = (
        "wait until it begins, or set this machine's clock"
        if early
        else "renew it; an old signature needs a time stamp"
    )
    return verdict(rule, start <= subject.moment <= end, said, fix)


_RFC = "RFC 5280"
LEAF_RULES: tuple[RuleOf, ...] = (
    (Rule("version", f"{_PROFILE}; {_RFC}, 4.1.2.1", "version 3"), _version),
    (Rule("unique-ids", f"{_PROFILE}; {_RFC}, 4.1.2.8", "no issuer or subject unique identifier"), _unique_ids),
    (Rule("key", _PROFILE, "RSA of 2048 bits or more, EC on P-256, P-384 or P-521, or Ed25519"), _key),
    (Rule("exponent", f"{_RFC}; RFC 8017, 3.1", "an odd RSA public exponent of at least 3"), _exponent),
    (Rule("not-authority", _PROFILE, "an end-entity certificate, not an authority's"), _authority),
    (
        Rule("not-self-signed", _PROFILE, "a certificate that somebody else issued", EngineView.ACCEPTS),
        _self_signed,
    ),
    (Rule("key-usage", f"{_PROFILE}; {_RFC}, 4.2.1.3", "the key usage digitalSignature"), _usage),
    (Rule("no-cert-sign", f"{_PROFILE}; {_RFC}, 4.2.1.9", "keyCertSign for authorities alone"), _cert_sign),
    (
        Rule("key-usage-critical", f"{_PROFILE}; {_RFC}, 4.2.1.3", "a critical key usage", EngineView.ACCEPTS),
        _usage_critical,
    ),
    (Rule("eku-present", f"{_PROFILE}; {_RFC}, 4.2.1.12", "an extended key usage"), _eku_present),
    (Rule("eku-not-any", _PROFILE, "no anyExtendedKeyUsage"), _eku_any),
    (
        Rule("eku-claims", "C2PA 2.2, 14.4.1", "claimSigning, emailProtection or documentSigning", EngineView.REFUSES),
        _eku_claims,
    ),
    (
        Rule("eku-alone", _PROFILE, "neither timeStamping nor OCSPSigning: those stand alone", EngineView.ACCEPTS),
        _eku_alone,
    ),
    (Rule("issuer-key-id", f"{_PROFILE}; {_RFC}, 4.2.1.1", "an authority key identifier"), _issuer_key),
    (
        Rule("own-key-id", f"{_PROFILE}; {_RFC}, 4.2.1.2", "a subject key identifier", EngineView.ACCEPTS),
        _own_key,
    ),
    (Rule("critical", f"{_RFC}, 4.2", "no critical extension that verifiers do not know"), _critical),
    (Rule("valid-now", f"{_PROFILE}; {_RFC}, 4.1.2.5", "a validity that includes today"), _valid),
)
