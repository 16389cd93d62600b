"""The templates that every page, picture and table is made of: they hold all tags, and escape what is put into them."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from SageLibrary.recording.verdict import GRAVEST_FIRST, MEANING, Outcome
from SageLibrary.report import wording

BAD_FIRST = (*GRAVEST_FIRST, Outcome.SKIPPED)

_templates = Environment(
    loader=PackageLoader("SageLibrary.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(BAD_FIRST=BAD_FIRST, MEANING=MEANING)
_templates.filters.update(px="{:.1f}".format, whole="{:.0f}".format, seconds=wording.seconds, moment=wording.moment)


def render(template: str, **values: object) -> str:
    """The page, picture or table that this template makes of these values.

    Raises jinja2.UndefinedError when the template asks for one that is not among them.
    """
    return str(_templates.get_template(f"{template}.html.j2").render(values))
