"""The documentation is true: its links lead somewhere, what it names exists, and its tutorial does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from medallion.config.load import load
from medallion.errors import tree
from medallion.failpoint import NAMES
from medallion.testing.vectors import VECTORS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
INFOS = re.compile(r"(bash|python) (run|shown)|python file=[a-z_]+\.py|yaml (file=[a-z]+\.yaml|shown)|json shown|text( output)?|mermaid|sh")
RUNNABLE = re.compile(r"(bash|python) run|(yaml|python) file=\S+")
EXECUTED = ("tutorial.md", "coming-from.md", "custom-sources.md", "child-sources.md", "authentication.md", "files.md")
"""The pages whose blocks are run."""
FILE_ENDINGS = (".py", ".yaml", ".yml", ".md", ".json", ".sh", ".toml", ".lock", ".sha2")
VALUES = {"full", "cdc", "current_history", "none", "page", "offset", "cursor", "link", "next_url", "json", "jsonl", "csv"}
"""What stands in the first column of a table of docs/configuration.md and is no key."""
ANYTHING = "…"
"""In the output of a command: any text within a line."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: what its first line says it is, and its text."""

    page: Path
    line: int
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page=page, line=text.count("\n", 0, found.start()) + 1, info=found[1].strip(), text=found[2])
        for found in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```[^\n]*\n.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def spans(page: Path) -> list[str]:
    """The inline code of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may say."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def reference() -> set[tuple[str, ...]]:
    """The path of every key in conf/reference.yaml, alternatives that stand in comments included."""
    found: set[tuple[str, ...]] = set()
    above: list[tuple[int, str]] = []
    for line in (ROOT / "conf/reference.yaml").read_text(encoding="utf-8").splitlines():
        key = re.match(r"( *)((?<= )# )?( *)([a-z][a-z_0-9]*):( |$)", line)
        if key is not None:
            indent = len(key[1]) + len(key[3])
            above = [*[(at, name) for at, name in above if at < indent], (indent, key[4])]
            found.add(tuple(name for _, name in above))
    return found


def named(page: Path) -> list[tuple[str, ...]]:
    """The dotted keys that a page names in inline code."""
    dotted = (span for span in spans(page) if re.fullmatch(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+", span))
    return [tuple(span.split(".")) for span in dotted if not span.endswith(FILE_ENDINGS) and span not in NAMES and not _foreign(span)]


def _foreign(span: str) -> bool:
    return span.startswith(("medallion.", "spark.", "pyarrow.", "importlib.", "sys.", "dbutils."))


def commands() -> dict[str, set[str]]:
    """The options of each command of the command line, by its name."""
    import typer.main

    from medallion.cli import app

    found: dict[str, set[str]] = {}

    def take(command: object, name: str) -> None:
        found[name] = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help"}  # type: ignore[attr-defined]
        for below, child in getattr(command, "commands", {}).items():
            take(child, f"{name} {below}".strip())

    take(typer.main.get_command(app), "")
    return found


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Where the command line is shown, and the words after ``medallion``."""
    for page in PAGES:
        texts = [(str(block), block.text.replace("\\\n", " ")) for block in blocks(page) if block.info.startswith("bash")]
        texts += [(str(page.relative_to(ROOT)), span) for span in spans(page)]
        for where, text in texts:
            for found in re.finditer(r"(?:^|[ (])(?:python -m )?medallion (?!\()([a-z][^\n|&;>#)]*)", text, re.MULTILINE):
                yield where, found[1].split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link within the project names a file that is there, and a heading that it has."""
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            assert there.exists(), f"{page.name}: {target}"
            assert not anchor or anchor in anchors(there), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    """Executed, shown or output: nothing in between."""
    for block in blocks(page):
        assert INFOS.fullmatch(block.info), f"{block}: {block.info!r}"
        assert block.page.name in EXECUTED or not RUNNABLE.fullmatch(block.info), f"{block}: the page is not executed"


def test_pages_name_files_that_exist() -> None:
    """A path in inline code that begins with a folder of the project is there."""
    for page in PAGES:
        for span in spans(page):
            if re.fullmatch(r"(medallion|tests|docs|conf|scripts|jobs)/[\w./-]+", span):
                assert (ROOT / span).exists(), f"{page.name}: {span}"


def test_errors_are_those_of_the_tree() -> None:
    """docs/errors.md has a section for each code, with its exit status, type, and whether it is retried."""
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (\w+)\n\nExit status (\d), `(\w+)`(, retried)?\.", page, re.MULTILINE)
    known = [(kind.code, str(kind.exit_status), kind.__name__, ", retried" if kind.retryable else "") for kind in tree()]
    assert sorted(found) == sorted(known)
    assert len(re.findall(r"^## ", page, re.MULTILINE)) == len(known)


def test_codes_in_other_pages_exist() -> None:
    """No page names a code that is none."""
    known = {kind.code for kind in tree()}
    for page in PAGES:
        for code in re.findall(r"`([A-Z]+[0-9]{3})`", prose(page)):
            assert code in known, f"{page.name}: {code}"


def test_the_vectors_are_those_of_the_package() -> None:
    """The table of docs/silver-models.md is VECTORS, line by line."""
    page = (ROOT / "docs/silver-models.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]*@[^`]*)`(?: \(tracked: ([\w, ]+)\))? \| (?:`([^`]*)`|nothing) \|$", page, re.MULTILINE)
    spelled = [
        (
            vector.text,
            ", ".join(vector.tracked or ()),
            " ".join(f"{value}[{start},{'' if end is None else end})" for value, start, end in vector.history),
        )
        for vector in VECTORS
    ]
    assert rows == spelled


def test_crash_points_are_those_of_the_package() -> None:
    """docs/architecture.md has a line for each failpoint."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert [name for name in re.findall(r"^\| `([a-z.]+)` \|", page, re.MULTILINE) if name in NAMES] == list(NAMES)


def test_keys_that_pages_name_exist() -> None:
    """A dotted key is the end, or a part from the top, of a path in conf/reference.yaml; keys in tables are keys."""
    known = reference()
    for page in PAGES:
        for path in named(page):
            assert any(full[-len(path) :] == path for full in known), f"{page.name}: {'.'.join(path)}"
    keys = {key for path in known for key in path}
    for line in re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", (ROOT / "docs/configuration.md").read_text(encoding="utf-8"), re.MULTILINE):
        for name in re.findall(r"`([a-z_]+)`", line):
            assert name in keys or name in VALUES, name


def test_configurations_that_are_shown_can_be_loaded(tmp_path: Path) -> None:
    """Every whole pipeline in a page is valid; a part of one has known keys only."""
    keys = {key for path in reference() for key in path}

    def walk(value: object) -> Iterator[str]:
        for child in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            yield from walk(child)
        yield from value if isinstance(value, dict) else ()

    for block in (block for page in PAGES for block in blocks(page) if block.info.startswith("yaml")):
        content = yaml.safe_load(block.text)
        if "config_version" in content:
            (tmp_path / "shown.yaml").write_text(block.text, encoding="utf-8")
            load(tmp_path / "shown.yaml", environ={"FLIGHTS_URL": "http://127.0.0.1:1"})
        else:
            assert set(walk(content)) <= keys, f"{block}"


def test_commands_and_flags_exist() -> None:
    """What is shown after `medallion` is a command, its flags are its own; a flag by itself is somebody's."""
    known = commands()
    for where, words in command_lines():
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
        assert name is not None, f"{where}: medallion {' '.join(words)}"
        flags = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert flags <= known[name], f"{where}: medallion {' '.join(words)}"
    programs = [ROOT / "medallion/demo/__main__.py", *(ROOT / "scripts").rglob("*.py")]
    ours = {flag for flags in known.values() for flag in flags}
    ours |= {flag for program in programs for flag in re.findall(r'"(--[a-z-]+)"', program.read_text(encoding="utf-8"))}
    ours |= set(re.findall(r"^ +(--[a-z-]+)\) ", (ROOT / "spark-submit.sh").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        for span in spans(page):
            if re.match(r"--[a-z]", span):
                assert re.split(r"[ =]", span)[0] in ours, f"{page.name}: {span}"


def test_verbs_exist() -> None:
    """Every `make` verb that is shown is one of the Makefile."""
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        shown = "\n".join([*spans(page), *(block.text for block in blocks(page) if block.info.startswith("bash"))])
        assert set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE)) <= verbs, page.name


def script(page: Path) -> tuple[str, list[Block]]:
    """A page's executed blocks as one shell script that announces each, and the blocks."""
    runnable = [block for block in blocks(page) if RUNNABLE.fullmatch(block.info)]
    lines = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, block in enumerate(runnable):
        lines.append(f"echo '::: {number}'")
        if "file=" in block.info:
            lines += [f"cat > {block.info.partition('=')[2]} <<'END_OF_BLOCK'", block.text.rstrip("\n"), "END_OF_BLOCK"]
        elif block.info.startswith("python"):
            lines += ["python - <<'END_OF_BLOCK'", block.text.rstrip("\n"), "END_OF_BLOCK"]
        else:
            lines.append(block.text)
    return "\n".join(lines), runnable


@pytest.mark.spark
@pytest.mark.jvm
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    """Every block runs in order, in an empty folder, and prints the output that stands below it."""
    does_what_it_says("tutorial.md", tmp_path)


@pytest.mark.spark
@pytest.mark.slow
def test_a_late_event_is_placed_as_the_page_says(tmp_path: Path) -> None:
    """The fold, run in every order."""
    does_what_it_says("coming-from.md", tmp_path)


@pytest.mark.slow
def test_the_page_of_custom_sources_does_what_it_says(tmp_path: Path) -> None:
    """Its example lands in Bronze, and passes the contract suite."""
    does_what_it_says("custom-sources.md", tmp_path)


@pytest.mark.spark
@pytest.mark.slow
def test_the_page_of_files_does_what_it_says(tmp_path: Path) -> None:
    """Two files, of which the second comes later, with a line that is none."""
    does_what_it_says("files.md", tmp_path)


@pytest.mark.slow
def test_the_page_of_child_sources_does_what_it_says(tmp_path: Path) -> None:
    """The weather of real airports, each asked by itself."""
    does_what_it_says("child-sources.md", tmp_path)


@pytest.mark.slow
def test_the_page_of_authentication_does_what_it_says(tmp_path: Path) -> None:
    """A class logs in and signs, and the server that checks it is content."""
    does_what_it_says("authentication.md", tmp_path)


def does_what_it_says(name: str, folder: Path) -> None:
    """The blocks of a page run below *folder*, and each prints what the page says."""
    page = ROOT / "docs" / name
    text, runnable = script(page)
    (folder / "page.sh").write_text(text, encoding="utf-8")
    reader = folder / "reader"
    reader.mkdir()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    command = ["bash", str(folder / "page.sh")]
    done = subprocess.run(
        command, cwd=reader, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=840, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = dict(re.findall(r"^::: (\d+)\n(.*?)(?=^::: |\Z)", done.stdout, re.MULTILINE | re.DOTALL))
    everything = blocks(page)
    for number, block in enumerate(runnable):
        following = everything[everything.index(block) + 1 : everything.index(block) + 2]
        if following and following[0].info == "text output":
            shown, told = following[0].text, printed[str(number)]
            assert _fits(shown, told), f"{following[0]} says:\n{shown}\nbut:\n{told}"


def _fits(shown: str, printed: str) -> bool:
    """Whether *printed* is what is *shown*, where ``…`` stands for any text within a line."""
    pattern = "\n".join("[^\n]*".join(map(re.escape, line.split(ANYTHING))) for line in _lines(shown))
    return re.fullmatch(pattern, "\n".join(_lines(printed))) is not None


def _lines(text: str) -> list[str]:
    """The lines that are not empty, without the blanks around them."""
    return [line.strip() for line in text.splitlines() if line.strip()]
