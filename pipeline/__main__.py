"""Run a stage: ``python -m pipeline STAGE [ARGUMENT ...]``, from the project's root."""

import importlib
import sys
from pathlib import Path

import typer

from deft.core.errors import DataError
from deft.core.params import ParamsError

STAGES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem != "stage")


def main() -> None:
    """Run the stage named on the command line; errors that the user can fix are printed without a traceback."""
    if len(sys.argv) < 2 or sys.argv[1] not in STAGES:
        sys.exit(f"usage: python -m pipeline STAGE [ARGUMENT ...], where STAGE is one of {', '.join(STAGES)}")
    # By its real name, so that worker processes can import the functions it maps.
    stage = importlib.import_module(f"pipeline.{sys.argv[1]}")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=stage.__doc__)(stage.main)
    try:
        app(sys.argv[2:], prog_name=f"python -m pipeline {sys.argv[1]}")
    except (DataError, ParamsError) as error:
        sys.exit(f"error: {error}")


main()
