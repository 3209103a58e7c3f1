"""What a mistyped or foreign key was meant to be: by spelling, by what other tools call it, by where else it belongs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import cache

from medallion.config.shape import fields, sections
from medallion.config.values import Section

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "keys": ("primary_key", "primary_keys", "unique_key", "unique_keys", "merge_key", "merge_keys", "key", "key_columns", "business_keys",
             "natural_keys", "recordkey", "record_key"),
    "sequence_by": ("precombine_field", "ordering_field", "source_ordering_field", "order_by", "dedup_sort", "sequence", "update_key",
                    "order_column", "sequence_column", "updated_at"),
    "model": ("write_disposition", "stored_as_scd_type", "scd_type", "silver_model", "strategy", "merge_strategy", "write_type",
              "materialized", "op", "mode"),
    "apply_as_deletes": ("hard_delete", "hard_deletes", "delete_predicate", "delete_when", "is_deleted"),
    "apply_as_truncates": ("truncate_when",),
    "column_list": ("columns", "included_columns", "select", "select_exp", "columns_to_update"),
    "except_column_list": ("excluded_columns", "exclude_columns", "drop_columns"),
    "track_history_column_list": ("check_cols", "tracked_columns", "track_history_columns"),
    "track_history_except_column_list": ("untracked_columns",),
    "history_columns": ("validity_column_names", "snapshot_meta_column_names"),
    "ignore_null_updates": ("ignore_null_updates_column_list", "ignore_nulls"),
    "on_sequence_tie": ("tie_break", "ties"),
    "expectations": ("expect", "checks", "dq_specs", "constraints", "quality", "tests"),
    "max_quarantined": ("max_percentage_failure", "error_threshold"),
    "rename": ("rename_columns", "column_mapping", "aliases"),
    "entity": ("target", "target_table", "name"),
    "domain": ("dataset", "dataset_name", "database"),
    "exports": ("output_formats", "write_csv", "write_parquet"),
    "records_path": ("data_selector", "data_path", "data_key", "records_jsonpath", "record_selector",
                     "field_path", "jmespath", "results_path"),
    "records_format": ("decoder", "response_format", "data_format", "content_type", "response_decoder"),
    "delimiter": ("sep", "separator", "field_delimiter", "delim"),
    "quote": ("quotechar", "quote_char", "quote_character"),
    "null_values": ("na_values", "nulls", "null_value", "nullvalue"),
    "as_json": ("json_columns", "max_table_nesting", "max_nesting", "as_string", "keep_as_json"),
    "endpoint": ("path", "url_path", "resource"),
    "base_url": ("url", "url_base", "host", "api_url"),
    "params": ("query", "query_params", "request_parameters", "parameters", "query_string"),
    "json": ("body", "request_body_json", "request_body", "payload"),
    "headers": ("request_headers", "http_headers"),
    "auth": ("authentication", "authenticator", "credentials"),
    "token": ("api_token", "access_token", "bearer_token", "auth_token"),
    "username": ("user", "login"),
    "pagination": ("paginator", "paging"),
    "page_param": ("page_name", "page_number_param"),
    "size_param": ("page_size_param", "per_page_param", "limit_param"),
    "limit_param": ("size_param", "page_size_param"),
    "size": ("page_size", "per_page", "limit"),
    "limit": ("page_size", "per_page", "size"),
    "start": ("base_page", "initial_page", "start_page", "start_from_page"),
    "total_pages_path": ("total_pages", "pages_path"),
    "cursor_path": ("next_page_token_jsonpath", "next_cursor_path", "cursor_value", "next_token_path"),
    "next_url_path": ("next_page_url_path", "next_path", "next_url"),
    "has_more_path": ("has_more", "stop_condition"),
    "incremental": ("incremental_sync", "cursor", "replication"),
    "cursor_field": ("cursor_path", "replication_key", "cursor_column", "incremental_column", "datetime_field"),
    "initial_value": ("start_datetime", "start_date", "start_value", "initial_cursor"),
    "end_value": ("end_datetime", "end_date"),
    "start_param": ("start_time_option", "since_param"),
    "end_param": ("end_time_option", "until_param"),
    "param_format": ("datetime_format", "start_datetime_format", "date_format", "format"),
    "field_format": ("cursor_datetime_formats", "cursor_format"),
    "lookback": ("lag", "lookback_window", "overlap"),
    "window": ("step", "chunk_size", "window_size", "slice"),
    "sorted": ("row_order", "is_sorted"),
    "async": ("async_http", "use_async", "is_async", "async_enabled"),
    "concurrency": ("parallelism", "max_concurrency", "concurrency_level", "parallelized", "threads", "max_workers", "prefetch"),
    "rate_limit": ("api_budget", "rate", "throttle", "rate_limiting"),
    "rate_limit_rps": ("rps_limit", "max_rps"),
    "rps": ("requests_per_second", "rate", "max_rps"),
    "retry": ("retries", "error_handler", "retry_policy", "backoff"),
    "attempts": ("max_retries", "max_attempts", "request_max_attempts", "max_retry_count", "backoff_max_tries"),
    "longest_wait": ("max_delay", "request_max_retry_delay", "backoff_max"),
    "circuit_breaker": ("breaker",),
    "failures": ("failure_threshold", "threshold"),
    "cooldown": ("recovery_timeout", "cooldown_seconds", "reset_timeout"),
    "page_timeout": ("timeout", "request_timeout", "timeout_seconds"),
    "load_pattern": ("sync_mode", "load_type", "replication_method", "read_type", "extraction_mode", "pattern"),
    "type": ("source_type", "source_format", "connector", "kind"),
    "glob": ("file_glob", "pattern", "file_pattern", "path_glob_filter", "glob_filter", "globs", "path_glob", "files_glob"),
    "format": ("data_format", "file_type", "filetype", "cloudfiles_format", "reader"),
    "header": ("has_header", "first_row_as_header", "header_row"),
    "columns": ("column_names", "names", "fieldnames", "field_names"),
    "escape": ("escapechar", "escape_char", "escape_character"),
    "encoding": ("charset", "character_set"),
    "null_value": ("null_values", "na_values", "null_string", "nullvalue", "null_if", "nanvalue"),
    "multiline": ("multi_line", "allow_newlines_in_values", "newlines_in_values"),
    "file_column": ("with_filepath", "file_name_column", "filename_column", "source_file_column", "include_file_name", "file_path_column",
                    "input_file_name", "filename"),
    "max_files_per_job": ("max_files_per_trigger", "files_per_page", "max_files"),
    "max_bytes_per_job": ("max_bytes_per_trigger", "max_bytes"),
    "schema_contract": ("schema_evolution", "contract"),
    "parent": ("parent_stream", "depends_on", "partition_router"),
    "db": ("jdbc", "sql", "database"),
    "file": ("filesystem", "files", "cloudfiles"),
    "storage_backend": ("storage", "backend", "storage_type"),
    "root": ("path", "bucket_url", "local_path", "base_path", "location", "output_dir"),
    "path": ("bucket_url", "folder", "directory", "base_path", "location", "root", "input_path", "file_path", "url", "uri"),
    "formats": ("file_format", "format", "output_format"),
    "max_rows_per_file": ("max_rows", "rows_per_file", "file_max_items"),
    "max_file_size_mb": ("file_max_bytes", "max_file_size"),
    "trigger": ("streaming", "streaming_available_now", "trigger_type"),
    "interval": ("processing_time", "min_sync_interval_seconds"),
    "defaults": ("resource_defaults", "default"),
    "sources": ("resources", "streams", "tables", "endpoints", "source"),
    "pipeline": ("pipeline_name", "name"),
    "config_version": ("version", "format_version"),
}  # fmt: skip
"""Our key, and what others call it."""

VALUES: Mapping[str, str] = {
    "1": "scd_type_1", "2": "scd_type_2", "scd1": "scd_type_1", "scd2": "scd_type_2", "scd_1": "scd_type_1", "scd_2": "scd_type_2",
    "upsert": "scd_type_1", "merge": "scd_type_1", "replace": "full_merge_dedupe", "overwrite": "full_merge_dedupe",
    "page_number": "page", "json_link": "next_url", "header_link": "link", "single_page": "none", "json_response": "cursor",
    "http_basic": "basic", "oauth2": "oauth2_client_credentials", "rest_api": "api", "http": "api", "rest": "api",
    "jdbc": "db", "database": "db", "sql": "db", "filesystem": "file", "snapshot": "full", "full_refresh": "full",
    "incremental": "cdc", "append": "cdc", "quarantine_table": "quarantine", "streaming_available_now": "available_now",
    "json": "jsonl", "ndjson": "jsonl", "json_lines": "jsonl", "jsonlines": "jsonl", "tsv": "csv",
    "once": "available_now", "abfs": "azure", "s3a": "hadoop", "hdfs": "hadoop", "discard_row": "freeze", "discard_value": "rescue",
}  # fmt: skip
"""What others write for a value of ours."""


def suggest(unknown: str, section: type[Section], root: type[Section] | None = None) -> str | None:
    """The key that *unknown* was probably meant to be in *section*; dotted where it belongs further down.

    Where the section has nothing like it, the whole of *root* is looked through for the exact word.
    """
    word = _normal(unknown)
    known = list(fields(section))
    below = _below(section)
    meant = [ours for ours, theirs in SYNONYMS.items() if word in theirs]
    for candidate in (word, *meant):
        if candidate in known:
            return candidate
    for candidate in (word, *meant):
        if candidate in below:
            return below[candidate]
    if close := closest(word, known) or next((key for key in known if len(word) > 3 and key.startswith(word)), None):
        return close
    elsewhere = _below(root) if root is not None else {}
    return next((elsewhere[candidate] for candidate in (*meant, word) if candidate in elsewhere), None)


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of *known* that is spelled most like *word*, if any is."""
    options = list(known)
    if (theirs := VALUES.get(word.lower())) in options:
        return theirs
    return next(iter(difflib.get_close_matches(word, options, n=1, cutoff=0.6)), None)


def _normal(word: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower().replace("-", "_").replace(" ", "_").replace(".", "_")


@cache
def _below(section: type[Section]) -> dict[str, str]:
    """Every key below *section*, breadth first, with its dotted path from there."""
    found: dict[str, str] = {}
    level = [("", section)]
    while level:
        deeper = []
        for prefix, current in level:
            for key, info in fields(current).items():
                found.setdefault(key, prefix + key)
                deeper += [(f"{prefix}{key}.", child) for child in sections(info.annotation)]
        level = deeper
    return found
