# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong, in words for the person who reads it."""


class LabError(Exception):
    """A step failed; the message says which and where its log is."""


class GuestDied(LabError):
    """The guest panicked, hung or its emulator ended."""


class CommandTimeout(LabError):
    """A command in a living guest did not end within its bound."""
