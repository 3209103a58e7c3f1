"""medallion vacuum, as far as it needs no Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from medallion.testing.commandline import CommandLine
from medallion.testing.server import pages, serve

Shop = Callable[[str], str]
ORDERS = [{"id": number} for number in range(5)]


def test_vacuum_removes_orphans_and_nothing_else(medallion: CommandLine, shop: Shop) -> None:
    """A dry run says what would go; then it goes; then there is nothing to do, and Bronze is right."""
    with serve(pages(ORDERS, size=2)) as server:
        config = shop(server.url)
        medallion("extract", config, "--quiet")
    chunk = next((Path(config).parent / "lake").rglob("table=orders/**/part-*.parquet"))
    orphan = chunk.with_name("part-00007-left.parquet")
    orphan.write_bytes(b"12345")
    dry = medallion("vacuum", config, "--dry-run")
    assert dry.status == 0
    rows = [line.split() for line in dry.out.splitlines() if line.startswith(" shop.")]
    assert rows == [["shop.orders", "1", "5"], ["shop.customers", "0", "0"]]
    assert orphan.exists()
    found = json.loads(medallion("vacuum", config, "--json").out)
    assert found["bronze"][0] == {"table": "shop.orders", "files": 1, "bytes": 5, "error": None}
    assert (found["silver"], orphan.exists(), chunk.exists()) == ([], False, True)
    assert medallion("verify", config).status == 0


def test_a_log_that_is_broken_holds_up_no_other_table(medallion: CommandLine, shop: Shop) -> None:
    """Nothing is removed from a table whose log cannot be trusted; it is said, and the status is that of the failure."""
    with serve(pages(ORDERS, size=2)) as server:
        config = shop(server.url)
        medallion("extract", config, "--quiet")
    lake = Path(config).parent / "lake"
    for table in ("orders", "customers"):
        next(lake.rglob(f"table={table}/**/part-*.parquet")).with_name("part-left.parquet").write_bytes(b"1")
    next(lake.rglob("table=orders/_log/00000000000000000001.json")).write_bytes(b"{}")
    said = medallion("vacuum", config)
    assert said.status == 5
    assert "STATE00" in said.err
    assert [path.parts[-4] for path in lake.rglob("part-left.parquet")] == ["table=orders"]
