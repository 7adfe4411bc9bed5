import json

import pytest


@pytest.fixture
def reverted(run):
    yield
    assert run("calibrate", "--revert").exit_code == 0


def test_calibrate_measures_applies_and_reverts(run, recognizer, reverted):
    done = run("calibrate", "--json", "--apply")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["fpir"] == 0.01
    assert 0 < found["impostor_fpir"] < 0.03
    assert found["misidentified"] < 0.01
    assert found["tpir"] > 0.9
    shifts = [tuple(row) for row in found["shifts"]]
    assert [fpir for fpir, _ in shifts] == [0.01, 0.003, 0.001]
    assert sorted(recognizer.gallery.snapshot().shifts) == sorted(shifts)
    assert "calibrate --revert" in done.stderr
    output = run("calibrate").stdout
    again = json.loads(run("calibrate", "--json").stdout)
    assert max(again["impostor_fpir"], again["left_out_fpir"]) <= 0.01
    assert f"{again['impostor_fpir']:.2%} of {found['impostors']:,} impostor faces match a person." in output
    assert run("calibrate", "--revert").exit_code == 0
    assert recognizer.gallery.snapshot().shifts == ()


def test_apply_and_revert_exclude_each_other(run):
    done = run("calibrate", "--apply", "--revert")
    assert (done.exit_code, "not both" in done.stderr) == (2, True)
