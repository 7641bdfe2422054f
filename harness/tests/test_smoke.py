# SPDX-License-Identifier: GPL-2.0-only
"""The first questions to a kernel."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.smoke


def test_ksocket_is_loaded():
    """ksocket.ko went in, and the kernel says it lives."""
    state = Path("/sys/module/ksocket/initstate").read_text(encoding="ascii")
    assert state.strip() == "live"
