"""The printed cases of the Silver contract, as data: events in order of arrival, and the history that every order of them makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medallion.testing.fold import Event, Tie


@dataclass(frozen=True, kw_only=True)
class Vector:
    """*text* spells events (``a@10`` an upsert of value a at sequence 10, ``D@20`` a delete); *history* is (value, start, end)."""

    text: str
    history: list[tuple[str, int, int | None]]
    tracked: tuple[str, ...] | None = None
    ignored: tuple[str, ...] = ()
    tie: Tie = "last_wins"
    merged: tuple[str, int | None] | None = None
    """Of an option's vector: the row of incremental_merge, value and ``_deleted_at``."""

    def events(self, key: str) -> list[Event]:
        """The events of this vector for a key; a value ``alice/39`` is name and age, others are a name alone.

        ``T@20`` is a truncate; ``-`` stands for a null.
        """
        told = []
        for number, (value, sequence) in enumerate(re.findall(r"(\S+)@(\d+)", self.text)):
            name, _, age = value.partition("/")
            delete, truncate = value in "DT", value == "T"
            said = {"v": value, "name": name, "age": age}
            values = {column: None if delete or text in ("", "-") else text for column, text in said.items()}
            told.append(
                Event(
                    key=None if truncate else key,
                    sequence=int(sequence),
                    delete=delete,
                    truncate=truncate,
                    values=values,
                    position=(0, 0, number),
                )
            )
        return told


VECTORS = (
    Vector(text="a@10", history=[("a", 10, None)]),
    Vector(text="a@10 b@20", history=[("a", 10, 20), ("b", 20, None)]),
    Vector(text="a@10 D@20", history=[("a", 10, 20)]),
    Vector(text="a@10 b@20 D@30 c@40", history=[("a", 10, 20), ("b", 20, 30), ("c", 40, None)]),
    Vector(text="a@10 D@20 a@30", history=[("a", 10, 20), ("a", 30, None)]),
    Vector(text="a@10 a@20", history=[("a", 10, None)]),
    Vector(text="D@5", history=[]),
    Vector(text="D@20 x@10", history=[("x", 10, 20)]),
    Vector(text="D@20 x@30", history=[("x", 30, None)]),
    Vector(text="a@10 b@5", history=[("b", 5, 10), ("a", 10, None)]),
    Vector(text="a@10 c@20 b@15", history=[("a", 10, 15), ("b", 15, 20), ("c", 20, None)]),
    Vector(text="a@10 b@30 D@20", history=[("a", 10, 20), ("b", 30, None)]),
    Vector(text="a@10 a@10", history=[("a", 10, None)]),
    Vector(text="a@10 D@20 D@40 u@30", history=[("a", 10, 20), ("u", 30, 40)]),
    Vector(text="A@17 D@20 S@18", history=[("A", 17, 18), ("S", 18, 20)]),
    Vector(text="u@10 w@30 D@25", history=[("u", 10, 25), ("w", 30, None)]),
    Vector(text="alice/39@39 alice/41@41 bob/42@42", history=[("alice/41", 39, 42), ("bob/42", 42, None)], tracked=("name",)),
    Vector(text="a@10 a@20 b@15", history=[("a", 10, 15), ("b", 15, 20), ("a", 20, None)]),
    Vector(text="a@10 a@20 D@15", history=[("a", 10, 15), ("a", 20, None)]),
    Vector(text="a/1@10 a/2@20 a/3@30 D@25", history=[("a/2", 10, 25), ("a/3", 30, None)], tracked=("name",)),
)

OPTION_VECTORS = (
    Vector(text="a@10 D@20", history=[("a", 10, 20)], merged=("a", 20)),
    Vector(text="D@20", history=[]),
    Vector(text="a@10 D@20 D@40", history=[("a", 10, 20)], merged=("a", 40)),
    Vector(text="D@40 a@10 D@20 b@30", history=[("a", 10, 20), ("b", 30, 40)], merged=("b", 40)),
    Vector(text="a@10 D@20 b@30", history=[("a", 10, 20), ("b", 30, None)], merged=("b", None)),
    Vector(text="a@10 u@20 D@20", history=[("a", 10, 20)], merged=("a", 20)),
    Vector(text="a@10 D@20 u@20", history=[("a", 10, 20), ("u", 20, None)], merged=("u", None)),
    Vector(text="a@10 D@20 u@20", tie="delete_wins", history=[("a", 10, 20)], merged=("a", 20)),
    Vector(text="a@10 b@20 c@20", tie="quarantine", history=[("a", 10, None)], merged=("a", None)),
    Vector(text="a@10 D@20 c@20 d@30", tie="quarantine", history=[("a", 10, 30), ("d", 30, None)], merged=("d", None)),
    Vector(text="a@10 b@10", tie="quarantine", history=[]),
    Vector(text="a@10 T@20", history=[("a", 10, 20)], merged=("a", 20)),
    Vector(text="a@10 T@20 D@15", history=[("a", 10, 15)], merged=("a", 20)),
    Vector(text="a@10 T@5", history=[("a", 10, None)], merged=("a", None)),
    Vector(text="T@20 a@10 b@30", history=[("a", 10, 20), ("b", 30, None)], merged=("b", None)),
    Vector(text="T@20 a@20", history=[("a", 20, None)], merged=("a", None)),
    Vector(text="a@20 T@20", history=[]),
    Vector(text="a@10 T@20 b@20 D@30", tie="quarantine", history=[("a", 10, 30)], merged=("a", 30)),
    Vector(text="a@10 D@20 T@20", tie="quarantine", history=[("a", 10, 20)], merged=("a", 20)),
    Vector(text="a/1@10 b/-@20", ignored=("age",), history=[("a/1", 10, 20), ("b/1", 20, None)], merged=("b/1", None)),
    Vector(text="a/1@10 a/-@20", ignored=("age",), history=[("a/1", 10, None)], merged=("a/1", None)),
    Vector(text="a/1@10 D@15 b/-@20", ignored=("age",), history=[("a/1", 10, 15), ("b/-", 20, None)], merged=("b/-", None)),
    Vector(text="a/1@10 T@15 b/-@20", ignored=("age",), history=[("a/1", 10, 15), ("b/-", 20, None)], merged=("b/-", None)),
    Vector(
        text="a/1@10 c/-@30 b/2@20",
        ignored=("age",),
        history=[("a/1", 10, 20), ("b/2", 20, 30), ("c/2", 30, None)],
        merged=("c/2", None),
    ),
    Vector(text="a/1@10 -/2@20 -/-@30 D@40", ignored=("name", "age"), history=[("a/1", 10, 20), ("a/2", 20, 40)], merged=("a/2", 40)),
    Vector(
        text="a/1@10 b/2@20 c/3@20 d/-@30",
        ignored=("age",),
        tie="quarantine",
        history=[("a/1", 10, 30), ("d/1", 30, None)],
        merged=("d/1", None),
    ),
    Vector(text="a/1@10 a/-@20 D@15", ignored=("age",), history=[("a/1", 10, 15), ("a/-", 20, None)], merged=("a/-", None)),
)
"""The same of the options: what each makes of a key, with the values that are shown spelled ``name/age``."""
