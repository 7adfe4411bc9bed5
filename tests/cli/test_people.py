import getpass
import json
from uuid import uuid4

import pytest

from app.gallery import bundle
from tests.photos import OTHER, PERSON

NEWCOMER = "Lee, Zoë"

ALLOW = ("--allow", "duplicate", "--allow", "look_alike", "--allow", "unlike")


@pytest.fixture
def gallery(recognizer):
    """The shared gallery. People that a test adds are purged after it."""
    before = {person.name for person in recognizer.gallery.people()}
    yield recognizer.gallery
    for person in recognizer.gallery.people():
        if person.name not in before:
            recognizer.gallery.rights.erase([person.name])


@pytest.fixture
def newcomer(run, gallery, pictures):
    """A new person with one photo."""
    # The photo is the portrait of a person in the gallery.
    assert run("people", "add", NEWCOMER, pictures / "inner" / "one.png", *ALLOW).exit_code == 0
    return NEWCOMER


def test_list(run, gallery):
    done = run("people", "list")
    assert done.exit_code == 0
    first = gallery.people()[0]
    assert done.stdout.splitlines()[0] == f"{first.name}, {first.anchors}"
    assert len(done.stdout.splitlines()) == len(gallery.people())


def test_names_are_no_formulas_of_spreadsheets(run, newcomer):
    run("people", "rename", newcomer, "=1+2")
    assert "'=1+2, 1\n" in run("people", "list").stdout
    assert '"person": "=1+2"' in run("people", "list", "--json").stdout


def test_list_as_json(run, gallery):
    listed = json.loads(run("people", "list", "--json").stdout)["people"]
    assert [(row["person"], row["anchors"]) for row in listed] == [(row.name, row.anchors) for row in gallery.people()]


def test_show(run, newcomer):
    run("people", "alias", newcomer, "Zo", "Zozo")
    assert run("people", "show", "zozo").stdout == (
        f"{newcomer}\nAlso known as Zo, Zozo\n1 anchor\n"
        "Recognition cannot be checked with a single photo. Add at least two more: sharp, front-on and from other "
        "days.\n"
    )
    assert "of 64 photos would be recognized if they were new." in run("people", "show", "Drake").stdout
    done = run("people", "show", "darke")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "The gallery has no person called 'darke'. Did you mean Drake?" in done.stderr


def test_aliases(run, newcomer):
    done = run("people", "alias", newcomer, "Zo", "Zozo")
    assert (done.exit_code, done.stdout) == (0, "Zo\nZozo\n")
    assert run("people", "list", "zozo").stdout == f'"{newcomer}", 1\n'
    done = run("people", "alias", "zozo", "--remove", "zo", "Dr\u0430ke")
    assert done.stdout == "Dr\u0430ke\nZozo\n"
    assert "looks like Drake, another person" in done.stderr
    assert run("people", "undo").stdout == f"Undone: changed the aliases of {newcomer}.\n"
    assert "Another person is called Drake." in run("people", "alias", newcomer, "drake").stderr
    assert run("people", "rename", "zo", "Zoe", "--keep-alias").exit_code == 0
    assert run("people", "alias", "Zoe").stdout == f"{newcomer}\nZo\nZozo\n"
    done = run("people", "alias", "Drake")
    assert (done.stdout, done.stderr) == ("", "Drake has no alias.\n")


def test_list_searches_names(run, gallery):
    drake = gallery.find("Drake")
    assert run("people", "list", "DRAKE").stdout == f"Drake, {drake.anchors}\n"
    done = run("people", "list", "beyonse", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (1, {"people": []})
    assert "No person matches 'beyonse'. Did you mean Beyoncé?" in done.stderr
    assert "Give a QUERY or --removed." in run("people", "list", "drake", "--removed").stderr


def test_a_gallery_without_the_shipped_people(run, database_url, tmp_path, monkeypatch):
    monkeypatch.setenv("FACES_ANCHORS", str(tmp_path))
    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    done = run("people", "list")
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"The shipped gallery has no file {tmp_path / 'people.json'}." in done.stderr
    assert "or set FACES_GALLERY=empty to start without the shipped people." in done.stderr

    monkeypatch.setenv("FACES_GALLERY", "empty")
    done = run("people", "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("The gallery is empty, so every face is unknown. Add a person: python main.py")
    assert run("people", "check").stdout.startswith("0 people, 0 anchors.")


def test_the_setting_empty_keeps_people_of_an_existing_gallery(run, gallery, monkeypatch):
    monkeypatch.setenv("FACES_GALLERY", "empty")
    assert len(run("people", "list").stdout.splitlines()) == len(gallery.people()) > 400


def test_added_people_are_recognized(run, newcomer, gallery, pictures):
    assert gallery.find(newcomer).anchors == 1
    done = run("identify", "--json", "--all", pictures / "inner" / "one.png")
    assert newcomer in [row["person"] for row in json.loads(done.stdout)["faces"][0]["ranking"]]
    assert f'"{newcomer}", 1\n' in run("people", "list").stdout


def test_add_prints_the_outcome_of_each_photo(run, gallery, pictures):
    names = ("a, both.jpg", "broken.jpg", "gone.jpg", "inner/one.png", "nobody.webp")
    done = run("people", "add", NEWCOMER, *(pictures / name for name in names), "--allow", "look_alike")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == len(names)
    for outcome in ("look_alike", "unreadable", "no_face", "several_faces"):
        assert f", {outcome}, " in done.stdout
    enrolled, check = done.stderr.splitlines()
    assert enrolled == f"1 photo of {NEWCOMER} enrolled. {NEWCOMER} has 1 reference photo."
    assert check.startswith("Recognition cannot be checked with a single photo.")


def test_a_person_without_accepted_photos_is_not_added(run, gallery, pictures):
    done = run("people", "add", NEWCOMER, pictures / "nobody.webp")
    assert done.exit_code == 1
    assert done.stderr == f"No photo of {NEWCOMER} was enrolled.\n"
    assert gallery.find(NEWCOMER) is None
    assert run("people", "add", NEWCOMER, pictures / "gone.jpg").exit_code == 1


def test_backup(run, tmp_path):
    for _day in range(2):
        done = run("people", "backup", tmp_path / "backup.sqlite")
        assert (done.exit_code, done.stdout) == (0, f"The gallery was copied to {tmp_path / 'backup.sqlite'}.\n")


def test_an_invalid_name(run, pictures):
    done = run("people", "add", " ", pictures / "inner" / "one.png")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The name is empty")


def test_rename(run, newcomer, gallery):
    done = run("people", "rename", newcomer.upper(), "Zoë Li")
    assert done.exit_code == 0
    assert done.stdout == f"{newcomer} is now called Zoë Li.\n"
    assert gallery.find("Zoë Li").anchors == 1


def test_names_that_look_like_others_print_a_warning(run, newcomer, gallery, pictures, tmp_path):
    similar, warning = PERSON.replace("a", "\u0430"), f"looks like {PERSON}, another person in the gallery"
    assert warning in run("people", "add", similar, pictures / "inner" / "one.png", "--review").stderr
    assert warning in run("people", "rename", newcomer, similar).stderr
    gallery.rights.erase([similar])
    face = bundle.BundledFace("1.jpg", gallery.snapshot().anchors[0])
    # Without an ID, the person would be left out: the one with this name was erased.
    person = bundle.BundledPerson(similar, [face], [], None, uuid=str(uuid4()))
    bundle.write(tmp_path / "gallery.faces", gallery.network_id, [person])
    assert warning in run("people", "import", tmp_path / "gallery.faces").stderr
    (tmp_path / "people" / f"{similar}e").mkdir(parents=True)
    (tmp_path / "people" / f"{similar}e" / "one.png").write_bytes((pictures / "inner" / "one.png").read_bytes())
    gallery.rename(similar, f"{PERSON}e")
    assert f"looks like {PERSON}e, another" in run("people", "import", tmp_path / "people").stderr


def test_rename_to_a_name_in_use(run, newcomer):
    done = run("people", "rename", newcomer, PERSON.lower())
    assert done.exit_code == 1
    assert f"Another person is called {PERSON}" in done.stderr


def test_remove(run, newcomer, gallery):
    done = run("people", "remove", newcomer)
    assert done.exit_code == 0
    assert done.stdout == f"{newcomer} was removed.\n"
    assert gallery.find(newcomer) is None
    assert "people restore 'Lee, Zoë'" in done.stderr
    assert run("people", "list", "--removed").stdout.startswith(f'"{newcomer}", 1, ')
    assert run("people", "restore", newcomer).stdout == f"{newcomer} is in the gallery with 1 anchor.\n"


def test_remove_several(run, newcomer, gallery, pictures):
    run("people", "add", "Zoë Li", pictures / "inner" / "one.png", *ALLOW)
    refused = run("people", "remove", newcomer, "Nobody Atall", "Zoë Li")
    assert refused.exit_code == 1
    assert refused.stderr.endswith(" No person was removed.\n")
    done = run("people", "remove", newcomer, "Zoë Li")
    assert done.stdout == f"{newcomer} was removed.\nZoë Li was removed.\n"
    assert done.stderr == "To bring them back within 30 days: python main.py people undo\n"
    assert run("people", "undo").stdout == f"Undone: removed {newcomer}, Zoë Li.\n"
    for wrong in ((), (newcomer, "--shipped"), (newcomer, "Zoë Li", "--anchor", "1"), ("--shipped", "--anchor", "1")):
        assert run("people", "remove", *wrong).exit_code == 2


def test_remove_the_shipped_people(run, newcomer, gallery):
    before = gallery.people()
    done = run("people", "remove", "--shipped")
    assert done.stdout == f"{len(before) - 1} shipped people removed.\n"
    assert [person.name for person in gallery.people()] == [newcomer]
    assert run("people", "undo").stdout == f"Undone: removed {len(before) - 1} people.\n"
    assert gallery.people() == before


def test_purged_people_cannot_be_restored(run, newcomer, monkeypatch):
    monkeypatch.setattr("app.gallery.store.Gallery.erasing_notice", "The log still contains the data.")
    done = run("people", "remove", newcomer, "--purge")
    first, second, third = done.stdout.splitlines()
    assert (first, third) == (f"{newcomer} was erased.", "Nothing remains.")
    assert second.startswith("Searched gallery.sqlite, ")
    assert done.stderr == (
        "people remove --purge NAME is now people erase NAME. The old name works until version 2.\n"
        "The log still contains the data.\n"
    )
    assert run("people", "restore", newcomer).exit_code == 1


def test_anchors_are_listed_removed_and_restored(run, newcomer, gallery, pictures):
    run("people", "add", newcomer, pictures / "inner" / "one.png", *ALLOW)
    first, second = run("people", "anchors", newcomer).stdout.splitlines()
    assert first.endswith(", one.png")
    number = second.split(",")[0]
    assert (
        run("people", "remove", newcomer, "--anchor", number).stdout
        == f"1 anchor of {newcomer} removed. 1 anchor left.\n"
    )
    assert run("people", "restore", newcomer, "--anchor", number).stdout.endswith("with 2 anchors.\n")
    assert run("people", "remove", newcomer, "--purge", "--anchor", number).exit_code == 0
    assert gallery.find(newcomer).anchors == 1


def test_history_and_undo_print_names(run, newcomer, gallery):
    run("people", "rename", newcomer, "Zoë Li")
    row = run("people", "history").stdout.splitlines()[0]
    assert row.endswith(f'"renamed {newcomer} → Zoë Li", can be undone, command:{getpass.getuser()}')
    assert run("people", "undo").stdout == f"Undone: renamed {newcomer} → Zoë Li.\n"
    row = run("people", "history", "--limit", 2).stdout.splitlines()[1]
    assert row.endswith(f"undone, command:{getpass.getuser()}")


def test_merge(run, newcomer, gallery, pictures):
    run("people", "add", "Zoë Li", pictures / "inner" / "one.png", *ALLOW)
    preview = run("people", "merge", "Zoë Li", newcomer, "--dry-run").stdout
    assert preview.startswith(f'Zoë Li, 1\n"{newcomer}", 1\nThey look like the same person. The distance')
    assert f"{newcomer} keeps their name and has 2 reference photos." in preview
    assert preview.endswith("\nNothing was changed.\n")
    assert run("people", "merge", "Zoë Li", newcomer).stdout == f"{newcomer} now has 2 anchors.\n"
    assert gallery.find("Zoë Li").name == newcomer


def test_reject_a_face_of_another_person(run, newcomer, photo, pictures, tmp_path):
    other = tmp_path / "other.jpg"
    other.write_bytes(photo(OTHER))

    def distance() -> float:
        face = json.loads(run("identify", "--json", "--all", other).stdout)["faces"][0]
        return next(row["class_distance"] for row in face["ranking"] if row["person"] == newcomer)

    before = distance()
    done = run("people", "reject", newcomer, other, pictures / "a, both.jpg")
    assert (done.exit_code, done.stdout) == (1, f"1 face marked as not {newcomer}.\n")
    assert "The photo shows 2 faces. Choose one by its number" in done.stderr
    row = run("people", "rejected", newcomer).stdout
    assert row.endswith(", other.jpg\n")
    assert distance() > 0.8 > before
    assert run("people", "rejected", "--remove", row.split(",")[0]).stdout == ""
    assert distance() == before
    done = run("people", "reject", newcomer, pictures / "a, both.jpg", "--face", "a, both.jpg=2")
    assert (done.exit_code, done.stdout) == (0, f"1 face marked as not {newcomer}.\n")
    assert distance() > before
    assert run("people", "reject", newcomer, other, "--face", "none.jpg=2").exit_code == 2


def test_migrate(run):
    assert run("people", "migrate").stdout == "The tables are up to date.\n"


def test_remove_an_unknown_name(run):
    done = run("people", "remove", "Nobody Atall")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: The gallery has no person called 'Nobody Atall'")


def test_import(run, gallery, photo, tmp_path):
    for name, files in {
        "New One": {"a.jpg": photo(PERSON), "b.jpg": photo(OTHER)},
        "New Two": {"a.jpg": photo(OTHER), "old/bad.jpg": b"no picture"},
        "Nothing": {},
    }.items():
        (tmp_path / "people" / name / "old").mkdir(parents=True)
        for file, data in files.items():
            (tmp_path / "people" / name / file).write_bytes(data)
    done = run("people", "import", tmp_path / "people", *ALLOW)
    assert done.exit_code == 1
    assert done.stdout == "New One, 2, 2\nNew Two, 1, 2\nNothing, 0, 0\n"
    assert "New Two/old/bad.jpg: The file could not be read as a picture." in done.stderr
    assert "Nothing: The folder has no photo.\n" in done.stderr
    assert gallery.find("new one").anchors == 2
    again = run("people", "import", tmp_path / "people", *ALLOW)
    assert (again.exit_code, again.stdout) == (1, "Nothing, 0, 0\n")
    assert "4 photos skipped, reviewed by an earlier import. Option: --again\n" in again.stderr
    assert "New Two,New Two/old/bad.jpg,unreadable," in (tmp_path / "people.csv").read_text()
    (tmp_path / "people" / "Nothing" / "old").rmdir()
    (tmp_path / "people" / "Nothing").rmdir()
    (tmp_path / "people" / "aliases.csv").write_text("person,alias\nNew One,Newbie\nNew Too,N. T.\n")
    again = run("people", "import", tmp_path / "people", *ALLOW)
    assert (again.exit_code, gallery.find("newbie").name) == (1, "New One")
    assert again.stderr.endswith(
        "aliases.csv, row 3: The gallery has no person called 'New Too'. Did you mean New Two?\nAliases added: 1\n"
    )
    (tmp_path / "people" / "aliases.csv").unlink()
    again = run("people", "import", tmp_path / "people", *ALLOW)
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr.endswith(f"There is no new photo in {tmp_path / 'people'}.\n")
    (tmp_path / "people.csv").write_text("not a report")
    refused = run("people", "import", tmp_path / "people", "--again")
    assert refused.exit_code == 1
    assert "exists and is not the report of an import. Move it, or name another file with --report." in refused.stderr


def test_a_review_enrolls_nothing(run, gallery, pictures):
    done = run("people", "add", NEWCOMER, pictures / "inner" / "one.png", pictures / "a, both.jpg", "--review")
    assert done.exit_code == 1
    assert f'look_alike, "The face looks like {PERSON}, who' in done.stdout
    assert done.stderr == f"0 of 2 photos of {NEWCOMER} would be enrolled.\n"
    assert gallery.find(NEWCOMER) is None


def test_the_old_outcome_works_with_a_warning(run, pictures):
    done = run("people", "add", NEWCOMER, pictures / "inner" / "one.png", "--review", "--allow", "lookalike")
    assert done.exit_code == 0
    assert done.stderr.startswith("lookalike is now look_alike. The old name works until version 2.\n")


def test_a_face_is_chosen_by_its_number(run, gallery, pictures):
    done = run("people", "add", NEWCOMER, pictures / "a, both.jpg", "--face", "a, both.jpg=2", *ALLOW)
    assert done.exit_code == 0
    assert OTHER in done.stdout
    assert run("people", "add", NEWCOMER, pictures / "a, both.jpg", "--face", "2").exit_code == 2


def test_photos_with_the_same_name_are_distinguished_by_their_path(run, gallery, photo, tmp_path):
    files = [tmp_path / folder / "us.jpg" for folder in "abc"]
    for file, people in zip(files, [(PERSON, OTHER), (OTHER, PERSON), (PERSON,)], strict=True):
        file.parent.mkdir()
        file.write_bytes(photo(*people))
    refused = run("people", "add", NEWCOMER, *files, "--review", "--face", "us.jpg=2")
    assert refused.exit_code == 2
    assert f"'us.jpg' can mean {files[0]} (photo 1) or {files[1]} (photo 2)" in refused.stderr
    done = run("people", "add", NEWCOMER, *files[:2], "--yes", "--face", "b/us.jpg=1", *ALLOW)
    assert [row.split(", ")[1] for row in done.stdout.splitlines()] == ["several_faces", "look_alike"]
    assert [anchor.note for anchor in gallery.anchors(NEWCOMER)] == ["b/us.jpg"]
    assert f"looks like {OTHER}" in done.stdout
    done = run("people", "add", NEWCOMER, tmp_path / "gone.jpg", *files[:2], "--review", "--face", "3=1")
    assert [row.split(", ")[1] for row in done.stdout.splitlines()] == ["unreadable", "several_faces", "duplicate"]


def test_import_of_a_folder_without_folders(run, tmp_path):
    done = run("people", "import", tmp_path)
    assert done.exit_code == 1
    assert "contains no folder" in done.stderr


def test_import_of_a_missing_folder_is_invalid_usage(run, tmp_path):
    assert run("people", "import", tmp_path / "gone").exit_code == 2


def test_check_reports_added_people_and_counts_findings_about_shipped_ones(run, newcomer):
    done = run("people", "check", "--json")
    assert done.exit_code == 1
    result = json.loads(done.stdout)
    assert 0 < result["measured_fpir"] < 0.01
    few = next(finding for finding in result["findings"] if finding["kind"] == "few")
    assert (few["person"], few["advice"], few["shipped"]) == (newcomer, "Add photos from other days.", False)
    shipped = [finding for finding in result["findings"] if finding["shipped"]]
    assert newcomer not in {name for finding in shipped for name in (finding["person"], finding["other"])}
    output = run("people", "check").stdout
    assert f"  {newcomer}: 1 anchor. The recommended minimum is 3.\n" in output
    assert f"{len(shipped)} findings about shipped people. List them with --all.\n" in output
    listed = run("people", "check", "--all").stdout.partition("\nShipped people:\n")[2]
    assert all(finding["detail"] in listed for finding in shipped)


def test_check_succeeds_without_findings_about_added_people(run, gallery):
    done = run("people", "check")
    assert done.exit_code == 0
    assert "findings about shipped people" in done.stdout
