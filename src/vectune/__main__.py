"""`python -m vectune`: the command line."""

from vectune.cli.main import run

if __name__ == "__main__":
    run()
