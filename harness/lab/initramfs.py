# SPDX-License-Identifier: GPL-2.0-only
"""The small first file system of a guest: busybox, a few modules, init."""

import gzip
import hashlib
import lzma
from pathlib import Path

from .errors import LabError
from .kernels import Kernel
from .paths import HARNESS, cache, filled

# What must be loaded before the host's files can be the guest's root. Those
# that a kernel has built in are skipped; modules.dep knows what they need.
NEEDED = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
BUSYBOX = Path("/bin/busybox")
INIT = HARNESS / "lab" / "init"


def get(kernel: Kernel) -> Path:
    """The kernel's initramfs, made when it isn't in the cache yet."""
    key = hashlib.sha256()
    for part in (INIT.read_bytes(), BUSYBOX.read_bytes(), str(kernel.image).encode(),
                 Path(__file__).read_bytes()):
        key.update(part)
    root = cache() / "initramfs" / f"{kernel.name}-{key.hexdigest()[:16]}"
    with filled(root) as todo:
        if todo:
            (todo / "initramfs.gz").write_bytes(gzip.compress(_archive(kernel), 1))
    return root / "initramfs.gz"


def _archive(kernel: Kernel) -> bytes:
    out = [_entry(name, 0o040755) for name in
           ("bin", "dev", "proc", "sys", "host", "rw", "root", "modules")]
    out.append(_entry("init", 0o100755, INIT.read_bytes()))
    out.append(_entry("bin/busybox", 0o100755, BUSYBOX.read_bytes()))
    out.append(_entry("bin/sh", 0o120777, b"busybox"))
    order = []
    for path in load_order(kernel):
        name = path.name.split(".")[0] + ".ko"
        out.append(_entry(f"modules/{name}", 0o100644, _unpacked(path)))
        order.append(name)
    out.append(_entry("modules/order", 0o100644, "".join(f"{n}\n" for n in order).encode()))
    out.append(_entry("TRAILER!!!", 0))
    return b"".join(out)


def _unpacked(path: Path) -> bytes:
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".ko":
        return path.read_bytes()
    raise LabError(f"{path}: a compression this laboratory doesn't know")


def _entry(name: str, mode: int, data: bytes = b"") -> bytes:
    """One file in the newc format of cpio."""
    path = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + "".join(f"{f:08x}" for f in fields).encode() + path
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def load_order(kernel: Kernel) -> list:
    """The needed modules and what they depend on, dependencies first."""
    if not kernel.modules:
        return []
    depends = {}
    for line in (kernel.modules / "modules.dep").read_text(encoding="utf-8").splitlines():
        path, _, rest = line.partition(":")
        depends[_name(path)] = (path, rest.split())
    order = []
    for name in NEEDED:
        # Not there means built in; if it is in neither, init says what failed.
        if _name(name) not in depends:
            continue
        path, needs = depends[_name(name)]
        # modules.dep lists a module's needs with the deepest last.
        for one in [*reversed(needs), path]:
            if kernel.modules / one not in order:
                order.append(kernel.modules / one)
    return order


def _name(path: str) -> str:
    return Path(path).name.split(".")[0].replace("-", "_")
