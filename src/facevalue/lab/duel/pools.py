"""Which faces serve which side. A person or clip serves one side only, chosen by name, the same in every run.

    learn   forgers forge them, the examiner learns from them
    guard   real faces that set the examiner's threshold
    judge   swaps and composites for the judge alone
    clean   real photographs that nobody touches, for false alarms

Names are split as `lab train face_blend` splits them: what that training learned from is here for learning, half of
what it held out is for guard and judge, and the other half, which `bench run` measures, is left alone. Photographs go
to guard or clean by source.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facevalue.errors import UsageError
from facevalue.examiners.face_blend.crop import MIN_FACE_PX
from facevalue.lab import data as layout
from facevalue.lab import facebank
from facevalue.lab.facebank import BankFace
from facevalue.lab.sources import JUDGE_SOURCES

# Below these a rate of one in a hundred, or a fold, means nothing.
FEWEST = {"learn": 12, "guard": 8, "judge": 8, "clean": 8}


@dataclass(frozen=True, slots=True)
class Pools:
    """learn, guard, clean: real faces. swaps, judged: (real, forged) faces of one clip, for learning and judging.

    bases: further real faces on which the judge's composites are made. drawn: faces that generators drew, for the
    judge of `generated`.
    """

    learn: tuple[BankFace, ...]
    swaps: tuple[tuple[BankFace, BankFace], ...]
    guard: tuple[BankFace, ...]
    judged: tuple[tuple[BankFace, BankFace], ...]
    bases: tuple[BankFace, ...]
    clean: tuple[BankFace, ...]
    drawn: tuple[BankFace, ...]


def identity(face: BankFace) -> str:
    """By what faces are split: the clip of a swap, the file of a portrait, the file of a photograph."""
    return face.pair or face.key


def number(face: BankFace) -> int:
    """The hash by which names are split; `train_face_blend` holds out multiples of 5, multiples of 10 for the bench."""
    return zlib.crc32(identity(face).encode())


def build(data: Path, cache: Path, faces: int, pairs: int) -> Pools:
    """Find the faces, cached in one file. faces: real faces to learn from; pairs: swaps to learn from, and to judge by.

    Raises UsageError when a side would have too few.
    """
    bank = facebank.build(_samples(data, faces, pairs), cache)
    usable = [face for face in bank if min(face.box[2:]) >= MIN_FACE_PX]
    portraits = [f for f in usable if not f.pair and f.label == 0 and f.source.startswith("faces_")]
    photographs = [f for f in usable if not f.source.startswith("faces_")]
    swaps = _pairs(usable)
    held = [f for f in portraits if number(f) % 10 == 5]
    learning = [p for p in swaps if number(p[0]) % 5][:pairs]
    learn = [f for f in portraits if number(f) % 5] + [real for real, _ in learning]
    made = Pools(
        tuple(_spread(learn, faces)),
        tuple(learning),
        (*(f for f in held if number(f) // 10 % 2), *(f for f in photographs if zlib.crc32(f.source.encode()) % 2)),
        tuple([p for p in swaps if number(p[0]) % 10 == 5][:pairs]),
        tuple(f for f in held if not number(f) // 10 % 2),
        tuple(f for f in photographs if not zlib.crc32(f.source.encode()) % 2),
        tuple(f for f in usable if f.label == 1 and not f.pair and number(f) % 10 == 5),
    )
    sizes = {"learn": len(made.learn), "guard": len(made.guard), "clean": len(made.clean)}
    sizes["judge"] = len(made.judged) + len(made.bases)
    for side, size in sizes.items():
        if size < FEWEST[side]:
            raise UsageError(
                f"the data give {size} faces of at least {MIN_FACE_PX} px for '{side}', and {FEWEST[side]} are needed"
            )
    return made


def _samples(data: Path, faces: int, pairs: int) -> Iterator[layout.Sample]:
    yield from layout.faces(data, 4 * faces)
    wanted = {"learn": pairs, "judge": pairs}
    for fake, real in layout.swap_pairs(data):
        n = zlib.crc32(real.pair.encode())
        side = "learn" if n % 5 else "judge" if n % 10 == 5 else ""
        if wanted.get(side, 0) > 0:
            wanted[side] -= 1
            yield from (real, fake)
    for sample in layout.wild(data):
        if sample.form == "whole" and sample.source not in JUDGE_SOURCES:
            yield sample


def _pairs(bank: list[BankFace]) -> list[tuple[BankFace, BankFace]]:
    sides: dict[str, dict[int, BankFace]] = {}
    for face in bank:
        if face.pair:
            sides.setdefault(face.pair, {}).setdefault(face.label, face)
    return [(two[0], two[1]) for _, two in sorted(sides.items()) if len(two) == 2]


def _spread(faces: list[BankFace], most: int) -> list[BankFace]:
    return faces if len(faces) <= most else [faces[i * len(faces) // most] for i in range(most)]
