"""The documents are current: generated parts, links, and named settings, commands, options and tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app.cli import COMMANDS, main
from app.settings import _RENAMED, ROOT, reference
from docs import generate

AT_THE_TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def commands() -> dict[str, set[str]]:
    """Return the visible options of every command: {"people add": {"--yes", "--help"}, ...}."""
    found = {}
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        found[name] = options_of(command)
        if isinstance(command, click.Group):
            for part, inner in command.commands.items():
                parts = inner.commands.values() if isinstance(inner, click.Group) else ()
                found[f"{name} {part}"] = options_of(inner).union(*map(options_of, parts))
                found[name] |= options_of(inner)
    return found


def options_of(command: click.Command) -> set[str]:
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    return {"--help", *(name for one in shown for name in (*one.opts, *one.secondary_opts))}


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of every command line in code, and of every option in code that stands alone."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"(?m)^(?:    |\$ )(.*)$", text)
    code += [line for block in re.findall(r"(?s)```\w*\n(.*?)```", text) for line in block.splitlines()]
    for line in code:
        found = re.search(rf"main\.py +([a-z].*)|\bwhopic +((?:{'|'.join(COMMANDS)})\b.*)", line)
        words = (found.group(1) or found.group(2) if found else line).split(" #")[0].split()
        if words and (found or words[0].startswith("--") or words[0] in ("identify", "people")):
            yield words


@pytest.mark.parametrize("path", generate.documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_generated_parts_are_current(path):
    text = path.read_text(encoding="utf-8")
    assert generate.fill(text) == text, "Run: make reference"


def test_every_generated_part_is_in_a_document():
    named = [match[2] for path in generate.documents() for match in generate.PART.finditer(path.read_text("utf-8"))]
    assert set(named) == set(generate.PARTS)


def test_routes_name_the_scope_that_they_need():
    sections = {part.partition("\n")[0]: part for part in generate.routes().split("### ")}
    assert "the scope `identify`, except on an open server." in sections["POST /api/v1/identify"]
    assert "the scope `manage`." in sections["PATCH /api/v1/people/{person_id}/record"]


def test_topics_begin_with_settings():
    order = [setting.name for setting in reference()]
    assert [name for name in order if name in generate.TOPICS] == list(generate.TOPICS)
    assert order[0] in generate.TOPICS


@each_document
def test_settings_of_the_documents_exist(path):
    named = set(re.findall(r"FACES_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) - {"FACES_FOLDER"}
    old = {f"FACES_{name.upper()}" for name in _RENAMED} if path.name == "settings.md" else set()
    assert named <= {setting.variable for setting in reference()} | old


def test_tests_that_documents_name_exist():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "".join(path.read_text("utf-8") for path in DOCUMENTS))
    assert len(named) > 13
    texts = {file: (ROOT / file).read_text("utf-8") if (ROOT / file).is_file() else "" for file, _ in named}
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in texts[file]]
    assert missing == []


@each_document
def test_commands_and_options_of_the_documents_exist(path):
    known = commands()
    every_option = set().union(*known.values())
    for words in command_lines(path.read_text(encoding="utf-8")):
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
        options = {re.split(r"[=/\]]", word)[0] for word in words if re.match(r"--[a-z]", word)}
        if words[0].startswith("--"):
            allowed = every_option
        else:
            assert name, f"There is no command {' '.join(words[:2])}"
            allowed = known[name]
        assert options <= allowed, f"{' '.join(words)}: no option {', '.join(sorted(options - allowed))}"


@pytest.mark.parametrize("path", AT_THE_TOP, ids=lambda path: path.name)
def test_links_of_documents_at_the_top_lead_to_files_and_headings(path):
    """`mkdocs build --strict` checks those of docs/ (`make lint`)."""
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    for target in targets:
        if not re.match(r"https?:|mailto:", target):
            file, _, anchor = target.partition("#")
            found = path.parent / file if file else path
            assert found.exists(), target
            assert not anchor or anchor in headings(found), target


def headings(path: Path) -> set[str]:
    """Return the anchors of the headings of a document."""
    titles = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_everything_required_is_locked(name):
    texts = [(ROOT / f"{name}.txt").read_text(encoding="utf-8")]
    texts += [(ROOT / file).read_text(encoding="utf-8") for file in re.findall(r"(?m)^-r (\S+)", texts[0])]
    asked = re.findall(r"(?m)^([\w.-]+==[\w.]+)", "\n".join(texts))
    locked = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    assert asked
    missing = [one for one in asked if f"{one} \\\n    --hash=sha256:" not in locked]
    assert not missing, f"{name}.lock lacks {', '.join(missing)}: run `make lock`"
