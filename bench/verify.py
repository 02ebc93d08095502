"""How long verifying takes: `python bench/verify.py [--trust PEM] [FILE...]`, warm, in one process.

Without files, a photograph of about 4 MB is drawn and signed with a test chain that is made for it. What is measured is
`facevalue.verify` from bytes in memory to the result, with the second verifier where it is installed, and what an
examination spends on credentials. The target is 60 ms for 4 MB.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

TARGET_MS = 60.0
ROUNDS = 30


def photograph(megabytes: float) -> bytes:
    """A JPEG of about that size: seeded noise over a ramp."""
    import numpy as np
    from PIL import Image

    side, rng = 1600, np.random.default_rng(1)
    rows, columns = np.mgrid[0:side, 0:side]
    ramp = np.stack([rows / 8, columns / 8, (rows + columns) / 16], axis=-1)
    pixels = np.clip(ramp + rng.normal(0, 24, ramp.shape), 0, 255).astype(np.uint8)
    best = b""
    for quality in (97, 94, 90, 85):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
        best = buffer.getvalue()
        if len(best) <= megabytes * 1e6:
            return best
    return best


def signed(data: bytes) -> tuple[bytes, str]:
    """The picture with a credential, and the anchor that vouches for its signer, as PEM."""
    import c2pa
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("bench root", "bench signer")]
    chain = []
    for number, authority in enumerate((True, False)):
        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        builder = x509.CertificateBuilder().subject_name(names[number]).issuer_name(names[0])
        builder = builder.public_key(keys[number].public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - day).not_valid_after(now + day).add_extension(usage, True)
        builder = builder.add_extension(x509.BasicConstraints(authority, None), True)
        own, above = keys[number].public_key(), keys[0].public_key()
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above), False)
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        chain.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode())

    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(keys[1].sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    source = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]}
    tree = {"claim_generator_info": [{"name": "bench"}], "assertions": [{"label": "c2pa.actions.v2", "data": actions}]}
    out = io.BytesIO()
    with c2pa.Context.from_dict({"verify": {"verify_trust": False}, "core": {"allowed_network_hosts": []}}) as context:
        signer = c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, chain[1] + chain[0])
        c2pa.Builder(json.dumps(tree), context).sign(signer, "image/jpeg", io.BytesIO(data), out)
    return out.getvalue(), chain[0]


def measure(data: bytes, trust: Path | None) -> dict[str, float | str]:
    """Milliseconds: median and worst of ROUNDS calls after three, and the same without the second verifier."""
    import facevalue as fv

    out: dict[str, float | str] = {"megabytes": round(len(data) / 1e6, 2)}
    for label, second in (("", True), (" alone", False)):
        seconds = []
        for _ in range(ROUNDS + 3):
            start = time.perf_counter()
            found = fv.verify(data, trust=trust, second_opinion=second)
            seconds.append(1e3 * (time.perf_counter() - start))
        out |= {f"verify{label} ms": statistics.median(seconds[3:]), f"verify{label} worst ms": max(seconds[3:])}
        out["state"] = str(found.state)
    spent = [fv.check(data, questions=["provenance"], trust=trust).timings_s["credentials"] for _ in range(8)]
    out["in an examination ms"] = 1e3 * statistics.median(spent[3:])
    return out


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--trust", type=Path)
    parser.add_argument("--megabytes", type=float, default=4.0, help="size of the picture that is drawn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facevalue-verify-") as folder:
        if options.files:
            cases = [(f.name, f.read_bytes(), options.trust) for f in options.files]
        else:
            data, root = signed(photograph(options.megabytes))
            anchor = Path(folder) / "root.pem"
            anchor.write_text(root, encoding="ascii")
            cases = [
                ("a drawn photograph", data, anchor),
                ("the same, unsigned", photograph(options.megabytes), anchor),
            ]
        for name, data, trust in cases:
            sys.stdout.write(f"{name} (target {TARGET_MS:.0f} ms)\n")
            for key, value in measure(data, trust).items():
                sys.stdout.write(f"  {key:<24}{value if isinstance(value, str) else f'{value:.2f}':>24}\n")


if __name__ == "__main__":
    main()
