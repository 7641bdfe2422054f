# SPDX-License-Identifier: GPL-2.0-only
"""Prints what is done as a person would have typed it."""

import contextlib
import os
import sys
import threading
import time

BOLD, DIM, GREEN, RED, CYAN = "1", "2", "32", "31", "36"
WIDTH = 78


class Transcript:
    """Acts, commands, output and check marks; colours only on a terminal."""

    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.terminal = self.out.isatty() and os.environ.get("TERM") != "dumb"
        utf8 = "utf" in (self.out.encoding or "").lower()
        self.marks = ("\u2713", "\u2717", "\u2500") if utf8 else ("ok", "FAILED", "-")
        self.acts = 0

    def act(self, title: str, about: str):
        """A new act: its number, its title, and one line on what will be seen."""
        self.acts += 1
        head = f"{self.marks[2] * 2} {self.acts}. {title} "
        self._line("\n" + self._in(BOLD, head + self.marks[2] * (WIDTH - len(head))))
        self._line(f"   {about}\n")

    def command(self, text: str):
        self._line(f"  {self._in(CYAN, '$ ' + text)}")

    def output(self, text: str):
        for line in text.rstrip().splitlines():
            self._line(f"    {line}")

    def note(self, text: str):
        """What the laboratory does meanwhile."""
        self._line("  " + self._in(DIM, text))

    def good(self, text: str, since: float = None):
        spent = "" if since is None else f"  ({time.monotonic() - since:.1f} s)"
        self._line(f"  {self._in(GREEN, self.marks[0] + ' ' + text)}{spent}")

    def bad(self, text: str):
        first, *more = text.splitlines()
        self._line(f"\n  {self._in(RED, self.marks[1] + ' ' + first)}")
        self.output("\n".join(more))

    def progress(self, text: str, last: bool = False):
        """One line that is written over; without a terminal, only the last one."""
        if self.terminal:
            self.out.write(f"\r    {text}" + ("\n" if last else ""))
        elif last:
            self.out.write(f"    {text}\n")
        self.out.flush()

    @contextlib.contextmanager
    def waiting(self, text: str):
        """Say what is waited for; on a terminal, count the seconds."""
        self.note(text)
        began = time.monotonic()
        done = threading.Event()

        def count():
            while not done.wait(1):
                self.progress(f"{time.monotonic() - began:.0f} s")

        counter = threading.Thread(target=count, daemon=True)
        if self.terminal:
            counter.start()
        try:
            yield
        finally:
            done.set()
            if self.terminal:
                counter.join()
                self.out.write("\r\033[K")

    def _in(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self.terminal else text

    def _line(self, text: str):
        print(text, file=self.out, flush=True)


def table(text: str) -> str:
    """Columns as wide as what stands in them."""
    rows = [line.split() for line in text.splitlines()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows)
