# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m lab <command>: what the Makefile calls."""

import argparse
import sys

from . import process
from .errors import LabError


def harness(args):
    from . import harness as suite
    report = suite.run(args.kernel, args.tests, args.mark)
    report.show()
    return 0 if report.ok() else 1


def modules(args):
    from . import local
    local.build(args.kdir, args.arch)
    return 0


def install(args):
    from . import local
    local.install(args.kdir, args.arch)
    return 0


def parser():
    top = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    one = commands.add_parser("harness")
    one.add_argument("--kernel", default="deb6.12")
    one.add_argument("--tests", default="")
    one.add_argument("--mark", default="not soak")
    one.set_defaults(call=harness)
    for name, call in (("modules", modules), ("install", install)):
        one = commands.add_parser(name)
        one.add_argument("--kdir", default="")
        one.add_argument("--arch", default="")
        one.set_defaults(call=call)
    return top


def main():
    process.install_handlers()
    args = parser().parse_args()
    try:
        return args.call(args)
    except LabError as error:
        print(f"\n{args.command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
