"""``python -m SageLibrary.reference PAGE.md PAGE.html``: write the text that is kept, and libdoc's page."""

from __future__ import annotations

import sys
from pathlib import Path

from SageLibrary.reference.html import write_page
from SageLibrary.reference.markdown import page

if __name__ == "__main__":
    text, searchable = (Path(argument) for argument in sys.argv[1:])
    text.write_text(page(), encoding="utf-8")
    write_page(searchable)
