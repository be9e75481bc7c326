"""The ratios as a picture: an SVG without any library, a bar a row on a logarithmic scale, its bar as a line."""

import math
from pathlib import Path
from xml.sax.saxutils import escape

from bench.measuring import middle
from bench.results import FOLDER, Results, Row

_WIDTH, _LINE, _LEFT, _RIGHT, _TOP, _LABEL_CHARS = 1180, 21, 600, 150, 58, 105
_MET, _MISSED, _TOLD, _LIMIT = "#2e7d32", "#c62828", "#607d8b", "#000000"


def write_chart(results: Results, folder: Path = FOLDER) -> Path:
    """`latest.svg` beside the JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "latest.svg"
    path.write_text(chart(results))
    return path


def chart(results: Results) -> str:
    """Only rows that were run. Green: the bar is met; red: not; grey: reported only."""
    rows = [row for row in results.rows if row.ratios]
    every = [r for row in rows for r in row.ratios] + [row.bar.value for row in rows if row.bar] + [1.0]
    scale = _Scale(min(every), max(every))
    height = _TOP + _LINE * len(rows) + 40
    about = f"{results.about['began']} · {results.about['data'].get('units', '?')} units"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(8, 18, "Ratios: median (bar), min to max (line), what it must be (black mark)", size=14),
        _text(8, 36, about, color="#555555"),
        *_grid(scale, height),
    ]
    for number, row in enumerate(rows):
        parts += _row(row, _TOP + number * _LINE, scale)
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """Ratios to pixels, by powers of ten."""

    def __init__(self, low: float, high: float) -> None:
        self.first, self.last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        self.last = max(self.last, self.first + 1)

    def x(self, ratio: float) -> float:
        share = (math.log10(ratio) - self.first) / (self.last - self.first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _grid(scale: _Scale, height: int) -> list[str]:
    parts = []
    for power in range(scale.first, scale.last + 1):
        x = scale.x(10.0**power)
        parts.append(f'<line x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{height - 26}" stroke="#dddddd"/>')
        parts.append(_text(x - 8, height - 12, f"{10.0**power:g}×", color="#555555"))
    return parts


def _row(row: Row, y: int, scale: _Scale) -> list[str]:
    median, low, high = middle(row.ratios), min(row.ratios), max(row.ratios)
    color = _TOLD if row.met is None else _MET if row.met else _MISSED
    one, at = scale.x(1.0), scale.x(median)
    label = f"{row.case}{', ' + row.size if row.size else ''} : {row.against}"
    parts = [
        _text(8, y + 12, label if len(label) <= _LABEL_CHARS else f"{label[: _LABEL_CHARS - 1]}…"),
        f'<rect x="{min(one, at):.1f}" y="{y + 3}" width="{max(1.0, abs(at - one)):.1f}" height="11" fill="{color}"/>',
        f'<line x1="{scale.x(low):.1f}" y1="{y + 8.5}" x2="{scale.x(high):.1f}" y2="{y + 8.5}" stroke="#222222"/>',
        _text(_WIDTH - _RIGHT + 10, y + 12, f"{median:.3g}× {f'({row.bar})' if row.bar else ''}", color=color),
    ]
    if row.bar is not None:
        x = scale.x(row.bar.value)
        parts.append(f'<rect x="{x - 1:.1f}" y="{y}" width="2" height="17" fill="{_LIMIT}"/>')
    return parts


def _text(x: float, y: float, text: str, *, size: int = 11, color: str = "#222222") -> str:
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{color}">{escape(text)}</text>'
