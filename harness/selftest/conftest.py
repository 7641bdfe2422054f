# SPDX-License-Identifier: GPL-2.0-only
"""The laboratory's tests of itself run on the host."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest_plugins = ["lab.notes"]


@pytest.fixture(scope="session", autouse=True)
def children():
    """No guest outlives the run."""
    from lab import process
    process.install_handlers()
    yield
    process.stop_all()
