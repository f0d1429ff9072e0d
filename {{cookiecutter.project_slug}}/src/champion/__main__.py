"""`python -m champion VERB`, or `python src/champion VERB` before anything is installed."""

import io
import os
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

if tuple(sys.version_info[:2]) < (3, 11):
    sys.exit(f"champion: Python 3.11 or newer is needed, this is {sys.version.split()[0]}.")

# It is for Python's own way to here; programs that are called may count on their folder.
os.environ.pop("PYTHONSAFEPATH", None)

from champion.cli import main

for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # what a table holds, on any terminal
sys.exit(main())
