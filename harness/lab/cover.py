# SPDX-License-Identifier: GPL-2.0-only
"""Fewer of the tests that differ in their parameters alone: a pytest plugin.

Most tests run over several values of several parameters: IPv4 and IPv6, kinet and
the host, callbacks at once and deferred. All of their combinations take hours under
emulation. With --cover=0 there is one of each test, with --cover=1 every value of each
of its parameters at least once, with --cover=2 every two values of two of them. Which
combinations are chosen for that differs from kernel to kernel, but not from run to run.
"""

import itertools
import os
import random

import pytest


def pytest_addoption(parser):
    parser.addoption("--cover", type=int, help="how many values meet; all of them without it")


@pytest.hookimpl(trylast=True)      # behind -m and -k
def pytest_collection_modifyitems(config, items):
    strength = config.getoption("--cover")
    if strength is not None:
        chosen = reduced(items, strength, os.environ.get("KSOCKET_KERNEL", ""))
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = [item for item in items if item in chosen]


def reduced(items, strength: int, lot: str) -> set:
    """Those that are enough of each function's"""
    functions = {}
    for item in items:
        functions.setdefault(item.nodeid.split("[")[0], []).append(item)
    chosen = set()
    for name, same in functions.items():
        random.Random(lot + name).shuffle(same)
        same.sort(key=is_control)
        chosen |= enough(same, strength)
    return chosen


def is_control(item) -> bool:
    """The host's sockets alone, where kinet's may be: that comes last."""
    return "stock" in item.name and "ours" not in item.name


def enough(same: list, strength: int) -> set:
    """Greedily, the one that adds the most to the cover"""
    adds = {item: combinations(item, strength) for item in same}
    missing = set().union(*adds.values())
    chosen = set()
    while missing:
        best = max(same, key=lambda item: len(adds[item] & missing))
        missing -= adds[best]
        chosen.add(best)
    return chosen


def combinations(item, strength: int) -> set:
    """The values of so many parameters that a test brings together; an empty one if it has none"""
    values = [] if not hasattr(item, "callspec") else [
        # Two families may compare equal, and not every value has a hash.
        (name, type(value).__name__, repr(value))
        for name, value in sorted(item.callspec.params.items())]
    return set(itertools.combinations(values, min(strength, len(values))))
