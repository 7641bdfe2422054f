# SPDX-License-Identifier: GPL-2.0-only
"""The events, as "What fires when" has them."""
import pytest
from events import Events, both_modes
from peers import every_family

pytestmark = pytest.mark.smoke


@both_modes
@every_family
def test_recv_tells_how_much(ends, family, mode):
    sock, peer = ends.stream(family)
    told = Events(sock, mode)
    peer.send(b"12345")
    told.expect(("recv", 5))
