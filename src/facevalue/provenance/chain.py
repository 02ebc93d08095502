"""Our own check of a certificate chain, rule by rule, with reasons: RFC 5280, section 6, and C2PA 2.2, section 14.

Why not the engine's alone: it also accepts anchors of another kind, and leaves whose key may only sign time stamps or
OCSP responses. Why not a web library's: those know neither these key usages nor Ed25519 and RSA-PSS keys.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from facevalue.provenance.settings import CLAIM_EKUS, CLAIM_SIGNING, DOCUMENT_SIGNING, EMAIL_PROTECTION

TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING.dotted_string
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string
ANY_EKU = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE.dotted_string
EKU_NAMES = {
    CLAIM_SIGNING: "c2pa-kp-claimSigning",
    EMAIL_PROTECTION: "emailProtection",
    DOCUMENT_SIGNING: "documentSigning",
    TIME_STAMPING: "timeStamping",
    OCSP_SIGNING: "OCSPSigning",
    ANY_EKU: "anyExtendedKeyUsage",
}
_E = TypeVar("_E", bound=x509.ExtensionType)

_ID_KP = "1.3.6.1.5.5.7.3."
MAX_DEPTH = 8
MAX_TRIES = 200
MIN_RSA_BITS = 2048
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
# Critical extensions whose meaning is checked below; RFC 5280 refuses a certificate with any other.
_KNOWN = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.CERTIFICATE_POLICIES,  # any policy is accepted (section 6.1.1 c)
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)


@dataclass(frozen=True, slots=True)
class ChainResult:
    """trusted: an anchor vouches for the leaf, for this purpose, at that moment.

    reasons: plain sentences, empty when trusted. expired: the leaf was not valid at that moment. path: subjects from
    the leaf to the anchor. ekus: names of the leaf's extended key usages. anchor: sha256 (hex) of the one reached.
    """

    trusted: bool
    reasons: tuple[str, ...]
    path: tuple[str, ...]
    ekus: tuple[str, ...]
    expired: bool = False
    anchor: str | None = None


def check_claim_chain(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], moment: datetime.datetime
) -> ChainResult:
    """Whether the chain (leaf first) may sign claims. anchors: of claim signers alone, never those of another kind.

    moment: when it was signed, aware of its time zone.
    """
    return _check(chain, anchors, moment, CLAIM_EKUS, (TIME_STAMPING, OCSP_SIGNING, ANY_EKU))


def check_tsa_chain(
    chain: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], moment: datetime.datetime
) -> ChainResult:
    """Whether the chain (leaf first) may sign time stamps: timeStamping and nothing else (RFC 3161, section 2.3)."""
    others = (*CLAIM_EKUS, OCSP_SIGNING, ANY_EKU)
    return _check(chain, anchors, moment, (TIME_STAMPING,), others)


def _check(
    chain: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    moment: datetime.datetime,
    wanted: Sequence[str],
    refused: Sequence[str],
) -> ChainResult:
    if not chain:
        return ChainResult(False, ("no certificate came with the signature",), (), ())
    leaf = chain[0]
    try:
        ekus = extended_key_usages(leaf)
        reasons = [*_leaf_faults(leaf, ekus, wanted, refused), *_time_faults(leaf, moment, "the signer's certificate")]
    except Exception as error:  # names, times and extensions are parsed when they are looked at: ValueError and others
        return ChainResult(False, (f"the signer's certificate cannot be read ({str(error)[:120]})",), (), ())
    path, why = _Builder(chain[1:], anchors, moment, wanted).build(leaf)
    names = tuple(EKU_NAMES.get(oid, oid) for oid in ekus)
    subjects = tuple(subject_of(c) for c in path or chain[:1])
    reached = fingerprint(path[-1]) if path else None
    expired = not _valid_at(leaf, moment)
    every = (*reasons, *(() if path else (why,)))
    return ChainResult(not every, every, subjects, names, expired, reached)


def extended_key_usages(certificate: x509.Certificate) -> tuple[str, ...]:
    """Object identifiers of the extended key usages; empty without the extension. Raises ValueError when malformed."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return ()
    return tuple(oid.dotted_string for oid in extension.value)


def subject_of(certificate: x509.Certificate) -> str:
    """ "Common name (Organisation)", or the whole name where those are missing; at most 200 characters."""
    try:
        oid = x509.NameOID
        cn = certificate.subject.get_attributes_for_oid(oid.COMMON_NAME)
        org = certificate.subject.get_attributes_for_oid(oid.ORGANIZATION_NAME)
        first, second = (str(a[0].value) if a else "" for a in (cn, org))
        name = f"{first} ({second})" if first and second else first or second or certificate.subject.rfc4514_string()
    except Exception:  # malformed in one of many ways
        return "a name that cannot be read"
    return name[:200]


def fingerprint(certificate: x509.Certificate) -> str:
    """sha256 (hex) of the certificate."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


def _leaf_faults(
    leaf: x509.Certificate, ekus: Sequence[str], wanted: Sequence[str], refused: Sequence[str]
) -> list[str]:
    out = []
    if leaf.version is not x509.Version.v3:
        out.append("the signer's certificate is not of version 3")
    if leaf.issuer == leaf.subject:
        out.append("the signer's certificate is self-signed: nobody else vouches for it")
    constraints = _extension(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        out.append("the signer's certificate is that of an authority, which may not sign by itself")
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        out.append("the signer's certificate may not make digital signatures (key usage)")
    out += _eku_faults(ekus, wanted, refused)
    return [*out, *_key_faults(leaf), *_critical_faults(leaf)]


def _eku_faults(ekus: Sequence[str], wanted: Sequence[str], refused: Sequence[str]) -> list[str]:
    names = ", ".join(EKU_NAMES.get(oid, oid) for oid in ekus) or "none"
    if not any(oid in wanted for oid in ekus):
        purpose = " or ".join(EKU_NAMES[oid] for oid in wanted)
        return [f"the signer's certificate is not meant for this: extended key usage {names}, needed {purpose}"]
    wrong = [EKU_NAMES[oid] for oid in ekus if oid in refused]
    return (
        [f"the signer's certificate has a key usage that must stand alone or not at all: {', '.join(wrong)}"]
        if wrong
        else []
    )


def _key_faults(certificate: x509.Certificate) -> list[str]:
    """Keys that C2PA allows (section 14.5.1): RSA of 2048 bits and more, the NIST curves, Ed25519."""
    try:
        key = certificate.public_key()
    except Exception:  # an algorithm that cryptography does not know
        return ["the key of a certificate is of an unknown kind"]
    good = (
        (isinstance(key, rsa.RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= 16_384)
        or (isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES)
        or isinstance(key, ed25519.Ed25519PublicKey)
    )
    return [] if good else ["the key of a certificate is of a kind or size that is not allowed"]


def _critical_faults(certificate: x509.Certificate) -> list[str]:
    odd = [e.oid.dotted_string for e in certificate.extensions if e.critical and e.oid not in _KNOWN]
    return [f"a certificate has a critical extension that is not understood here: {', '.join(odd)}"] if odd else []


def _time_faults(certificate: x509.Certificate, moment: datetime.datetime, who: str) -> list[str]:
    if _valid_at(certificate, moment):
        return []
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    when = f"{moment:%Y-%m-%d}"
    if moment > end:
        return [f"{who} was expired on {when}: it was valid until {end:%Y-%m-%d}"]
    return [f"{who} was not valid yet on {when}: it is valid from {start:%Y-%m-%d} on"]


def _valid_at(certificate: x509.Certificate, moment: datetime.datetime) -> bool:
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def _extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


class _Builder:
    """Depth-first search for a path of issuers to an anchor; tries are bounded, since chains may be made to explode."""

    def __init__(
        self,
        pool: Sequence[x509.Certificate],
        anchors: Sequence[x509.Certificate],
        moment: datetime.datetime,
        wanted: Sequence[str],
    ) -> None:
        self.pool, self.anchors, self.moment, self.wanted = pool, anchors, moment, wanted
        self.tries = MAX_TRIES
        self.why = ""

    def build(self, leaf: x509.Certificate) -> tuple[list[x509.Certificate], str]:
        """The path, leaf first and anchor last, or an empty one and the reason."""
        path = self._extend([leaf])
        purpose = "time-stamping authorities" if TIME_STAMPING in self.wanted else "claim signers"
        return path, self.why or f"no anchor of {purpose} issued {subject_of(leaf)!r}, nor anybody above it"

    def _extend(self, path: list[x509.Certificate]) -> list[x509.Certificate]:
        last = path[-1]
        for anchor in self.anchors:
            if anchor == last and len(path) > 1:
                return path
            if self._issued(last, anchor, len(path) - 1):
                return [*path, anchor]
        if len(path) >= MAX_DEPTH:
            return []
        for issuer in self.pool:
            if issuer not in path and self._issued(last, issuer, len(path) - 1):
                found = self._extend([*path, issuer])
                if found:
                    return found
        return []

    def _issued(self, certificate: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
        """Whether issuer signed certificate, and might; below: authorities that lie between it and the leaf."""
        if self.tries <= 0:
            return False
        try:
            if certificate.issuer != issuer.subject:
                return False
            self.tries -= 1
            faults = self._authority_faults(issuer, below)
            if not faults:
                certificate.verify_directly_issued_by(issuer)
                return True
        except Exception:  # a wrong signature, an unknown algorithm or a malformed extension
            return False
        self.why = self.why or f"{subject_of(issuer)!r} may not vouch for it: {'; '.join(faults)}"
        return False

    def _authority_faults(self, issuer: x509.Certificate, below: int) -> list[str]:
        out = []
        constraints = _extension(issuer, x509.BasicConstraints)
        if constraints is None or not constraints.ca:
            out.append("it is not an authority")
        elif constraints.path_length is not None and below > constraints.path_length:
            out.append("there are more authorities below it than it allows")
        usage = _extension(issuer, x509.KeyUsage)
        if usage is not None and not usage.key_cert_sign:
            out.append("its key may not sign certificates")
        ekus = extended_key_usages(issuer)
        # RFC 5280 does not nest these; standard purposes alone are held against an authority, a vendor's own are not.
        if ekus and all(oid.startswith(_ID_KP) for oid in ekus) and not any(oid in self.wanted for oid in ekus):
            out.append("it may issue certificates for other purposes only")
        return [*out, *_time_faults(issuer, self.moment, "it"), *_key_faults(issuer), *_critical_faults(issuer)]
