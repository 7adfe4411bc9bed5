"""Marker of slow tests. They run with CI=true, which `.ci/run` sets."""

import os

import pytest

slow = pytest.mark.skipif("CI" not in os.environ, reason="slow; CI=true make test runs it")
