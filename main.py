#!/usr/bin/env python3
"""Command line entry point: `python main.py --help`, or a link to this file that is called whopic."""

import sys
from pathlib import Path

from app.cli import main

if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    main(prog_name="python main.py" if name == "main.py" else name)
