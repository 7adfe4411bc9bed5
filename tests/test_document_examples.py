"""Examples of the documents: Python code runs, command lines are valid, and tutorials work from start to end."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from app.cli import main
from app.recognition.recognizer import Recognizer
from app.settings import ROOT
from tests.photos import paste, portraits
from tests.slow import slow
from tests.test_documents import DOCUMENTS

DOCS = ROOT / "docs"
TUTORIALS = DOCS / "tutorials"
PEOPLE = {"Ann Lee": "Adam Sandler", "Bo Berg": "Camila Mendes", "Cleo Diaz": "Halle Berry", "Dan Eng": "Barack Obama"}
"""Portraits that stand for the people of the documents."""


def blocks(path: Path, language: str) -> list[str]:
    """Return the code blocks of a document in a language."""
    return re.findall(rf"(?m)^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.DOTALL)


def commands(path: Path) -> list[str]:
    """Return the lines of a document's code that call the program: `whopic …`."""
    text = path.read_text(encoding="utf-8")
    lines = re.findall(r"(?m)^ {4,}(?:\$ )?(.*)$", text)
    lines += [
        line for block in re.findall(r"(?ms)^```(?:sh|console)?\n(.*?)^```$", text) for line in block.splitlines()
    ]
    found = (
        re.search(r"^(?:nohup |[\d*]+ [\d*]+ \* \* \*  cd \S+ && |(?:[A-Z_]+=\S* )+)?(?:\S*/)?whopic (.*)$", line)
        for line in lines
    )
    return [re.sub(r"(\s+#| >).*$", "", match[1]) for match in found if match]


def parse(line: str) -> tuple[click.Command, dict[str, object], list[str]]:
    """Return the command of a line, its parameters, and the words that it does not take."""
    words = shlex.split(line)
    command: click.Command | None = main
    context = click.Context(main, info_name="whopic")
    while isinstance(command, click.Group):
        name = words.pop(0)
        command = command.get_command(context, name)
        assert command is not None, f"There is no command {name}: whopic {line}"
        context = click.Context(command, parent=context, info_name=name)
    values, rest, _ = command.make_parser(context).parse_args(words)
    return command, values, rest


EXAMPLES = [(path, line) for path in DOCUMENTS for line in commands(path)]


@pytest.mark.parametrize(("path", "line"), EXAMPLES, ids=[f"{path.stem}: {line}" for path, line in EXAMPLES])
def test_command_lines_are_valid(path, line):
    command, values, rest = parse(line)
    assert rest == [], f"whopic {line}: too many arguments"
    missing = [each.name for each in command.params if each.required and values.get(each.name) in (None, ())]
    assert missing == [], f"whopic {line}: an argument is missing"


def test_many_command_lines_are_checked():
    assert len(EXAMPLES) > 60


@pytest.fixture
def folder(tmp_path, monkeypatch, database_url) -> Path:
    """A working folder with the photos that the documents name, and a gallery of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    for name in ("photo", "one", "two", "holiday/one"):
        save(tmp_path / f"{name}.jpg", "Ann Lee")
    (tmp_path / "holiday" / "notes.jpg").write_bytes(b"no photo")
    return tmp_path


def save(path: Path, *people: str, width: float = 1.0) -> None:
    """Save a photo of people, named as in `PEOPLE`. Faces of other widths are other photos to the program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    faces = [portraits()[PEOPLE[person]] for person in people]
    matrix = (1 / width, 0, faces[0].width * (1 - 1 / width) / 2, 0, 1, 0)
    wide = [face.transform(face.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC) for face in faces]
    paste(*wide).save(path, quality=92)


def test_python_examples_run(folder, recognizer, monkeypatch, capsys):
    # Loading takes two seconds an example. tests/test_public_api.py loads a recognizer of its own.
    monkeypatch.setattr(Recognizer, "load", lambda _settings: recognizer)
    monkeypatch.setattr(Recognizer, "close", lambda _recognizer: None)
    examples = blocks(DOCS / "how-to" / "python.md", "python")
    assert len(examples) > 3
    for example in examples:
        exec(example, {})
        assert re.search(r"match|same|unknown|unreadable", capsys.readouterr().out), example


def test_excerpts_are_in_the_program():
    for path, program in ((TUTORIALS / "toy-network.md", TUTORIALS / "toy_network.py"),):
        excerpts = blocks(path, "py")
        assert excerpts
        for excerpt in excerpts:
            assert excerpt in program.read_text(encoding="utf-8")


@pytest.fixture
def family(folder, monkeypatch) -> Path:
    """The working folder with photos of the people of the tutorials, and an empty gallery."""
    monkeypatch.setenv("FACES_GALLERY", "empty")
    for number, width in enumerate((1.0, 1.2, 0.85), start=1):
        save(folder / f"ann{number}.jpg", "Ann Lee", width=width)
        save(folder / "friends" / "Bo Berg" / f"bo{number}.jpg", "Bo Berg", width=width)
        save(folder / "friends" / "Cleo Diaz" / f"cleo{number}.jpg", "Cleo Diaz", width=width)
        save(folder / "Pictures" / "2024" / f"trip{number}.jpg", "Dan Eng", width=width)
        save(folder / "Pictures" / "2024" / f"zoo{number}.jpg", "Dan Eng", "Cleo Diaz", width=0.97 * width)
    save(folder / "party.jpg", "Bo Berg", "Ann Lee", width=0.95)
    save(folder / "Pictures" / "2024" / "party.jpg", "Bo Berg", "Ann Lee", width=1.05)
    save(folder / "Pictures" / "2024" / "beach.jpg", "Bo Berg", width=1.1)
    return folder


def run(line: str) -> str:
    """Run a command line in this process and return its output."""
    words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in shlex.split(line)]
    result = CliRunner().invoke(main, words, prog_name="whopic", catch_exceptions=False)
    # `people check` ends with 1 if it found something, as linters do.
    assert result.exit_code <= (line == "people check"), f"whopic {line}: {result.output}"
    return result.output


@slow
def test_the_tutorial_of_a_family_works(family):
    outputs = {line: run(line) for line in commands(TUTORIALS / "family-gallery.md")}
    assert "Ann Lee" in outputs["people list"]
    assert {"Ann Lee", "Bo Berg"} <= set(re.split(r", |\n", outputs["identify party.jpg"]))
    assert "Bo Berg" in run("people list")
    assert "Cleo Diaz" not in run("people list")
    assert (family / "family-backup.sqlite").exists()


@slow
def test_the_tutorial_of_an_archive_works(family):
    run('people add "Ann Lee" ann1.jpg ann2.jpg ann3.jpg')
    run("people import friends")
    outputs = {line: run(line) for line in commands(TUTORIALS / "archive.md")}
    assert "party.jpg" in outputs['library search library --person "Ann Lee"']
    assert (family / "ann" / "party.jpg").exists()
    assert "Dan Eng" in run("library export library --csv faces.csv") + (family / "faces.csv").read_text("utf-8")
    assert (family / "Pictures" / "2024" / "party.jpg.xmp").exists()


def test_nginx_accepts_the_example(tmp_path):
    if not shutil.which("nginx"):
        assert "CI" not in os.environ, "CI needs nginx"
        pytest.skip("needs nginx: apt-get install nginx-light")
    (example,) = re.findall(
        r"(?ms)^ *```nginx\n(.*?)^ *```$", (DOCS / "how-to" / "reverse-proxy.md").read_text("utf-8")
    )
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=faces.example -keyout {key} -out {certificate}"
    subprocess.run(request.split(), check=True, capture_output=True)
    live = "/etc/letsencrypt/live/faces.example"
    example = example.replace(f"{live}/fullchain.pem", str(certificate)).replace(f"{live}/privkey.pem", str(key))
    example = example.replace("/dev/shm/nginx-bodies", str(tmp_path / "bodies"))
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{example} }}")
    done = subprocess.run(["nginx", "-t", "-c", config, "-p", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
