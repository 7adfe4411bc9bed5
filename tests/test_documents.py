"""The documents name only settings, commands, options, tests and pictures that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import click
import pytest

from app.cli import COMMANDS, main
from app.recognition import evaluation_table
from app.settings import _RENAMED, ROOT, Settings, reference

README = (ROOT / "README.md").read_text(encoding="utf-8")
EVALUATION = evaluation_table.DOCUMENT.read_text(encoding="utf-8")

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands() -> dict[str, set[str]]:
    """Return the visible options of every command: {"people add": {"--yes", "--help"}, ...}."""
    found = {}
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        found[name] = options_of(command)
        if isinstance(command, click.Group):
            for part, inner in command.commands.items():
                found[f"{name} {part}"] = options_of(inner)
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
        found = re.search(rf"main\.py +([a-z].*)|\bfaces +((?:{'|'.join(COMMANDS)})\b.*)", line)
        words = (found.group(1) or found.group(2) if found else line).split(" #")[0].split()
        if words and (found or words[0].startswith("--") or words[0] in ("identify", "people")):
            yield words


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_settings_of_the_documents_exist(path):
    named = set(re.findall(r"FACES_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) - {"FACES_FOLDER"}
    old = {f"FACES_{name.upper()}" for name in _RENAMED} if path.name == "settings.md" else set()
    assert named <= {setting.variable for setting in reference()} | old


def test_tests_that_documents_name_exist():
    named = re.findall(
        r"`(tests/[\w/]+\.py)::(\w+)`", "".join(p.read_text("utf-8") for p in (ROOT / "docs").rglob("*.md"))
    )
    assert len(named) > 13
    texts = {file: (ROOT / file).read_text("utf-8") if (ROOT / file).is_file() else "" for file, _ in named}
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in texts[file]]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
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


def test_the_figures_are_those_of_the_card():
    metrics = json.loads(Settings().model.read_text(encoding="utf-8")).get("metrics", {})
    assert evaluation_table.insert_table(EVALUATION, evaluation_table.format_table(metrics)) == EVALUATION, (
        "The document has other figures than the model card: run .venv/bin/python -m app.recognition.evaluation_table"
    )


def test_pictures_of_the_readme_exist():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert [one for one in pictures if not (ROOT / one).is_file()] == []


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_everything_required_is_locked(name):
    asked = re.findall(r"(?m)^([\w.-]+==[\w.]+)", (ROOT / f"{name}.txt").read_text(encoding="utf-8"))
    locked = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    assert asked
    missing = [one for one in asked if f"{one} \\\n    --hash=sha256:" not in locked]
    assert not missing, f"{name}.lock lacks {', '.join(missing)}: run `make lock`"
