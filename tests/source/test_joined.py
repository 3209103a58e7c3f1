"""Records in one piece are a sequence of records all the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medallion.source.joined import Joined, joined

RECORDS = st.lists(st.binary(max_size=6).filter(lambda record: b"\n" not in record), max_size=6)


@given(RECORDS, st.integers(-7, 7))
def test_a_joined_sequence_gives_the_records(records: list[bytes], at: int) -> None:
    """Length, order, places and slices are those of the list, empty records included."""
    found = Joined(b"\n".join(records), len(records))
    assert (len(found), list(found)) == (len(records), records)
    assert list(found[at:]) == records[at:]
    if -len(records) <= at < len(records):
        assert found[at] == records[at]


@given(RECORDS)
def test_joining_does_not_depend_on_the_form(records: list[bytes]) -> None:
    """A list and its joined form are the same lines; a joined one is not copied."""
    found = Joined(b"\n".join(records), len(records))
    assert joined(records) == joined(found)
    assert joined(found) is found.text
