import csv
import io

import pytest

from app.text import csv_cell, one_line, plain_text


@pytest.mark.parametrize("text", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''@x"])
def test_formulas_get_an_apostrophe_in_csv(text):
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(text)])
    [[cell]] = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert cell == f"'{text}"
    assert plain_text(cell) == text


@pytest.mark.parametrize("value", ["Ann", "'Ann", "a=b", "-", "", -1.5, None])
def test_other_cells_of_csv_do_not_change(value):
    assert csv_cell(value) == value
    assert plain_text(str(value)) == str(value)


def test_control_characters_are_escaped_on_a_line():
    assert one_line("a\nb\x1b[31m\u202egpj.exe Zoë\u200c") == "a\\nb\\x1b[31m\\u202egpj.exe Zoë\u200c"
