"""What a run showed: which faults were noticed and repaired, how fast, and every test's timeline on one page."""

from __future__ import annotations

from SageLibrary.report.figures import Figures, measure
from SageLibrary.report.lanes import draw
from SageLibrary.report.recorder import Recorder
from SageLibrary.report.recording import Recording, collect

__all__ = ["Figures", "Recorder", "Recording", "collect", "draw", "measure"]
