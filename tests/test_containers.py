"""Dockerfile and compose files: they name files and settings that exist. No test here starts a container."""

from __future__ import annotations

import re

import pytest

from app.settings import ROOT, reference

FILES = ("Dockerfile", "compose.yaml", "deploy/compose.yaml", "deploy/cluster.env", "docs/how-to/docker.md")


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
