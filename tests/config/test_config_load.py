"""What a file means: short forms, defaults, overlays, settings, variables, and where each value comes from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from medallion.config.auth import BearerAuth, NoAuth
from medallion.config.load import load, values
from medallion.errors import ConfigError

SHORT = """\
config_version: 1
source: {name: a, system: s, table: t, load_pattern: full, api: {base_url: "https://x.org", endpoint: /a}}
silver: {entity: a, model: full_merge_dedupe, keys: [id]}
"""


def env_file(tmp_path: Path, name: str, text: str, *, beside: bool = False) -> None:
    folder = tmp_path / "pipelines" / "env" if beside else tmp_path / "env"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_small_file_loads_with_every_default(loaded, small) -> None:
    """What is not written has its default; the pipeline is called as its file."""
    pipeline = loaded(small).pipeline

    assert pipeline.pipeline == "nyc"
    assert [source.name for source in pipeline.sources] == ["changes", "airlines"]
    assert pipeline.platform.silver.root == "./lake/silver"
    assert pipeline.platform.bronze.commit_every == timedelta(seconds=30)


def test_the_short_form_is_a_list_of_one(loaded) -> None:
    """One mapping under source and silver is as good as lists, and the table's source is the only one."""
    pipeline = loaded(SHORT).pipeline

    assert len(pipeline.sources) == len(pipeline.silver) == 1
    assert pipeline.source_of(pipeline.silver[0]) == pipeline.sources[0]


def test_defaults_are_merged_under_every_source(loaded, small) -> None:
    """A source says only what is its own; another type of auth replaces the whole section."""
    changes, airlines = loaded(small).pipeline.sources

    assert (changes.system, airlines.system) == ("nyc", "nyc")
    assert changes.api.auth == BearerAuth(type="bearer", token="secret:env:TOKEN")
    assert airlines.api.auth == NoAuth()


def test_defaults_for_another_type_of_source_are_left_out(problems, small) -> None:
    """A file source beside api defaults is not told that its api section says nothing."""
    text = small.replace(
        "load_pattern: full\n    api: {endpoint: /airlines, auth: {type: none}}",
        "load_pattern: full\n    type: file\n    file: {format: csv}",
    )

    assert [problem.path for problem in problems(text)] == ["sources.airlines.file.path"]


def test_an_environment_is_laid_over_the_file(loaded, small, tmp_path) -> None:
    """Mappings merge, sources by name, silver by entity, other lists are replaced."""
    env_file(
        tmp_path,
        "prod",
        """
platform: {bronze: {root: /data}}
sources: [{name: changes, api: {concurrency: 32}}]
silver: [{entity: flights, keys: [id, leg]}]
""",
    )

    found = loaded(small, env="prod")

    changes = found.pipeline.sources[0].api
    assert (found.pipeline.platform.bronze.root, changes.concurrency, changes.endpoint) == ("/data", 32, "/changes")
    assert found.pipeline.silver[0].keys == ("id", "leg")
    assert found.pipeline.silver[0].sequence_by == ("updated_at",)
    assert len(found.pipeline.sources) == len(found.pipeline.silver) == 2
    assert found.origins["sources.changes.api.concurrency"] == "env/prod.yaml:3"
    assert found.origins["sources.changes.api.endpoint"] == "nyc.yaml:12"


def test_an_environment_beside_the_file_is_found_first(loaded, small, tmp_path) -> None:
    """env/ in the file's folder comes before the one beside it; MEDALLION_ENV names it as well as the flag, which wins."""
    env_file(tmp_path, "dev", "platform: {bronze: {root: /outer}}")
    env_file(tmp_path, "dev", "platform: {bronze: {root: /inner}}", beside=True)
    env_file(tmp_path, "prod", "platform: {bronze: {root: /prod}}")

    assert loaded(small, environ={"MEDALLION_ENV": "dev"}).pipeline.platform.bronze.root == "/inner"
    assert loaded(small, env="prod", environ={"MEDALLION_ENV": "dev"}).pipeline.platform.bronze.root == "/prod"


def test_short_forms_overlay_each_other(loaded, tmp_path) -> None:
    """An environment may name the one source without repeating its name."""
    env_file(tmp_path, "dev", "source: {api: {concurrency: 2}}")

    assert loaded(SHORT, env="dev").pipeline.sources[0].api.concurrency == 2


@pytest.mark.parametrize("name", ["prod", "../prod", "a/b", ""])
def test_a_missing_environment_is_a_problem(problems, small, tmp_path, name) -> None:
    """An environment that has no file, or a name that leaves the folder, is refused; those that exist are named."""
    env_file(tmp_path, "dev", "{}")
    found = problems(small, env=name)

    assert [problem.path for problem in found] == (["--env"] if name else [])
    assert all("dev" in problem.message for problem in found)


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("sources.changes.api.concurrency=4", "sources.changes.api.concurrency", 4),
        ("sources.airlines.api.rate_limit.rps=2.5", "sources.airlines.api.rate_limit.rps", 2.5),
        ("defaults.api.retry.longest_wait=2m", "sources.airlines.api.retry.longest_wait", "2m"),
        ("silver.flights.keys=[id, leg]", "silver.flights.keys", ["id", "leg"]),
        ("platform.bronze.root=/a=b", "platform.bronze.root", "/a=b"),
        ("pipeline=other", "pipeline", "other"),
        ("sources.changes.api.rate_limit=null", "sources.changes.api.rate_limit", None),
        ("sources.0.api.async=false", "sources.changes.api.async", False),
    ],
)
def test_a_setting_stands_over_the_file(loaded, small, setting, path, value) -> None:
    """--set reaches every value by its dotted path, items by name, and says so in the origins."""
    found = loaded(small, sets=[setting])

    assert values(found.pipeline)[path] == value
    assert found.origins[path] == "--set"


def test_settings_reach_the_short_form(loaded) -> None:
    """source.… and silver.… mean the one item."""
    found = loaded(SHORT, sets=["source.api.concurrency=3", "silver.keys=[a]"]).pipeline

    assert (found.sources[0].api.concurrency, found.silver[0].keys) == (3, ("a",))


def test_variables_are_filled_in(loaded, small) -> None:
    """${VAR:default} takes the variable, or the default where it is unset or empty; $${ is a plain ${."""
    text = small.replace("http://127.0.0.1:8013", '"${URL:http://x.org:80}/${V:}a"').replace("/changes\n", "/$${x}\n")

    assert loaded(text).pipeline.sources[0].api.base_url == "http://x.org:80/a"
    assert loaded(text, environ={"URL": "http://y.org", "V": "b"}).pipeline.sources[0].api.base_url == "http://y.org/ba"
    assert loaded(text, environ={"URL": ""}).pipeline.sources[0].api.base_url == "http://x.org:80/a"
    assert loaded(text).pipeline.sources[0].api.endpoint == "/${x}"


def test_variables_may_give_numbers_and_booleans(loaded, small) -> None:
    """A variable's text is read as what its key takes."""
    text = small.replace("{rps: 50}", '{rps: "${RPS:7}"}').replace("endpoint: /changes", 'endpoint: /changes\n      async: "${A:false}"')
    api = loaded(text).pipeline.sources[0].api

    assert (api.rate_limit.rps, api.async_) == (7.0, False)


def test_variables_of_the_product_stand_over_the_file_and_under_flags(loaded, small) -> None:
    """Flag over environment over file over default, for the rate and for async."""
    environ = {"MEDALLION_API_RPS": "5", "MEDALLION_ASYNC_HTTP": "false"}
    found = loaded(small, environ=environ, sets=["sources.airlines.api.async=true"])
    changes, airlines = found.pipeline.sources

    assert (changes.api.rate_limit.rps, airlines.api.rate_limit, found.pipeline.run.rate_limit_rps) == (5.0, None, 5.0)
    assert (changes.api.async_, airlines.api.async_) == (False, True)
    assert found.origins["sources.changes.api.async"] == "MEDALLION_ASYNC_HTTP"
    assert found.origins["run.rate_limit_rps"] == "MEDALLION_API_RPS"
    assert loaded(small, environ=environ, sets=["run.rate_limit_rps=9"]).pipeline.run.rate_limit_rps == 9


def test_every_value_has_an_origin(loaded, small) -> None:
    """Origins and values have the same paths; what was not written is a default."""
    found = loaded(small)

    assert found.origins.keys() == values(found.pipeline).keys()
    assert found.origins["sources.changes.system"] == "nyc.yaml:3"
    assert found.origins["sources.changes.api.rate_limit.rps"] == "nyc.yaml:13"
    assert found.origins["run.promote.checksum"] == "default"


def test_the_environment_of_the_process_counts_where_none_is_given(tmp_path, small, monkeypatch) -> None:
    """Without *environ* the variables of the process are used."""
    monkeypatch.setenv("MEDALLION_API_RPS", "3")
    path = tmp_path / "a.yaml"
    path.write_text(small, encoding="utf-8")

    assert load(path).pipeline.run.rate_limit_rps == 3


def test_a_missing_or_unreadable_file_is_a_problem(tmp_path) -> None:
    """No file, a folder, and bytes that are no text say so with the path."""
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    for name in ("none.yaml", "", "latin.yaml"):
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / name, environ={})
        assert caught.value.problems[0].file == str(tmp_path / name)
