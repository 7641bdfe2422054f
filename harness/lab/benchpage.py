# SPDX-License-Identifier: GPL-2.0-only
"""The page of make bench: each goal beside what was measured, and pictures."""

import html
import math
from pathlib import Path

from .benchrows import FLOOR, ICOUNT, MEMORY, ROWS, UML

UNITS = {ICOUNT: "instructions", UML: "ns", MEMORY: "bytes"}
METHODS = {
    ICOUNT: "instructions executed by Debian's kernel in QEMU, one CPU",
    UML: "processor time of user-mode Linux at -O2",
    MEMORY: "free memory before and after, Debian's kernel in QEMU",
}
STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0 }
th, td { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left }
td.met { background: #e0f2e0 } td.near { background: #fdf3d0 } td.missed { background: #fbe0dd }
img { max-width: 100% } .small { color: #666; font-size: 85% }
"""
MET, NEAR, MISSED, PLAIN = "#4a9a5b", "#d8a72a", "#c8553d", "#5b7fa6"


def write(out: Path, measured: dict) -> Path:
    """Write the page and its pictures; return the page."""
    from . import bench
    groups = {}
    for row in ROWS:
        found = bench.ratio(row, measured)
        if found:
            groups.setdefault(row.group, []).append((row, *found))
    goals = [found for rows in groups.values() for found in rows if found[0].must]
    parts = [_goals(goals)]
    if goals:
        _draw(out / "goals.svg", goals)
        parts.append("<img src='goals.svg' alt='Goals'>")
    for number, (group, rows) in enumerate(groups.items()):
        picture = out / f"ratios-{number}.svg"
        _draw(picture, rows)
        parts += [f"<h2>{html.escape(group)}</h2>", _table(rows, measured, bench),
                  f"<img src='{picture.name}' alt='{html.escape(group)}'>"]
    parts.append(_figures(measured, bench))
    page = out / "index.html"
    page.write_text(_whole("\n".join(parts)), encoding="utf-8")
    return page


def _whole(body: str) -> str:
    intro = ("Every figure is a ratio of costs, lower is better, to a baseline that was measured "
             "in the same run. How sure it is: half of how far the ratio's samples lie apart, over "
             "boots; with processor time, half of the range that the middle half of the pairs "
             "covers. docs/bench.md says how all of it is measured.")
    return ("<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
            f"<title>ksocket: what it costs</title><style>{STYLE}</style></head><body>"
            f"<h1>What ksocket costs</h1><p>{intro}</p>\n{body}\n</body></html>\n")


def _state(row, ratio: float) -> str:
    if not row.must:
        return ""
    return "met" if ratio <= row.aim else "near" if ratio <= row.must else "missed"


def _sure(off: float) -> str:
    return "one sample" if math.isnan(off) else f"&plusmn;{off / 2:.2%}"


def _goals(rows) -> str:
    lines = ["<h2>Goals</h2><table><tr><th>what<th>must<th>aim<th>measured<th>how sure<th>"]
    for row, ratio, off in rows:
        state = _state(row, ratio)
        said = {"met": "aim met", "near": "must met", "missed": "missed"}[state]
        lines.append(f"<tr><td>{html.escape(row.title)}<td>{row.must:.2f}<td>{row.aim:.2f}"
                     f"<td class='{state}'>{ratio:.3f}<td>{_sure(off)}<td>{said}")
    return "\n".join(lines) + "</table>"


def _table(rows, measured, bench) -> str:
    lines = ["<table><tr><th>row<th>measured<th>baseline<th>floor<th>ratio<th>how sure"
             "<th>must<th>aim"]
    for row, ratio, off in rows:
        entries = measured[row.method]
        figure, base = (bench.value(entries[n]) for n in (row.figure, row.baseline))
        floor = f"{bench.value(entries[FLOOR]):,.0f}" if row.floor and FLOOR in entries else ""
        goal = f"<td>{row.must:.2f}<td>{row.aim:.2f}" if row.must else "<td><td>"
        lines.append(f"<tr><td>{html.escape(row.title)}<td>{figure:,.0f}<td>{base:,.0f}"
                     f"<td>{floor}<td class='{_state(row, ratio)}'>{ratio:.3f}"
                     f"<td>{_sure(off)}{goal}")
    method = rows[0][0].method
    return "\n".join(lines) + (f"</table><p class='small'>{UNITS[method]} for one operation: "
                               f"{METHODS[method]}</p>")


def _figures(measured, bench) -> str:
    lines = ["<h2>All figures</h2><table><tr><th>figure<th>for one<th>unit<th>samples<th>spread"
             "<th>kernel<th>revision<th>date"]
    for method, entries in measured.items():
        for name, entry in entries.items():
            spread = bench.spread(entry)
            lines.append(f"<tr><td>{html.escape(entry['title'])} <span class='small'>{name}"
                         f"</span><td>{bench.value(entry):,.0f}<td>{UNITS[method]}"
                         f"<td>{len(entry['samples'])}<td>"
                         f"{'' if math.isnan(spread) else f'{spread:.2%}'}"
                         f"<td>{entry['kernel']}<td>{entry['revision']}<td>{entry['date']}")
    return "\n".join(lines) + "</table>"


def _draw(path: Path, rows):
    """A bar for each ratio, with its goals as marks, against the baseline at 1."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(10, 0.36 * len(rows) + 1.1))
    colours = {"met": MET, "near": NEAR, "missed": MISSED, "": PLAIN}
    axes.axvline(1, color="#999", linewidth=0.8, zorder=0)
    for at, (row, ratio, off) in enumerate(reversed(rows)):
        error = None if math.isnan(off) else off * ratio / 2
        axes.barh(at, ratio, xerr=error, color=colours[_state(row, ratio)], height=0.5,
                  error_kw={"linewidth": 0.8})
        # In a column of their own, where no mark of a goal is
        axes.text(1.01, at, f"{ratio:.3f}", transform=axes.get_yaxis_transform(),
                  va="center", fontsize=8, fontweight="bold" if row.must else "normal")
        if row.must:
            axes.vlines(row.must, at - 0.42, at + 0.42, color="black", linewidth=1.6)
            axes.vlines(row.aim, at - 0.42, at + 0.42, color="black", linewidth=1,
                        linestyles=(0, (1.5, 1)))
    axes.set_yticks(range(len(rows)), [row.title for row, *_ in reversed(rows)], fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, max(1.1, *(max(ratio, row.must) for row, ratio, _ in rows)) * 1.05)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("cost, the baseline's being 1", fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    if any(row.must for row, *_ in rows):
        _explain(figure, pyplot)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.25 / figure.get_figheight()))
    figure.savefig(path)
    pyplot.close(figure)


def _explain(figure, pyplot):
    """What the colours and marks of goals mean, above the picture."""
    bars = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in (MET, NEAR, MISSED)]
    lines = [pyplot.Line2D([], [], color="black", linewidth=1.6),
             pyplot.Line2D([], [], color="black", linewidth=1, linestyle=(0, (1.5, 1)))]
    figure.legend(bars + lines, ["aim met", "must met", "missed", "must", "aim"], ncol=5,
                  loc="upper right", fontsize=8, frameon=False)
