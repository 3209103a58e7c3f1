"""The printed cases of the Silver contract, as data: events in order of arrival, and the history that every order of them makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from medallion.testing.fold import Event


@dataclass(frozen=True, kw_only=True)
class Vector:
    """*text* spells events (``a@10`` an upsert of value a at sequence 10, ``D@20`` a delete); *history* is (value, start, end)."""

    text: str
    history: list[tuple[str, int, int | None]]
    tracked: tuple[str, ...] | None = None

    def events(self, key: str) -> list[Event]:
        """The events of this vector for a key; a value ``alice/39`` is name and age, others are a name alone."""
        told = []
        for number, (value, sequence) in enumerate(re.findall(r"(\S+)@(\d+)", self.text)):
            name, _, age = value.partition("/")
            delete = value == "D"
            values = {"v": None if delete else value, "name": None if delete else name, "age": age or None}
            told.append(Event(key=key, sequence=int(sequence), delete=delete, values=values, position=(0, 0, number)))
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
