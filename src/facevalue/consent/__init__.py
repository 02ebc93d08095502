"""Consent to the use of a likeness: a signed record of who allows whom to do what, until when.

    from facevalue.consent import create_record, read_record
    record = create_record("Ada Example", embedding, ["swap"], "Studio X", start, end, key)
    read_record(Path("ada.consent.json")).admit("swap", embedding_of_the_source)

A record shows that the holder of a key signed it, not that the holder is the person: whoever relies on it compares the
key with one that the person gave them. The alternative for pictures of a data set is a licence manifest.
"""

from facevalue.consent.errors import ConsentError
from facevalue.consent.licence import Licence, read_licence
from facevalue.consent.record import PURPOSES, Record, create_record, parse_record, read_record
from facevalue.consent.revoked import read_revocations, revoke

__all__ = [
    "PURPOSES",
    "ConsentError",
    "Licence",
    "Record",
    "create_record",
    "parse_record",
    "read_licence",
    "read_record",
    "read_revocations",
    "revoke",
]
