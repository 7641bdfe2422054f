# SPDX-License-Identifier: GPL-2.0-only
"""What README.md prints is true: its module compiles, its links lead somewhere."""

import os
import re
import shlex
import subprocess

import pytest

from lab import kernels, modules
from lab.paths import REPO

README = (REPO / "README.md").read_text(encoding="utf-8")
LINES = 40      # a consumer that one sees at a glance


def block(language: str) -> str:
    """The one block of code in that language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)
    assert len(found) == 1, f"{len(found)} blocks of {language}"
    return found[0]


def test_consumer_is_short():
    """No more than forty lines, and the kernel's style."""
    assert len(block("c").splitlines()) <= LINES


@pytest.mark.parametrize("name", ["deb6.1", "deb6.12"])
def test_consumer_compiles(tmp_path, name):
    """As printed, by the command that is printed: no warning, no symbol missing."""
    kernel = kernels.get(name)
    root = modules.build(kernel)
    (tmp_path / "hello.c").write_text(block("c"), encoding="utf-8")
    (tmp_path / "Kbuild").write_text(block("make"), encoding="utf-8")
    env = dict(os.environ, KDIR=str(kernel.headers), KSOCKET=str(REPO),
               SYMVERS=str(root / "Module.symvers"))
    command = block("sh").strip() + " W=1 " + " ".join(map(shlex.quote, kernel.make))
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout
    ours = [line for line in done.stdout.splitlines()
            if re.search(r"warning:|undefined", line, re.I)]
    assert not ours, done.stdout
    assert (tmp_path / "hello.ko").exists()


DOCUMENTS = ["README.md", *(f"docs/{path.name}" for path in sorted((REPO / "docs").glob("*.md")))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links(document):
    """Every relative link names a file."""
    path = REPO / document
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)|^\[\w+\]: ([^#:\s]+)$", text, re.M)
    links = ["".join(link) for link in links]
    assert links or document != "README.md"
    assert not [link for link in links if not (path.parent / link).exists()]
