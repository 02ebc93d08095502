"""Who signs: a certificate chain and whoever holds the key of its first certificate.

The key may lie in a PKCS#8 file, or be held by anything that signs bytes on request: a PKCS#11 token, a cloud key
service, an agent. The private key never enters the process that parses the media.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from facevalue.errors import UsageError
from facevalue.provenance.chain import fingerprint, subject_of
from facevalue.signing.errors import SignerError
from facevalue.signing.keys import (
    ALGORITHMS,
    PublicKey,
    Sign,
    algorithm_of,
    cose_signature,
    fits,
    load_private_key,
    read_key_file,
    signs_with,
)

MAX_CHAIN_BYTES = 1 << 20
MAX_CHAIN = 8
Chain = str | bytes | Sequence[x509.Certificate]


@dataclass(frozen=True)
class Identity:
    """Whoever signs.

    chain: certificates as PEM text, or as a sequence: the signer's own first, then the one above it, and so on; the
    trusted root is better left out. sign: takes the bytes to be signed (not their digest) and answers the signature;
    ECDSA in DER or as r and s side by side. algorithm: ES256, ES384, ES512 (the curve of the same strength), PS256,
    PS384, PS512 or Ed25519; by default what fits the certificate's key. name: how messages call it. publisher: the
    Ed25519 key that signs for a registry, or None. anchors: certificates that vouch for it where it is verified;
    empty to take the top of the chain. test: whether it was made by `facevalue identity init`, so that nobody else
    trusts it.

    Raises UsageError when the chain holds no certificate or the algorithm does not fit its key.

        # a key service that signs SHA-256 digests with a P-256 key, and answers in DER:
        def sign(data: bytes) -> bytes:
            digest = hashlib.sha256(data).digest()
            return service.sign_digest("my-key", digest)

        identity = fv.Identity(chain=Path("chain.pem").read_text(), sign=sign, algorithm="ES256")
    """

    chain: Chain
    sign: Sign
    algorithm: str = ""
    name: str = ""
    publisher: ed25519.Ed25519PrivateKey | None = field(default=None, repr=False)
    anchors: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    test: bool = False

    def __post_init__(self) -> None:
        certificates = read_chain(self.chain)
        key = _public(certificates[0])
        algorithm = self.algorithm or algorithm_of(key) or ""
        if algorithm not in ALGORITHMS:
            raise UsageError(f"an identity's algorithm is one of {', '.join(ALGORITHMS)}")
        if not fits(key, algorithm):
            raise UsageError(f"{algorithm} does not fit the key of the certificate, which is {_kind(key)}")
        object.__setattr__(self, "chain", certificates)
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "name", self.name or subject_of(certificates[0]))

    @classmethod
    def from_files(
        cls,
        chain: str | Path,
        key: str | Path,
        *,
        passphrase: str | None = None,
        algorithm: str = "",
        name: str = "",
        publisher: ed25519.Ed25519PrivateKey | None = None,
        anchors: Sequence[x509.Certificate] = (),
        test: bool = False,
    ) -> Identity:
        """From a PEM file with the chain and a PKCS#8 file with the key. Raises UsageError."""
        certificates = read_chain_file(Path(chain))
        data = read_key_file(Path(key))
        private = load_private_key(data, Path(key).name, passphrase)
        if not same_key(private.public_key(), certificates[0]):
            raise UsageError(
                f"the key {Path(key).name} does not belong to the first certificate in {Path(chain).name} "
                f"({subject_of(certificates[0])})"
            )
        chosen = algorithm or algorithm_of(private) or ""
        return cls(
            certificates,
            signs_with(private, chosen) if fits(private, chosen) else _never,
            chosen,
            name,
            publisher,
            tuple(anchors),
            test,
        )

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The chain, leaf first."""
        assert isinstance(self.chain, tuple)
        return self.chain

    @property
    def subject(self) -> str:
        """ "Common name (Organisation)" of the signer's certificate."""
        return subject_of(self.certificates[0])

    @property
    def sha256(self) -> str:
        """Of the signer's certificate, hexadecimal."""
        return fingerprint(self.certificates[0])

    def chain_pem(self) -> str:
        """The chain as PEM text, leaf first."""
        return "".join(pem_of(c) for c in self.certificates)

    def trust_pem(self) -> str:
        """What vouches for it: its anchors, or else the top of its chain."""
        return "".join(pem_of(c) for c in self.anchors or self.certificates[-1:])

    def signature(self, message: bytes) -> bytes:
        """The signature of a message in COSE's form, checked with the certificate's key. Raises SignerError."""
        try:
            answer = self.sign(message)
        except Exception as error:  # whatever a key's holder raises: a token pulled out, a service that is down
            raise SignerError(
                f"the key of {self.name} did not sign: {type(error).__name__}: {str(error)[:200]}"
            ) from error
        try:
            return cose_signature(answer, self.algorithm, _public(self.certificates[0]), message)
        except ValueError as error:
            raise SignerError(f"the key of {self.name} cannot be used: {error}") from None


def read_chain(chain: Chain) -> tuple[x509.Certificate, ...]:
    """Certificates from PEM text, or as they are given. Raises UsageError when there is none, or one is unreadable."""
    if isinstance(chain, str | bytes):
        data = chain.encode() if isinstance(chain, str) else chain
        try:
            found = x509.load_pem_x509_certificates(data)
        except Exception:  # several families of errors, for one cause
            raise UsageError("the chain must be certificates in PEM") from None
    else:
        found = list(chain)
        if not all(isinstance(c, x509.Certificate) for c in found):
            raise UsageError("the chain must be certificates")
    if not 0 < len(found) <= MAX_CHAIN:
        raise UsageError(f"a chain has 1 to {MAX_CHAIN} certificates, not {len(found)}")
    return tuple(found)


def read_chain_file(path: Path) -> tuple[x509.Certificate, ...]:
    """The chain in a PEM file, or the one certificate in a DER file. Raises UsageError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_CHAIN_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the certificates in {path.name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"not a usable path: {error}") from None
    if len(data) > MAX_CHAIN_BYTES:
        raise UsageError(f"{path.name} is larger than any chain is")
    if b"-----BEGIN" in data:
        return read_chain(data)
    try:
        return (x509.load_der_x509_certificate(data),)
    except Exception:
        raise UsageError(f"{path.name} holds no certificate, neither in PEM nor in DER") from None


def pem_of(certificate: x509.Certificate) -> str:
    """PEM text of one certificate."""
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def same_key(key: object, certificate: x509.Certificate) -> bool:
    """Whether a public key is the certificate's."""
    try:
        return bool(key == certificate.public_key())
    except Exception:  # a key of an unknown kind
        return False


def _public(certificate: x509.Certificate) -> PublicKey:
    try:
        key = certificate.public_key()
    except Exception as error:  # a kind that the library does not know
        raise UsageError(f"the key of the certificate cannot be read ({type(error).__name__})") from None
    if algorithm_of(key) is None:
        raise UsageError(f"no claim may be signed with the certificate's key, which is {_kind(key)}")
    return key  # type: ignore[return-value]  # algorithm_of knows exactly these kinds


def _kind(key: object) -> str:
    curve = getattr(getattr(key, "curve", None), "name", None)
    return f"an EC key on {curve}" if curve else type(key).__name__.strip("_").removesuffix("PublicKey") + " key"


def _never(_: bytes) -> bytes:
    raise ValueError("the algorithm does not fit the key")  # pragma: no cover - refused when the identity is made
