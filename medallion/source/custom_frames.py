"""A class that is not ours as a source that Spark reads: what it gives is looked at before it lands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from medallion.config.bound import Bound
from medallion.config.secret import SecretResolver
from medallion.config.shape import texts
from medallion.config.source import Source
from medallion.config.values import RUN_DATE
from medallion.errors import MedallionError, NotYetError, PageError, PaginationError, Problem
from medallion.source.custom import custom_class, failed
from medallion.source.plugin import settled
from medallion.source.protocol import DONE, Frame, FrameSource, Lane

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def is_frames(source: Source) -> bool:
    """Whether Spark's executors read a source, and so it is known to need a session. Raises ConfigError for a class that is not there."""
    return source.by_spark or (source.type == "custom" and custom_class(source).kind == "frames")


def custom_frames(source: Source, resolver: SecretResolver) -> CheckedFrames:
    """The frames of a source of type ``custom``. Raises ConfigError, SecretError, or SourceError where the class cannot be made."""
    assert source.custom is not None, "the configuration was checked"
    found, path = custom_class(source), f"sources.{source.name}.custom.options"
    if any(RUN_DATE in text for text in texts(source.custom.options)):
        raise NotYetError(
            [Problem(path=path, message=f"{RUN_DATE} is not built for a class that gives frames; use the window of its lane")]
        )
    options = found.checked(settled(source.custom.options, resolver, None), path)
    mask: Callable[[str], str] = getattr(resolver, "mask", str)
    try:
        made = found.make(options)
    except Exception as error:
        raise failed(found.called, error, mask) from error
    return CheckedFrames(called=found.called, source=made, mask=mask)


@dataclass(frozen=True, kw_only=True)
class CheckedFrames:
    """A FrameSource that somebody else wrote; its ``ceiling`` and ``failure`` may be missing."""

    called: str
    source: FrameSource
    mask: Callable[[str], str]

    def ceiling(self, spark: SparkSession) -> Bound | None:
        """See FrameSource. A whole number may be given as one. Raises PageError for what is no end."""
        asked = getattr(self.source, "ceiling", None)
        try:
            found = None if asked is None else asked(spark)
        except Exception as error:
            raise self._typed(error) from error
        if isinstance(found, int) and not isinstance(found, bool):
            return Decimal(found)
        if (
            found is None
            or (isinstance(found, Decimal) and found.is_finite())
            or (isinstance(found, datetime) and found.tzinfo is not None)
        ):
            return found
        raise PageError(f"{self.called}: ceiling must give an instant with a zone, a whole or decimal number, or None, got {found!r}")

    def frames(self, spark: SparkSession, lanes: Sequence[Lane]) -> Iterator[Frame]:
        """See FrameSource. Raises PageError or PaginationError for a frame that breaks the Protocol, SourceError for any other failure."""
        places: dict[str, Mapping[str, Any] | None] = {lane.name: lane.position for lane in lanes}
        try:
            given = iter(self.source.frames(spark, lanes))
        except Exception as error:
            raise self._typed(error) from error
        try:
            while True:
                try:
                    frame = next(given)
                except StopIteration:
                    return
                except Exception as error:
                    raise self._typed(error) from error
                self._check(frame, places)
                places[frame.lane] = frame.next
                yield frame
        finally:
            if (close := getattr(given, "close", None)) is not None:
                close()

    def failure(self, said: str) -> MedallionError | None:
        """See FrameSource."""
        told = getattr(self.source, "failure", None)
        found = None if told is None else told(said)
        return found if isinstance(found, MedallionError) else None

    def _check(self, frame: Frame, places: Mapping[str, Mapping[str, Any] | None]) -> None:
        if not isinstance(frame, Frame) or frame.lane not in places:
            shown = f"the lane {frame.lane!r}" if isinstance(frame, Frame) else f"a {type(frame).__name__}"
            raise PageError(f"{self.called} gave {shown}; it must give a Frame of one of the lanes {', '.join(sorted(places))}")
        try:
            same = msgspec.json.decode(msgspec.json.encode([frame.position, frame.next])) == [frame.position, frame.next]
        except (TypeError, ValueError):
            same = False
        if not same:
            raise PageError(f"{self.called}: the positions of a frame must be JSON that reads back the same, got {frame.next!r}")
        if places[frame.lane] == DONE or (frame.next != DONE and frame.next in (frame.position, places[frame.lane])):
            raise PaginationError(
                f"{self.called} does not advance: behind a frame lane {frame.lane} is where it was, at {frame.next!r}; a position has to "
                "tell the rows before it from those behind it"
            )
        if not hasattr(frame.rows, "selectExpr"):
            raise PageError(f"{self.called}: the rows of a frame must be a DataFrame of the session it was given, got {frame.rows!r}"[:300])

    def _typed(self, error: Exception) -> Exception:
        """Errors of Spark pass, since :meth:`failure` is asked for them; others are the class's own."""
        return error if type(error).__module__.partition(".")[0] in ("pyspark", "py4j") else failed(self.called, error, self.mask)
