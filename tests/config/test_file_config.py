"""What a configuration says of files: every contradiction is named, and what other tools call its keys is known."""

from __future__ import annotations

import pytest

FILES = """\
config_version: 1
source:
  name: orders
  system: shop
  table: orders
  load_pattern: cdc
  type: file
  file: {{{file}}}
"""


def test_a_source_of_files_is_loaded(loaded) -> None:
    """With its defaults: a header, commas, quotes that are doubled."""
    source = loaded(FILES.format(file="path: s3://lake/in, glob: '**/*.csv', format: csv")).pipeline.sources[0]

    assert source.by_spark
    assert source.incremental is None
    assert (source.file.header, source.file.delimiter, source.file.quote, source.file.escape) == (True, ",", '"', '"')


@pytest.mark.parametrize(
    ("file", "path", "message"),
    [
        ("format: csv", "path", "required"),
        ("path: in", "format", "required: csv, jsonl or parquet"),
        ("path: in, format: json", "format", "did you mean jsonl"),
        ("path: 'in/*.csv', glob: '*', format: csv", "glob", "take one of the two out"),
        ("path: in, glob: '/*', format: csv", "glob", "empty part"),
        ("path: 'in/[a', format: csv", "path", "not closed"),
        ("path: in, format: csv, delimiter: '||'", "delimiter", "one character"),
        ("path: in, format: csv, delimiter: '\"'", "delimiter", "another character"),
        ("path: in, format: csv, header: false", "columns", "required with header: false"),
        ("path: in, format: csv, columns: [a]", "columns", "set header: false"),
        ("path: in, format: csv, header: false, columns: [a, A]", "columns", "once"),
        ("path: in, format: csv, encoding: latin1", "encoding", "iso-8859-1"),
        ("path: in, format: csv, encoding: utf-16", "multiline", "must be true"),
        ("path: in, format: jsonl, delimiter: ';'", "delimiter", "says nothing of jsonl"),
        ("path: in, format: parquet, multiline: true", "multiline", "says nothing of parquet"),
        ("path: in, format: csv, max_files_per_job: 0", "max_files_per_job", "1 or more"),
        ("path: in, format: csv, sep: ';'", "sep", "did you mean delimiter"),
        ("path: in, format: csv, has_header: true", "has_header", "did you mean header"),
        ("path: in, format: csv, file_glob: '*'", "file_glob", "did you mean glob"),
        ("bucket_url: in, format: csv", "bucket_url", "did you mean path"),
        ("path: in, format: csv, with_filepath: x", "with_filepath", "did you mean file_column"),
        ("path: in, format: csv, na_values: x", "na_values", "did you mean null_value"),
        ("path: in, format: csv, maxFilesPerTrigger: 3", "maxFilesPerTrigger", "did you mean max_files_per_job"),
    ],
)
def test_what_contradicts_itself_is_named(problems, file, path, message) -> None:
    """Each with its path and what is meant."""
    found = [problem for problem in problems(FILES.format(file=file)) if problem.path == f"sources.orders.file.{path}"]

    assert [problem for problem in found if message in problem.message], problems(FILES.format(file=file))


def test_files_have_no_cursor(problems) -> None:
    """What is new is told by the files themselves."""
    found = problems(FILES.format(file="path: in, format: csv, incremental: {cursor_field: at}"))

    assert [problem.path for problem in found] == ["sources.orders.file.incremental"]
