"""Draw the packages of libraries/ on their floors, with the imports between them, as docs/packages.svg.

The floors are those of the layers contracts in pyproject.toml, the arrows come from the source. An arrow is left out
where others lead to the same package.
usage: python provision/controller/draw_packages.py >docs/packages.svg
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).resolve().parents[2]
BOX, GAP, FLOOR, MARGIN = 140, 14, 74, 16
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1c2430; text-anchor: middle; }
.title { font-weight: 600; font-size: 15px; text-anchor: start; }
rect { fill: #f4f6f9; stroke: #8a97a8; }
path { fill: none; stroke: #2f6db3; stroke-opacity: .55; }
marker path { fill: #2f6db3; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6eaf0; } rect { fill: #1d242e; stroke: #66758a; }
  path { stroke: #6aa5e8; } marker path { fill: #6aa5e8; }
}"""
Arrow = tuple[str, str]


def floors() -> dict[str, list[list[str]]]:
    """The packages of each product, floor by floor from above, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {
        one["containers"][0]: [layer.split(" | ") for layer in one["layers"]]
        for one in project["tool"]["importlinter"]["contracts"]
        if one["type"] == "layers"
    }


def arrows(product: str, packages: list[str]) -> list[Arrow]:
    """Which package imports which, without those arrows that follow from others."""
    graph = grimp.build_graph(product, cache_dir=None)
    for package in packages:
        graph.squash_module(f"{product}.{package}")
    direct = {one: {two for two in packages if one != two and _imports(graph, product, one, two)} for one in packages}

    def reached(start: str) -> set[str]:
        return direct[start].union(*(reached(two) for two in direct[start]))

    return [
        (one, two)
        for one in packages
        for two in packages
        if two in direct[one] and not any(two in reached(other) for other in direct[one])
    ]


def _imports(graph: grimp.ImportGraph, product: str, one: str, two: str) -> bool:
    return bool(graph.direct_import_exists(importer=f"{product}.{one}", imported=f"{product}.{two}"))


def draw() -> str:
    """The picture as SVG."""
    products = floors()
    widest = max(len(floor) for product in products.values() for floor in product)
    width = 2 * MARGIN + widest * BOX + (widest - 1) * GAP
    parts, top = [], MARGIN
    for product, rows in products.items():
        parts.append(f'<text class="title" x="{MARGIN}" y="{top + 14}">{product}</text>')
        top += 30
        place = {}
        for number, row in enumerate(rows):
            left = (width - len(row) * BOX - (len(row) - 1) * GAP) / 2
            for column, package in enumerate(row):
                place[package] = (left + column * (BOX + GAP), top + number * FLOOR)
        for one, two in arrows(product, list(place)):
            (x1, y1), (x2, y2) = place[one], place[two]
            x1, x2, y1 = x1 + BOX / 2, x2 + BOX / 2, y1 + 30
            bend = (y2 - y1) / 2
            curve = f"M{x1:g},{y1:g} C{x1:g},{y1 + bend:g} {x2:g},{y2 - bend:g} {x2:g},{y2:g}"
            parts.append(f'<path d="{curve}" marker-end="url(#head)"/>')
        for package, (x, y) in place.items():
            parts.append(f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="30" rx="4"/>')
            parts.append(f'<text x="{x + BOX / 2:g}" y="{y + 20:g}">{escape(package)}</text>')
        top += len(rows) * FLOOR
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img" aria-labelledby="title">',
            '<title id="title">The packages on their floors; arrows lead to what is imported</title>',
            f"<style>{STYLE}</style>",
            f'<defs>{head}<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
            *parts,
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(draw())
