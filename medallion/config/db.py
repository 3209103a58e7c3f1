"""What is read from a database, and in how many parts."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from medallion.config.incremental import Incremental
from medallion.config.secret import SecretRef
from medallion.config.values import Section


class Partition(Section):
    """Cuts the read into ranges of a column, one query each, as many at a time as Spark has cores."""

    num_partitions: Annotated[int, Field(ge=1, le=1024)] = 4
    """Ranges; the database is asked by as many connections at once as Spark has cores."""
    column: str | None = None
    """A column of numbers, dates or timestamps. Default: the primary key of the table, if that is one such column."""
    lower: str | int | float | None = None
    """Where the first range ends to the left; rows below it are in the first range. Default: the lowest value there is."""
    upper: str | int | float | None = None
    """Where the last range ends; rows above it are in the last range. Default: the highest value there is."""


class DbIncremental(Incremental):
    """Only what is new, by a column of dates, timestamps or numbers; the end of a run is the highest value before it reads."""

    knows_end: ClassVar[bool] = True


class Db(Section):
    """A database, read by Spark over JDBC."""

    url: str | None = None
    """``jdbc:postgresql://host:port/database``, without credentials."""
    user: str | None = None
    """Stands in the file; it is no secret."""
    password: SecretRef | None = None
    """Reference to the password."""
    table: str | None = None
    """A table or view, with its schema in front where it is not on the search path: ``sales.orders``. Quoted as it stands."""
    query: str | None = None
    """SQL, one SELECT, in place of table."""
    partition: Partition | None = None
    """Reads in parallel by ranges of a column."""
    predicates: tuple[str, ...] = ()
    """SQL conditions in place of partition, one query each; together they must hold each row once."""
    fetch_size: Annotated[int, Field(ge=1)] = 10_000
    """Rows that come over the network at once; all of them at once would fill the memory."""
    session_init: str | None = None
    """SQL that each connection which reads rows runs first, such as a SET."""
    incremental: DbIncremental | None = None
    """Only what is new, by a column of dates, timestamps or numbers; the end of a run is the highest value before it reads."""
