"""Each thing that can be wrong, by its path, line and the word that tells it; and all of them at once."""

from __future__ import annotations

import pytest

from medallion.config.silver import PROFILES
from medallion.errors import ConfigError, NotYetError

CHANGES, FLIGHTS = "sources.changes", "silver.flights"
MERGED = "entity: flights, source: changes, keys: [id], sequence_by: [a], model: scd_type_1"
PERIODIC = "entity: flights, source: changes, model: periodic_snapshot"

API = [
    ("api.concurrency=0", "api.concurrency", "1 or more"),
    ("api.concurrency=fast", "api.concurrency", "auto"),
    ("api.concurrency=true", "api.concurrency", "number"),
    ("api.async=yes", "api.async", "true or false"),
    ("api.async=1", "api.async", "true or false"),
    ("api.params={a: [1]}", "api.params.a", "text or"),
    ("api.params={a: {b: 1}}", "api.params.a", "text or"),
    ("api.method=PUT", "api.method", "GET, POST"),
    ("api.retry.attempts=true", "api.retry.attempts", "number"),
    ("api.retry.longest_wait=8", "api.retry.longest_wait", "unit"),
    ("api.retry=5", "api.retry", "mapping"),
    ("api.limits.wire_bytes=12", "api.limits.wire_bytes", "unit"),
    ("api.rate_limit={}", "api.rate_limit.rps", "required"),
    ("api.base_url=ftp://x.org", "api.base_url", "http or https"),
    ("api.base_url=http://", "api.base_url", "host"),
    ("api.base_url=http://u:p@x.org", "api.base_url", "credentials"),
    ("api.base_url=http://x.org/?a=1", "api.base_url", "params"),
    ("api.base_url=http://x.org:port", "api.base_url", "URL"),
    ("api.base_url=null", "api.base_url", "required"),
    ("api.endpoint=null", "api.endpoint", "required"),
    ("api.endpoint=http://y.org/a", "api.endpoint", "below base_url"),
    ("api.endpoint=//y.org/a", "api.endpoint", "below base_url"),
    ("api.endpoint=/a?b=1", "api.endpoint", "params"),
    ("api.endpoint=/a/{run.dat}", "api.endpoint", "run.date"),
    ("api.endpoint=/a/{parent.id}", "api.endpoint", "parent"),
    ("parent={source: airlines, fields: [id]}", "parent.fields", "no request names one"),
    ("parent={source: airlines, fields: []}", "parent.fields", "empty"),
    ("parent={source: airlnes, fields: [id]}", "parent.source", "did you mean airlines?"),
    ("parent={source: changes, fields: [id]}", "parent.source", "circle: changes needs changes"),
    ("parent={source: airlines, fields: [id], include: [name]}", "parent", "not among fields"),
    ("parent={source: airlines, fields: [id], where: 'lower(id) = 1'}", "parent.where", "not evaluated here"),
    ("parent={source: airlines, fields: [id], on_missing: ignore}", "parent.on_missing", "skip, fail"),
    ("api.json={a: 1}", "api.json", "POST"),
    ("api.records_format=ndjson", "api.records_format", "did you mean jsonl?"),
    ("api={csv: {delimiter: ;}}", "api.csv", "records_format: csv"),
    ("api={records_format: csv, csv: {delimiter: ;;}}", "api.csv.delimiter", "1"),
    ("api={records_format: csv, csv: {encoding: klingon}}", "api.csv.encoding", "utf-8"),
    ("api={records_format: csv, csv: {header: false}}", "api.csv", "need names"),
    ("api={records_format: csv, csv: {columns: [a, a]}}", "api.csv", "twice"),
    ("api={records_format: csv, csv: {sep: ;}}", "api.csv.sep", "delimiter"),
    ("api={records_format: jsonl, records_path: data}", "api.records_path", "take it out"),
    ("api={records_format: jsonl, pagination: {type: cursor, cursor_path: a}}", "api.pagination.cursor_path", "leads to nothing"),
    ("api.headers={X-A: 'secret:env:A'}", "api.headers.X-A", "auth"),
    ("api.headers={Authorization: abc}", "api.headers.Authorization", "auth"),
    ("api.params={api_key: abc}", "api.params.api_key", "auth"),
    ("api.auth={type: http_basic}", "api.auth", "did you mean basic?"),
    ("api.pagination={}", "api.pagination", "type: required"),
    ("api.auth={type: basic, username: a}", "api.auth.password", "required"),
    ("api.auth={type: bearer, token: abc}", "api.auth.token", "reference"),
    ("api.auth={type: bearer, token: '${TOKEN}'}", "api.auth.token", "secret:env:NAME"),
    ("api.pagination={type: page_number}", "api.pagination", "did you mean page?"),
    ("api.pagination={type: cursor}", "api.pagination.cursor_path", "required"),
    ("api.pagination={type: cursor, cursor_path: a, size: 5}", "api.pagination.size_param", "together"),
    ("api.pagination={type: cursor, cursor_path: a, in: body}", "api.pagination.in", "POST"),
    ("api.pagination={type: page, size: 5, size_param: null}", "api.pagination.size_param", "required"),
    ("api.pagination={type: page, in: body}", "api.pagination.in", "POST"),
    ("api.pagination={type: offset, limit: 5, in: body}", "api.pagination.in", "POST"),
    ("api.pagination={type: page, full_pages: true}", "api.pagination.size", "full_pages"),
    ("api.pagination={type: page, max_pages: 0}", "api.pagination.max_pages", "1 or more"),
    ("api={method: POST, pagination: {type: link}}", "api.read_only", "many times"),
    (
        "api={pagination: {type: link, max_pages: 5}, incremental: {cursor_field: a, initial_value: 2013-01-01, start_param: s}}",
        "api.pagination.max_pages",
        "incremental",
    ),
    ("api.pagination={type: offset, limit: 0}", "api.pagination.limit", "1 or more"),
    ("api.incremental={cursor_field: a, initial_value: yesterday, start_param: s}", "api.incremental.initial_value", "ISO 8601"),
    ("api.incremental={cursor_field: a, initial_value: 2013-01-01, start_param: s, window: 1d}", "api.incremental.window", "end_param"),
    ("api.incremental={cursor_field: a, initial_value: 2013-01-01}", "api.incremental.start_param", "{incremental.start}"),
    ("api.incremental={cursor_field: a, initial_value: 0, start_param: s, lookback: 5m}", "api.incremental", "lookback must be a number"),
    ("api.incremental={cursor_field: a, initial_value: 2013-01-01, start_param: s, lookback: 5}", "api.incremental", "such as 5m"),
    ("api.incremental={cursor_field: a, initial_value: 0, start_param: s, lookback: -5}", "api.incremental.lookback", "below 0"),
    ("api.incremental={cursor_field: a, initial_value: 0, start_param: s, end_param: e, window: 10}", "api.incremental", "needs end_value"),
    ("api.incremental={cursor_field: a, initial_value: 0, start_param: s, end_value: 2013-01-01}", "api.incremental", "a number where"),
    ("api.incremental={cursor_field: a, initial_value: 5, start_param: s, end_value: 5}", "api.incremental", "later"),
    ("api.incremental={cursor_field: a, initial_value: true, start_param: s}", "api.incremental.initial_value", "in digits"),
    ("api.incremental={cursor_field: a, initial_value: 1e30, start_param: s}", "api.incremental.initial_value", "ISO 8601"),
    ("api.incremental={cursor_field: a, initial_value: 0, start_param: s, param_format: epoch}", "api.incremental", "says nothing"),
    (
        "api.incremental={cursor_field: a, initial_value: 2013-01-01, start_param: s, param_format: unix}",
        "api.incremental.param_format",
        "such as %Y",
    ),
    ("api={endpoint: '/a/{incremental.start}'}", "api.endpoint", "needs incremental"),
    (
        "api={endpoint: '/a/{incremental.last_value}', incremental: {cursor_field: a, initial_value: 0, start_param: s}}",
        "api.endpoint",
        "{incremental.start} and {incremental.end} are",
    ),
    (
        "api={params: {to: '{incremental.end}'}, incremental: {cursor_field: a, initial_value: 0, start_param: s}}",
        "api.params.to",
        "no other end is known",
    ),
    ("api.incremental={cursor_field: a, initial_value: 2013-01-02, end_value: 2013-01-01, start_param: s}", "api.incremental", "later"),
    ("name=Changes", "name", "lower-case"),
    ("name=../x", "name", "lower-case"),
    ("system=a/b", "system", "lower-case"),
    ("load_pattern=incremental", "load_pattern", "did you mean cdc?"),
    ("load_pattern=null", "load_pattern", "full, cdc"),
    ("type=jdbc", "type", "did you mean db?"),
    ("db={}", "db", "type is api"),
    ("api=null", "api", "required"),
    ("resume_within=-1h", "resume_within", "duration"),
]  # fmt: skip

ENTITY = [
    ("keys=id", "keys", "list"),
    ("keys=[]", "", "keys: required"),
    ("keys=[id, id]", "keys", "twice"),
    ("keys=['']", "keys.0", "empty"),
    ("sequence_by=[]", "sequence_by", "required for cdc"),
    ("model=null", "", "exactly one"),
    ("model=scd2", "model", "did you mean scd_type_2?"),
    ("source=change", "source", "did you mean changes?"),
    ("source=null", "source", "changes, airlines"),
    ("bronze={system: a, table: b, load_pattern: cdc}", "", "source or bronze"),
    ("version=0", "version", "1 or more"),
    ("domain=A B", "domain", "lower-case"),
    ("except_column_list=[id]", "except_column_list", "id"),
    ("track_history_column_list=[a]", "track_history_column_list", "scd_type_2"),
    ("history_columns={start_at: a}", "history_columns", "scd_type_2"),
    ("rename={a: b, c: b}", "rename", "two columns"),
    ("rename={a: 'b c'}", "rename.a", "Delta"),
    ("rename={a: id}", "rename.a", "already"),
    ("rename={a: __x}", "rename.a", "reserved"),
    ("max_deleted={}", "max_deleted", "rows, percent"),
    ("max_deleted={percent: 101}", "max_deleted.percent", "100 or less"),
    ("on_sequence_tie=ignore", "on_sequence_tie", "last_wins"),
    ("normalize={trim_strings: on}", "normalize.trim_strings", "true or false"),
]  # fmt: skip

INCREMENTAL = "sources.airlines.api.incremental={cursor_field: a, initial_value: 2013-01-01, start_param: s}"
WHOLE = [
    ("config_version=2", "config_version", "1"),
    ("platform.bronze.max_file_size_mb=65", "platform.bronze.max_file_size_mb", "64 or less"),
    ("platform.bronze.formats=[]", "platform.bronze.formats", "empty"),
    ("platform.bronze.formats=[csv, csv]", "platform.bronze.formats", "once"),
    ("platform.bronze.formats=[orc]", "platform.bronze.formats.0", "parquet"),
    ("platform.bronze.root=7", "platform.bronze.root", "text"),
    ("platform.silver={root: a, catalog: b}", "platform.silver", "not both"),
    ("platform.silver={schema: b}", "platform.silver", "catalog"),
    ("run.promote.batch.max_bytes=8", "run.promote.batch.max_bytes", "unit"),
    ("run.promote.checksum=md5", "run.promote.checksum", "full, size, none"),
    ("run=fast", "run", "mapping"),
    ("sources={}", "sources", "list"),
    ("sources.airlines.name=changes", "sources.changes.name", "two sources"),
    ("sources.airlines.table=flight_changes", "sources.airlines.table", "changes"),
    (INCREMENTAL, "sources.airlines.api.incremental", "complete snapshot"),
    ("silver.flights.snapshot_by=date", "silver.flights.snapshot_by", "periodic_snapshot"),
    ("silver.airlines.snapshot_by=day", "silver.airlines.snapshot_by", "date"),
    (f"silver.flights={{{PERIODIC}, snapshot_by: date}}", "silver.flights.snapshot_by", "must be run"),
    (f"silver.flights={{{MERGED}, partition_by: [a], cluster_by: [b]}}", "silver.flights", "not both"),
    ("silver.flights.expectations=[{name: a, expr: 'f(x'}]", "silver.flights.expectations.0.expr", "a ) is missing"),
    ("silver.flights.expectations=[{name: a, expr: x > 0; y}]", "silver.flights.expectations.0.expr", "one expression"),
    ("silver.flights.expectations=[{name: a, expr: x}, {name: a, expr: y}]", "silver.flights.expectations.1.name", "two expectations"),
    ("silver.flights.expectations=[{name: a, expr: x, action: stop}]", "silver.flights.expectations.0.action", "one of warn, drop"),
    ("silver.flights.max_quarantined={}", "silver.flights.max_quarantined", "rows, percent"),
    ("silver.flights.apply_as_deletes=op = 'D", "silver.flights.apply_as_deletes", "not closed"),
    ("silver.flights.cluster_by=[a, a]", "silver.flights.cluster_by", "twice"),
    ("silver.flights.exports=[csv, csv]", "silver.flights.exports", "twice"),
    (
        f"silver.flights={{{MERGED}, change_data_feed: true, table_properties: {{delta.enableChangeDataFeed: a}}}}",
        "silver.flights.table_properties.delta.enableChangeDataFeed",
        "change_data_feed",
    ),
    ("platform.silver.exports.keep=0", "platform.silver.exports.keep", "1 or more"),
    ("run.promote.trigger=processing_time", "run.promote", "interval"),
    ("run.promote.interval=5m", "run.promote", "processing_time"),
    ("silver.airlines.entity=flights", "silver.flights.entity", "two tables"),
    ("silver.airlines.apply_as_deletes=a", "silver.airlines.apply_as_deletes", "absence"),
    ("silver.airlines.on_sequence_tie=error", "silver.airlines.on_sequence_tie", "snapshot"),
    ("sources.change.api.concurrency=1", "sources.change.api.concurrency", "did you mean changes?"),
    ("nothing", "--set", "a.b=value"),
    ("a..b=1", "--set", "a.b=value"),
    ("run={a: ]", "run", "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "path", "word"),
    [
        *[(f"{CHANGES}.{setting}", f"{CHANGES}.{path}", word) for setting, path, word in API if not setting.startswith("name=")],
        *[(f"{FLIGHTS}.{setting}", f"{FLIGHTS}.{path}".rstrip("."), word) for setting, path, word in ENTITY],
        *WHOLE,
    ],
)
def test_a_wrong_value_is_told_with_its_path(problems, small, setting, path, word) -> None:
    """The problem stands at the value's path, comes from --set here, and says what is allowed."""
    found = [problem for problem in problems(small, sets=[setting]) if problem.path == path]

    assert found, f"nothing at {path}: {[str(problem) for problem in problems(small, sets=[setting])]}"
    assert word in found[0].message


@pytest.mark.parametrize(("setting", "path", "word"), [case for case in API if case[0].startswith("name=")])
def test_names_stay_inside_their_folder(problems, small, setting, path, word) -> None:
    """A source's name is safe in paths."""
    name = setting.partition("=")[2]
    found = problems(small, sets=[f"{CHANGES}.{setting}", f"{FLIGHTS}.source={name}"])

    assert [(problem.path, word in problem.message) for problem in found] == [(f"sources.{name}.{path}", True)]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("sources.changes.primary_key", "silver.keys"),
        ("sources.changes.pagination", "api.pagination"),
        ("sources.changes.loadPattern", "load_pattern"),
        ("sources.changes.api.data_selector", "records_path"),
        ("sources.changes.api.paginator", "pagination"),
        ("sources.changes.api.headres", "headers"),
        ("sources.changes.api.timeout", "limits.page_timeout"),
        ("sources.changes.api.max_retries", "retry.attempts"),
        ("silver.flights.unique_key", "keys"),
        ("silver.flights.primary_key", "keys"),
        ("silver.flights.write_disposition", "model"),
        ("silver.flights.stored_as_scd_type", "model"),
        ("silver.flights.precombine_field", "sequence_by"),
        ("silver.flights.check_cols", "track_history_column_list"),
        ("platform.bronze.max_row", "max_rows_per_file"),
        ("platform.bronze.path", "root"),
        ("run.batch", "promote.batch"),
        ("resources", "sources"),
        ("plattform", "platform"),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_one_that_was_meant(problems, small, key, meant) -> None:
    """By spelling, by what other tools call it, by where it belongs."""
    found = problems(small, sets=[f"{key}=1"])

    assert [(problem.path, problem.message) for problem in found] == [(key, f"unknown key; did you mean {meant}?")]


def test_a_key_that_is_like_no_other_gets_the_list(problems, small) -> None:
    """Where nothing comes near, the known keys are said."""
    [found] = problems(small, sets=["platform.state.zzz=1"])

    assert found.message == "unknown key; the keys here are root"


def test_all_problems_come_at_once_with_their_lines(problems) -> None:
    """A problem hides none: neither in another section, nor what contradicts itself in the sound part of the same section."""
    found = problems(
        """\
config_version: 3
sources:
  - name: a
    system: s
    table: t
    load_pattern: cdc
    api:
      base_url: gopher://x
      concurrency: 0
      auth: {type: bearer, token: hunter2}
  - name: b
    system: s
    table: t
    load_pattern: sometimes
silver:
  - {entity: e, source: c, model: scd_type_1, keys: [id], except_column_list: [id], on_sequence_tie: maybe}
platform: {bronze: {formats: [csv, csv], root: ''}}
"""
    )

    assert [(problem.line, problem.path) for problem in found] == [
        (1, "config_version"),
        (7, "sources.a.api.endpoint"),
        (8, "sources.a.api.base_url"),
        (9, "sources.a.api.concurrency"),
        (10, "sources.a.api.auth.token"),
        (13, "sources.b.table"),
        (14, "sources.b.load_pattern"),
        (16, "silver.e.except_column_list"),
        (16, "silver.e.on_sequence_tie"),
        (16, "silver.e.source"),
        (17, "platform.bronze.formats"),
        (17, "platform.bronze.root"),
    ]
    assert all(problem.file and problem.file.endswith("nyc.yaml") for problem in found)


def test_what_is_wrong_in_defaults_is_told_once(problems, small) -> None:
    """A problem in defaults concerns every source and is one problem, at its line."""
    found = problems(small.replace("base_url: http://127.0.0.1:8013", "base_url: http://127.0.0.1:8013\n    timeout: 5"))

    assert [problem.line for problem in found] == [6]


def test_a_secret_that_stands_in_a_file_is_not_repeated(problems, small) -> None:
    """Whatever is wrong with a secret field, its value is in no sentence."""
    for value in ("hunter2", "[hunter2]", "'${hunter2}'", "{a: hunter2}", "'secret:vault:hunter2'"):
        found = problems(small, sets=[f"{CHANGES}.api.auth.token={value}"])
        assert found
        assert "hunter2" not in "; ".join(problem.message for problem in found)


@pytest.mark.parametrize(
    ("text", "word"),
    [("${URL}", "URL is not set"), ("${}", "${NAME}"), ("${a b}", "${NAME}"), ("${1A:x}", "${NAME}"), ("${A:{b}}", "${NAME}")],
)
def test_a_variable_that_cannot_be_filled_in_is_a_problem(problems, small, text, word) -> None:
    """An unset variable without a default and a malformed one are told, each once."""
    found = problems(small.replace("http://127.0.0.1:8013", f'"{text}"'))

    assert [(problem.line, word in problem.message) for problem in found] == [(5, True)]


@pytest.mark.parametrize(("name", "value"), [("MEDALLION_API_RPS", "0"), ("MEDALLION_API_RPS", "fast"), ("MEDALLION_ASYNC_HTTP", "maybe")])
def test_a_wrong_variable_of_the_product_is_a_problem(problems, small, name, value) -> None:
    """The variable is named."""
    assert [problem.path for problem in problems(small, environ={name: value})] == [name]


def test_a_file_name_that_is_no_pipeline_name_is_a_problem(problems, small) -> None:
    """Then the name must be written down."""
    assert [problem.path for problem in problems(small, name="My File.yaml")] == ["pipeline"]
    assert not problems(small + "pipeline: mine\n", name="My File.yaml")


@pytest.mark.parametrize("text", ["", "[]", "just text", "config_version: 1\nsource: {}\nsources: []\n"])
def test_what_is_no_pipeline_at_all_is_refused(loaded, text) -> None:
    """Empty files, lists, text, and both forms at once."""
    with pytest.raises(ConfigError):
        loaded(text)


def test_what_is_not_built_yet_is_refused_by_name(loaded, small) -> None:
    """Valid by design, not built: never ignored; a plain ConfigError as soon as anything else is wrong."""
    asked = ["sources.changes.parent={source: airlines, fields: [carrier]}", "sources.changes.api.endpoint=/of/{parent.carrier}",
             INCREMENTAL.replace("airlines", "changes").replace("}", ", end_param: e, window: 1d}")]  # fmt: skip
    with pytest.raises(NotYetError) as alone:
        loaded(small, sets=asked)
    with pytest.raises(ConfigError) as among_others:
        loaded(small, sets=[*asked, "run.on_source_failure=maybe"])

    assert [problem.path for problem in alone.value.problems] == ["sources.changes.api.incremental.window"]
    assert "not built" in alone.value.problems[0].message
    assert not isinstance(among_others.value, NotYetError)
    assert set(alone.value.problems) < set(among_others.value.problems)


def test_an_unknown_backend_names_the_known_ones_and_the_nearest(problems, small) -> None:
    """What packages offer counts as known; a typo is told what was meant."""
    (found,) = problems(small, sets=["platform.bronze.storage_backend=hadop"])

    assert found.path == "platform.bronze.storage_backend"
    assert "must be one of auto, local, hadoop, azure, s3, volumes" in found.message
    assert "did you mean hadoop?" in found.message


@pytest.mark.parametrize(
    "setting",
    [
        *[f"sources.changes.api.pagination={{{kind}}}" for kind in ("type: none", "type: page, size: 5", "type: offset, limit: 5",
          "type: cursor, cursor_path: a.b", "type: link", "type: next_url, next_url_path: a")],
        *[f"sources.changes.api.auth={{{kind}}}" for kind in ("type: none", "type: bearer, token: 'secret:file:/a'",
          "type: basic, username: a, password: 'secret:databricks:a/b'", "type: api_key, name: a, value: 'secret:env:A', in: query")],
        "silver.flights.model=scd_type_2", "silver.flights.model=full_merge_dedupe", "silver.airlines.model=scd_type_2",
        "silver.flights.column_list=[id, a]", "silver.flights.except_column_list=[updated_at]", "silver.flights.deletes=hard",
        "silver.airlines.model=periodic_snapshot",
        f"silver.flights={{{PERIODIC}, snapshot_by: run}}", "platform.silver={catalog: main, schema: travel}",
        "silver.flights.exports=[csv, parquet]", "silver.flights.cluster_by=[a]", "silver.flights.change_data_feed=true",
        "run.promote={trigger: processing_time, interval: 5m}",
        "silver.flights.rename={a: b}", "silver.flights.on_sequence_tie=delete_wins", "silver.airlines.allow_empty_snapshot=true",
        "silver.airlines.max_deleted={rows: 5}", "silver.flights.normalize={trim_strings: true}", "platform.bronze.storage_backend=hadoop",
        "sources.changes.load_pattern=current_history", "sources.changes.api.params={date: '{run.date}'}",
    ],
)  # fmt: skip
def test_what_is_built_loads(problems, small, setting) -> None:
    """Each pagination, auth, model and list option that this version has is accepted."""
    assert problems(small, sets=[setting]) == []


def test_history_options_belong_to_history(problems, small) -> None:
    """scd_type_2 takes tracked columns and names of its own; a tracked column must be shown, and no name may be taken twice."""
    history = ["silver.flights.model=scd_type_2"]

    assert not problems(
        small, sets=[*history, "silver.flights.track_history_column_list=[a]", "silver.flights.history_columns={is_current: null}"]
    )
    for setting in ("track_history_column_list=[id]", "history_columns={start_at: id}", "history_columns={end_at: __START_AT}"):
        assert [found.path.rpartition(".")[2] for found in problems(small, sets=[*history, f"silver.flights.{setting}"])] == [
            setting.partition("=")[0]
        ]
    hidden = [*history, "silver.flights.except_column_list=[a]", "silver.flights.track_history_column_list=[a]"]
    assert [found.path for found in problems(small, sets=hidden)] == ["silver.flights.track_history_column_list"]


def test_exports_of_tables_in_a_catalog_need_a_root_and_spark_s_catalog_plain_names(problems, small) -> None:
    """What only the platform makes wrong is told at the entity."""
    catalog = ["platform.silver={catalog: spark_catalog}", "silver.flights.exports=[csv]"]

    assert [found.path for found in problems(small, sets=catalog)] == ["silver.flights.exports"]
    assert not problems(small, sets=[*catalog, "platform.silver.exports.root=out"])
    assert [found.path for found in problems(small.replace("entity: flights", "entity: f-l"), sets=catalog[:1])] == ["silver.f-l.entity"]


def test_a_table_of_another_pipeline_needs_no_source(problems) -> None:
    """With bronze: there may be no source at all; without it, there must be one."""
    bronze = "bronze: {system: a, table: b, load_pattern: cdc}, "
    text = "config_version: 1\nsilver: {entity: a, %smodel: scd_type_1, keys: [id], sequence_by: [at]}\n"

    assert not problems(text % bronze)
    assert [found.path for found in problems(text % "")] == ["silver.a.source"]
    assert [found.path for found in problems((text % bronze).replace(", sequence_by: [at]", ""))] == ["silver.a.sequence_by"]


DB = "jdbc:postgresql://db.example.com:5432/shop"


@pytest.mark.parametrize(
    ("db", "path", "says"),
    [
        ("{table: a}", "url", "required"),
        ("{url: 'jdbc:mysql://a/b', table: a}", "url", "jdbc:postgresql"),
        (f"{{url: '{DB}?user=a&password=b', table: a}}", "url", "credentials"),
        ("{url: 'jdbc:postgresql://a:b@h/c', table: a}", "url", "credentials"),
        (f"{{url: '{DB}', table: a, password: hunter2}}", "password", "reference"),
        (f"{{url: '{DB}'}}", "table", "or a query"),
        (f"{{url: '{DB}', table: a, query: SELECT 1}}", "table", "not both"),
        (f"{{url: '{DB}', table: a.}}", "table", "schema.table"),
        (f"{{url: '{DB}', query: SELECT 1;}}", "query", "semicolon"),
        (f"{{url: '{DB}', query: SELECT 1, partition: {{num_partitions: 2}}}}", "partition.column", "required with query"),
        (f"{{url: '{DB}', table: a, partition: {{}}, predicates: [a < 1, a >= 1]}}", "predicates", "partition"),
        (f"{{url: '{DB}', table: a, partition: {{num_partitions: 0}}}}", "partition.num_partitions", "1 or more"),
        (f"{{url: '{DB}', table: a, fetchsize: 7}}", "fetchsize", "did you mean fetch_size?"),
    ],
)
def test_what_is_wrong_with_a_database_is_found_at_load(problems, small, db, path, says) -> None:
    """Each with the path of its key, and never with what may be a password."""
    text = small.replace("    api: {endpoint: /airlines, auth: {type: none}}", f"    type: db\n    db: {db}")
    found = problems(text)
    assert [(one.path, says in one.message) for one in found] == [(f"sources.airlines.db.{path}", True)]
    assert "hunter2" not in str(found)


def test_a_database_loads(problems, small) -> None:
    """Table or query, ranges or predicates, all or only what is new."""
    parts = "user: reader, password: 'secret:env:DB_PASSWORD', fetch_size: 500, session_init: SET work_mem = '64MB'"
    for what in (f"table: sales.orders, partition: {{num_partitions: 8}}, {parts}", "query: SELECT 1 AS id, predicates: [id < 5, id >= 5]"):
        text = small.replace("    api: {endpoint: /airlines, auth: {type: none}}", f"    type: db\n    db: {{url: '{DB}', {what}}}")
        assert problems(text) == []


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        (["silver.flights.deletes=soft"], "silver.flights.deletes", "incremental_merge does"),
        (["silver.flights.model=scd_type_2", "silver.flights.deletes=hard"], "silver.flights.deletes", "closes the row"),
        (["silver.airlines.deletes=ignore"], "silver.airlines.deletes", "a snapshot lacks"),
        (["silver.airlines.apply_as_truncates=a"], "silver.airlines.apply_as_truncates", "absence"),
        (["silver.flights.deletes=ignore", "silver.flights.apply_as_truncates=a"], "silver.flights.deletes", "contradicts"),
        (["silver.flights.ignore_null_updates=[id]"], "silver.flights.ignore_null_updates", "is a key"),
        (
            ["silver.flights.except_column_list=[a]", "silver.flights.ignore_null_updates=[a]"],
            "silver.flights.ignore_null_updates",
            "shown",
        ),
        (["silver.flights.model=incremental_merge", "silver.flights.column_list=[id, _deleted_at]"], "silver.flights.rename", "marks"),
        (
            ["silver.flights.lineage=true", "silver.flights.column_list=[id, _bronze_row]"],
            "silver.flights.lineage",
            "adds the column _bronze_row",
        ),
        (["silver.flights.profile=analytics"], "silver.flights", "exactly one"),
        (["silver.flights.model=null", "silver.flights.profile=analytic"], "silver.flights.profile", "analytics"),
    ],
)
def test_options_that_a_model_has_no_use_for_are_refused(problems, small, settings, path, said) -> None:
    """Deletes, truncates, nulls and profiles: one sentence with the path of the key."""
    found = problems(small, sets=settings)
    assert [problem.path for problem in found] == [path]
    assert said in found[0].message


@pytest.mark.parametrize(
    "settings",
    [
        *[["silver.flights.model=incremental_merge", f"silver.flights.deletes={how}"] for how in ("hard", "soft", "ignore")],
        ["silver.airlines.model=incremental_merge", "silver.airlines.deletes=ignore"],
        ["silver.flights.deletes=ignore"],
        ["silver.flights.apply_as_truncates=a", "silver.flights.ignore_null_updates=[a]", "silver.flights.on_sequence_tie=quarantine"],
        ["silver.flights.ignore_null_updates=true"],
    ],
)  # fmt: skip
def test_deletes_truncates_and_nulls_load_where_the_model_knows_them(problems, small, settings) -> None:
    """Each option with a model that has a use for it."""
    assert problems(small, sets=settings) == []


def test_a_profile_stands_for_its_model(loaded, small) -> None:
    """profile: analytics is model: scd_type_2, and so on."""
    for profile, model in PROFILES.items():
        if model == "periodic_snapshot":
            continue
        pipeline = loaded(small, sets=["silver.flights.model=null", f"silver.flights.profile={profile}"]).pipeline
        assert next(one for one in pipeline.silver if one.entity == "flights").model == model


@pytest.mark.parametrize(
    ("setting", "path", "words"),
    [
        ("platform.connection.s3={access_key: 'secret:env:A'}", "platform.connection.s3", "go together"),
        ("platform.connection.s3={session_token: 'secret:env:A'}", "platform.connection.s3", "needs access_key"),
        ("platform.connection.s3={access_key: plain, secret_key: 'secret:env:A'}", "platform.connection.s3.access_key", "reference"),
        ("platform.connection.s3.endpoint=store:9000", "platform.connection.s3.endpoint", "must be http"),
        ("platform.connection.s3.endpoint='http://me:pass@store'", "platform.connection.s3.endpoint", "without a path or credentials"),
        ("platform.connection.azure={account_key: 'secret:env:A', sas_token: 'secret:env:B'}", "platform.connection.azure", "give one of"),
        ("platform.connection.azure={client_secret: 'secret:env:A'}", "platform.connection.azure", "needs tenant_id"),
        ("platform.connection.s3.endpont='http://store'", "platform.connection.s3.endpont", "endpoint"),
    ],
)
def test_how_stores_are_reached_is_checked_at_load(problems, small, setting, path, words) -> None:
    """Whole credentials as references, and an address that is one; no password is repeated."""
    (found,) = problems(small, sets=[setting])

    assert found.path == path
    assert words in found.message
    assert "pass@" not in found.message


def test_a_profile_that_is_no_text_and_a_name_that_is_null_are_no_crash(loaded, problems, small) -> None:
    """The one is a problem, the other the file's name."""
    assert "silver.flights.profile" in [found.path for found in problems(small, sets=["silver.flights.profile=[a]"])]
    assert loaded(small + "pipeline: null\n").pipeline.pipeline == loaded(small).pipeline.pipeline
