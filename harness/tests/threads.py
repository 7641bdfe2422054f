# SPDX-License-Identifier: GPL-2.0-only
"""What happens beside a test, in a thread of its own."""

import contextlib
import threading

from blocked import BOUND


@contextlib.contextmanager
def meanwhile(what, *args):
    """Have a thread do something; what it raises is raised in the end."""
    raised = []

    def run():
        try:
            what(*args)
        except BaseException as error:      # pylint: disable=broad-except
            raised.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join(BOUND)
    assert not thread.is_alive(), f"{what.__name__} has not come to an end"
    if raised:
        raise raised[0]


@contextlib.contextmanager
def over_and_over(what, *args):
    """The same, again and again until the block ends."""
    over = threading.Event()

    def run():
        while not over.is_set():
            what(*args)
    with meanwhile(run):
        try:
            yield
        finally:
            over.set()
