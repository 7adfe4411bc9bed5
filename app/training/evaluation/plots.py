"""Plots as SVG text without a plotting library, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

WIDTH, HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 30, 48, 52
_ROW, _NAMES = 26, 250

# Attributes hold on any background; where a page lets styles in, its color scheme gets more contrast.
_INK, _GRID = "#767676", "#8884"
_COLORS = ("#2f7fd0", "#c9711a", "#3a9a58")
_STYLE = (
    "<style>@media (prefers-color-scheme:dark){.ink{fill:#d8d8d8}.line{stroke:#777}}"
    "@media (prefers-color-scheme:light){.ink{fill:#333}.line{stroke:#bbb}}</style>"
)

Tick = tuple[float, str]
"""Position and label of an axis tick."""


def lines(
    title: str,
    series: dict[str, Sequence[Sequence[float]]],
    x: tuple[str, Sequence[Tick]],
    y: tuple[str, Sequence[Tick]],
) -> str:
    """Return an SVG file of curves over a logarithmic axis.

    Args:
        title: of the plot.
        series: points (x, y) by name, at most three curves; x over 0. Points beyond the axis are left out.
        x: label and ticks, the first and last of which end the axis.
        y: the same.
    """
    left, right = np.log10([x[1][0][0], x[1][-1][0]])
    low, high = y[1][0][0], y[1][-1][0]

    def place(point: Sequence[float]) -> tuple[float, float]:
        across = (np.log10(point[0]) - left) / (right - left)
        up = (point[1] - low) / (high - low)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    parts = _axes(x, y, place)
    for number, (name, points) in enumerate(series.items()):
        color = _COLORS[number]
        shown = [point for point in points if x[1][0][0] <= point[0] <= x[1][-1][0]]
        path = " ".join(f"{across:.1f},{up:.1f}" for across, up in map(place, shown))
        dash = "" if number == 0 else f' stroke-dasharray="{8 - 3 * number} 3"'
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"{dash}/>')
        end = HEIGHT - _BOTTOM - 14 - 20 * (len(series) - 1 - number)
        parts.append(f'<path d="M{WIDTH - 260} {end - 4}h28" stroke="{color}" stroke-width="2.5"{dash}/>')
        parts.append(_text(WIDTH - 224, end, name))
    return _file(title, HEIGHT, parts)


def bars(title: str, rows: Sequence[tuple[str, float, str]], color: int = 0) -> str:
    """Return an SVG file of horizontal bars from 0 to 1.

    Args:
        title: of the plot.
        rows: (name, share, text after the bar).
        color: index of the color.
    """
    room = WIDTH - _NAMES - 118
    parts = []
    for number, (name, share, note) in enumerate(rows):
        top = _TOP + number * _ROW
        parts.append(_text(_NAMES - 8, top + 15, name, "end"))
        parts.append(f'<rect x="{_NAMES}" y="{top + 3}" width="{room}" height="16" fill="{_GRID}"/>')
        width = max(0.0, min(1.0, share)) * room
        parts.append(f'<rect x="{_NAMES}" y="{top + 3}" width="{width:.1f}" height="16" fill="{_COLORS[color]}"/>')
        parts.append(_text(_NAMES + room + 8, top + 15, note))
    return _file(title, _TOP + len(rows) * _ROW + 12, parts)


def _axes(x: tuple[str, Sequence[Tick]], y: tuple[str, Sequence[Tick]], place) -> list[str]:
    parts = []
    for value, mark in x[1]:
        across, bottom = place((value, y[1][0][0]))
        parts.append(f'<path class="line" d="M{across:.1f} {_TOP}V{bottom:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(across, bottom + 18, mark, "middle"))
    for value, mark in y[1]:
        left, up = place((x[1][0][0], value))
        parts.append(f'<path class="line" d="M{left:.1f} {up:.1f}H{WIDTH - _RIGHT}" stroke="{_GRID}"/>')
        parts.append(_text(left - 8, up + 4, mark, "end"))
    parts.append(_text((WIDTH + _LEFT - _RIGHT) / 2, HEIGHT - 12, x[0], "middle"))
    middle = (HEIGHT + _TOP - _BOTTOM) / 2
    return [*parts, _text(16, middle, y[0], "middle", f' transform="rotate(-90 16 {middle})"')]


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    return f'<text class="ink" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}"{more}>{escape(text)}</text>'


def _file(title: str, height: int, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13">\n<title>{escape(title)}</title>\n{_STYLE}\n'
        + _text(16, 22, title, more=' font-size="15" font-weight="600"')
        + "\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )
