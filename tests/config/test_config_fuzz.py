"""Whatever a file says, it loads or is refused with problems: no other error comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from medallion.config.load import Loaded, load, values
from medallion.config.pipeline import Document
from medallion.config.shape import fields, sections
from medallion.errors import ConfigError, Problem

SCALARS = st.sampled_from(
    [None, True, False, 0, 1, -1, 0.5, "", "a", "true", "yes", "5m", "8gb", "cdc", "full", "api", "db", "bearer", "page", "cursor",
     "secret:env:A", "${A}", "${A:1}", "$${", "${", "2013-01-01", "https://x.org", "/a", "scd_type_1", "scd_type_2", "../x", "{run.date}"]
)  # fmt: skip


def like(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that look like a section, or not."""
    options = sections(annotation)
    if not options:
        return SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["a", "type"]), SCALARS, max_size=2)
    section = st.one_of(
        *[
            st.dictionaries(st.sampled_from([*fields(option), "zzz"]), st.none(), max_size=6).flatmap(
                lambda picked, option=option: st.fixed_dictionaries(  # type: ignore[misc]
                    {key: like(fields(option)[key].annotation) if key in fields(option) else SCALARS for key in picked}
                )
            )
            for option in options
        ]
    )
    return section | st.lists(section, max_size=2) | SCALARS


def tried(folder: Path, text: str, **options: Any) -> Loaded | None:
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    problems: tuple[Problem, ...]
    try:
        return load(folder / "a.yaml", environ={}, **options)
    except ConfigError as error:
        problems = error.problems
    assert problems
    assert all(problem.message for problem in problems)
    return None


@given(document=like(Document))
@settings(max_examples=30)
def test_any_document_loads_or_is_refused(document: Any, tmp_path: Path) -> None:
    """Values of every type at every key."""
    tried(tmp_path, json.dumps(document))


@given(data=st.data())
@settings(max_examples=30)
def test_any_setting_is_taken_or_refused(data: Any, small: str, tmp_path: Path) -> None:
    """One value of a good file is replaced by anything: it loads with that origin, or is refused. Null is the default, which for the
    pipeline's name is the file's."""
    good = tried(tmp_path, small)
    assert good is not None
    path = data.draw(st.sampled_from(sorted(values(good.pipeline))))
    value = data.draw(SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(["a", "type"]), SCALARS, max_size=2))

    found = tried(tmp_path, small, sets=[f"{path}={json.dumps(value)}"])

    assert found is None or found.origins.get(path, "--set") in ("--set", "default", *(["a.yaml"] if path == "pipeline" else []))


@given(text=st.text(":-{}[]&*!|>'\"#%@ \n\tab1", max_size=40))
@settings(max_examples=60)
def test_any_text_loads_or_is_refused(text: str, tmp_path: Path) -> None:
    """Even text that is no YAML."""
    tried(tmp_path, text)
