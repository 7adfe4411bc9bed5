"""The documentation for operators matches the program."""

import re

from app.settings import ROOT

PAGE = (ROOT / "docs" / "how-to" / "monitor.md").read_text(encoding="utf-8")


def test_the_example_of_a_log_line_has_the_fields_of_one():
    example = re.search(r'(?m)^    (\{"time".*)$', PAGE)[1]
    for field in ("time", "level", "event", "request", "route", "method", "status", "ms", "stages", "faces"):
        assert f'"{field}":' in example
