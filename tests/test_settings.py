import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.settings import ROOT, Settings, table


def test_defaults_need_no_environment():
    assert Settings.from_environment({"PATH": "/bin", "face_thing": "1"}) == Settings()


def test_every_kind_of_value_is_read():
    settings = Settings.from_environment(
        {
            "FACES_DETECTOR": "mtcnn",
            "FACES_PORT": " 80 ",
            "FACES_MODEL": "other/card.json",
            "FACES_DATABASE_URL": "postgresql://host/faces",
            "FACES_DETECTOR_DOWNLOADS": "True",
        }
    )
    assert (settings.detector, settings.port, settings.model) == ("mtcnn", 80, Path("other/card.json"))
    assert settings.database_url == "postgresql://host/faces"
    assert settings.detector_downloads is True


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("FACES_DETECTOR", "haar", "FACES_DETECTOR is 'haar'; it can be one of: auto, yunet"),
        ("FACES_DETECTOR", "", "FACES_DETECTOR is ''; it can be one of"),
        ("FACES_DETECTOR_DOWNLOADS", "yes", "FACES_DETECTOR_DOWNLOADS is 'yes'; it can be 1 (true) or 0 (false)."),
        ("FACES_PORT", "http", "FACES_PORT is 'http'; it has to be a whole number from 1 to 65535."),
        ("FACES_PORT", "0", "from 1 to 65535."),
        ("FACES_PORT", "-5", "from 1 to 65535."),
        ("FACES_PORT", "65536", "from 1 to 65535."),
        ("FACES_DETECTION_SIDE", "63", "from 64 to"),
        ("FACES_BODY_SECONDS", "9" * 5000, "a whole number from 1 to 86400."),
        ("FACES_RECOVERY_DAYS", "1000000", "a whole number from 0 to 36525."),
        ("FACES_HOST", "no host.invalid", "FACES_HOST is 'no host.invalid'; it has to be an address of this machine"),
        ("FACES_MAX_PIXELS", "4e7", "FACES_MAX_PIXELS is '4e7'; it has to be a whole number"),
        ("FACES_THREADS", "", "FACES_THREADS is ''"),
        ("FACES_MODEL", "", "FACES_MODEL is empty; leave it unset for its default"),
        ("FACES_HOST", "", "FACES_HOST is empty"),
        ("FACES_COLOR", "red", "There is no setting FACES_COLOR. The settings are: FACES_DETECTOR"),
    ],
)
def test_a_bad_value_gives_its_sentence(name, value, sentence):
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("item", [one for one in fields(Settings) if isinstance(one.default, int)], ids=str)
def test_every_number_has_its_bounds_and_names_them(item):
    name = f"FACES_{item.name.upper()}"
    for value in ("many", "-1", "1" + "0" * 13, ""):
        with pytest.raises(
            SettingsError, match=rf"{name} is '.*'; it (has to be a whole number from|can be 1 \(true\))"
        ):
            Settings.from_environment({name: value})


def test_the_table_names_every_setting_with_its_meaning():
    rows = table()
    assert [row[0] for row in rows] == [f"FACES_{item.name.upper()}" for item in fields(Settings)]
    assert all(default and meaning for _, default, meaning in rows)


def test_settings_answer_without_importing_anything_heavy():
    code = "import sys, app.settings; print([m for m in ('numpy', 'tensorflow', 'flask') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
