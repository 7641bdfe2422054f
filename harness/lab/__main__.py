# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m lab <command>: what the Makefile calls."""

import argparse
import sys

from . import process
from .errors import LabError


def harness(args):
    from . import harness as suite
    return finish(suite.run(args.kernel, args.tests, args.mark))


def modules(args):
    from . import local
    local.build(args.kdir, args.arch)
    return 0


def install(args):
    from . import local
    local.install(args.kdir, args.arch, args.destdir, args.mandir)
    return 0


def docs(_args):
    from . import docs as pages
    pages.build()
    return 0


def check(_args):
    from . import check as checks
    return finish(checks.run())


def kunit(args):
    from . import kunit as suites
    return finish(suites.run(args.kernel, count=args.lots))


def selftest(args):
    from . import selftest as tests
    return finish(tests.run(kernel=args.kernel, expression=args.tests))


def deb_test(args):
    from . import selftest as tests
    return finish(tests.deb(expression=args.tests))


def test(_args):
    from . import stages
    return stages.run()


def soak(args):
    from . import soak as runs
    return finish(runs.run(args.kernel, args.tests))


def bench(args):
    from . import bench as figures
    return figures.run(args.tests, args.boots, args.profile)


def shell(args):
    from . import shell as session
    return session.run(args.kernel)


def deb(_args):
    from . import deb as packages
    return packages.make()


def demo(_args):
    from . import demo as show
    return show.run()


def finish(report) -> int:
    report.show()
    return 0 if report.ok() else 1


def parser():
    top = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for name, call, kernel in (("harness", harness, "deb6.12"), ("soak", soak, ""),
                               ("kunit", kunit, "debug"), ("selftest", selftest, "uml"),
                               ("shell", shell, "deb6.12"), ("check", check, ""),
                               ("test", test, ""), ("demo", demo, ""), ("docs", docs, ""),
                               ("deb", deb, ""), ("deb-test", deb_test, "")):
        one = commands.add_parser(name)
        one.add_argument("--kernel", default=kernel)
        one.add_argument("--tests", default="", help="a pytest -k expression")
        one.add_argument("--mark", default="not soak", help="a pytest -m expression")
        if name == "kunit":
            one.add_argument("--lots", type=int, default=0, help="so many schedules of streams")
        one.set_defaults(call=call)
    one = commands.add_parser("bench")
    one.add_argument("--tests", default="", help="rows whose name contains this")
    one.add_argument("--boots", type=int, default=3)
    one.add_argument("--profile", default="", help="a figure, whose instructions are shown")
    one.set_defaults(call=bench)
    for name, call in (("modules", modules), ("install", install)):
        one = commands.add_parser(name)
        one.add_argument("--kdir", default="")
        one.add_argument("--arch", default="")
        one.add_argument("--destdir", default="")
        one.add_argument("--mandir", default="/usr/local/share/man")
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
