"""What was kept out of training, as told by the splits that `lab train` writes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from facevalue.bench.sets import Item
from facevalue.errors import UsageError


@dataclass(frozen=True, slots=True)
class Split:
    """Keys that one examiner's training did not see. question: what it speaks on; None for every question.

    A key is "SET" or "SET/SOURCE" (a whole set or source), "SET/NAME" (one file), or a key of the lab.
    """

    held_out: frozenset[str]
    question: str | None = None

    def covers(self, item: Item) -> bool:
        """Whether this picture was kept out of training."""
        keys = {item.set, item.source, f"{item.set}/{item.source}", item.key, item.lab_key}
        return not self.held_out.isdisjoint(keys - {""})


def read_splits(files: Iterable[Path]) -> list[Split]:
    """Read split.json files ({"held_out": [key, ...], "question": ...}) or plain lists, one key a line.

    A split.json without a question takes that of the card.toml beside it. Raises UsageError for another file.
    """
    return [_read_split(file) for file in files]


def _read_split(file: Path) -> Split:
    try:
        text = file.read_text(encoding="utf-8")
        if not text.lstrip().startswith("{"):
            return Split(frozenset(line.strip() for line in text.splitlines()) - {""})
        raw = json.loads(text)
        question = raw.get("question") or _card_question(file.with_name("card.toml"))
        return Split(frozenset(str(key) for key in raw["held_out"]), question)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file.name} is not a list of held-out keys: {error}") from None


def _card_question(card: Path) -> str | None:
    if not card.is_file():
        return None
    question = tomllib.loads(card.read_text(encoding="utf-8")).get("question")
    return None if question is None else str(question)


def shipped_splits(folder: Path | None = None) -> list[Path]:
    """The split.json files beside the shipped examiners' weights, or under another folder of examiners."""
    return sorted((folder or examiners_folder()).glob("*/split.json"))


def examiners_folder() -> Path:
    """Where the package keeps its examiners; found as a folder, since the bench imports none of them."""
    import facevalue

    return Path(str(facevalue.__file__)).parent / "examiners"


def held_out(item: Item, question: str, splits: Iterable[Split]) -> bool:
    """Whether the answer to this question can count as unseen.

    Sets that the lab trains on are in-sample unless a split of that question (or of all) keeps them out; sets that
    it never reads are held out.
    """
    return not item.trained_on or any(s.covers(item) for s in splits if s.question in (None, question))


def unseen(item: Item, splits: Iterable[Split]) -> bool:
    """Whether training saw nothing of this picture, for any of the questions that its label answers."""
    known = list(splits)
    return all(held_out(item, question, known) for question in item.questions)
