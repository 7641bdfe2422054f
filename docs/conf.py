# SPDX-License-Identifier: GPL-2.0-only
"""How Sphinx makes the reference: harness/lab/docs.py gathers its sources."""

project = "ksocket"
copyright = "the ksocket project, GPL-2.0-only"     # Sphinx's name for it
extensions = ["myst_parser"]
myst_heading_anchors = 3
primary_domain = "c"
highlight_language = "none"

# A name that leads nowhere is a mistake, unless it is the kernel's.
nitpicky = True
nitpick_ignore_regex = [("c:.*", r"(?!_*ksock).*")]

html_theme = "sphinx_rtd_theme"
html_copy_source = False
html_last_updated_fmt = None
