import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from app import serialization
from app.settings import ROOT
from tests.photos import OTHER, PERSON
from tests.slow import slow


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines(), skipinitialspace=True))


def test_one_row_per_face(run, pictures):
    done = run("identify", pictures / "a, both.jpg")
    assert done.exit_code == 0
    assert done.stderr == ""
    file = str(pictures / "a, both.jpg")
    left, right = rows(done.stdout)
    assert left[:3] == [file, "1", PERSON]
    assert right[:3] == [file, "2", OTHER]
    assert re.fullmatch(r"0\.\d{4}", left[3])
    assert left[4] == "match"
    assert done.stdout.startswith(f'"{file}", 1, {PERSON}, 0.')


def test_standard_input(run, pictures):
    photo = (pictures / "inner" / "one.png").read_bytes()
    done = run("identify", "-", "./-", input=photo)
    assert rows(done.stdout)[0][:3] == ["-", "1", PERSON]
    assert done.stderr == "./-: There is no such file or folder.\n"
    assert run("identify", "-", "--out", pictures / "out").exit_code == 2


def test_control_characters_of_file_names_are_escaped(run, tmp_path):
    file = tmp_path / "a\nb\x1b[31m.jpg"
    file.touch()
    done = run("identify", file)
    name = f"{tmp_path}/a\\nb\\x1b[31m.jpg"
    assert (done.stdout, done.stderr.partition(":")[0]) == (f"{name}, , unreadable, , empty\n", name)
    assert json.loads(run("identify", "--json", file).stdout)["file"] == str(file)


def test_an_unknown_person(run, recognizer, pictures, monkeypatch):
    monkeypatch.setattr(type(recognizer.network.card.rules), "threshold", lambda _rules, _anchors, _people: 0.0)
    done = run("identify", pictures / "inner" / "one.png")
    assert done.exit_code == 0
    ((_, number, person, _, verdict),) = rows(done.stdout)
    assert (number, person, verdict) == ("1", "unknown_person", "unknown")


def test_a_folder_with_an_unreadable_file(run, pictures):
    done = run("identify", pictures)
    assert done.exit_code == 1
    found = [(Path(row[0]).relative_to(pictures).as_posix(), row[1], row[2], row[4]) for row in rows(done.stdout)]
    assert found == [
        ("a, both.jpg", "1", PERSON, "match"),
        ("a, both.jpg", "2", OTHER, "match"),
        ("broken.jpg", "", "unreadable", "unreadable"),
        ("inner/one.png", "1", PERSON, "match"),
        ("nobody.webp", "", "no_face_found", ""),
    ]
    assert done.stderr.startswith(f"{pictures / 'broken.jpg'}: The file could not be read as a picture.")


def test_a_named_file_is_read_whatever_its_suffix(run, pictures):
    done = run("identify", pictures / "notes.txt", pictures / "nobody.webp")
    assert done.exit_code == 1
    assert [row[2] for row in rows(done.stdout)] == ["unreadable", "no_face_found"]


def test_a_photo_without_a_face(run, pictures):
    done = run("identify", pictures / "nobody.webp")
    assert done.exit_code == 0
    assert done.stdout == f"{pictures / 'nobody.webp'}, , no_face_found, ,\n"


def test_missing_files_and_empty_folders(run, pictures, tmp_path):
    done = run("identify", "--json", tmp_path / "gone.jpg", tmp_path, pictures / "nobody.webp")
    assert done.exit_code == 1
    gone, no_face = map(json.loads, done.stdout.splitlines())
    assert gone == serialization.identification_error(str(tmp_path / "gone.jpg"), "not_found", "There is no such file.")
    assert no_face["error"] is None
    assert no_face["faces"] == []
    assert f"{tmp_path}: The folder has no photos.\n" in done.stderr


def test_forbidden_files(run, pictures, monkeypatch):
    def closed(_path, _mode):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    done = run("identify", pictures / "nobody.webp")
    assert done.exit_code == 1
    assert done.stdout.endswith(", , unreadable, , not_permitted\n")
    assert done.stderr.endswith("Permission denied.\n")


def test_forbidden_folders(run, tmp_path, monkeypatch):
    def closed(_path):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(os, "scandir", closed)
    done = run("identify", tmp_path)
    assert done.exit_code == 1
    assert done.stderr == f"{tmp_path}: The folder cannot be read (Permission denied).\n"


def test_large_files_are_rejected(run, pictures, monkeypatch):
    monkeypatch.setenv("FACES_MAX_FILE_BYTES", "100")
    done = run("identify", "--json", pictures / "nobody.webp")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "too_large"


def test_json_is_the_serialized_result(run, recognizer, pictures):
    file = pictures / "a, both.jpg"
    expected = recognizer.identify(file.read_bytes())
    assert json.loads(run("identify", file, "--json").stdout) == serialization.identification(str(file), expected)
    everyone = json.loads(run("identify", file, "--json", "--all").stdout)
    assert everyone == serialization.identification(str(file), expected, top=None)
    assert len(everyone["faces"][0]["ranking"]) == len(recognizer.gallery.people())


def test_all_needs_json(run, pictures):
    done = run("identify", pictures, "--all")
    assert done.exit_code == 2
    assert "--all requires --json" in done.stderr


def test_a_stricter_fpir(run, pictures):
    file = pictures / "inner" / "one.png"
    usual, strict = (json.loads(run("identify", file, "--json", *rate).stdout) for rate in ((), ("--fpir", 0.001)))
    assert (usual["fpir"], strict["fpir"]) == (0.01, 0.001)
    assert strict["faces"][0]["threshold"] < usual["faces"][0]["threshold"]
    done = run("identify", file, "--fpir", 0.02)
    assert done.exit_code == 2
    assert (
        "The FPIR cannot be 0.02. Choose the rate of FACES_FPIR or a stricter one: 0.01, 0.003, 0.001." in done.stderr
    )


def test_no_path_is_invalid_usage(run):
    assert run("identify").exit_code == 2


@slow
def test_a_process_prints_json_lines_only(process, pictures):
    files = [pictures / name for name in ("a, both.jpg", "broken.jpg", "inner/one.png", "nobody.webp")]
    done = process("identify", "--json", *files)
    assert done.returncode == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["file"] for answer in answers] == [str(file) for file in files]
    assert [answer["error"] and answer["error"]["code"] for answer in answers] == [None, "unreadable", None, None]
    assert [face["person"] for face in answers[0]["faces"]] == [PERSON, OTHER]
    # Nothing from TensorFlow, DeepFace and the progress bar.
    assert done.stderr == f"{files[1]}: {answers[1]['error']['message']}\n"


def test_a_closed_pipe_is_not_reported(pictures):
    missing = [str(pictures / f"{number}.jpg") for number in range(5_000)]
    with subprocess.Popen(
        [sys.executable, "main.py", "identify", *missing],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert "unreadable" in running.stdout.readline()
        running.stdout.close()
        errors = running.stderr.read()
    assert "Traceback" not in errors
    assert "Broken" not in errors
