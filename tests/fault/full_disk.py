#!/usr/bin/env python3
"""The command and the daemon on a file system that is full.

usage: full_disk.py RUNEWARD

A small file system in memory, mounted where only this process sees it, has room for so many pages more, from none to what is
enough; then so many files more. Whatever is to be written there: the command says why it cannot and ends with a code of its own,
a file that was there is the old one or the new one, and nothing lies beside it. A daemon whose cache, journals, log or scripts are
there goes on answering, and what it keeps there is whole. Skipped where nothing may be mounted.
"""
import contextlib
import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

RUNEWARD = str(pathlib.Path(sys.argv[1]).resolve())
SKIPPED = 77
PAGE = 4096
# A turn of the largest file that is written here, and more.
PAGES_MAX = 40
# Of a folder with a page for each item of the library.
PAGES, FILES = 2048, 1024
CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 0x40000, 2
LIBC = ctypes.CDLL(None, use_errno=True)
FAILED = []

SCRIPT = """/// Adds.
pub fn main(n) { println!("{:?}", n); n }
#[test]
fn good() { assert!(true) }
""" + "".join(f"/// Number {i}.\npub fn f{i}(a) {{ a + {i} }}\n" for i in range(120))
UNFORMATTED = SCRIPT.replace(" { ", "  {  ")

# name: (arguments, what is written, what was there)
COMMANDS = {
    "compile": (["compile", "../a.rn", "-o", "out"], "out", "old"),
    "meta": (["run", "--meta", "out", "../a.rn", "--", "1"], "out", "old"),
    "journal": (["run", "--journal", "out", "../a.rn", "--", "1"], "out", "old"),
    "fmt": (["fmt", "out.rn"], "out.rn", UNFORMATTED),
    "report": (["test", "--report", "junit=out", "../a.rn"], "out", "old"),
    "doc": (["doc", "../b.rn", "-o", "pages"], None, None),
}


def complain(where, why):
    FAILED.append(f"{where}: {why}")


def must(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Disk:
    """The file system, and how much of it is left."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        must(LIBC.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, f"size={PAGES * PAGE},nr_inodes={FILES},mode=0755".encode()))

    def clear(self):
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def leave_pages(self, pages):
        with open(self.folder / "ballast", "wb") as file:
            left = os.statvfs(self.folder).f_bavail - pages
            if left > 0:
                file.write(bytes(left * PAGE))

    def leave_files(self, files):
        for number in range(os.statvfs(self.folder).f_ffree - files):
            (self.folder / f"ballast{number}").touch()

    def give_way(self):
        for path in self.folder.glob("ballast*"):
            path.unlink()

    def content(self):
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in sorted(self.folder.rglob("*"))
                if p.is_file() and not p.name.startswith("ballast")}


def run(arguments, folder):
    done = subprocess.run([RUNEWARD, "--policy", "best_effort", *arguments], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60)
    return done.returncode, done.stderr.decode(errors="replace").strip()


def prepare(disk, name):
    _, out, old = COMMANDS[name]
    disk.give_way()
    disk.clear()
    if out:
        (disk.folder / out).write_text(old)


def is_whole(name, path, data, good):
    """Records have times and numbers of processes in them: they end as the good one does."""
    return data == good.get(path) or (name != "doc" and path in good and data[-16:] == good[path][-16:])


def judge(name, where, ended, content, good):
    code, said = ended
    _, out, old = COMMANDS[name]
    if code < 0 or code >= 128:
        complain(where, f"a signal: {code}")
    if code != 0 and "space" not in said:
        complain(where, f"code {code}, and no word about the space: {said!r}")
    for path, data in content.items():
        was_there = path == out and data == old.encode()
        if not is_whole(name, path, data, good) and not was_there:
            complain(where, f"{path} is neither whole nor the old one: {len(data)} bytes")
    if out and out not in content:
        complain(where, f"{out} has gone")
    if code == 0 and content.keys() != good.keys():
        complain(where, f"well, but there are {sorted(content)}")


def sweep(disk, name, what, leave, amounts):
    """Each amount from none to what is enough: the latter."""
    arguments, _, _ = COMMANDS[name]
    prepare(disk, name)
    ended = run(arguments, disk.folder)
    good = disk.content()
    if ended[0] != 0:
        sys.exit(f"{name}: {ended}")
    for amount in amounts:
        prepare(disk, name)
        leave(amount)
        ended = run(arguments, disk.folder)
        judge(name, f"{name}, {amount} {what}", ended, disk.content(), good)
        if ended[0] == 0:
            print(f"{name}: {amount} {what} are enough", flush=True)
            return amount
    return complain(name, f"{amounts[-1]} {what} are not enough")


# ---- A daemon ----


class Daemon:
    def __init__(self, scripts, socket, *options, log=None):
        self.socket = socket
        self.process = subprocess.Popen(
            [RUNEWARD, "--policy", "best_effort", "serve", str(scripts), "--socket", str(socket), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log or subprocess.PIPE)

    def wait_for_socket(self):
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            if self.socket.exists() and self.call("prices", "main", "1")[0] == 0:
                return True
            time.sleep(0.02)
        return False

    def call(self, *arguments):
        done = subprocess.run([RUNEWARD, "call", "--socket", str(self.socket), *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(errors="replace").strip(), done.stderr.decode(errors="replace").strip()

    def end(self):
        self.process.terminate()
        said = self.process.communicate(timeout=120)[1]
        return self.process.returncode, (said or b"").decode(errors="replace")


@contextlib.contextmanager
def serving(*arguments, **others):
    daemon = Daemon(*arguments, **others)
    try:
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.end()


def make_scripts(folder):
    folder.mkdir()
    (folder / "prices.rn").write_text("pub fn main(n) { n + 1 }\npub fn bad() { panic!(\"bad\") }\n")


def expect(where, got, wanted):
    if got != wanted:
        complain(where, f"{got}, not {wanted}")


def answers(daemon, where):
    expect(where, daemon.call("prices", "main", "41")[:2], (0, "42"))


def own_folder(path):
    path.mkdir(exist_ok=True)
    path.chmod(0o700)
    return path


def daemon_keeps(disk, base, option, leave, amount):
    """With its cache or its journals there: it answers, and whoever reads them finds whole ones."""
    where = f"serve {option}, {leave.__name__} {amount}"
    disk.give_way()
    disk.clear()
    folder = own_folder(disk.folder / "kept")
    leave(amount)
    with serving(base / "scripts", base / "socket", option, str(folder)) as daemon:
        if not daemon.wait_for_socket():
            return complain(where, f"does not serve: {daemon.end()}")
        answers(daemon, where)
        expect(where, daemon.call("prices", "bad")[0] != 0, True)
        answers(daemon, where)
        code, said = daemon.end()
    expect(where, code, 0)
    for path in folder.iterdir():
        if path.name.startswith("."):
            complain(where, f"{path.name} is left")
        elif option == "--journal":
            code, said = run(["replay", str(path)], base)
            expect(f"{where}, replay", "not a replay file" in said or "damaged" in said, False)
    kept = len(list(folder.iterdir()))
    disk.give_way()
    # What is there may be nothing, but not half: the next one takes or makes it.
    with serving(base / "scripts", base / "socket", option, str(folder)) as daemon:
        if not daemon.wait_for_socket():
            return complain(where, f"does not serve again: {daemon.end()}")
        answers(daemon, f"{where}, again")
    return kept


def daemon_socket(disk, base):
    """No room for a socket: it says so; with room it serves."""
    disk.give_way()
    disk.clear()
    folder = own_folder(disk.folder / "run")
    disk.leave_files(0)
    with serving(base / "scripts", folder / "socket") as daemon:
        if daemon.wait_for_socket():
            complain("socket", "is there without room for it")
        code, said = daemon.end()
        expect("socket, code", 0 < code < 128, True)
        expect(f"socket, {said!r}", "space" in said, True)
    disk.give_way()
    with serving(base / "scripts", folder / "socket") as daemon:
        expect("socket, with room", daemon.wait_for_socket(), True)


def daemon_log(disk, base):
    """A log that cannot be written is no reason to stop."""
    disk.give_way()
    disk.clear()
    with open(disk.folder / "log", "wb") as log:
        disk.leave_pages(0)
        with serving(base / "scripts", base / "socket", log=log) as daemon:
            if not daemon.wait_for_socket():
                return complain("log", "does not serve")
            for _ in range(3):
                expect("log", daemon.call("prices", "bad")[0] != 0, True)
                answers(daemon, "log")
            expect("log, end", daemon.end()[0], 0)


def daemon_scripts(disk, base):
    """A save that found no room leaves half a script there: the one before goes on serving."""
    disk.give_way()
    disk.clear()
    make_scripts(disk.folder / "scripts")
    script = disk.folder / "scripts" / "prices.rn"
    with serving(disk.folder / "scripts", base / "socket") as daemon:
        if not daemon.wait_for_socket():
            return complain("scripts", "does not serve")
        disk.leave_pages(1)
        with contextlib.suppress(OSError), open(script, "wb", buffering=0) as file:
            file.write(b"pub fn main(n) { n + 2 " + b" " * (3 * PAGE))
            file.write(b"}\n")
        time.sleep(0.3)
        answers(daemon, "scripts, half a save")
        disk.give_way()
        script.write_text("pub fn main(n) { n + 2 }\n")
        until = time.monotonic() + 60
        while daemon.call("prices", "main", "40")[1] != "42" and time.monotonic() < until:
            time.sleep(0.02)
        expect("scripts, saved", daemon.call("prices", "main", "40")[:2], (0, "42"))


def sweep_all(base):
    disk = Disk(base / "disk")
    try:
        (base / "a.rn").write_text(SCRIPT)
        (base / "b.rn").write_text("".join(SCRIPT.splitlines(True)[:12]))
        make_scripts(base / "scripts")
        for name in COMMANDS:
            many = name == "doc"
            enough = [sweep(disk, name, "pages", disk.leave_pages, range(0, PAGES, 97) if many else range(PAGES_MAX)),
                      sweep(disk, name, "files", disk.leave_files, range(0, FILES, 59) if many else range(16))]
            expect(f"{name}, with nothing", 0 in enough, False)
        kept = {option: [daemon_keeps(disk, base, option, leave, amount) or 0
                         for leave, amounts in ((disk.leave_pages, (0, 1, 2, 200)), (disk.leave_files, (0, 1, 2)))
                         for amount in amounts] for option in ("--cache", "--journal")}
        print(f"kept by daemons: {kept}", flush=True)
        for option, counts in kept.items():
            expect(f"{option}, with nothing and with enough", (counts[0], counts[3] > 0), (0, True))
        daemon_socket(disk, base)
        daemon_log(disk, base)
        daemon_scripts(disk, base)
    finally:
        LIBC.umount2(bytes(disk.folder), MNT_DETACH)


def main():
    try:
        must(LIBC.unshare(CLONE_NEWNS))
        must(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    except OSError as error:
        print(f"skipped: nothing may be mounted here: {error}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="rn-disk-") as folder:
        sweep_all(pathlib.Path(folder))
    print("\n".join(FAILED))
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
