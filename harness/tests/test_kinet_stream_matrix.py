# SPDX-License-Identifier: GPL-2.0-only
"""Every network, with every pair of ends: both IP versions, both of kinet's wires, and on the
networks that lose segments without what helps to find out which.

`make soak` makes a table of it: a test's name is its row and its column.
"""

import concurrent.futures
from dataclasses import dataclass, replace

import pytest

from kinet import INET, INET6
from networks import LONG, SIDE_BY_SIDE, Scenario, play
from streams import KINDS

pytestmark = [pytest.mark.soak, pytest.mark.matrix]

STOCK, OURS = ("stock", "stock"), ("ours", "ours")
LEAST = -1                                  # the MTU that each IP version asks for:
LEASTS = {INET: 576, INET6: 1280}
LOSSY = {
    "loss-1": Scenario(1_200_000, {"loss": "1%"}),
    "loss-5": Scenario(300_000, {"loss": "5%"}),
    "bursts": Scenario(600_000, {"loss": "gemodel 2% 50%"}),
    "reorder-near": Scenario(500_000, {"delay": "5ms", "reorder": "25% 50%"}),
    "reorder-far": Scenario(500_000, {"delay": "10ms 8ms"}),
    "corrupt": Scenario(400_000, {"corrupt": "2%"}),
    "delay-loss": Scenario(200_000, {"delay": "20ms", "loss": "1%"}),
    "all-of-it": Scenario(150_000, {"delay": "10ms 5ms", "loss": "1%", "duplicate": "2%",
                                    "corrupt": "1%", "reorder": "10%"}),
}
NETWORKS = LOSSY | {
    "delay-1": Scenario(1_000_000, {"delay": "1ms"}),
    "delay-10": Scenario(1_000_000, {"delay": "10ms"}),
    "delay-50": Scenario(700_000, {"delay": "50ms"}),
    "delay-200": Scenario(500_000, {"delay": "200ms"}),
    "duplicate": Scenario(500_000, {"duplicate": "20%"}),
    "narrow": Scenario(300_000, {"rate": "1mbit"}),
    "narrow-short": Scenario(300_000, {"rate": "1mbit", "limit": 10}),
    "mtu-least": Scenario(400_000, mtu=LEAST),
    "mtu-1280": Scenario(2_000_000, mtu=1280),
    "mtu-9000": Scenario(5_000_000, mtu=9000),
    "shrinks": Scenario(1_000_000, shrinks=1300),
    "shrinks-least": Scenario(500_000, shrinks=LEAST),
}
WITHOUT = {"no stamps": ("tcp_timestamps",), "no SACK": ("tcp_sack",),
           "neither": ("tcp_timestamps", "tcp_sack")}
CLEAN = {"clean": Scenario(100_000_000)}


@dataclass(frozen=True)
class Column:
    """Who talks, and how"""

    kinds: tuple
    family: int
    mode: str = "interop"

    def __str__(self):
        version = {INET: "inet", INET6: "inet6"}[self.family]
        return "-".join((*self.kinds, version) + (("isolated",) if self.mode != "interop" else ()))


COLUMNS = [Column(kinds, family) for kinds in KINDS for family in (INET, INET6)]
COLUMNS += [Column(OURS, family, "isolated") for family in (INET, INET6)]


@dataclass(frozen=True)
class Cell:
    """One transfer of the matrix"""

    row: str
    column: Column
    scenario: Scenario

    def __str__(self):
        return f"{self.row}/{self.column}"

    def __hash__(self):
        return hash(str(self))

    def play(self):
        """It takes place."""
        return play(self.scenario, self.column.kinds, str(self))


def cells(networks, without=(), columns=COLUMNS, name="{}") -> list:
    """Rows, network by network"""
    def fit(scenario, column):
        mtus = {name: LEASTS[column.family] for name in ("mtu", "shrinks")
                if getattr(scenario, name) == LEAST}
        return replace(scenario, family=column.family, mode=column.mode, without=without, **mtus)
    return [Cell(name.format(network), column, fit(scenario, column))
            for network, scenario in networks.items() for column in columns]


def side_by_side() -> list:
    """All but what has the processor for itself"""
    rows = cells(NETWORKS)
    for name, without in WITHOUT.items():
        rows += cells(LOSSY, without, [one for one in COLUMNS if one.kinds != STOCK],
                      f"{{}}, {name}")
    return rows


@pytest.fixture(scope="module")
def played(request):
    """What comes of a cell; with the first begin, in their order, all that were selected."""
    selected = [item.callspec.params["cell"] for item in request.session.items
                if item.path == request.path and item.originalname == "test_transfer"]
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        futures = {cell: pool.submit(cell.play) for cell in selected}
        yield lambda cell: futures[cell].result(LONG)


def settle(cell, result, record_property):
    """It went as it was to, and what it was like is told."""
    speed = 2 * cell.scenario.size / result.seconds / 1e6
    record_property("figure", f"{result.seconds:.1f} s, {speed:.2f} MB/s, {result.again}")
    result.is_of(cell.scenario)


@pytest.mark.parametrize("cell", side_by_side(), ids=str)
def test_transfer(played, cell, record_property):
    """Both ways at once: all arrives as it was sent, and then the end."""
    settle(cell, played(cell), record_property)


@pytest.mark.parametrize("cell", cells(CLEAN), ids=str)
def test_alone(cell, record_property):
    """Much, over a wire that does no harm"""
    settle(cell, cell.play(), record_property)
