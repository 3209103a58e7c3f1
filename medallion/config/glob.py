"""Which paths a pattern means: ``*`` and ``?`` within a name, ``**`` through folders, ``[abc]``, ``{a,b}``."""

from __future__ import annotations

import re

_WILD = re.compile(r"[*?\[{]")


def is_glob(path: str) -> bool:
    """Whether a path says more than one place."""
    return _WILD.search(path) is not None


def parted(path: str) -> tuple[str, str | None]:
    """The folder that all paths of a pattern share, and the pattern below it; None: there is none."""
    wild = _WILD.search(path)
    if wild is None:
        return path, None
    cut = path.rfind("/", 0, wild.start()) + 1
    return path[:cut] or ".", path[cut:]


def matcher(pattern: str) -> re.Pattern[str]:
    """What fully matches the relative paths that *pattern* means. Raises ValueError for a bracket that is not closed."""
    segments = pattern.split("/")
    if "" in segments:
        raise ValueError(f"{pattern!r} has an empty part; it is a path below the folder, such as **/*.csv")
    told = ""
    for segment in segments[:-1]:
        told += "(?:[^/]+/)*" if segment == "**" else f"{_segment(segment, pattern)}/"
    return re.compile(told + (".+" if segments[-1] == "**" else _segment(segments[-1], pattern)), re.DOTALL)


def _segment(segment: str, pattern: str) -> str:
    told, at = "", 0
    while at < len(segment):
        character = segment[at]
        closing = segment.find({"[": "]", "{": "}"}.get(character, ""), at + 1) if character in "[{" else at
        if closing < 0:
            raise ValueError(f"{pattern!r} has a {character} that is not closed")
        inside, at = segment[at + 1 : closing], closing + 1
        if character == "*":
            told += "[^/]*"
        elif character == "?":
            told += "[^/]"
        elif character == "[":
            negated = inside.startswith("!")
            told += f"[{'^/' if negated else ''}{_set(inside[negated:])}]"
        elif character == "{":
            told += f"(?:{'|'.join(_segment(part, pattern) for part in inside.split(','))})"
        else:
            told += re.escape(character)
    return told


def _set(inside: str) -> str:
    return "".join(one if one == "-" else re.escape(one) for one in inside)
