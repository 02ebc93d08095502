"""Rules about the certificates above the signer's, and about what ties them together."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import SignatureAlgorithmOID

from facevalue.provenance.chain import subject_of
from facevalue.signing.lint import Checked, EngineView, Outcome, Rule, RuleOf, Subject
from facevalue.signing.lint_leaf import extension, key_fault, verdict

_PROFILE = "C2PA 2.2, 14.5.1"
_RFC = "RFC 5280"
_ALLOWED = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: "ecdsa-with-SHA256",
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: "ecdsa-with-SHA384",
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: "ecdsa-with-SHA512",
    SignatureAlgorithmOID.RSA_WITH_SHA256: "sha256WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA384: "sha384WithRSAEncryption",
    SignatureAlgorithmOID.RSA_WITH_SHA512: "sha512WithRSAEncryption",
    SignatureAlgorithmOID.RSASSA_PSS: "RSASSA-PSS",
    SignatureAlgorithmOID.ED25519: "Ed25519",
}
_DIGESTS = ("sha256", "sha384", "sha512")


def _algorithm(certificate: x509.Certificate) -> str:
    oid = certificate.signature_algorithm_oid
    return _ALLOWED.get(oid) or str(getattr(oid, "_name", oid.dotted_string))


def _signatures(rule: Rule, subject: Subject) -> Checked:
    """The self-signed root is left out: nobody relies on its own signature."""
    judged = [c for c in subject.chain if c.issuer != c.subject or len(subject.chain) == 1]
    odd = [c for c in judged if c.signature_algorithm_oid not in _ALLOWED or not _digest_allowed(c)]
    said = f"{_algorithm(odd[0])} on {subject_of(odd[0])}" if odd else _algorithm(subject.leaf)
    return verdict(rule, not odd, said, "have it issued again, signed with SHA-256 or better (SHA-1 never)")


def _digest_allowed(certificate: x509.Certificate) -> bool:
    digest = certificate.signature_hash_algorithm
    return digest is None or digest.name in _DIGESTS  # Ed25519 has none


def _pairs(subject: Subject) -> Iterator[tuple[x509.Certificate, x509.Certificate]]:
    return zip(subject.chain, subject.chain[1:], strict=False)


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # another issuer, a wrong signature, an unknown algorithm
        return False
    return True


def _order(rule: Rule, subject: Subject) -> Checked:
    """Whether each certificate was issued by the one after it. Both the wrong order and a stranger break it."""
    odd = next((pair for pair in _pairs(subject) if not _signed_by(*pair)), None)
    said = " <- ".join(subject_of(c) for c in subject.chain)[:300]
    if odd is None:
        return Checked(rule, Outcome.PASSED, said)
    elsewhere = any(_signed_by(odd[0], other) for other in subject.chain if other is not odd[0])
    why = f"{subject_of(odd[1])} did not issue {subject_of(odd[0])}"
    fix = "put the certificates in order, the signer's first, each followed by its issuer"
    return verdict(rule, False, f"{said}: {why}", fix if elsewhere else f"{fix}; its issuer is not among them")


def _complete(rule: Rule, subject: Subject) -> Checked:
    top = subject.chain[-1]
    if len(subject.chain) == 1 and top.issuer != top.subject:
        found = f"only the signer's certificate; {_issuer(top)} issued it"
        fix = "append the certificates between it and the root, unless the root itself issued it"
        return Checked(rule, Outcome.ADVICE, found, fix)
    ends = "the root itself" if top.issuer == top.subject else f"{_issuer(top)}, which a trust list must hold"
    return Checked(rule, Outcome.PASSED, f"{len(subject.chain)} certificates; above them {ends}")


def _issuer(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()[:120]


def _root(rule: Rule, subject: Subject) -> Checked:
    roots = [c for c in subject.chain[1:] if c.issuer == c.subject]
    if not roots:
        return Checked(rule, Outcome.PASSED, "no root among them")
    return Checked(rule, Outcome.ADVICE, subject_of(roots[0]), "leave the root out: whoever trusts it has it already")


def _authorities(rule: Rule, subject: Subject) -> Checked:
    faults = [fault for below, c in enumerate(subject.chain[1:]) for fault in _faults(c, below)]
    if len(subject.chain) == 1:
        return Checked(rule, Outcome.NOT_JUDGED, "no certificate above the signer's")
    return verdict(
        rule, not faults, "; ".join(faults) or "all may issue certificates", "use the authority's real chain"
    )


def _faults(certificate: x509.Certificate, below: int) -> Iterator[str]:
    name = subject_of(certificate)
    basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    if basic is None or not basic.value.ca:
        yield f"{name} is not an authority"
    elif basic.value.path_length is not None and below > basic.value.path_length:
        yield f"{name} allows fewer authorities below it"
    if usage is not None and not usage.value.key_cert_sign:
        yield f"{name} may not sign certificates"
    if extension(certificate, x509.SubjectKeyIdentifier) is None:
        yield f"{name} has no subject key identifier"
    if fault := key_fault(certificate)[1]:
        yield f"the key of {name}: {fault}"


def _valid(rule: Rule, subject: Subject) -> Checked:
    odd = [c for c in subject.chain[1:] if not c.not_valid_before_utc <= subject.moment <= c.not_valid_after_utc]
    if len(subject.chain) == 1:
        return Checked(rule, Outcome.NOT_JUDGED, "no certificate above the signer's")
    said = f"{subject_of(odd[0])}: until {odd[0].not_valid_after_utc:%Y-%m-%d}" if odd else "all valid"
    return verdict(rule, not odd, said, "take the authority's current certificates")


CHAIN_RULES: tuple[RuleOf, ...] = (
    (Rule("signature-algorithm", _PROFILE, "SHA-256, SHA-384 or SHA-512 with RSA, ECDSA, or Ed25519"), _signatures),
    (
        Rule(
            "chain-order", "C2PA 2.2, 13.2; RFC 9360, 2", "each certificate followed by its issuer", EngineView.ACCEPTS
        ),
        _order,
    ),
    (
        Rule("chain-complete", "C2PA 2.2, 13.2; 14.5", "every certificate up to the root", EngineView.ACCEPTS),
        _complete,
    ),
    (Rule("no-root", "C2PA 2.2, 14.5", "no root: it comes from the trust list", EngineView.ACCEPTS), _root),
    (
        Rule("authorities", f"{_PROFILE}; {_RFC}, 4.2.1.9", "authorities that may issue it", EngineView.ACCEPTS),
        _authorities,
    ),
    (
        Rule("chain-valid-now", f"{_RFC}, 6.1.3", "authorities that are valid today", EngineView.ACCEPTS),
        _valid,
    ),
)
