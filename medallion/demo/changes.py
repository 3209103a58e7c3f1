"""What happened to the flights, as a feed of changes: each flight is published, departs, arrives, or does not.

| status      | ``op`` | ``updated_at``                                             | of the year |
|-------------|--------|------------------------------------------------------------|-------------|
| `scheduled` | I      | six to nine hours before departure, in the flight's month  | 336,776     |
| `departed`  | U      | within a minute of departure                               | 328,521     |
| `arrived`   | U      | within a minute of arrival                                 | 327,346     |
| `diverted`  | U      | within a minute of arrival; 458 are never heard of         | 717         |
| `cancelled` | U      | up to 70 minutes before the scheduled departure            | 8,255       |

1,001,615 different changes, of which 79,946 have an ``updated_at`` in January; they touch January's 27,004 flights and no
other. Real feeds repeat themselves and are late: about one change in a hundred is delivered a second time within the
half hour, exactly as it was (1,011,613 rows, January 80,739), and about one in a hundred comes up to six hours after its
turn. Which ones is a function of the flight, so that two servers say the same.

The unit of work is a month of ``updated_at``: its changes are spelled as JSON once, in the order of delivery, so that a
page is a slice of bytes.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from medallion.demo.flights import HOUR, MINUTE, timed

MONTHS = tuple(range(1, 14))
"""January 2013 to January 2014, when the last flights arrive."""

_NULLS = dict.fromkeys(("dep_time", "arr_time", "dep_delay", "arr_delay", "air_time"), "null")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A month's changes in the order of delivery: *at* is each one's ``updated_at``, *text* their JSON, each with a comma after it."""

    at: pa.Array
    text: memoryview
    offsets: memoryview

    def slice(self, first: int, last: int) -> memoryview:
        """The changes ``[first, last)``, comma-separated."""
        return self.text[self.offsets[first] : self.offsets[last] - 1] if first < last else self.text[:0]


def month_start(month: int) -> int:
    """The first second of a month of 2013; 13 is January 2014."""
    return timegm((2013 + (month - 1) // 12, (month - 1) % 12 + 1, 1, 0, 0, 0))


def build(listed: pa.Table, month: int) -> Segment:
    """The changes of the *listed* flights whose ``updated_at`` lies in *month*."""
    start, end = month_start(month), month_start(month + 1)
    near = listed.filter(pc.and_(pc.greater_equal(listed["month"], month - 1), pc.less_equal(listed["month"], month)))
    near = timed(near.combine_chunks())
    near = near.append_column("static", _static(near))
    changes = pa.concat_tables([_of_kind(near, rank, start, end) for rank in range(len(_KINDS))])
    late = pc.if_else(_chosen(changes["seed"], 40_503), pc.add(MINUTE, _spread(changes["seed"], 69_069, 21_540)), 0)
    changes = changes.append_column("turn", pc.add(changes["at"], late))
    again = changes.filter(_chosen(changes["seed"], 22_695_477))
    second = pc.add(again["turn"], pc.add(1, _spread(again["seed"], 1_103_515_245, 1_800)))
    again = again.set_column(again.schema.get_field_index("turn"), "turn", second)
    everything = pa.concat_tables([changes, again])
    turn = pc.min_element_wise(everything["turn"], end - 1)
    everything = everything.set_column(everything.schema.get_field_index("turn"), "turn", turn)
    everything = everything.sort_by([("turn", "ascending"), ("at", "ascending"), ("seed", "ascending")]).combine_chunks()
    text = pa.concat_arrays(everything["text"].chunks or [pa.nulls(0, pa.string())])
    _, offsets, data = text.buffers()
    return Segment(
        at=pa.concat_arrays(everything["at"].chunks or [pa.nulls(0, pa.int64())]),
        text=memoryview(data or b""),
        offsets=memoryview(offsets).cast("B").cast("i"),
    )


def _of_kind(near: pa.Table, rank: int, start: int, end: int) -> pa.Table:
    """One status' changes within ``[start, end)``: ``at``, ``seed`` (unique a change) and ``text``."""
    status = _KINDS[rank].status
    happened = near.filter(_KINDS[rank].happens(near))
    at = _KINDS[rank].at(happened)
    inside = pc.and_(pc.greater_equal(at, start), pc.less(at, end))
    happened, at = happened.filter(inside).combine_chunks(), pc.filter(at, inside)
    known = dict(_NULLS)
    if status in ("departed", "arrived", "diverted"):
        known |= {"dep_time": _quoted(_iso(happened["dep_time"])), "dep_delay": _number(happened["dep_delay"])}
    if status in ("arrived", "diverted"):
        known |= {"arr_time": _quoted(_iso(happened["arr_time"]))}
        known |= {name: _number(happened[name]) for name in ("arr_delay", "air_time")}
    operation = "I" if status == "scheduled" else "U"
    parts = ['{"id":"', happened["id"], f'","op":"{operation}","updated_at":"', _iso(at), f'","status":"{status}",', happened["static"]]
    for name, value in known.items():
        parts += [f',"{name}":', value]
    text = _joined(happened.num_rows, *parts, "},")
    return pa.table({"at": at, "seed": pc.add(pc.multiply(happened["row"], len(_KINDS)), rank), "text": text})


def _static(near: pa.Table) -> pa.ChunkedArray:
    """The part of a change that never changes, as JSON members."""
    members: list[pa.ChunkedArray | str] = []
    for name in ("flight_date", "carrier", "tailnum", "origin", "dest"):
        members += [f'"{name}":', _quoted(near[name]), ","]
    for name in ("sched_dep", "sched_arr"):
        members += [f'"{name}":', _quoted(_iso(near[name])), ","]
    return _joined(near.num_rows, *members, '"flight":', _number(near["flight"]), ',"distance":', _number(near["distance"]))


def _scheduled_at(flights: pa.Table) -> pa.ChunkedArray:
    """Six to nine hours ahead, but never in another month (UTC) than the flight's own (local)."""
    ahead = pc.subtract(pc.subtract(flights["sched_dep"], 6 * HOUR), _spread(flights["row"], 747_796_405, 3 * HOUR))
    starts = pa.array([month_start(month) for month in (0, *MONTHS, 14)], pa.int64())
    first = pc.take(starts, flights["month"])
    last = pc.subtract(pc.take(starts, pc.add(flights["month"], 1)), 1)
    return pc.max_element_wise(pc.min_element_wise(ahead, last), first)


def _cancelled_at(flights: pa.Table) -> pa.ChunkedArray:
    return pc.subtract(flights["sched_dep"], _spread(flights["row"], 1_664_525, 70 * MINUTE))


def _departed_at(flights: pa.Table) -> pa.ChunkedArray:
    return pc.add(flights["dep_time"], _spread(flights["row"], 214_013, MINUTE))


def _arrived_at(flights: pa.Table) -> pa.ChunkedArray:
    return pc.add(flights["arr_time"], _spread(flights["row"], 16_807, MINUTE))


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A status: *happens* says to which flights, *at* when."""

    status: str
    happens: Callable[[pa.Table], pa.ChunkedArray]
    at: Callable[[pa.Table], pa.ChunkedArray]


_KINDS = (
    _Kind(status="scheduled", happens=lambda flights: pc.is_valid(flights["sched_dep"]), at=_scheduled_at),
    _Kind(status="departed", happens=lambda flights: pc.is_valid(flights["dep_time"]), at=_departed_at),
    _Kind(status="cancelled", happens=lambda flights: pc.is_null(flights["dep_time"]), at=_cancelled_at),
    _Kind(status="arrived", happens=lambda flights: pc.is_valid(flights["arr_delay"]), at=_arrived_at),
    _Kind(
        status="diverted",
        happens=lambda flights: pc.and_(pc.is_valid(flights["arr_time"]), pc.is_null(flights["arr_delay"])),
        at=_arrived_at,
    ),
)


def _spread(seed: pa.ChunkedArray, multiplier: int, below: int) -> pa.ChunkedArray:
    """A number in ``[0, below)`` for each seed: always the same one, and evenly spread."""
    mixed = pc.bit_wise_and(pc.multiply(pc.add(seed, 1), multiplier), 0xFFFFFF)
    return pc.shift_right(pc.multiply(mixed, below), 24)


def _chosen(seed: pa.ChunkedArray, multiplier: int) -> pa.ChunkedArray:
    """One change in a hundred."""
    return pc.equal(_spread(seed, multiplier, 100), 0)


def _iso(seconds: pa.ChunkedArray) -> pa.ChunkedArray:
    """``2013-01-01T10:15:00Z``; a cast and two pieces are twenty times faster than strftime."""
    text = pc.cast(pc.cast(seconds, pa.timestamp("s")), pa.string())
    return pc.binary_join_element_wise(pc.utf8_replace_slice(text, 10, 11, "T"), "Z", "")


def _quoted(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON strings (no value of the data needs escaping); null where there is none."""
    return pc.coalesce(pc.binary_join_element_wise('"', text, '"', ""), "null")


def _number(value: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.coalesce(pc.cast(value, pa.string()), "null")


def _joined(rows: int, *parts: pa.ChunkedArray | str) -> pa.ChunkedArray:
    if rows == 0:
        return pa.chunked_array([pa.nulls(0, pa.string())])
    return pc.binary_join_element_wise(*parts, "")
