# SPDX-License-Identifier: GPL-2.0-only
"""The page of make bench."""
from pathlib import Path


def write(out: Path, measured: dict) -> Path:
    page = out / "index.html"
    page.write_text(str(list(measured)), encoding="utf-8")
    return page
