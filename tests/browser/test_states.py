"""Accessibility of every page and state, in light and dark."""

from __future__ import annotations

import pytest

from tests.browser.states import STATES, write_photos
from tests.browser.test_accessibility import expect_no_violation
from tests.slow import slow


@pytest.fixture(scope="module")
def files(server, tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("states"), server.address)


@slow
@pytest.mark.parametrize("state", sorted(STATES.keys() - {"not-found", "offline", "no-face", "failure"}))
def test_no_violation(page, files, state):
    STATES[state](page, files)
    if state != "waiting":  # its request has no answer
        page.wait_for_load_state("networkidle")
    expect_no_violation(page)
