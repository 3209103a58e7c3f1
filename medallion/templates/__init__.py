"""What ``init`` writes: a pipeline to start from, and the schema that lets an editor complete it."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from medallion.config import jsonschema
from medallion.errors import ConfigError, Problem

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}")


def write(folder: Path, name: str) -> list[Path]:
    """Writes ``pipelines/NAME.yaml`` below *folder*, and ``schema.json`` where there is none; gives the files written.

    Raises ConfigError where the pipeline is there already, *name* is no name, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError([Problem(path="name", message=f"must be lower-case letters, digits, _ and -, got {name!r}")])
    pipeline, schema = folder / "pipelines" / f"{name}.yaml", folder / "schema.json"
    written = []
    try:
        pipeline.parent.mkdir(parents=True, exist_ok=True)
        with pipeline.open("x", encoding="utf-8") as file:
            file.write(_template().replace("NAME", name))
        written.append(pipeline)
        if not schema.exists():
            schema.write_text(jsonschema.text(), encoding="utf-8")
            written.append(schema)
    except FileExistsError as error:
        raise ConfigError(
            [Problem(path="", message="is there already and was left as it is; choose another name", file=str(pipeline))]
        ) from error
    except OSError as error:
        raise ConfigError([Problem(path="", message=f"cannot be written: {error.strerror}", file=str(error.filename or folder))]) from error
    return written


def _template() -> str:
    return files(__name__).joinpath("pipeline.yaml").read_text(encoding="utf-8")
