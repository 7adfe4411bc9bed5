import click
import pytest
from click.testing import CliRunner

from app.cli.common import renamed_options


@click.command(context_settings=renamed_options(now="purge", by_hand="with_care"))
@click.option("--purge", is_flag=True)
@click.option("--with-care")
def command(purge: bool, with_care: str | None) -> None:
    click.echo(f"{purge} {with_care}")


@pytest.mark.parametrize("arguments", [["--now", "--by-hand", "much"], ["--now", "--by-hand=much"]])
def test_old_option_names_work_with_a_warning(arguments):
    done = CliRunner().invoke(command, arguments)
    assert done.stdout == "True much\n"
    assert done.stderr == (
        "--now is now --purge. The old name works until version 2.\n"
        "--by-hand is now --with-care. The old name works until version 2.\n"
    )


def test_new_option_names_give_no_warning():
    assert CliRunner().invoke(command, ["--purge", "--with-care", "--now"]).output == "True --now\n"


def test_help_lists_new_option_names_only():
    found = CliRunner().invoke(command, ["--help"])
    assert "--purge" in found.output
    assert "--now" not in found.output
    assert not found.stderr
