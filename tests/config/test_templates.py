"""What init writes can be loaded as it is, and nothing is ever overwritten."""

from __future__ import annotations

import pytest

from medallion.config.load import load
from medallion.errors import ConfigError
from medallion.templates import write


def test_the_pipeline_that_init_writes_loads(tmp_path) -> None:
    """About fifteen lines, with the schema for editors beside them."""
    pipeline, schema = write(tmp_path, "orders")
    text = pipeline.read_text(encoding="utf-8")

    assert load(pipeline, environ={}).pipeline.pipeline == "orders"
    assert (pipeline.parent / text.splitlines()[0].partition("$schema=")[2]).resolve() == schema
    assert 12 <= len(text.splitlines()) <= 20


def test_a_pipeline_is_never_overwritten(tmp_path) -> None:
    """The second init of a name is refused; another name is written beside it, and the schema is left."""
    pipeline, _ = write(tmp_path, "orders")
    pipeline.write_text("mine", encoding="utf-8")

    with pytest.raises(ConfigError, match="already"):
        write(tmp_path, "orders")
    assert pipeline.read_text(encoding="utf-8") == "mine"
    assert [path.name for path in write(tmp_path, "returns")] == ["returns.yaml"]


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", "a.b"])
def test_a_name_that_is_none_is_refused(tmp_path, name) -> None:
    """Nothing is written outside the folder, or at all."""
    with pytest.raises(ConfigError):
        write(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path) -> None:
    """A file in the way of the folder is a ConfigError."""
    (tmp_path / "conf").write_text("", encoding="utf-8")

    with pytest.raises(ConfigError, match="cannot be written"):
        write(tmp_path / "conf", "orders")
