"""Promotion: the log's versions become the table, once; whatever is wrong is one typed error and loses nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from medallion.clock import SystemClock
from medallion.config.pipeline import Pipeline
from medallion.config.secret import Secrets
from medallion.errors import (
    BusyError,
    ChainError,
    ChangedTableError,
    CheckpointMissingError,
    ChecksumError,
    ConfigError,
    FencedError,
    LogEntryError,
    MedallionError,
    NewerFormatError,
    SnapshotError,
    TableRolledBackError,
    TerminatedError,
)
from medallion.events import Noticed, nobody
from medallion.silver import applied
from medallion.silver.audit import audit
from medallion.silver.batch import tables
from medallion.silver.claims import acquire
from medallion.silver.export import Exporter
from medallion.silver.home import place
from medallion.silver.promote import promote
from medallion.silver.promoted import Promoted
from medallion.silver.publish import DeltaTable
from medallion.silver.receipt import Shelf
from medallion.stop import StopFlag
from medallion.storage.registry import open_filesystem
from medallion.storage.roots import Roots
from medallion.testing.lake import BronzeTable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

COLUMNS = {"id": "bigint", "v": "string", "s": "bigint", "op": "string"}
HISTORY = {
    "entity": "h",
    "model": "scd_type_2",
    "keys": ["id"],
    "sequence_by": ["s"],
    "apply_as_deletes": "op = 'D'",
    "except_column_list": ["op"],
}
CURRENT = {"entity": "c", "model": "scd_type_1", "keys": ["id"], "sequence_by": ["s"], "apply_as_deletes": "op = 'D'"}
SNAPSHOT = {"entity": "f", "model": "full_merge_dedupe", "keys": ["id"]}


def row(key: int | None, value: str | None, sequence: int | None, op: str = "U") -> dict[str, Any]:
    return {"id": key, "v": value, "s": sequence, "op": op}


class Lake:
    """A lake in a folder: one Bronze table, and entities made of it."""

    def __init__(self, spark: SparkSession, folder: Path, load_pattern: str = "cdc") -> None:
        self.spark, self.folder = spark, folder
        self.bronze = BronzeTable(root=folder / "bronze", columns=dict(COLUMNS), load_pattern=load_pattern)  # type: ignore[arg-type]
        self.state = open_filesystem(str(folder / "state"), clock=SystemClock())

    def pipeline(self, entity: dict[str, Any], **run: Any) -> Pipeline:
        return Pipeline.model_validate(
            {
                "config_version": 1,
                "pipeline": "p",
                "platform": {
                    "bronze": {"root": str(self.folder / "bronze")},
                    "silver": {"root": str(self.folder / "silver")},
                    "state": {"root": str(self.folder / "state")},
                },
                "sources": [
                    {
                        "name": "s",
                        "system": "s",
                        "table": "t",
                        "load_pattern": self.bronze.load_pattern,
                        "api": {"base_url": "http://127.0.0.1:1", "endpoint": "/"},
                    }
                ],
                "silver": [entity],
                "run": {"promote": run},
            }
        )

    def promote(self, entity: dict[str, Any], *, run: dict[str, Any] | None = None, **options: Any) -> Promoted:
        pipeline = self.pipeline(entity, **(run or {}))
        made = pipeline.silver[0]
        roots = Roots(platform=pipeline.platform, resolver=Secrets(environ={}), clock=SystemClock())
        exporter = Exporter.of(pipeline, made, roots) if made.exports else None
        options = {"clock": SystemClock(), "listener": nobody, "stop": StopFlag(), "exporter": exporter, **options}
        return promote(self.spark, pipeline, made, self.state, **options)

    def shelf(self, entity: dict[str, Any]) -> Shelf:
        """Where the entity's receipt lies."""
        pipeline = self.pipeline(entity)
        bronze, silver = (open_filesystem(str(self.folder / name), clock=SystemClock()) for name in ("bronze", "silver"))
        return Shelf(pipeline=pipeline, entity=pipeline.silver[0], bronze=bronze, silver=silver, state=self.state)

    def rows(self, entity: dict[str, Any]) -> list[tuple[Any, ...]]:
        """The table's rows without what is ours, in a fixed order."""
        pipeline = self.pipeline(entity)
        where = place(pipeline, pipeline.silver[0])
        table = tables(self.spark, target=where.target, state=where.state).target.frame()
        assert table is not None
        return sorted((tuple(r) for r in table.drop("__event", "is_current", "_rescued", "op").collect()), key=str)

    def audit(self, entity: dict[str, Any]) -> tuple[int, int]:
        """How many keys were held against the oracle, and how many differ."""
        pipeline = self.pipeline(entity)
        result = audit(self.spark, pipeline, pipeline.silver[0], sample=100)
        return result.keys, len(result.differences)

    def target(self, entity: str) -> Path:
        return self.folder / f"silver/domain=default/entity={entity}/v1"

    def chunk_files(self) -> list[Path]:
        return sorted(self.bronze.folder.glob("dt=*/run=*/*.parquet"))


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path)


def test_new_chunks_become_history_and_a_second_promotion_finds_nothing(lake: Lake) -> None:
    """Two promotions take two runs; a third one has nothing to do; the oracle agrees."""
    lake.bronze.run([row(1, "a", 10), row(2, "b", 10)])
    first = lake.promote(HISTORY)
    lake.bronze.run([row(1, "c", 20), row(2, None, 15, "D")], [row(1, "b", 15)])
    second = lake.promote(HISTORY)
    assert (first.rows, second.rows, second.batches) == (2, 3, 1)
    assert lake.rows(HISTORY) == [(1, "a", 10, 10, 15), (1, "b", 15, 15, 20), (1, "c", 20, 20, None), (2, "b", 10, 10, 15)]
    assert lake.promote(HISTORY).batches == 0
    assert lake.audit(HISTORY) == (2, 0)


@pytest.mark.thorough
def test_batches_are_cut_by_files_and_give_the_same_table(lake: Lake) -> None:
    """Five chunks in batches of two files each are the same table as in one."""
    lake.bronze.run(*[[row(1, "abcde"[n], 10 - n)] for n in range(5)])
    cut = lake.promote(CURRENT, run={"batch": {"max_files": 2}})
    assert cut.batches == 3
    assert lake.rows(CURRENT) == [(1, "a", 10)]


def test_what_was_applied_is_read_as_a_whole_and_keeps_no_statistics(lake: Lake) -> None:
    """The state's tables that are searched by key do."""
    lake.bronze.run([row(1, None, 10, "D")])
    lake.promote(CURRENT)

    def kept(part: str) -> bool:
        log = (lake.folder / f"state/p/c/v1/{part}/_delta_log/{0:020d}.json").read_text().splitlines()
        (added,) = [entry["add"] for line in log if "add" in (entry := json.loads(line))]
        return bool(json.loads(added["stats"]).get("minValues"))

    assert (kept("applied"), kept("tombstones")) == (False, True)


def test_a_row_without_key_or_sequence_goes_to_quarantine(lake: Lake) -> None:
    """It is set aside once with its reason, however often the batch is done."""
    lake.bronze.run([row(None, "x", 1), row(1, "y", None), row(1, "z", 1)])
    assert lake.promote(CURRENT).quarantined == 2
    lake.promote(CURRENT, replay=True)
    aside = lake.spark.read.format("delta").load(str(lake.folder / "state/p/c/v1/quarantine")).collect()
    assert sorted((r["reason"], r["row"], json.loads(r["record"])["v"]) for r in aside) == [("NULL_KEY", 0, "x"), ("NULL_SEQUENCE", 1, "y")]
    assert lake.rows(CURRENT) == [(1, "z", 1)]


def test_replay_on_a_healthy_table_changes_nothing(lake: Lake) -> None:
    """--replay takes everything again, and no row is written."""
    lake.bronze.run([row(1, "a", 10), row(1, "b", 20)], [row(1, "c", 15), row(1, None, 30, "D")])
    lake.promote(HISTORY)
    before = lake.rows(HISTORY)
    again = lake.promote(HISTORY, replay=True)
    assert (again.rows, again.inserted, again.updated, again.deleted) == (4, 0, 0, 0)
    assert lake.rows(HISTORY) == before


def test_a_deleted_checkpoint_is_refused_until_replay(lake: Lake) -> None:
    """A table without its checkpoint is not written to blindly; --replay gives an equal table."""
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(HISTORY)
    shutil.rmtree(lake.folder / "state/p/h/v1/checkpoint")
    with pytest.raises(CheckpointMissingError, match="--replay"):
        lake.promote(HISTORY)
    lake.promote(HISTORY, replay=True)
    assert lake.rows(HISTORY) == [(1, "a", 10, 10, None)]


def test_the_last_commit_of_the_checkpoint_is_lost(lake: Lake) -> None:
    """The batch is done again from the range that the checkpoint recorded, together with what is new."""
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(HISTORY)
    for file in (lake.folder / "state/p/h/v1/checkpoint/commits").iterdir():
        file.unlink()
    lake.bronze.run([row(1, "b", 20)])
    lake.promote(HISTORY)
    assert lake.rows(HISTORY) == [(1, "a", 10, 10, 20), (1, "b", 20, 20, None)]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda files: flip(files[0]), ChecksumError),
        (lambda files: files[0].write_bytes(files[0].read_bytes()[:-9]), ChecksumError),
        (lambda files: files[0].unlink(), ChecksumError),
        (lambda files: files[0].write_bytes(files[1].read_bytes()), ChecksumError),
    ],
    ids=["one byte flipped", "truncated", "deleted", "swapped"],
)
def test_a_damaged_chunk_never_reaches_silver(lake: Lake, damage: Callable[[list[Path]], None], error: type[MedallionError]) -> None:
    """The error names the file, and nothing of the batch is published."""
    lake.bronze.run([row(1, "a", 10)], [row(2, "bb", 10), row(3, "c", 1)])
    damage(lake.chunk_files())
    with pytest.raises(error, match=r"part-.*parquet"):
        lake.promote(CURRENT)
    assert not lake.target("c").exists()


def test_an_edited_or_torn_or_newer_log_entry_is_refused(lake: Lake) -> None:
    """The chain, the form and the version of each entry are looked at before any of it is used."""
    lake.bronze.run([row(1, "a", 10)])
    entry = lake.bronze.folder / "_log/00000000000000000002.json"
    good = entry.read_bytes()
    entry.write_bytes(good.replace(b'"rows":1', b'"rows":2'))
    with pytest.raises(ChainError):
        lake.promote(CURRENT)
    entry.write_bytes(good[:40])
    with pytest.raises((LogEntryError, ChainError)):
        lake.promote(CURRENT)
    entry.write_bytes(good.replace(b'"min_reader":1', b'"min_reader":9'))
    with pytest.raises((NewerFormatError, ChainError)):
        lake.promote(CURRENT)
    entry.write_bytes(good)
    assert lake.promote(CURRENT).rows == 1


def test_a_log_that_was_cut_or_rewritten_is_refused(lake: Lake) -> None:
    """The offset's hash must be in the log."""
    lake.bronze.run([row(1, "a", 10)])
    short = sorted((lake.bronze.folder / "_log").glob("*.json"))
    copies = {file: file.read_bytes() for file in short}
    lake.bronze.run([row(1, "b", 20)])
    lake.promote(CURRENT)
    for file in (lake.bronze.folder / "_log").glob("*.json"):
        if file not in copies:
            file.unlink()
    (lake.bronze.folder / "_log/_last").unlink()
    with pytest.raises(ChainError, match="cut or restored"):
        lake.promote(CURRENT)
    other = BronzeTable(root=lake.folder / "other", columns=dict(COLUMNS))
    other.run([row(9, "z", 1)])
    other.run([row(9, "y", 2)])
    shutil.rmtree(lake.bronze.folder)
    shutil.copytree(other.folder, lake.bronze.folder)
    with pytest.raises(ChainError):
        lake.promote(CURRENT)


@pytest.mark.thorough
def test_a_table_that_was_restored_or_lost_is_refused(lake: Lake) -> None:
    """`applied` and the table's own history disagree; --replay mends it."""
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(CURRENT)
    lake.bronze.run([row(1, "b", 20)])
    lake.promote(CURRENT)
    lake.spark.sql(f"RESTORE delta.`{lake.target('c')}` TO VERSION AS OF 0")
    lake.bronze.run([row(1, "c", 30)])
    with pytest.raises(TableRolledBackError):
        lake.promote(CURRENT)
    lake.promote(CURRENT, replay=True)
    assert lake.rows(CURRENT) == [(1, "c", 30)]


@pytest.mark.thorough
def test_a_change_by_others_is_noticed(lake: Lake) -> None:
    """A write that is not ours is told to the listener, and no receipt stands after it; the promotion goes on."""
    lake.bronze.run([row(1, "a", 10), row(2, "a", 10)])
    shelf = lake.shelf(CURRENT)
    assert lake.promote(CURRENT, shelf=shelf).table_rows == 2
    assert shelf.standing() is not None
    lake.spark.sql(f"DELETE FROM delta.`{lake.target('c')}` WHERE id = 2")
    assert shelf.standing() is None
    lake.bronze.run([row(1, "b", 20)])
    heard: list[Any] = []
    lake.promote(CURRENT, listener=heard.append)
    assert any(isinstance(event, Noticed) and "DELETE" in event.sentence for event in heard)


@pytest.mark.jvm
@pytest.mark.parametrize("layout", [{}, {"partition_by": ["v"]}], ids=["saved", "by a statement"])
def test_a_table_that_a_repeated_request_finds_made_is_gone_on_with(
    lake: Lake, layout: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose answer was lost, so it is sent again, and fails: the rows are there once, and the receipt counts them."""
    create, left = DeltaTable._create, [1]

    def repeated(table: DeltaTable, rows: Any, **how: bool) -> None:
        create(table, rows, **how)
        if left.pop() if left else False:
            create(table, rows, **how)

    monkeypatch.setattr(DeltaTable, "_create", repeated)
    lake.bronze.run([row(1, "a", 10), row(2, "a", 10)])
    told = {**CURRENT, **layout}
    shelf = lake.shelf(told)
    assert lake.promote(told, shelf=shelf).table_rows == 2
    assert not left
    assert lake.rows(told) == [(1, "a", 10), (2, "a", 10)]
    receipt = shelf.standing()
    assert receipt is not None
    assert receipt.rows == 2


@pytest.mark.parametrize("told", [pytest.param(CURRENT, id="current"), pytest.param(HISTORY, id="history", marks=pytest.mark.thorough)])
def test_a_promotion_goes_on_from_its_receipt(lake: Lake, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """While nobody else has touched the table nothing is asked of it: rows are those that there were and what the batches did."""
    shelf = lake.shelf(told)
    lake.bronze.run([row(1, "a", 10), row(2, "a", 10), row(3, "a", 10)])
    assert lake.promote(told, shelf=shelf).table_rows == 3
    with monkeypatch.context() as patched:
        patched.setattr("medallion.silver.promote.plan", None)
        lake.bronze.run([row(1, "b", 20), row(2, None, 20, "D"), row(4, "a", 20)])
        lake.bronze.run([row(5, "a", 30)])
        done = lake.promote(told, shelf=shelf, run={"batch": {"max_files": 1}})
        assert (done.batches, done.rows, done.table_rows) == (2, 4, len(lake.rows(told)))
        assert lake.promote(told, shelf=shelf).batches == 0
    assert lake.audit(told) == (5, 0)
    lake.spark.sql(f"DELETE FROM delta.`{lake.target(told['entity'])}` WHERE id = 5")
    lake.bronze.run([row(6, "a", 40)])
    heard: list[Any] = []
    done = lake.promote(told, shelf=shelf, listener=heard.append)
    assert done.table_rows == len(lake.rows(told))
    assert any(isinstance(event, Noticed) and "DELETE" in event.sentence for event in heard)


@pytest.mark.thorough
def test_a_key_that_is_deleted_again_and_again_stays_dead(lake: Lake) -> None:
    """Each delete that outranks what is remembered is remembered too; the highest counts, in whatever order they came."""
    for events in (
        [row(1, "a", 10)],
        [row(1, None, 20, "D")],
        [row(1, "b", 30)],
        [row(1, None, 40, "D")],
        [row(1, "c", 35)],
        [row(1, None, 15, "D")],
    ):
        lake.bronze.run(events, [row(2, "z", events[0]["s"])])
        lake.promote(CURRENT)
    assert lake.rows(CURRENT) == [(2, "z", 40)]
    assert lake.audit(CURRENT) == (2, 0)
    lake.promote(CURRENT, replay=True)
    assert lake.rows(CURRENT) == [(2, "z", 40)]


def test_a_changed_model_or_key_on_a_live_table_is_refused(lake: Lake) -> None:
    """What the table's content depends on cannot change under it."""
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(CURRENT)
    lake.bronze.run([row(1, "b", 20)])
    for change, words in (
        ({"model": "scd_type_2"}, 'built with model: "scd_type_1"; the configuration now says model: "scd_type_2"; nothing'),
        ({"keys": ["v"]}, 'keys: \\["v"\\]; nothing'),
        ({"sequence_by": ["s", "v"]}, "sequence_by"),
        ({"apply_as_deletes": None}, "says apply_as_deletes: not given; nothing"),
        ({"except_column_list": ["op"]}, 'now says except_column_list: \\["op"\\]; nothing'),
        ({"normalize": {"trim_strings": True}}, "normalize"),
    ):
        with pytest.raises(ChangedTableError, match=words):
            lake.promote({**CURRENT, **change})


def test_a_column_that_bronze_lacks_is_named(lake: Lake) -> None:
    """A key or sequence that is not in the data is a configuration error that lists what there is."""
    lake.bronze.run([row(1, "a", 10)])
    with pytest.raises(ConfigError, match="no column 'idd'"):
        lake.promote({**CURRENT, "keys": ["idd"]})


@pytest.mark.thorough
def test_a_new_column_is_added_and_null_before(lake: Lake) -> None:
    """A column that Bronze grew shows up, null in rows of events that lack it."""
    lake.bronze.run([row(1, "a", 10), row(2, "a", 10)])
    lake.promote(HISTORY)
    lake.bronze.evolve({**COLUMNS, "w": "double"})
    lake.bronze.run([{**row(1, "a", 20), "w": 0.5}])
    lake.promote(HISTORY)
    table = lake.spark.read.format("delta").load(str(lake.target("h")))
    assert sorted(((r["id"], r["__START_AT"], r["__END_AT"], r["w"]) for r in table.collect()), key=str) == [
        (1, 10, 20, None),
        (1, 20, None, 0.5),
        (2, 10, None, None),
    ]


def test_a_column_whose_type_changed_is_refused(lake: Lake) -> None:
    """Nothing is cast in silence."""
    lake.bronze.run([row(1, "a", 10)])
    lake.promote(CURRENT)
    lake.bronze.evolve({**COLUMNS, "s": "double"})
    lake.bronze.run([{**row(1, "a", 20), "s": 20.5}])
    with pytest.raises(ChangedTableError):
        lake.promote(CURRENT)


@pytest.mark.thorough
def test_names_normalisation_and_renaming(lake: Lake) -> None:
    """Strings are trimmed before the fold, columns renamed after it, by names that SQL would not like."""
    lake.bronze.run([row(1, " a ", 10), row(2, "", 10)])
    told = {**HISTORY, "normalize": {"trim_strings": True, "empty_strings_as_null": True}, "rename": {"v": "the value", "id": "key"}}
    told["history_columns"] = {"start_at": "from", "end_at": "to", "is_current": None}
    with pytest.raises(MedallionError):
        lake.promote(told)  # Delta refuses blanks in names: one typed error
    told["rename"] = {"v": "value`s", "id": "key"}
    lake.promote(told, replay=True)
    lake.bronze.run([row(1, "b", 20)])
    lake.promote(told)
    table = lake.spark.read.format("delta").load(str(lake.target("h")))
    assert sorted(((r["key"], r["value`s"], r["from"], r["to"]) for r in table.collect()), key=str) == [
        (1, "a", 10, 20),
        (1, "b", 20, None),
        (2, None, 10, None),
    ]


def test_a_promotion_that_holds_its_claim_keeps_others_out(lake: Lake) -> None:
    """A second promotion is refused; --take-over fences the first."""
    lake.bronze.run([row(1, "a", 10)])
    clock = SystemClock()
    first = acquire(lake.state, "p/c/v1/claims", attempt="first", clock=clock, takeover_after=timedelta(minutes=15), take_over=False)
    with pytest.raises(BusyError, match="first"):
        lake.promote(CURRENT)
    assert lake.promote(CURRENT, take_over=True).rows == 1
    assert lake.state.exists(first.next_path)


def test_a_promotion_that_was_taken_over_publishes_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that is made while a batch is under way fences it: the typed error crosses the stream."""
    lake.bronze.run([row(1, "a", 10)])
    real = acquire

    def overtaken(*args: Any, **options: Any) -> Any:
        claim = real(*args, **options)
        lake.state.put_if_absent(claim.next_path, b"{}")
        return claim

    monkeypatch.setattr("medallion.silver.promote.acquire", overtaken)
    with pytest.raises(FencedError):
        lake.promote(CURRENT)
    assert not lake.target("c").exists()


def test_sigterm_ends_a_promotion_between_looks(lake: Lake) -> None:
    """A promotion that is told to stop says so with exit status 3, and the next one completes the table."""
    lake.bronze.run(*[[row(n, "a", 1)] for n in range(6)])
    stop = StopFlag()
    stop.request()
    with pytest.raises(TerminatedError):
        lake.promote(CURRENT, stop=stop, run={"batch": {"max_files": 1}})
    lake.promote(CURRENT)
    assert [key for key, *_ in lake.rows(CURRENT)] == list(range(6))


def day(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=timezone.utc)


def snap(**values: str) -> list[dict[str, Any]]:
    return [row(int(key[1:]), value, None) for key, value in values.items()]


@pytest.fixture
def snapshots(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, tmp_path, "full")


def test_a_snapshot_replaces_the_one_before(snapshots: Lake) -> None:
    """Absent keys go, changed rows change, equal rows are not rewritten; a run that repeats the last one is no work."""
    snapshots.bronze.run(snap(k1="a", k2="b", k3="c"), logical=day(1))
    snapshots.promote(SNAPSHOT)
    snapshots.bronze.run(snap(k1="a", k2="x"), snap(k4="d"), logical=day(2))
    second = snapshots.promote(SNAPSHOT)
    assert [r[:2] for r in snapshots.rows(SNAPSHOT)] == [(1, "a"), (2, "x"), (4, "d")]
    assert (second.inserted, second.updated, second.deleted) == (1, 1, 1)
    snapshots.bronze.run(logical=day(3), same_as="r0")
    assert snapshots.promote(SNAPSHOT).batches == 0
    assert snapshots.audit(SNAPSHOT) == (4, 0)


def test_an_open_snapshot_is_not_delivered(snapshots: Lake) -> None:
    """Chunks of a full run count when the run is complete, from wherever they stand."""
    snapshots.bronze.run(snap(k1="a"), logical=day(1))
    snapshots.promote(SNAPSHOT)
    snapshots.bronze.run(snap(k1="b"), logical=day(2), complete=False)
    assert snapshots.promote(SNAPSHOT).batches == 0
    assert [r[:2] for r in snapshots.rows(SNAPSHOT)] == [(1, "a")]


@pytest.mark.thorough
def test_snapshots_become_history(snapshots: Lake) -> None:
    """Logical time is the sequence; an absent key closes; a second snapshot of a time replaces the first."""
    told = {**SNAPSHOT, "model": "scd_type_2", "except_column_list": ["s", "op", "_rescued"]}
    snapshots.bronze.run(snap(k1="a", k2="b"), logical=day(1))
    snapshots.bronze.run(snap(k1="x", k3="c"), logical=day(2))
    snapshots.bronze.run(snap(k1="a", k2="b", k4="d"), logical=day(2))
    snapshots.bronze.run(snap(k2="b", k4="e"), logical=day(3))
    done = snapshots.promote(told)
    assert done.batches == 4
    one, two, three = (day(n).replace(tzinfo=None) for n in (1, 2, 3))
    assert snapshots.rows(told) == [(1, "a", one, three), (2, "b", one, None), (4, "d", two, three), (4, "e", three, None)]
    assert snapshots.audit(told) == (4, 0)
    snapshots.promote(told, replay=True)
    assert len(snapshots.rows(told)) == 4


@pytest.mark.thorough
def test_a_snapshot_that_is_older_or_empty_or_deletes_too_much_is_refused(snapshots: Lake) -> None:
    """Each stops before anything is written, and says what to do."""
    snapshots.bronze.run(snap(k1="a", k2="b"), logical=day(5))
    snapshots.promote(SNAPSHOT)
    snapshots.bronze.run(snap(k1="x"), logical=day(6))
    with pytest.raises(SnapshotError, match="max_deleted"):
        snapshots.promote({**SNAPSHOT, "max_deleted": {"percent": 10}})
    snapshots.promote(SNAPSHOT)
    snapshots.bronze.run([], logical=day(7))
    with pytest.raises(SnapshotError, match="empty"):
        snapshots.promote(SNAPSHOT)
    snapshots.promote({**SNAPSHOT, "allow_empty_snapshot": True})
    assert snapshots.rows(SNAPSHOT) == []
    snapshots.bronze.run(snap(k1="y"), logical=day(4))
    with pytest.raises(SnapshotError, match="older"):
        snapshots.promote(SNAPSHOT)


@pytest.mark.thorough
def test_a_key_whose_row_was_set_aside_is_not_absent(snapshots: Lake) -> None:
    """A snapshot row without a sequence goes to quarantine, and what the table has of its key stays."""
    told = {**SNAPSHOT, "sequence_by": ["s"]}
    snapshots.bronze.run([row(1, "a", 1), row(2, "b", 1)], logical=day(1))
    snapshots.bronze.run([row(1, "x", None), row(3, "c", 1)], logical=day(2))
    historic = {**told, "entity": "h", "model": "scd_type_2", "except_column_list": ["op", "_rescued"]}
    assert snapshots.promote(told).quarantined == 1
    assert [r[:2] for r in snapshots.rows(told)] == [(1, "a"), (3, "c")]
    snapshots.promote(historic)
    assert [(r[0], r[-1] is None) for r in snapshots.rows(historic)] == [(1, True), (2, False), (3, True)]


@pytest.mark.thorough
def test_replay_makes_a_lost_table_of_snapshots_again(snapshots: Lake) -> None:
    """What was applied to a table that is gone does not count for the new one."""
    snapshots.bronze.run(snap(k1="a", k2="b"), logical=day(1))
    snapshots.bronze.run(snap(k1="x"), logical=day(2))
    snapshots.promote(SNAPSHOT)
    shutil.rmtree(snapshots.target("f"))
    with pytest.raises(TableRolledBackError, match="--replay"):
        snapshots.promote(SNAPSHOT)
    snapshots.promote(SNAPSHOT, replay=True)
    assert [r[:2] for r in snapshots.rows(SNAPSHOT)] == [(1, "x")]


def test_an_unchanged_snapshot_rewrites_no_file(snapshots: Lake) -> None:
    """The same content in another run leaves every data file where it is."""
    snapshots.bronze.run(snap(k1="a", k2="b"), logical=day(1))
    snapshots.promote(SNAPSHOT)
    before = sorted(snapshots.target("f").glob("*.parquet"))
    snapshots.bronze.run(snap(k2="b", k1="a"), logical=day(2))
    snapshots.promote(SNAPSHOT)
    assert sorted(snapshots.target("f").glob("*.parquet")) == before


def test_what_was_applied_is_written_down(lake: Lake) -> None:
    """Range, counts and the table's version stand in `applied`."""
    last = lake.bronze.run([row(1, "a", 10), row(1, "b", 10)])
    lake.promote(CURRENT)
    row_ = applied.newest(tables(lake.spark, target=str(lake.target("c")), state=str(lake.folder / "state/p/c/v1")).applied)
    assert row_ is not None
    assert (row_.first_version, row_.last_version, row_.rows, row_.ties, row_.files) == (0, last, 2, 1, 1)
