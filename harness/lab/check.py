# SPDX-License-Identifier: GPL-2.0-only
"""Static checks, each a test: what a reader would object to before it runs."""

import os
import re
import subprocess
from pathlib import Path

from . import kerneldoc, kernels, modules, ownkernel, packages, rfcs
from .errors import LabError
from .paths import LOGS, REPO, fresh
from .process import run as run_process
from .report import Report

C_DIRS = ("ksocket", "include", "examples", "docs/from-hooks", "kunit", "harness/modules",
          "bench")
OURS = ("Makefile", ".ci", *C_DIRS, "debian", "harness", "docs", "README.md",
        ".gitignore", "tools")
CUT = "hel,thi"     # what tests find when "hello" or "this" was cut off
LICENCE = "SPDX-License-Identifier: GPL-2.0-only"
# Their formats have no comments.
UNMARKED = ("debian/changelog", "debian/copyright", "debian/source/format")
# A version check belongs into compat.h, the API's types are its own names, and
# the deliberately broken module is broken.
CHECKPATCH_IGNORE = {
    "ksocket/compat.h": ("LINUX_VERSION_CODE,CONSTANT_COMPARISON,"
                         "MACRO_ARG_UNUSED,MACRO_ARG_PRECEDENCE,MACRO_WITH_FLOW_CONTROL,"
                         "COMPLEX_MACRO"),
    "include/ksocket/ksocket.h": "NEW_TYPEDEFS",
    # Tracepoints are written like structures.
    "ksocket/core/trace.h": "PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE",
    # A list of names for arrays and for tracepoints.
    "ksocket/core/event.h": "COMPLEX_MACRO",
    "ksocket/kinet/trace.h": "PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE",
    "ksocket/kinet/count.h": "COMPLEX_MACRO,MACRO_ARG_REUSE,MACRO_ARG_UNUSED",
    "ksocket/kinet/count.c": "MACRO_ARG_UNUSED",
    # Tables say more with them.
    "kunit/kinet/tcp_options.c": "COMPLEX_MACRO",
    "kunit/kinet/tcp_reassembly.c": "MACRO_ARG_REUSE",
    # A per-CPU variable is not recognised before its export.
    "ksocket/core/event.c": "EXPORT_SYMBOL",
    "harness/modules/splat.c": "AVOID_BUG",
    # A program, and a part of QEMU's
    "bench/count.c": "PREFER_KERNEL_TYPES,AVOID_EXTERNS",
}


def source(say=print) -> Path:
    """The kernel source, for its scripts."""
    return ownkernel.source(say)


def run(say=print) -> Report:
    packages.ensure({**packages.TOOLS, **packages.CHECKERS}, say)
    report = Report("check")
    checks = (licences, includes, versions, python_names, python_style, shell, spelling,
              checkpatch, kernel_doc, described, warnings_61, warnings_612, readme, consumer,
              volo, event_table, rfc_table)
    for check in checks:
        try:
            problems = check(say)
        except LabError as error:
            problems = str(error)
        if problems:
            report.failed(check.__name__, problems)
        else:
            report.passed(check.__name__)
        say(f"{check.__name__}: {'FAILED' if problems else 'ok'}")
    return report


# --- which files

def files(tops=OURS, suffixes=()) -> list:
    """The project's files below tops: what git would know, new ones included."""
    argv = ["git", "-C", REPO, "ls-files", "-co", "--exclude-standard", "-z", "--", *tops]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False,
                          timeout=60)
    if done.returncode:
        raise LabError(f"git ls-files: {done.stderr}")
    found = [REPO / name for name in done.stdout.split("\0") if name]
    return sorted(p for p in found if p.is_file() and (not suffixes or p.suffix in suffixes))


def c_files() -> list:
    return files(C_DIRS, (".c", ".h"))


def name(path: Path) -> str:
    return str(path.relative_to(REPO))


def tool(argv, cwd=REPO, timeout=900) -> str:
    """What a checker says; nothing when it is content."""
    done = subprocess.run([str(a) for a in argv], cwd=cwd, text=True, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode and not done.stdout:
        return f"{argv[0]}: exit code {done.returncode}"
    return done.stdout if done.returncode else ""


def matches(paths, pattern, why) -> str:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{name(path)}:{number}: {why}: {line.strip()}")
    return "\n".join(found)


# --- the checks; each returns the problems as text

def licences(_say) -> str:
    """Every file says its licence first (after #! where there is one)."""
    bad = []
    for path in [p for p in files() if name(p) not in UNMARKED]:
        lines = path.read_text(encoding="utf-8").splitlines()[:2]
        if lines and lines[0].startswith("#!"):
            lines = lines[1:]
        if not lines or LICENCE not in lines[0]:
            bad.append(f"{name(path)}: the first line has no {LICENCE}")
    return "\n".join(bad)


def includes(_say) -> str:
    """Who may know whom: core not kinet; examples only the public headers."""
    core = matches(files(("ksocket/core",), (".c", ".h")), r'#include.*kinet',
                   "core must not know kinet")
    examples = matches(files(("examples", "docs/from-hooks"), (".c", ".h")),
                       r'#include\s+"(?!ksocket/|\w+\.h")|#include.*(\.\./|core/|compat)',
                       "an example uses public headers only, and its own")
    public = matches(files(("include",), (".h",)), r'#include.*(\.\./|core/|compat)',
                     "a public header must stand alone")
    return "\n".join(filter(None, (core, examples, public)))


def versions(_say) -> str:
    """Only the compat header asks which kernel this is."""
    paths = [p for p in c_files() if name(p) != "ksocket/compat.h"]
    return matches(paths, r"LINUX_VERSION_CODE|KERNEL_VERSION\(", "belongs into compat.h")


def python_names(_say) -> str:
    return tool(["pyflakes3", *files(OURS, (".py",))])


def python_style(_say) -> str:
    return tool(["pycodestyle", "--max-line-length=100", *files(OURS, (".py",))])


def shell(_say) -> str:
    scripts = [p for p in files() if _shebang(p).endswith(("sh", "bash"))]
    return tool(["shellcheck", *scripts])


def _shebang(path: Path) -> str:
    with open(path, "rb") as file:
        first = file.readline()
    return first.decode(errors="replace").strip() if first.startswith(b"#!") else ""


def spelling(_say) -> str:
    """Misspelt words, in code and in text alike."""
    return tool(["codespell", f"--ignore-words-list={CUT}", *files()])


def checkpatch(say) -> str:
    script = source(say) / "scripts/checkpatch.pl"
    by_ignore = {}
    for path in c_files():
        by_ignore.setdefault(CHECKPATCH_IGNORE.get(name(path)), []).append(path)
    said = ""
    for ignore, paths in by_ignore.items():
        more = [f"--ignore={ignore}"] if ignore else []
        said += tool(["perl", script, "--no-tree", "--strict", "--terse", "--no-summary",
                      "--file", *more, *paths])
    return said.replace(f"{REPO}/", "")


def kernel_doc(say) -> str:
    """Kernel-doc is complete: the kernel's script has nothing to say."""
    script = source(say) / "scripts/kernel-doc"
    done = subprocess.run(["perl", script, "-none", "-Wall", *c_files()], text=True,
                          capture_output=True, check=False, timeout=600)
    return (done.stdout + done.stderr).replace(f"{REPO}/", "")


def described(say) -> str:
    """Every public call says when it may be made and what it returns, under its topic."""
    return kerneldoc.incomplete(source(say) / "scripts/kernel-doc")


def warnings_61(say) -> str:
    """No warning at W=1 on Debian's 6.1."""
    return _warnings("deb6.1", ["W=1"], say)


def warnings_612(say) -> str:
    """No warning at W=1, nor of sparse, on Debian's 6.12."""
    extra = ["W=1", "C=2", "CHECK=sparse", "CF=-D__CHECK_ENDIAN__", "KSOCKET_BENCH=1"]
    return _warnings("deb6.12", extra, say)


def _warnings(kernel: str, extra: list, say) -> str:
    """Build all of it anew and gather what is said of our files."""
    variant = "check"
    _touch(variant, kernel)
    root = modules.build(kernels.get(kernel, say), extra, variant, say)
    log = (LOGS / f"build-{kernel}-{variant}.log").read_text(encoding="utf-8")
    lines = [line.replace(f"{root}/", "") for line in log.splitlines()
             if re.search(r"\b(warning|error):", line, re.I)
             and (str(root) in line or not line.startswith("/"))]
    return "\n".join(lines)


def _block(document: str, kind: str) -> str:
    """The first block of code in that language."""
    found = re.search(rf"```{kind}\n(.*?)```", (REPO / document).read_text(encoding="utf-8"), re.S)
    if not found:
        raise LabError(f"{document}: no block of {kind} to try")
    return found[1]


def readme(say) -> str:
    """The module in README.md compiles as printed, by the command as printed."""
    return _compile("README.md", say)


def consumer(say) -> str:
    """So does the one in docs/consumer.md, which is in the kernel's style, too."""
    return _in_style("docs/consumer.md", say) or _compile("docs/consumer.md", say)


def volo(say) -> str:
    """And the one in docs/from-volo.md, with its header and its positional initialiser."""
    return _in_style("docs/from-volo.md", say) or _compile("docs/from-volo.md", say)


def _in_style(document: str, say) -> str:
    name = modules.BUILD / f"{Path(document).stem}.c"
    name.write_text(_block(document, "c"), encoding="utf-8")
    return tool(["perl", source(say) / "scripts/checkpatch.pl", "--no-tree", "--strict", "--terse",
                 "--no-summary", "--file", name])


def _compile(document: str, say) -> str:
    module = _block(document, "c")
    kbuild, command = (_block("README.md", kind) for kind in ("make", "sh"))
    kernel = kernels.get("deb6.12", say)
    root = modules.build(kernel, say=say)
    place = fresh(modules.BUILD / "readme")
    (place / "hello.c").write_text(module, encoding="utf-8")
    (place / "Kbuild").write_text(kbuild, encoding="utf-8")
    env = dict(os.environ, KDIR=str(kernel.headers), KSOCKET=str(REPO),
               SYMVERS=str(root / "Module.symvers"), MAKEFLAGS=" ".join(kernel.make))
    said = run_process(["sh", "-ec", command], cwd=place, env=env, timeout=300,
                       log=LOGS / "build-readme.log", what=f"the module in {document}")
    return "\n".join(line for line in said.splitlines() if "warning:" in line)


def event_table(_say) -> str:
    """docs/events.md names each test of the files that it links to, and no others."""
    page = REPO / "docs" / "events.md"
    text = page.read_text(encoding="utf-8")
    places = {label: (page.parent / target).resolve()
              for label, target in re.findall(r"^\[(\w+)\]: (\S+)$", text, re.M)}
    named = set(re.findall(r"\[(test_\w+)\]\[(\w+)\]", text))
    there = {(test, label) for label, path in places.items() if path.is_file()
             for test in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M)}
    return "\n".join([f"docs/events.md: no test {one}" for one in sorted(named - there)] +
                     [f"docs/events.md: no row for {one}" for one in sorted(there - named)])


def rfc_table(say) -> str:
    """docs/tcp-rfc.md names code and tests that are there, and counts its rows."""
    text = rfcs.PAGE.read_text(encoding="utf-8")
    say(f"{name(rfcs.PAGE)}: {rfcs.summary(text)}")
    return "\n".join(f"{name(rfcs.PAGE)}: {problem}" for problem in rfcs.problems(text))


def _touch(variant: str, kernel: str):
    """Forget objects of an earlier check: a warning is only said on compiling."""
    root = modules.BUILD / f"{kernel}-{variant}"
    for path in list(root.rglob("*")):
        if path.suffix in (".o", ".ko") or path.name.endswith(".cmd"):
            os.unlink(path)
