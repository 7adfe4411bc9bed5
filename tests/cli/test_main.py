import os
import subprocess
import sys

import pytest

from app import __version__
from app.cli import COMMANDS
from app.settings import ROOT, reference


def imported(arguments: list[str], database_url: str) -> set[str]:
    """Return the modules that a command imports."""
    code = (
        "import contextlib, io, sys; from app.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): main({arguments!r}, standalone_mode=False)\n"
        "print(*sys.modules)"
    )
    environment = {"FACES_DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("arguments", [["--help"], ["people", "list"], ["settings"]], ids=" ".join)
def test_quick_commands_import_nothing_heavy(arguments, database_url):
    assert not {"tensorflow", "keras", "deepface", "pyarrow"} & imported(arguments, database_url)


def test_help_takes_less_than_a_second(process):
    # Processor time: the machine may be busy.
    before = os.times()
    assert process("--help").returncode == 0
    after = os.times()
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1


def test_help_lists_every_command(process):
    done = process("--help")
    assert done.stderr == ""
    for name in ("identify", "compare", "people list", "people add", "people remove", "people rename", "people import"):
        assert f"  {name} " in done.stdout
    assert "Exit codes: 0 success, 1 some input could not be processed, 2 invalid usage." in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run, name):
    done = run(name, "--help")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: python main.py {name}")
    assert "\\b" not in done.stdout


def test_the_version_is_printed(run):
    assert run("--version").stdout == f"whopic {__version__}\n"


def test_a_mistyped_command_is_invalid_usage(run):
    done = run("idetnify")
    assert done.exit_code == 2
    assert "No such command 'idetnify'." in done.stderr


def test_an_invalid_setting_is_invalid_usage(process):
    done = process("people", "list", FACES_PORT="many")
    assert done.returncode == 2
    assert done.stderr == "Error: FACES_PORT is 'many'. It must be a whole number from 1 to 65535.\n"


def test_a_missing_network_is_reported(process, tmp_path):
    done = process("people", "list", FACES_MODEL=str(tmp_path / "none.json"))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: There is no model card at ")
    assert "Traceback" not in done.stderr


def test_a_missing_detector_is_reported(run, recognizer, monkeypatch, pictures):
    monkeypatch.setattr(recognizer.detector, "backend", "dlib")
    done = run("identify", pictures / "nobody.webp")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The dlib detector cannot be used (")


def test_bugs_keep_their_traceback(run, recognizer, monkeypatch, pictures):
    def fail(_data, _fpir):
        raise RuntimeError("a bug")

    monkeypatch.setattr(recognizer, "identify", fail)
    done = run("identify", pictures / "nobody.webp")
    assert isinstance(done.exception, RuntimeError)


def test_settings_are_printed_with_value_and_default(run, monkeypatch):
    monkeypatch.setenv("FACES_MAX_FACES", "3")
    monkeypatch.setenv("FACES_DATABASE_URL", "postgresql://me:secret@host/faces")
    done = run("settings")
    assert done.exit_code == 0
    for variable in (setting.variable for setting in reference()):
        assert f"{variable}=" in done.stdout
    assert "FACES_MAX_FACES=3 (default: 64)" in done.stdout
    assert "secret" not in done.stdout


def test_without_a_command_an_introduction_is_shown(run):
    done = run()
    assert done.exit_code == 0
    assert done.stderr == ""
    assert "python main.py identify PHOTO..." in done.stdout
    assert "anchors/portraits/" in done.stdout
    assert "  0." in done.stdout


def test_the_introduction_without_portraits(run, monkeypatch, tmp_path):
    monkeypatch.setenv("FACES_ANCHORS", str(tmp_path))
    done = run()
    assert done.exit_code == 0
    assert f"No portraits found in {tmp_path}." in done.stdout


def test_the_old_name_of_a_setting_works_with_a_one_line_warning():
    command = [sys.executable, "main.py", "settings"]
    done = subprocess.run(command, cwd=ROOT, env={"FACES_THREADS": "3"}, capture_output=True, text=True, check=True)
    assert "FACES_CONCURRENCY=3 (default: 12)\n" in done.stdout
    assert done.stderr == "FACES_THREADS is now FACES_CONCURRENCY. The old name works until version 2.\n"


def test_a_link_called_whopic_is_the_command(tmp_path):
    """The image of the container has one."""
    link = tmp_path / "whopic"
    link.symlink_to(ROOT / "main.py")
    done = subprocess.run([sys.executable, link, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: whopic [OPTIONS]")
