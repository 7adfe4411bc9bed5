"""Progress on a pseudo-terminal, and none in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest

from app.settings import ROOT

SIZE = struct.pack("HHHH", 24, 80, 0, 0)


@pytest.fixture
def on_a_terminal(tmp_path):
    """Run `identify` on missing files, and return what the terminal shows."""

    def show(stdout) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, SIZE)
        command = [sys.executable, "main.py", "identify", str(tmp_path / "1.jpg"), str(tmp_path / "2.jpg")]
        done = subprocess.run(command, cwd=ROOT, stdout=stdout, stderr=theirs, timeout=60, check=False)
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:
            # Linux: the other end of the terminal is closed.
            pass
        finally:
            os.close(ours)
        assert done.returncode == 1
        return shown.decode()

    return show


def test_progress_on_a_terminal(on_a_terminal, tmp_path):
    with (tmp_path / "rows.csv").open("w") as file:
        shown = on_a_terminal(file)
    assert "0/2" in shown
    assert "1/2" in shown
    # The bar is erased before each message.
    assert f"\r{tmp_path / '1.jpg'}: There is no such file.\r\n" in shown
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    assert rows == [f"{tmp_path / name}, , unreadable, , not_found" for name in ("1.jpg", "2.jpg")]


def test_no_progress_in_a_pipe(on_a_terminal, tmp_path):
    shown = on_a_terminal(subprocess.PIPE)
    assert shown.splitlines() == [f"{tmp_path / name}: There is no such file." for name in ("1.jpg", "2.jpg")]
