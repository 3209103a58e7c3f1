"""Every flight that left New York in 2013, with its instants in UTC.

The files say times as local clock readings (``517`` is 05:17, at the airport in question) and only the hour of the
scheduled departure as an instant. What is computed from that:

* scheduled departure: that hour plus the minute;
* actual departure: scheduled departure plus ``dep_delay``, which carries it over midnight;
* scheduled arrival: the clock reading at the destination, taken on the first day on which it comes after the departure;
* actual arrival: scheduled arrival plus ``arr_delay``; for the 717 diverted flights that arrived in the end, which
  have no ``arr_delay``, the clock reading of ``arr_time`` after the departure.

336,776 flights: 327,346 arrived as planned, 8,255 were cancelled, 1,175 diverted, of which 458 are never heard of again.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from medallion.demo import dataset

MINUTE, HOUR, DAY = 60, 3_600, 86_400
"""In seconds; every instant in this package is whole seconds since 1970, UTC."""

_UNLISTED = -4
"""Hours from UTC of the destinations that airports.csv lacks (BQN, PSE, SJU, STT): all in the Caribbean, no summer time."""
_SUMMER = (1_362_880_800, 1_383_444_000)
"""2013-03-10 02:00 to 2013-11-03 02:00 as local clock readings: between them summer time holds in the United States."""


def listed() -> pa.Table:
    """One row for each flight as the file has it, with its number in the file as ``row``."""
    raw = dataset.read("flights")
    return raw.append_column("row", pc.subtract(pc.cumulative_sum(pa.repeat(1, raw.num_rows)), 1))


def timed(raw: pa.Table) -> pa.Table:
    """The listed flights *raw*, in their order, as of their end: what is not known even then is null.

    Columns: ``id`` (unique over the year), ``row``, ``month``, ``flight_date``, ``carrier``, ``flight``, ``tailnum``,
    ``origin``, ``dest``, ``distance`` (miles), ``sched_dep``, ``dep_time``, ``sched_arr``, ``arr_time`` (seconds since
    1970), ``dep_delay``, ``arr_delay``, ``air_time`` (minutes).
    """
    sched_dep = pc.add(_instant(raw["time_hour"]), pc.multiply(raw["minute"], MINUTE))
    dep_time = pc.add(sched_dep, pc.multiply(raw["dep_delay"], MINUTE))
    date = pc.binary_join_element_wise("2013", _padded(raw["month"], 2), _padded(raw["day"], 2), "-")
    local_day = _seconds(pc.cast(pc.cast(date, pa.date32()), pa.timestamp("s")))
    offset = _offsets(raw["dest"])
    sched_arr = _after(_utc(local_day, raw["sched_arr_time"], offset), sched_dep)
    landed = _after(_utc(local_day, raw["arr_time"], offset), dep_time)
    arr_time = pc.coalesce(pc.add(sched_arr, pc.multiply(raw["arr_delay"], MINUTE)), landed)
    name = pc.binary_join_element_wise(
        date, raw["carrier"], pc.cast(raw["flight"], pa.string()), raw["origin"], _padded(raw["sched_dep_time"], 4), "-"
    )
    columns = {
        "id": name,
        "row": raw["row"],
        "month": raw["month"],
        "flight_date": date,
        **{column: raw[column] for column in ("carrier", "flight", "tailnum", "origin", "dest", "distance")},
        "sched_dep": sched_dep,
        "dep_time": dep_time,
        "sched_arr": sched_arr,
        "arr_time": arr_time,
        **{column: raw[column] for column in ("dep_delay", "arr_delay", "air_time")},
    }
    return pa.table(columns).combine_chunks()


def _seconds(instants: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(instants, pa.int64())


def _instant(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return _seconds(pc.cast(text, pa.timestamp("s", tz="UTC")))


def _padded(number: pa.ChunkedArray, width: int) -> pa.ChunkedArray:
    return pc.utf8_lpad(pc.cast(number, pa.string()), width, "0")


def _offsets(dest: pa.ChunkedArray) -> pa.Table:
    """For each flight the destination's hours from UTC in winter, and whether it keeps summer time."""
    airports = dataset.read("airports")
    at = pc.index_in(dest, value_set=airports["faa"].combine_chunks())
    hours, summer = airports["tz"].take(at), pc.equal(airports["dst"], "A").take(at)
    return pa.table({"hours": pc.coalesce(hours, _UNLISTED), "summer": pc.coalesce(summer, False)})


def _utc(day: pa.ChunkedArray, reading: pa.ChunkedArray, offset: pa.Table) -> pa.ChunkedArray:
    """The instant at which the clock at the destination shows *reading* (``1305`` is 13:05) on *day*."""
    hours = pc.divide(reading, 100)
    minutes = pc.subtract(reading, pc.multiply(hours, 100))
    local = pc.add(day, pc.add(pc.multiply(hours, HOUR), pc.multiply(minutes, MINUTE)))
    in_summer = pc.and_(offset["summer"], pc.and_(pc.greater_equal(local, _SUMMER[0]), pc.less(local, _SUMMER[1])))
    shift = pc.add(offset["hours"], pc.cast(in_summer, pa.int64()))
    return pc.subtract(local, pc.multiply(shift, HOUR))


def _after(instant: pa.ChunkedArray, departure: pa.ChunkedArray) -> pa.ChunkedArray:
    """*instant*, moved by whole days into the 24 hours after *departure*."""
    later = pc.if_else(pc.less_equal(instant, departure), pc.add(instant, DAY), instant)
    later = pc.if_else(pc.less_equal(later, departure), pc.add(later, DAY), later)
    return pc.if_else(pc.greater(later, pc.add(departure, DAY)), pc.subtract(later, DAY), later)
