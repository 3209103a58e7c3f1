"""The commands that look at what is stored, as far as they need no Spark; and the tables they print."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from medallion.cli import state
from medallion.cli.terminal import Terminal
from medallion.errors import DifferenceError
from medallion.testing.commandline import CommandLine
from medallion.testing.server import Reply, Seen, pages, serve
from medallion.verify import Checked

Shop = Callable[[str], str]
ORDERS = [{"id": number} for number in range(5)]


def test_status_before_anything_was_read(medallion: CommandLine, shop: Shop) -> None:
    """No table is an answer too, and asking leaves no lake behind that says otherwise."""
    said = medallion("status", shop("http://x"))
    assert said.status == 0
    assert said.out.count("none yet") == 2


def test_status_shows_tables_and_the_open_run(medallion: CommandLine, shop: Shop) -> None:
    """What is complete, what is open and by whom, and how to see Silver."""

    def dies_on_page_3(seen: Seen) -> Reply:
        return Reply(status=500) if seen.path == "/customers" and seen.query["page"] == "3" else pages(ORDERS, size=2)(seen)

    with serve(dies_on_page_3) as server:
        config = shop(server.url)
        assert medallion("extract", config, "--quiet").status == 4
    said = medallion("status", config)
    assert said.status == 0
    lines = [line.split() for line in said.out.splitlines()]
    orders = next(line for line in lines if line[:1] == ["shop.orders"])
    assert orders[2:5] == ["completed", "5", "1"]
    assert "shop.customers: run " in said.out
    assert "is open: 4 rows in 1 chunk so far, by process" in said.out
    assert f"medallion status {config} --silver" in said.out
    found = json.loads(medallion("status", config, "--json", "--select", "customers").out)
    assert [(table["table"], table["last"], table["open"]["rows"]) for table in found["bronze"]] == [("customers", None, 4)]


def test_status_tells_what_the_contract_did_in_the_last_run(medallion: CommandLine, shop: Shop) -> None:
    """Columns that changed after the first run, and rows with values that fit none."""
    rows: list[dict[str, object]] = [{"id": 1}]
    with serve(lambda seen: pages(rows, size=9)(seen)) as server:
        config = shop(server.url)
        medallion("extract", config, "--quiet", "--select", "orders")
        assert "columns changed" not in medallion("status", config).out
        rows += [{"id": "two"}, {"id": 3, "paid": True}]
        medallion("extract", config, "--quiet", "--select", "orders")
    said = medallion("status", config).out
    assert "shop.orders: columns changed in the last run: paid boolean: new" in said
    assert "shop.orders: 1 of 3 rows of the last run have values that fit no column: they are in _rescued" in said


def test_verify_without_a_promotion_checks_bronze(medallion: CommandLine, shop: Shop) -> None:
    """All is right; a byte later it is status 5, and the file is named."""
    with serve(pages(ORDERS, size=2)) as server:
        config = shop(server.url)
        medallion("extract", config, "--quiet")
    said = medallion("verify", config)
    assert said.status == 0
    assert said.out.count(" right") == 2
    assert said.out.count("nothing promoted yet") == 2
    file = next((Path(config).parent / "lake").rglob("part-*.parquet"))
    data = bytearray(file.read_bytes())
    data[10] ^= 1
    file.write_bytes(bytes(data))
    said = medallion("verify", config)
    assert said.status == 5
    assert "wrong [STG008]" in said.out
    assert f"error [STG008] {file}" in said.err
    found = json.loads(medallion("verify", config, "--json").out)
    assert [one["error"]["code"] for one in found if one["error"]] == ["STG008"]


def test_differences_are_a_table_of_the_first_keys() -> None:
    """What its log makes beside what the table has, without secrets."""

    class Difference:
        key, expected, found = (7, None), (("a", 1),), ()

    out = io.StringIO()
    terminal = Terminal(environ={}, out=Console(file=out, width=120), err=Console(file=io.StringIO()))
    error = DifferenceError("flights: 12 of 100 keys differ")
    checked = Checked(subject="flights", kind="silver", versions=9, files=3, keys=100, differences=(Difference(),) * 12, error=error)  # type: ignore[arg-type]
    state._tell(terminal, [checked])
    shown = out.getvalue()
    assert "wrong [QUAL004]" in shown
    assert "flights: 12 keys differ" in shown
    assert shown.count("7, null") == 10
    assert "no row" in shown
    assert "and 2 more" in shown
