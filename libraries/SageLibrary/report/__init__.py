"""What a run showed: which faults were noticed and repaired, how fast, and every test's timeline on one page."""

from __future__ import annotations

from SageLibrary.recording.figures import Figures, measure
from SageLibrary.recording.recorder import Recorder
from SageLibrary.recording.recording import Recording, collect
from SageLibrary.report.lanes import draw

__all__ = ["Figures", "Recorder", "Recording", "collect", "draw", "measure"]
