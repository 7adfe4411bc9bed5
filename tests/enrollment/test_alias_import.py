import pytest

from app.enrollment.alias_import import AliasImport, import_aliases


@pytest.fixture
def read(tiny_gallery, tmp_path):
    def write_and_import(content: bytes) -> AliasImport:
        path = tmp_path / "aliases.csv"
        path.write_bytes(content)
        return import_aliases(tiny_gallery, path)

    return write_and_import


def test_each_row_adds_an_alias(tiny_gallery, read):
    content = b"\xef\xbb\xbfPerson,Alias\nANN LEE,Annie\n\nbob,Robert\nRobert,Rob\n"
    assert read(content) == AliasImport(3)
    assert (tiny_gallery.find("annie").name, tiny_gallery.find("bob").aliases) == ("Ann Lee", ("Rob", "Robert"))
    assert read(content) == AliasImport(0)


def test_rows_that_cannot_be_used_are_reported(tiny_gallery, read):
    result = read(b"person,alias\nAnne Lee,Annie\nbob,ann lee\nbob\nbob,\nbob,Rob\n")
    assert result.added == 1
    assert [problem.partition(": ")[::2] for problem in result.problems] == [
        ("aliases.csv, row 2", "The gallery has no person called 'Anne Lee'. Did you mean Ann Lee?"),
        (
            "aliases.csv, row 3",
            "Another person is called Ann Lee. Choose another name, or merge the two people.",
        ),
        ("aliases.csv, row 4", "Expected a person and an alias, found 1 columns."),
        ("aliases.csv, row 5", "The name is empty. Enter a name."),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The first line of aliases.csv must be: person,alias"),
        (b"name\nbob,Rob", "The first line of aliases.csv must be: person,alias"),
        (b"person,alias\nbob,Ren\xe9", "aliases.csv is not a CSV file in UTF-8"),
    ],
)
def test_other_files_change_nothing(tiny_gallery, read, content, problem):
    result = read(content)
    assert result.problems[0].startswith(problem)
    assert tiny_gallery.find("bob").aliases == ()
