"""The command line; `python main.py --help` explains it."""

from app.cli import main

if __name__ == "__main__":
    main(prog_name="python main.py")
