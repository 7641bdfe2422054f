# SPDX-License-Identifier: GPL-2.0-only
"""The page of make bench: each goal beside what was measured, and pictures."""

import html
import math
from pathlib import Path

from .benchrows import FLOOR, ICOUNT, MEMORY, ROWS, UML, UNMEASURED

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
    parts = [_goals([r for rows in groups.values() for r in rows if r[0].must])]
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
    for title, must, aim in UNMEASURED:
        lines.append(f"<tr><td>{html.escape(title)}<td>{must:.2f}<td>{aim:.2f}<td><td>"
                     "<td>not measured yet")
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
    figure, axes = pyplot.subplots(figsize=(9, 0.55 * len(rows) + 1))
    colours = {"met": MET, "near": NEAR, "missed": MISSED, "": PLAIN}
    for at, (row, ratio, off) in enumerate(reversed(rows)):
        error = None if math.isnan(off) else off * ratio / 2
        axes.barh(at, ratio, xerr=error, color=colours[_state(row, ratio)], height=0.55)
        axes.text(ratio, at, f"  {ratio:.3f}", va="center", fontsize=8)
        for goal, shape in ((row.must, "|"), (row.aim, "D")):
            if goal:
                axes.plot(goal, at, shape, color="black", markersize=9 if shape == "|" else 4)
    axes.axvline(1, color="#888", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.title for row, *_ in reversed(rows)], fontsize=8)
    axes.set_xlabel("cost against the baseline   (|: must, ◆: aim)", fontsize=8)
    axes.set_xlim(0, max(1.1, max(ratio for _, ratio, _ in rows)) * 1.12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)
