"""A class that is not ours as a source: found by name, its options checked, what it gives looked at before it is believed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, Literal

import msgspec
from pydantic import TypeAdapter, ValidationError

from medallion.clock import Clock
from medallion.config.custom import Custom, is_module_class
from medallion.config.names import closest
from medallion.config.secret import PREFIX, SecretResolver
from medallion.config.source import Source
from medallion.config.values import RUN_DATE
from medallion.errors import ConfigError, MedallionError, NotYetError, PageError, PaginationError, Problem, SourceError
from medallion.source.protocol import DONE, Lane, Page, PageSource
from medallion.source.records import RecordPages

GROUP = "medallion.sources"
Kind = Literal["pages", "records"]
KINDS: tuple[Kind, ...] = ("pages", "records")
"""The method that a class has says which of the Protocols it keeps."""


@dataclass(frozen=True, kw_only=True)
class CustomClass:
    """A class that was found. *called* is what the configuration calls it."""

    called: str
    kind: Kind
    make: Callable[[Any], Any]
    options: TypeAdapter[Any] | None
    """Of its ``Options``; None: it takes the mapping as it is."""

    @property
    def shown(self) -> str:
        """The class for people."""
        return f"{self.called} ({self.kind})"

    def checked(self, given: Mapping[str, Any], path: str) -> Any:
        """The options that the class is made with; ConfigError with every problem, below *path*."""
        if self.options is None:
            return given
        schema = self.options.json_schema()
        known = list(schema.get("properties", given if schema.get("additionalProperties") else ()))
        problems = [Problem(path=f"{path}.{name}", message=_unknown(name, known)) for name in given if name not in known]
        try:
            value = self.options.validate_python({name: given[name] for name in given if name in known})
        except ValidationError as error:
            raise ConfigError([*problems, *_problems(error, path)]) from error
        if problems:
            raise ConfigError(problems)
        return value


def custom_class(source: Source) -> CustomClass:
    """The class of a source of type ``custom``, its module imported, its options checked with secrets still as references.

    Raises ConfigError for what cannot be found, keeps no Protocol, or refuses its options.
    """
    custom, path = _custom(source), f"sources.{source.name}.custom"
    try:
        found = _loaded(custom.class_)
    except _NotThereError as error:
        raise ConfigError([Problem(path=f"{path}.class", message=str(error))]) from error
    kinds = [kind for kind in KINDS if callable(getattr(found, kind, None))]
    if len(kinds) != 1 or not isinstance(found, type):
        has = " and ".join(kinds) or "neither"
        message = f"{custom.class_} must be a class with one of the methods {' and '.join(KINDS)}; it has {has}"
        raise ConfigError([Problem(path=f"{path}.class", message=message)])
    options = getattr(found, "Options", None)
    made = CustomClass(called=custom.class_, kind=kinds[0], make=found, options=None if options is None else TypeAdapter(options))
    made.checked(custom.options, f"{path}.options")
    return made


def custom_pages(
    source: Source, resolver: SecretResolver, *, clock: Clock, logical_date: datetime, page_records: int = 1000
) -> CheckedPages:
    """The pages of a source of type ``custom``; *logical_date* is ``{run.date}``, *page_records* the size of pages made of records.

    Raises ConfigError, SecretError, or SourceError where the class cannot be made.
    """
    custom, found = _custom(source), custom_class(source)
    options = found.checked(_settled(custom.options, resolver, logical_date), f"sources.{source.name}.custom.options")
    mask = getattr(resolver, "mask", str)
    try:
        made = found.make(options)
    except Exception as error:
        raise _failed(found.called, error, mask) from error
    pages = made if found.kind == "pages" else RecordPages(source=made, clock=clock, records=page_records)
    return CheckedPages(called=found.called, source=pages, mask=mask)


@dataclass(frozen=True, kw_only=True)
class CheckedPages:
    """A PageSource that somebody else wrote: its errors are typed, and what could not be resumed or read again is refused."""

    called: str
    source: PageSource
    mask: Callable[[str], str]

    def pages(self, lanes: Sequence[Lane]) -> Generator[Page, None, None]:
        """See PageSource. Raises PageError or PaginationError for a page that breaks the Protocol, SourceError for any other failure."""
        names = {lane.name for lane in lanes}
        try:
            given = iter(self.source.pages(lanes))
        except Exception as error:
            raise _failed(self.called, error, self.mask) from error
        try:
            while True:
                try:
                    page = next(given)
                except StopIteration:
                    return
                except Exception as error:
                    raise _failed(self.called, error, self.mask) from error
                self._check(page, names)
                yield page
        finally:
            if (close := getattr(given, "close", None)) is not None:
                close()

    def _check(self, page: Page, names: set[str]) -> None:
        if not isinstance(page, Page) or page.lane not in names:
            shown = f"the lane {page.lane!r}" if isinstance(page, Page) else f"a {type(page).__name__}"
            raise PageError(f"{self.called} gave {shown}; it must give a Page of one of the lanes {', '.join(sorted(names))}")
        try:
            same = msgspec.json.decode(msgspec.json.encode([page.position, page.next])) == [page.position, page.next]
        except (TypeError, ValueError):
            same = False
        if not same:
            raise PageError(f"{self.called}: the positions of a page must be JSON that reads back the same, got {page.next!r}")
        if page.next == page.position and page.next != DONE:
            raise PaginationError(
                f"{self.called} does not advance: behind a page of {len(page.records)} records lane {page.lane} is where it was, at "
                f"{page.next!r}; a position has to tell the records before it from those behind it"
            )
        for record in page.records:
            if not isinstance(record, bytes) or record[:1] != b"{" or b"\n" in record:
                raise PageError(f"{self.called}: a record of a page must be one JSON object as bytes on one line, got {repr(record)[:60]}")


class _NotThereError(Exception):
    """Why a class was not found."""


def _custom(source: Source) -> Custom:
    if source.type != "custom" or source.custom is None:
        raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read by a class")])
    return source.custom


def _loaded(name: str) -> Any:
    if is_module_class(name):
        module, _, called = name.partition(":")
        try:
            return getattr(importlib.import_module(module), called)
        except (ImportError, AttributeError) as error:
            raise _NotThereError(f"{name} cannot be imported ({error}); install its package, or put its folder into PYTHONPATH") from error
        except Exception as error:
            raise _NotThereError(f"importing {module} fails ({type(error).__name__}: {error})") from error
    points = list(entry_points(group=GROUP))
    named = [point for point in points if point.name == name]
    if len(named) != 1:
        known = ", ".join(sorted({point.name for point in points})) or "none"
        why = f"several packages have an entry point {name}" if named else f"no entry point is called {name!r}, there are {known}"
        raise _NotThereError(f"{why} (group {GROUP}); a class in a module is written module:Class")
    try:
        return named[0].load()
    except Exception as error:
        raise _NotThereError(f"{name} ({named[0].value}) cannot be loaded: {error}") from error


def _settled(value: Any, resolver: SecretResolver, logical_date: datetime) -> Any:
    """*value* with secrets in place of their references, and the run's day in place of ``{run.date}``."""
    if isinstance(value, dict):
        return {key: _settled(child, resolver, logical_date) for key, child in value.items()}
    if isinstance(value, list):
        return [_settled(child, resolver, logical_date) for child in value]
    if not isinstance(value, str):
        return value
    return resolver.resolve(value) if value.startswith(PREFIX) else value.replace(RUN_DATE, f"{logical_date:%Y-%m-%d}")


def _problems(error: ValidationError, path: str) -> Iterator[Problem]:
    for one in error.errors(include_url=False, include_input=False):  # an input may be a secret
        said = "required" if one["type"] in ("missing", "missing_argument") else f"{one['msg'][:1].lower()}{one['msg'][1:]}"
        yield Problem(path=".".join([path, *map(str, one["loc"])]), message=said)


def _unknown(name: str, known: Sequence[str]) -> str:
    meant = closest(name, known)
    return f"unknown option; did you mean {meant}?" if meant else f"unknown option; there are {', '.join(known) or 'none'}"


def _failed(called: str, error: Exception, mask: Callable[[str], str]) -> MedallionError:
    if isinstance(error, MedallionError):
        return error
    return SourceError(
        f"{called} failed with {type(error).__name__}: {mask(str(error))}; what was complete is committed, run again to go on"
    )
