# SPDX-License-Identifier: GPL-2.0-only
"""What a cover leaves of the tests."""

import itertools

import pytest
from lab import cover


class Item:
    """A test as pytest has it, as far as a cover looks"""

    def __init__(self, function: str, **params):
        self.nodeid = self.name = f"{function}[{'-'.join(map(str, params.values()))}]"
        if params:
            self.callspec = self
            self.params = params


def every(function="test_x", **params) -> list:
    """All of the combinations"""
    return [Item(function, **dict(zip(params, values)))
            for values in itertools.product(*params.values())]


FAMILY, MODE, SIZE = (2, 10), ("direct", "deferred"), (1, 2, 3, 4, 5)


@pytest.mark.parametrize("strength, count", [(0, 1), (1, 5), (2, 10), (3, 20), (4, 20)])
def test_how_many(strength, count):
    """As few as the two parameters with the most values need"""
    items = every(family=FAMILY, mode=MODE, size=SIZE)
    assert len(cover.reduced(items, strength, "")) == count


def test_every_value():
    items = every(family=FAMILY, mode=MODE, size=SIZE)
    chosen = cover.reduced(items, 1, "")
    for name, values in (("family", FAMILY), ("mode", MODE), ("size", SIZE)):
        assert {item.params[name] for item in chosen} == set(values)


@pytest.mark.parametrize("strength", [0, 1, 2])
def test_none_is_lost(strength):
    """Of each function there is one, with or without parameters."""
    items = every("test_a", family=FAMILY) + [Item("test_b"), Item("test_c")]
    assert {item.nodeid.split("[")[0] for item in cover.reduced(items, strength, "")} == {
        "test_a", "test_b", "test_c"}


def test_same_again():
    """The choice depends on the lot alone, and does on that."""
    def names(lot):
        return {item.name for item in cover.reduced(every(family=FAMILY, size=SIZE), 0, lot)}
    assert names("a") == names("a")
    assert len({*itertools.chain(*(names(lot) for lot in "abcdefgh"))}) > 1


def test_equal_values_are_two():
    """A family of kinet's compares equal to the host's."""
    class Same(int):
        pass
    assert len(cover.reduced(every(family=(2, Same(2))), 1, "")) == 2


def test_control_comes_last():
    """The host's sockets alone are not what a single one is."""
    for lot in "abcdefgh":
        chosen, = cover.reduced(every(kind=("stock-stock", "ours-stock", "stock-ours")), 0, lot)
        assert "ours" in chosen.name
