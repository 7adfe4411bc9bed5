from __future__ import annotations

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from annotated_types import Ge, Le

from app.errors import SettingsError
from app.settings import _RENAMED, ROOT, Settings, reference

INTEGERS = [name for name, field in Settings.model_fields.items() if field.annotation is int]


@pytest.fixture
def environment(monkeypatch):
    """Set environment variables."""

    def change(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return change


def test_environment_variables_are_parsed(environment):
    environment(
        FACES_DETECTOR="mtcnn",
        FACES_PORT=" 80 ",
        FACES_MODEL="other/card.json",
        FACES_DATABASE_URL="postgresql://host/faces",
        FACES_DETECTOR_DOWNLOADS="True",
        FACES_FPIR="0.003",
        DEEPFACE_HOME="/weights",
        FACES_HOST="",
        face_thing="1",
    )
    settings = Settings()
    assert (settings.detector, settings.port, settings.model) == ("mtcnn", 80, Path("other/card.json"))
    assert settings.database_url == "postgresql://host/faces"
    assert (settings.detector_downloads, settings.fpir) == (True, 0.003)
    assert settings.deepface_home == Path("/weights")
    assert settings.host == "127.0.0.1"


def test_arguments_override_the_environment(environment):
    environment(FACES_PORT="80")
    assert Settings(port=81).with_changes(queue=3).port == 81


def test_commands_have_higher_limits_unless_they_are_set(environment):
    environment(FACES_MAX_FILE_BYTES="1000")
    settings = Settings(decode_seconds=2).with_changes(port=80)
    local = settings.for_local_files()
    assert (local.max_file_bytes, local.decode_seconds, local.port) == (1000, 2, 80)
    assert local.max_pixels > settings.max_pixels
    assert local.decode_bytes > settings.decode_bytes


WRONG = [
    ("detector", "haar", "FACES_DETECTOR is 'haar'. It must be one of: auto, yunet"),
    ("detector_downloads", "perhaps", "FACES_DETECTOR_DOWNLOADS is 'perhaps'. It must be true or false."),
    ("port", "http", "FACES_PORT is 'http'. It must be a whole number from 1 to 65535."),
    ("port", "65536", "from 1 to 65535."),
    ("detection_side", "63", "from 64 to"),
    ("body_seconds", "9" * 5000, "a whole number from 1 to 86400."),
    ("recovery_days", "1000000", "a whole number from 0 to 36525."),
    ("max_pixels", "4e7", "FACES_MAX_PIXELS is '4e7'. It must be a whole number"),
    ("fpir", "0.5", "FACES_FPIR is '0.5'. It must be one of: 0.01, 0.003, 0.001."),
    ("log", "xml", "FACES_LOG is 'xml'. It must be one of: json, off."),
    ("contact", "javascript:alert(1)", "It must be off, an e-mail address, or an https:// URL."),
    ("contact", "a@faces.example?cc=b@faces.example", "It must be off, an e-mail address, or an https:// URL."),
    ("contact", 'https://faces.example/" onclick', "It must be off, an e-mail address, or an https:// URL."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), WRONG)
def test_invalid_values_are_explained(environment, name, value, sentence):
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Settings(**{name: value})
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Settings().with_changes(**{name: value})
    environment(**{f"FACES_{name.upper()}": value})
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Settings()


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_have_a_range(name):
    metadata = Settings.model_fields[name].metadata
    low, high = (next(item for item in metadata if isinstance(item, kind)) for kind in (Ge, Le))
    for value in (low.ge - 1, high.le + 1, "many"):
        with pytest.raises(SettingsError, match=rf"is .*\. It must be a whole number from {low.ge} to {high.le}\."):
            Settings(**{name: value})
    assert getattr(Settings(**{name: high.le}), name) == high.le


def test_errors_show_no_secrets():
    for name in ("admin_token", "database_url"):
        with pytest.raises(SettingsError, match=f"FACES_{name.upper()} ") as caught:
            Settings(**{name: {"secret": 1}})
        assert "secret" not in str(caught.value).replace("import secrets; print(secrets.", "")
        assert caught.value.__cause__ is None
    assert "postgresql" not in repr(Settings(database_url="postgresql://ann:password@host/faces"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("FACES_COLOR", "There is no setting FACES_COLOR. `whopic settings` lists all settings."),
        ("FACES_PROT", "There is no setting FACES_PROT. Did you mean FACES_PORT?"),
    ],
)
def test_unknown_variables_are_rejected(environment, name, sentence):
    environment(**{name: "1"})
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Settings()


def test_unknown_arguments_are_rejected():
    with pytest.raises(SettingsError, match=r"There is no setting prot\. Did you mean port\?"):
        Settings(prot=80)


@pytest.mark.parametrize(("old", "new"), _RENAMED.items())
def test_old_names_work_with_a_warning(environment, old, new):
    sentence = f"FACES_{old.upper()} is now FACES_{new.upper()}. The old name works until version 2."
    value = "redis://host:6379" if new == "rate_limit_storage" else "7"
    with pytest.warns(FutureWarning, match=re.escape(sentence)):
        assert str(getattr(Settings(**{old: value}), new)) == value
    environment(**{f"FACES_{old.upper()}": value})
    with pytest.warns(FutureWarning, match=re.escape(sentence)):
        assert str(getattr(Settings(), new)) == value


def test_settings_are_immutable_and_can_be_pickled():
    settings = Settings(port=80)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 81
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.with_changes(host="::1") == Settings(port=80, host="::1")


def test_every_setting_has_a_reference():
    assert all(setting.meaning.endswith(".") and setting.allowed for setting in reference())


def test_settings_import_nothing_heavy():
    code = (
        "import sys, app.settings; app.settings.Settings(); "
        "print([m for m in ('numpy', 'tensorflow', 'flask') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_settings_read_the_environment(path):
    """Other modules set variables for libraries, with `setdefault`, `update` or an assignment, or show code."""
    if path.relative_to(ROOT / "app").as_posix() not in {"settings.py", "web/api/code_samples.py"}:
        reads = r"getenv|os\.environ\.(get|items|copy)\(|in os\.environ|os\.environ\[[^\]]+\](?! = )|os\.environ \|"
        assert re.search(reads, path.read_text(encoding="utf-8")) is None
