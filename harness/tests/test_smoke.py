# SPDX-License-Identifier: GPL-2.0-only
"""The first questions to a kernel."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.smoke


def test_ksocket_is_loaded():
    """ksocket.ko went in, and the kernel says it lives."""
    state = Path("/sys/module/ksocket/initstate").read_text(encoding="ascii")
    assert state.strip() == "live"


def test_processors():
    """Those that had no part in the boot have come since; user-mode Linux has but one."""
    assert os.cpu_count() == (1 if os.environ["KSOCKET_KERNEL"] == "uml" else 2)
