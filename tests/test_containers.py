"""Dockerfile and compose files: they name files and settings that exist. No test here starts a container."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from app.settings import ROOT, reference

FILES = (
    *("Dockerfile", "compose.yaml", "deploy/compose.yaml", "deploy/cluster.env", "deploy/server.env"),
    "docs/how-to/docker.md",
)


@pytest.mark.parametrize("name", FILES)
def test_settings_exist(name):
    named = set(re.findall(r"FACES_[A-Z_]*[A-Z]", (ROOT / name).read_text(encoding="utf-8")))
    assert named <= {setting.variable for setting in reference()}


def test_copied_files_exist_and_are_sent_to_the_builder():
    lines = re.findall(r"(?m)^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    copied = {file for line in lines for file in line.split()}
    assert {"app", "wsgi.py", "requirements.lock"} <= copied
    assert [file for file in sorted(copied) if not (ROOT / file).exists()] == []
    sent = set(re.findall(r"(?m)^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8")))
    assert copied <= sent


@pytest.mark.parametrize("name", ["compose.yaml", "deploy/compose.yaml"])
def test_compose_reads_every_setting_from_an_optional_file(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(r"env_file: .*\{path: (\.\./)?settings\.env, required: false\}", text)
    # Those under `environment` would override the file.
    assert set(re.findall(r"(FACES_\w+):", text)) <= {"FACES_DATABASE_URL", "FACES_RATE_LIMIT_STORAGE"}
    assert "/settings.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "files",
    [
        ["Dockerfile", "deploy/server.env", "compose.yaml"],
        ["Dockerfile", "deploy/cluster.env", "deploy/compose.yaml"],
    ],
    ids=" ".join,
)
def test_the_server_accepts_the_settings_of_the_containers(files):
    """gunicorn.conf.py ends the process if the server would not start with them."""
    text = "\n".join((ROOT / file).read_text(encoding="utf-8") for file in files)
    own = dict(re.findall(r"(?m)^[ \w]*?(FACES_\w+)(?:=|: )(.+?)(?: \\)?$", text))
    own["FACES_DATABASE_URL"] = re.sub(r"\$\{.*?\}", "secret", own["FACES_DATABASE_URL"])
    clean = {variable: value for variable, value in os.environ.items() if not variable.startswith("FACES_")}
    done = subprocess.run(
        [sys.executable, "-c", "import runpy; print(runpy.run_path('gunicorn.conf.py')['bind'])"],
        check=False,
        cwd=ROOT,
        env=clean | own | {"FACES_METRICS": "0"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("0.0.0.0:8000\n", 0), done.stderr
    assert {"FACES_HOST", "FACES_TRUSTED_HOSTS"} <= own.keys()
