"""The parts of a configuration, each checked on its own, so that a problem in one hides none in another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias, TypeVar

from medallion.config import entity as tables
from medallion.config import notyet, outputs, rules
from medallion.config.check import Checked, checked, problem
from medallion.config.names import closest
from medallion.config.node import NAMED, Node, Path, names
from medallion.config.pipeline import Document
from medallion.config.platform import Platform
from medallion.config.run import Run
from medallion.config.silver import Entity
from medallion.config.source import Source
from medallion.config.values import Section
from medallion.errors import Problem

S = TypeVar("S", bound=Section)
Rule: TypeAlias = Callable[[S], Iterable[tuple[Path, str]]]


class Parts:
    """The models of a tree, None where they have problems, and all problems; *not_yet* are those of valid things that are not built."""

    def __init__(self, tree: Node) -> None:
        self.problems: list[Problem] = []
        self.not_yet: list[Problem] = []
        self.document = self._checked(Document, tree.without("platform", "defaults", "sources", "silver", "run"), ()).model
        self.platform = self._section(Platform, tree, "platform", lambda _: ())
        self.run = self._section(Run, tree, "run", lambda _: ())
        self._sources = list(self._items(Source, tree, "sources"))
        self._entities = list(self._items(Entity, tree, "silver"))
        self.sources = tuple(found.model for _, found in self._sources if found.model is not None)
        self.entities = tuple(found.model for _, found in self._entities if found.model is not None)
        self._sources_together()
        for at, (node, source) in enumerate(self._sources):
            self._rules(node, source, ("sources", node.text("name") or str(at)), self._of_source, notyet.of_source)
        self._tables_and_sources()

    def _checked(self, kind: type[S], tree: Node, prefix: Path) -> Checked[S]:
        found = checked(kind, tree, prefix, root=Document)
        self.problems += found.problems
        return found

    def _section(self, kind: type[S], tree: Node, name: str, not_built: Rule[S]) -> S | None:
        node = tree.child(name)
        if node is None or node.value is None:
            return None
        found = self._checked(kind, node, (name,))
        self._rules(node, found, (name,), lambda _: (), not_built)
        return found.model

    def _items(self, kind: type[S], tree: Node, name: str) -> Iterator[tuple[Node, Checked[S]]]:
        node = tree.child(name)
        if node is None or node.value is None:
            return
        if not isinstance(node.value, list):
            self.problems.append(problem(tree, (name,), "must be a list (- name: …)"))
            return
        for label, item in zip(names(node.value, NAMED[name]), node.value, strict=True):
            yield item, self._checked(kind, item, (name, label))

    def _of_source(self, source: Source) -> Iterator[rules.Breach]:
        yield from rules.of_source(source)
        yield from rules.of_classes(source, () if self.run is None else self.run.allow_classes)

    def _rules(self, node: Node, found: Checked[S], prefix: Path, of: Rule[S], not_built: Rule[S]) -> None:
        """What is wrong, or not built, in what is sound; nothing twice of what is wrong in itself."""
        if found.sound is not None:
            sound = found.sound
            breaches = [breach for breach in of(sound) if not found.concerns(breach[0])]
            self.problems += [problem(node, path, message, prefix=prefix) for path, message in breaches]
            self.not_yet += [problem(node, path, message, prefix=prefix) for path, message in not_built(sound) if not found.concerns(path)]

    def _sources_together(self) -> None:
        """Names and tables are unique."""
        seen: dict[str, Node] = {}
        tables: dict[tuple[str | None, str | None], str] = {}
        for at, (node, _) in enumerate(self._sources):
            name, table = node.text("name"), (node.text("system"), node.text("table"))
            if name is not None and name in seen:
                self.problems.append(problem(node, ("name",), f"two sources are called {name}", prefix=("sources", name)))
            elif None not in table and table in tables:
                message = f"{table[0]}.{table[1]} is landed by {tables[table]} too; a table has one source"
                self.problems.append(problem(node, ("table",), message, prefix=("sources", name or str(at))))
            if name is not None:
                seen[name] = node
            if None not in table:
                tables.setdefault(table, name or str(at))
        for node, source in self._sources:
            if source.sound is not None and source.sound.parent is not None and source.sound.parent.source not in seen:
                message = _unknown(source.sound.parent.source, list(seen))
                self.problems.append(problem(node, ("parent", "source"), message, prefix=("sources", source.sound.name)))
        self._no_circle()

    def _no_circle(self) -> None:
        """No source needs its own records before it is read."""
        sound = [source.sound for _, source in self._sources if source.sound is not None]
        parents = {source.name: source.parent.source for source in sound if source.parent is not None}
        known: set[str] = set()
        for node, source in self._sources:
            start = source.sound.name if source.sound is not None else ""
            way = [start]
            while (above := parents.get(way[-1])) is not None and above not in way:
                way.append(above)
            if above == start and start not in known:
                known |= set(way)
                circle = " needs ".join([*way, start])
                self.problems.append(problem(node, ("parent", "source"), f"goes round in a circle: {circle}", prefix=("sources", start)))

    def _tables_and_sources(self) -> None:
        """Tables are unique, each has a source, and fits what it says."""
        patterns = {node.text("name"): node.text("load_pattern") for node, _ in self._sources}
        known = [name for name in patterns if name is not None]
        seen: set[str] = set()
        for at, (node, entity) in enumerate(self._entities):
            name = node.text("entity")
            prefix = ("silver", name or str(at))
            if name is not None and name in seen:
                self.problems.append(problem(node, ("entity",), f"two tables are called {name}", prefix=prefix))
            seen |= {name} if name is not None else set()
            called = node.text("source")
            landed = node.child("bronze")
            pattern = landed.text("load_pattern") if landed is not None else None
            if landed is None:
                if called is None and len(self._sources) != 1:
                    options = f"one of {', '.join(known)}" if known else "there is no source; or bronze: {system, table, load_pattern}"
                    self.problems.append(problem(node, ("source",), f"required, {options}", prefix=prefix))
                elif called is not None and called not in patterns:
                    self.problems.append(problem(node, ("source",), _unknown(called, known), prefix=prefix))
                pattern = patterns.get(called) if called is not None else next(iter(patterns.values()), None)
            self._rules(node, entity, prefix, partial(tables.of_entity, load_pattern=pattern), lambda _: ())
            self._rules(node, entity, prefix, partial(outputs.of_entity, load_pattern=pattern, platform=self.platform), lambda _: ())


def _unknown(name: str, known: list[str]) -> str:
    meant = closest(name, known)
    hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}" if known else "there is none"
    return f"no source is called {name!r}; {hint}"
