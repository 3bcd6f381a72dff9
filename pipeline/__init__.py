"""The stages: one script each, run as ``python -m pipeline.STAGE`` from the project's root."""

import sys
from pathlib import Path

# A queued experiment runs in a copy of the project: its own src/ must win over an editable install's.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
