"""Documents that cannot fall behind the program, and the order of its rooms."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import click
import pytest

from app.cli import COMMANDS, main
from app.recognition import evaluation_figures
from app.settings import _RENAMED, ROOT, Settings, reference
from app.web.factory import create_app

README = (ROOT / "README.md").read_text(encoding="utf-8")

ROWS = (
    ("settings", "quiet", "unavailable", "request_id", "faces", "plural"),
    ("access", "images", "gallery", "stages"),
    ("backends", "crop", "decoder", "decoder_process", "files", "ranking"),
    ("detection", "quality", "verdict"),
    ("card", "likeness"),
    ("siamese", "strangers", "self_check"),
    ("inference",),
    ("recognizer",),
    ("sightings",),
    ("serialize", "enrollment", "loading"),
    ("importing", "health"),
    ("archive", "training"),
    ("web",),
    ("api",),
    ("serving",),
    ("factory", "cli"),
)
"""The rooms, those that know least first. A room imports rooms of earlier rows only: this is DESIGN's table, in
which the verdict reads a gallery's snapshot, the card holds the verdict's rules and the quality floor, and the API
reads refused uploads to their end as the pages do."""

HEAVY = {"tensorflow", "keras", "tf_keras", "deepface"}
HEAVY_ROOMS = {"siamese", "backends", "detection", "training"}


def row_of(room: str) -> int:
    return next(number for number, rooms in enumerate(ROWS) if room in rooms)


def modules() -> list[Path]:
    """Every module of the application."""
    return sorted((ROOT / "app").rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "app").parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of everything imported, wherever in the module; `import_quietly("x")` counts."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_quietly":
            names |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    return names


def rooms_imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {name.split(".")[1] for name in imported(tree) if name.startswith("app.")}


def commands() -> list[tuple[str, click.Command]]:
    """Every command that can be called, with those of groups: ("people add", ...)."""
    context, found = click.Context(main), []
    for name in COMMANDS:
        command = main.get_command(context, name)
        inner = command.commands if isinstance(command, click.Group) else {}
        found += [(f"{name} {part}", one) for part, one in inner.items()] or [(name, command)]
    return found


def told_of(command: str) -> str:
    """README's paragraphs that begin with the command, and its rows of tables."""
    parts = re.split(r"(?m)^(?=\*\*`|\| |#)", README)
    return "".join(part for part in parts if re.match(rf"(\*\*|\| )`{command}\b", part))


def routes() -> list[str]:
    """Every route as `METHOD /path`."""
    settings = Settings()
    app = create_app(settings, recognizer=object())
    return [
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        if rule.endpoint != "static"
    ]


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_no_setting_is_documented_that_does_not_exist(path):
    named = set(re.findall(r"FACES_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) - {"FACES_FOLDER"}
    old = {f"FACES_{name.upper()}" for name in _RENAMED} if path.name == "settings.md" else set()
    assert named <= {setting.variable for setting in reference()} | old


def test_tests_that_documents_name_exist():
    named = re.findall(
        r"`(tests/[\w/]+\.py)::(\w+)`", "".join(p.read_text("utf-8") for p in (ROOT / "docs").glob("*.md"))
    )
    assert len(named) > 13
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text("utf-8")]
    assert missing == []


@pytest.mark.parametrize("route", routes())
def test_routes_are_documented(route):
    assert f"`{route}`" in README


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_commands_are_documented(name, command):
    assert re.search(rf"(main\.py |\*\*`|\| `){name}[ `]", README), f"README.md does not tell of {name}"
    options = [one for option in command.params for one in (*option.opts, *option.secondary_opts) if one[:2] == "--"]
    missing = [option for option in options if not re.search(rf"{option}\b", told_of(name.split()[0]))]
    assert not missing, f"README.md does not tell of {name} {' '.join(missing)}"


def test_the_figures_are_those_of_the_card():
    metrics = json.loads(Settings().model.read_text(encoding="utf-8")).get("metrics", {})
    assert evaluation_figures.with_table(README, evaluation_figures.figures_table(metrics)) == README, (
        "README.md has other figures than the model card: run .venv/bin/python -m app.recognition.evaluation_figures"
    )


def test_pictures_of_the_readme_exist():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    assert [one for one in pictures if not (ROOT / one).is_file()] == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_import_earlier_rooms_only(path):
    own = room_of(path)
    if own == "__init__":
        return
    later = {room for room in rooms_imported(path) - {own} if row_of(room) >= row_of(own)}
    assert not later, f"{path.name} imports {', '.join(sorted(later))}, of its own or a later row"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_some_rooms_import_what_takes_seconds(path):
    heavy = {name.split(".")[0] for name in imported(ast.parse(path.read_text(encoding="utf-8")))} & HEAVY
    assert not heavy or room_of(path) in HEAVY_ROOMS


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_everything_required_is_locked(name):
    asked = re.findall(r"(?m)^([\w.-]+==[\w.]+)", (ROOT / f"{name}.txt").read_text(encoding="utf-8"))
    locked = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    assert asked
    missing = [one for one in asked if f"{one} \\\n    --hash=sha256:" not in locked]
    assert not missing, f"{name}.lock lacks {', '.join(missing)}: run `make lock`"
