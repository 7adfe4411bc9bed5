"""Tests that take half a minute each run where time is no matter: with CI=true, as `.ci/run` sets it."""

import os

import pytest

slow = pytest.mark.skipif("CI" not in os.environ, reason="takes half a minute; CI=true make test runs it")
