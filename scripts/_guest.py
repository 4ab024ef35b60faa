"""A small guest whose kernel has gpio-sim, with this machine's file tree inside: same paths, no write comes back.

Most kernels come without the simulator. The guest's is Debian testing's, from the machine's own mirror, kept in the
cache; qemu runs it, with KVM where that works. Whatever is missing on a machine ends in ``NoGuestError``.
"""

from __future__ import annotations  # this script must start on Python 3.11

import importlib
import lzma
import os
from pathlib import Path
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_QEMU = "qemu-system-x86_64"
# What a kernel without them built in has to load, besides what they ask for themselves.
_MODULES = ("virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay", "configfs", "gpio-sim")
# The tree of this machine comes in through 9p, read-only; what is written lands in memory.
_INIT = """\
#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc; $bb mount -t sysfs sys /sys; $bb mount -t devtmpfs dev /dev
for module in MODULES; do $bb insmod /modules/$module.ko || echo "insmod $module failed"; done
for word in $($bb cat /proc/cmdline); do case $word in job=*) job=${word#job=} ;; esac; done
$bb mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host
$bb mount -t tmpfs rw /rw && $bb mkdir /rw/upper /rw/work
$bb mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work overlay /root
for folder in proc sys dev; do $bb mount -o bind /$folder /root/$folder; done
$bb mkdir -p /root/dev/pts /root/dev/shm
$bb mount -t devpts devpts /root/dev/pts; $bb mount -t tmpfs shm /root/dev/shm
$bb mount -t configfs config /root/sys/kernel/config
$bb ip link set lo up
[ -d /root/sys/kernel/config/gpio-sim ] || $bb poweroff -f
echo started >/dev/vport0p2
$bb chroot /root /bin/sh "$job/command" </dev/null >/dev/vport0p1 2>&1
echo $? >/dev/vport0p2
$bb poweroff -f
"""


class NoGuestError(Exception):
    """There can be no guest here; the message begins with "needs "."""


def run_in_guest(command: list[str], *, folder: Path, limit: float, output: BinaryIO | None = None) -> int:
    """Run a command as root of a guest; return its status.

    Args:
        command: program and arguments.
        folder: where it runs.
        limit: seconds for all of it but the download of the guest's parts.
        output: gets what it prints, while it runs; None: this process' own output does.

    Raises:
        NoGuestError: a part cannot be had here, or the guest does not start.
        TimeoutError: the guest started, but its command did not end, or not in time.
    """
    kernel, initrd = _parts()
    with tempfile.TemporaryDirectory(prefix="p1meter-guest-") as temporary:
        job = Path(temporary)
        (job / "command").write_text(
            f"export PATH={shlex.quote(os.environ['PATH'])} HOME={shlex.quote(str(Path.home()))}\n"
            f"cd {shlex.quote(str(folder))} && exec {shlex.join(command)}\n"
        )
        return _boot(kernel, initrd, job, limit, output or sys.stdout.buffer)


def _boot(kernel: Path, initrd: Path, job: Path, limit: float, output: BinaryIO) -> int:
    """Start the guest; pass on what it prints and return the status of its command."""
    # An emulated processor stumbles now and then, and its kernel with it: that says nothing about the command.
    accelerators = [*(["kvm"] if os.access("/dev/kvm", os.W_OK) else []), "tcg", "tcg", "tcg"]
    started_once = False
    last: list[str] = []
    for accelerator in accelerators:
        started = time.monotonic()
        # A machine may have a KVM that runs no guest.
        patience = 15 if accelerator == "kvm" else 90
        for name in ("said", "printed"):
            (job / name).write_bytes(b"")
        command = _qemu(kernel, initrd, job, accelerator)
        with (job / "console").open("ab") as console, (job / "printed").open("rb") as printed:
            guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
            ended = False
            words: list[str] = []
            try:
                while not ended:
                    ended = guest.poll() is not None
                    output.write(printed.read())
                    output.flush()
                    words = (job / "said").read_text().split()
                    if time.monotonic() - started > (limit if words else patience):
                        break
                    time.sleep(0.05)
            finally:
                guest.kill()
                guest.wait()
        if len(words) == 2:
            return int(words[1])
        seconds = time.monotonic() - started
        last = (job / "console").read_text(errors="replace").splitlines()[-50:]
        if words and not ended:
            raise TimeoutError(
                "\n".join([f"no result from the guest after {seconds:.0f} s; its kernel's last words:", *last])
            )
        if words:
            started_once = True
            print(f"the guest died after {seconds:.0f} s; its kernel's last words:", *last, sep="\n", flush=True)
    if started_once:
        raise TimeoutError("the guest's kernel dies each time")
    raise NoGuestError("\n".join(["needs a qemu guest, and none starts here:", *last]))


def _qemu(kernel: Path, initrd: Path, job: Path, accelerator: str) -> list[str]:
    # fmt: off
    return [
        _QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-M", "q35",
        "-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else "max", "-smp", "2", "-m", "1G",
        "-kernel", str(kernel), "-initrd", str(initrd),
        "-append", f"console=ttyS0 quiet panic=-1 mitigations=off job={job}",
        "-serial", f"file:{job / 'console'}", "-device", "virtio-serial-pci,max_ports=3",
        "-chardev", f"file,id=out,path={job / 'printed'}", "-device", "virtserialport,chardev=out,nr=1",
        "-chardev", f"file,id=said,path={job / 'said'}", "-device", "virtserialport,chardev=said,nr=2",
        "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
    ]
    # fmt: on


def _parts() -> tuple[Path, Path]:
    """Kernel and initial file system, from the cache or made now."""
    if platform.machine() != "x86_64":
        raise NoGuestError("needs an x86-64 machine for the guest with the simulated chip")
    setup = importlib.import_module("_setup").setup
    folder: Path = setup.CACHE / "guest"
    parts = folder / "vmlinuz", folder / "initrd"
    ready = folder / ".ready"
    have_parts = ready.is_file() and ready.read_text() == _INIT
    try:
        if not have_parts and not shutil.which("apt-get"):
            raise NoGuestError("needs a Debian kernel with gpio-sim, and there is no apt to get it with")
        if not shutil.which(_QEMU):
            if os.geteuid() != 0 or not shutil.which("apt-get"):
                raise NoGuestError(f"needs {_QEMU} (package qemu-system-x86)")
            setup.say("installing qemu")
            setup.run("apt-get", "update", "-qq")
            setup.run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-system-x86")
        if not have_parts:
            setup.say("making the guest with the simulated chip: taking Debian testing's kernel, into the cache only")
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="guest-", dir=setup.CACHE) as temporary:
                _make(setup, Path(temporary))
                (Path(temporary) / "parts").rename(folder)
            ready.write_text(_INIT)
    except (RuntimeError, OSError) as error:
        raise NoGuestError(f"needs qemu and a Debian kernel with gpio-sim, and they cannot be had: {error}") from error
    return parts


def _make(setup: Any, work: Path) -> None:  # noqa: ANN401 (a script is no module for mypy)
    """Unpack the newest kernel of Debian testing; leave kernel and initial file system in the folder ``parts``."""
    apt = setup.Apt("testing")

    def depends(package: str) -> str:
        return str(setup.run("apt-cache", *apt.options, "depends", package))

    if not (image := re.search(r"linux-image-\d\S*-amd64", depends("linux-image-amd64"))):
        raise RuntimeError("the archive has no kernel")
    # A new kernel comes in two packages, an older one in one.
    packages = re.findall(r"linux-(?:binary|modules)-\S+", depends(image[0])) or [image[0]]
    apt.unpack([*packages, "busybox-static"], work / "root")

    tree = work / "tree"
    for name in ("bin", "dev", "proc", "sys", "modules", "host", "rw", "root"):
        (tree / name).mkdir(parents=True)
    busybox = next(path for path in (work / "root").glob("**/bin/busybox") if not path.is_symlink())
    shutil.copy(busybox, tree / "bin/busybox")
    loaded = []
    for name, content in _modules(work / "root"):
        (tree / f"modules/{name}.ko").write_bytes(content)
        loaded.append(name)
    if "gpio-sim" not in loaded:
        raise RuntimeError(f"{image[0]} has no gpio-sim")
    init = tree / "init"
    init.write_text(_INIT.replace("MODULES", " ".join(loaded)))
    init.chmod(0o755)

    parts = work / "parts"
    parts.mkdir()
    shutil.copy(next((work / "root").glob("**/vmlinuz*")), parts / "vmlinuz")
    with (parts / "initrd").open("wb") as initrd:
        names = "\n".join(str(path.relative_to(tree)) for path in [tree, *sorted(tree.rglob("*"))])
        cpio = [str(busybox), "cpio", "-o", "-H", "newc"]
        subprocess.run(cpio, cwd=tree, input=names.encode(), stdout=initrd, stderr=subprocess.DEVNULL, check=True)


def _modules(root: Path) -> Iterator[tuple[str, bytes]]:
    """The modules that are wanted and those that they ask for, in the order to load them; none that is built in."""
    files = {path.name.partition(".ko")[0].replace("-", "_"): path for path in root.glob("**/*.ko*")}
    done = set()

    def load(name: str) -> Iterator[tuple[str, bytes]]:
        key = name.replace("-", "_")
        if key in done or key not in files:
            return
        done.add(key)
        content = files[key].read_bytes()
        if files[key].suffix == ".xz":
            content = lzma.decompress(content)
        asked = re.search(rb"\0depends=([^\0]*)\0", content)
        for needed in filter(None, asked[1].decode().split(",") if asked else []):
            yield from load(needed)
        yield name, content

    for name in _MODULES:
        yield from load(name)
