"""The JSON schema of a file, for editors: short forms accepted, ``defaults`` a source without anything required."""

from __future__ import annotations

import json
from typing import Any

from medallion.config.pipeline import Document

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ABOUT = ("title", "description", "default")


def schema() -> dict[str, Any]:
    """The schema, in draft 2020-12; ``$defs`` by class name."""
    whole = Document.model_json_schema(by_alias=True)
    definitions = whole["$defs"]
    # What sources have in common may stand in defaults: only a name is asked of each.
    definitions["Source"]["required"] = ["name"]
    definitions["Defaults"] = {
        **definitions["Source"],
        "title": "Defaults",
        "description": "Merged under every source.",
        "properties": {key: value for key, value in definitions["Source"]["properties"].items() if key != "name"},
    }
    del definitions["Defaults"]["required"]
    properties = whole["properties"]
    properties["defaults"] = {"$ref": "#/$defs/Defaults"}
    properties["source"] = {"$ref": "#/$defs/Source", "description": properties["source"]["description"]}
    listed = properties["silver"]
    properties["silver"] = {
        "description": listed["description"],
        "anyOf": [{"$ref": "#/$defs/Entity"}, {"type": "array", "items": listed["items"]}],
    }
    for section in definitions.values():
        _text_may_be_filled_in(section)
    _text_may_be_filled_in(whole)
    return {"$schema": DIALECT, "title": "Medallion Foundry pipeline", **{key: value for key, value in whole.items() if key != "title"}}


def text() -> str:
    """The schema as it stands in ``conf/schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _text_may_be_filled_in(section: dict[str, Any]) -> None:
    """Numbers and booleans may be written as ``${VAR:default}`` too."""
    variable = {"type": "string", "pattern": r"^\$\{.*\}$"}
    for key, value in section.get("properties", {}).items():
        options = value.get("anyOf", [{name: part for name, part in value.items() if name not in _ABOUT}])
        if any(option.get("type") in ("integer", "number", "boolean") for option in options):
            about = {name: part for name, part in value.items() if name in _ABOUT}
            section["properties"][key] = {**about, "anyOf": [*options, variable]}
