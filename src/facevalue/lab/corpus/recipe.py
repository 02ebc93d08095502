"""The recipe of a corpus: one TOML file that fixes every choice.

    name = "faces"
    seed = 7
    [[source]]
    name = "people"
    folder = "people"            # beside the recipe, or an absolute path
    identity = "folder"          # file, folder, prefix or column
    [[maker]]
    name = "self_blend"
    [equalise]
    side_px = 224
    [launder]
    trips = ["none", "whatsapp"]
    [split]
    train = 0.7
    dev = 0.15
    test = 0.15

Every key has a default except the sources' names and folders and the makers' names; docs/lab-corpus.md lists them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from facevalue.errors import UnreadableError, UsageError

MOST_RECIPE_BYTES = 1 << 20
IDENTITIES = ("file", "folder", "prefix", "column")
CODECS = ("jpeg", "webp", "png")
CROPS = ("face", "centre")
SPECTRA = ("own", "pair", "each")
# Trips that move no pixel: a mask made before them is exact after them. The others crop, turn or frame the picture.
TRIPS = (
    *("none", "jpeg_chain", "whatsapp", "telegram", "x", "thumbnail", "webp", "avif", "blur", "sharpen", "q70"),
    "q50",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of real pictures. identity: who or what a picture shows, by which splits are made.

    file: each file is its own; folder: the name of the folder it lies in; prefix: its name up to `separator`; column:
    the column `column` of the table `index` (.tsv or .csv), whose column `file_column` names files inside the folder.
    where: only the index's rows with these values. limit: at most so many pictures, spread evenly; 0: all.
    """

    name: str
    folder: str
    identity: str = "file"
    separator: str = "_"
    index: str = ""
    column: str = "identity"
    file_column: str = "file"
    where: dict[str, str] = field(default_factory=dict)
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Maker:
    """A way of forging. share: how often, relative to the others. options: see `makers`."""

    name: str
    share: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Equalise:
    """What both classes are brought to.

    crop: the square around the largest face (margin x the longer side of its box), or the middle square. side_px: the
    side of every picture; smaller crops are left out, never enlarged. spectrum: `own` leaves it; `pair` shapes both
    sides by the filter that takes the real one's spectrum to that of the softest source, which keeps what the forgery
    did to the spectrum; `each` takes either side there by a filter of its own, which keeps none of it. quality: lowest
    and highest, drawn once a pair.
    """

    crop: str = "face"
    margin: float = 1.7
    side_px: int = 224
    spectrum: str = "own"
    codecs: tuple[str, ...] = ("jpeg",)
    quality: tuple[int, int] = (75, 92)


@dataclass(frozen=True, slots=True)
class Launder:
    """trips: presets of `lab launder` that move no pixel, or `none`; one is drawn a pair and taken by both sides."""

    trips: tuple[str, ...] = ("none",)


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of the identities (by = "identity") or of whole sources (by = "source") in each split."""

    by: str = "identity"
    train: float = 0.7
    dev: float = 0.15
    test: float = 0.15

    @property
    def shares(self) -> dict[str, float]:
        """By name, in order."""
        return {"train": self.train, "dev": self.dev, "test": self.test}


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of it. pairs_per_picture: forgeries of each real picture. shard_pairs: pairs in a shard, the unit of work."""

    name: str
    source: tuple[Source, ...]
    maker: tuple[Maker, ...]
    seed: int = 0
    pairs_per_picture: int = 1
    shard_pairs: int = 32
    equalise: Equalise = field(default_factory=Equalise)
    launder: Launder = field(default_factory=Launder)
    split: Split = field(default_factory=Split)

    def __post_init__(self) -> None:
        for check in (self._numbers, self._choices, self._splits):
            check()

    def _numbers(self) -> None:
        equal = self.equalise
        bounds: tuple[tuple[str, float, float, float], ...] = (
            ("seed", self.seed, 0, 2**63 - 1),
            ("pairs_per_picture", self.pairs_per_picture, 1, 100),
            ("shard_pairs", self.shard_pairs, 1, 4096),
            ("equalise.side_px", equal.side_px, 32, 2048),
            ("equalise.margin", equal.margin, 1, 4),
            ("equalise.quality", min(equal.quality), 1, 100),
            ("equalise.quality", max(equal.quality), min(equal.quality), 100),
            *(("maker.share", m.share, 1e-6, 1e6) for m in self.maker),
            *(("source.limit", s.limit, 0, 10**9) for s in self.source),
        )
        for name, value, low, high in bounds:
            if not low <= value <= high:
                raise UsageError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")
        if equal.quality[0] > equal.quality[1]:
            raise UsageError("equalise.quality is [lowest, highest]")

    def _choices(self) -> None:
        _among("equalise.crop", [self.equalise.crop], CROPS)
        _among("equalise.spectrum", [self.equalise.spectrum], SPECTRA)
        _among("equalise.codecs", self.equalise.codecs, CODECS)
        _among("source.identity", [s.identity for s in self.source], IDENTITIES)
        _among("split.by", [self.split.by], ("identity", "source"))
        _among("launder.trips (those that move no pixel, so that masks stay exact)", self.launder.trips, TRIPS)
        names = [s.name for s in self.source]
        if not names or not self.maker:
            raise UsageError("a recipe needs at least one [[source]] and one [[maker]]")
        if len(set(names)) < len(names):
            raise UsageError("two sources have the same name")
        if bad := [n for n in names if not n or "/" in n or not n.isprintable()]:
            raise UsageError(f"{bad[0]!r} cannot be the name of a source")

    def _splits(self) -> None:
        shares = self.split.shares.values()
        if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
            raise UsageError("the shares of train, dev and test must not be negative and must add up to 1")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def read(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises UnreadableError, and UsageError when it is none."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_RECIPE_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"the recipe {path.name} cannot be read: {error.strerror or error}") from None
    if len(data) > MOST_RECIPE_BYTES:
        raise UsageError(f"{path.name} is too large for a recipe")
    try:
        return from_dict(tomllib.loads(data.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path.name} is not TOML: {error}") from None


def from_dict(raw: Mapping[str, Any]) -> Recipe:
    """A recipe from TOML's tables. Raises UsageError for what does not belong there."""
    values = dict(raw)
    lists: dict[str, Any] = {"source": Source, "maker": Maker}
    for name, kind in lists.items():
        rows = values.get(name, [])
        if not isinstance(rows, list):
            raise UsageError(f"{name} is a list of tables: write [[{name}]]")
        values[name] = tuple(_table(kind, row, name) for row in rows)
    tables: dict[str, Any] = {"equalise": Equalise, "launder": Launder, "split": Split}
    for name, kind in tables.items():
        values[name] = _table(kind, values.get(name, {}), name)
    made = _table(Recipe, values, "the recipe")
    assert isinstance(made, Recipe)
    return made


def _table(kind: Any, raw: Any, where: str) -> Any:
    if not isinstance(raw, Mapping):
        raise UsageError(f"{where} must be a table")
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(raw) - set(known)):
        raise UsageError(f"{where} has no key '{unknown[0]}'; it has {', '.join(known)}")
    needed = [n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING]
    if missing := [n for n in needed if n not in raw]:
        raise UsageError(f"{where} lacks the key '{missing[0]}'")
    return kind(**{name: _value(known[name].type, value, f"{where}.{name}") for name, value in raw.items()})


def _value(annotation: Any, value: Any, where: str) -> Any:
    plain = {"str": str, "int": int, "float": (int, float)}.get(annotation)
    if plain is not None:
        if not isinstance(value, plain) or isinstance(value, bool):  # type: ignore[arg-type]
            raise UsageError(f"{where} must be a {'number' if annotation != 'str' else 'text'}, not {value!r}")
        return float(value) if annotation == "float" else value
    if annotation.startswith("dict"):
        if not isinstance(value, Mapping):
            raise UsageError(f"{where} must be a table")
        return dict(value) if annotation.endswith("Any]") else {str(k): str(v) for k, v in value.items()}
    if annotation in ("tuple[str, ...]", "tuple[int, int]"):
        item = str if "str" in annotation else int
        wanted = isinstance(value, list) and value and all(isinstance(v, item) for v in value)
        if not wanted or (item is int and len(value) != 2):
            raise UsageError(f"{where} must be a list of {'texts' if item is str else 'two whole numbers'}")
        return tuple(value)
    return value


def _among(where: str, values: Any, allowed: tuple[str, ...]) -> None:
    for value in values:
        if value not in allowed:
            raise UsageError(f"{where}: '{value}' is none of {', '.join(allowed)}")
