import json

import pytest


def test_calibrate_tells_what_a_distance_is_worth(run):
    done = run("calibrate", "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert 0 < found["strangers_named"] < 0.01
    assert found["misnamed"] < found["named"] <= 1
    chances = list(found["right"].values())
    assert chances == sorted(chances, reverse=True)
    assert [share for share, _ in found["limits"]] == pytest.approx([0.01, 0.001])
    told = run("calibrate").stdout
    assert f"of {found['strangers']} faces of strangers, {found['strangers_named']:.2%} are given a name" in told
