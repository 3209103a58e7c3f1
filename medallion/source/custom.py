"""A class that is not ours as a source: found by name, its options checked, what it gives looked at before it is believed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
from pydantic import TypeAdapter

from medallion.clock import Clock
from medallion.config.custom import SOURCE_GROUP, Custom
from medallion.config.secret import SecretResolver
from medallion.config.source import Source
from medallion.errors import ConfigError, MedallionError, NotYetError, PageError, PaginationError, Problem, SourceError
from medallion.source.plugin import NotThereError, checked_options, loaded, options_of, settled
from medallion.source.protocol import DONE, Lane, Page, PageSource
from medallion.source.records import RecordPages

Kind = Literal["pages", "records", "frames"]
KINDS: tuple[Kind, ...] = ("pages", "records", "frames")
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
        return checked_options(self.options, given, path)


def custom_class(source: Source) -> CustomClass:
    """The class of a source of type ``custom``, its module imported, its options checked with secrets still as references.

    Raises ConfigError for what cannot be found, keeps no Protocol, or refuses its options.
    """
    custom, path = _custom(source), f"sources.{source.name}.custom"
    try:
        found = loaded(custom.class_, SOURCE_GROUP)
    except NotThereError as error:
        raise ConfigError([Problem(path=f"{path}.class", message=str(error))]) from error
    kinds = [kind for kind in KINDS if callable(getattr(found, kind, None))]
    if len(kinds) != 1 or not isinstance(found, type):
        has = " and ".join(kinds) or "none of them"
        message = f"{custom.class_} must be a class with one of the methods {', '.join(KINDS[:-1])} and {KINDS[-1]}; it has {has}"
        raise ConfigError([Problem(path=f"{path}.class", message=message)])
    made = CustomClass(called=custom.class_, kind=kinds[0], make=found, options=options_of(found))
    made.checked(custom.options, f"{path}.options")
    return made


def custom_pages(
    source: Source, resolver: SecretResolver, *, clock: Clock, logical_date: datetime, page_records: int = 1000
) -> CheckedPages:
    """The pages of a source of type ``custom``; *logical_date* is ``{run.date}``, *page_records* the size of pages made of records.

    Raises ConfigError, SecretError, or SourceError where the class cannot be made.
    """
    custom, found = _custom(source), custom_class(source)
    options = found.checked(settled(custom.options, resolver, logical_date), f"sources.{source.name}.custom.options")
    mask = getattr(resolver, "mask", str)
    try:
        made = found.make(options)
    except Exception as error:
        raise failed(found.called, error, mask) from error
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
            raise failed(self.called, error, self.mask) from error
        try:
            while True:
                try:
                    page = next(given)
                except StopIteration:
                    return
                except Exception as error:
                    raise failed(self.called, error, self.mask) from error
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


def _custom(source: Source) -> Custom:
    if source.type != "custom" or source.custom is None:
        raise NotYetError([Problem(path=f"sources.{source.name}", message=f"type {source.type} is not read by a class")])
    return source.custom


def failed(called: str, error: Exception, mask: Callable[[str], str]) -> MedallionError:
    """The typed error for what a class that is not ours raised."""
    if isinstance(error, MedallionError):
        return error
    return SourceError(
        f"{called} failed with {type(error).__name__}: {mask(str(error))}; what was complete is committed, run again to go on"
    )
