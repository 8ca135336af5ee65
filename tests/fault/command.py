#!/usr/bin/env python3
"""The command when its system calls fail, and when there is no room for what it writes.

usage: command.py RUNEWARD FAULT_PRELOAD

Each command is run again and again; each time a call fails at a place of the program that has not failed with that errno
before (faults.c). Whatever fails: the command ends by itself, in time, with a code of its own; if that is not 0, it says why;
and a file that it was to write is the old one or the new one, with nothing beside it. Then the same with files that may have so
many bytes and no more, and a call with so many descriptors, addresses and processes; as root, the latter as an ordinary user, too.
"""
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

RUNEWARD, PRELOAD = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:3])
HEAD = struct.Struct("<iiiIq32s")
STATE_SIZE = 1 << 17
MODE_NEW, HIT = 2, 2
# So many runs in a row in which nothing failed: threads take turns in other ways.
ENOUGH = 2
RUNS_MAX = 400
NOT_LOADED, NOBODY = 127, 65534
# The file that could not be removed is left: nobody else can remove it either.
MAY_LEAVE = {"unlink", "unlinkat"}
SCRIPT = """pub fn main(n) { println!("{:?}", n); n }
#[test]
fn good() { assert!(true) }
""" + "".join(f"pub fn f{i}(a) {{ a + {i} }}\n" for i in range(200))

COMMANDS = {
    "run": ["run", "a.rn", "--", "1"],
    "meta": ["run", "--meta", "out", "a.rn", "--", "1"],
    "journal": ["run", "--journal", "out", "a.rn", "--", "1"],
    "fmt": ["fmt", "out"],
    "fmt folder": ["fmt", "-r", "."],
    "compile": ["compile", "a.rn", "-o", "out"],
    "doc": ["doc", "a.rn", "-o", "pages"],
    "test": ["test", "--report", "junit=out", "a.rn"],
    "check": ["check", "a.rn"],
}
OUT = {"fmt": SCRIPT, "fmt folder": SCRIPT}
FAILED = []


class Run:
    """One run in a folder of its own."""

    def __init__(self, name, environment=None, limit=None, user=None):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rn-fault-"))
        self.folder.chmod(0o777)
        self.old = OUT.get(name, "old")
        (self.folder / "a.rn").write_text(SCRIPT)
        (self.folder / "out").write_text(self.old)
        if name.startswith("fmt"):
            (self.folder / "out").rename(self.folder / "out.rn")
        self.environment = {**os.environ, **(environment or {})}
        self.limit = limit
        self.user = {} if user is None else {"user": user, "group": user, "extra_groups": []}

    def prepare(self):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        if self.limit is not None:
            resource.setrlimit(self.limit[0], (self.limit[1], self.limit[1]))

    def go(self):
        arguments = [RUNEWARD, "--policy", "best_effort", *COMMANDS[self.name]]
        if self.name == "fmt":
            arguments[-1] = "out.rn"
        try:
            # Pipes: a limit of files is none of theirs.
            done = subprocess.run(arguments, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=60, preexec_fn=self.prepare, **self.user)
            self.code, self.said = done.returncode, done.stderr.decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            self.code, self.said = -100, "no end"
        out = self.folder / ("out.rn" if self.name.startswith("fmt") else "out")
        self.out = out.read_bytes() if out.exists() else None
        self.files = sorted(p.name for p in self.folder.iterdir() if p.name != "pages")
        shutil.rmtree(self.folder, ignore_errors=True)
        return self


def complain(run, what, why):
    FAILED.append(f"{run.name}, {what}: {why}; code {run.code}: {run.said}")


def judge(run, good, what, may_leave=False):
    if run.code < 0 or run.code >= 128:
        complain(run, what, "a signal, or no end")
    if run.code != 0 and not run.said:
        complain(run, what, "no word about it")
    # Records have times and numbers of processes in them: as long as the good one, or longer.
    whole = run.out is not None and (run.out == good.out or run.out[-16:] == good.out[-16:])
    if not whole and run.out != run.old.encode():
        complain(run, what, f"the file is neither the old nor the new one: {run.out and len(run.out)} bytes")
    if run.code == 0 and run.out == run.old.encode() != good.out:
        complain(run, what, "it was not written, and nobody said so")
    if run.files != good.files and not may_leave:
        complain(run, what, f"files: {run.files}")


def sweep_calls(name, good, state):
    quiet = tried = 0
    for _ in range(RUNS_MAX):
        with open(state, "r+b") as file:
            file.write(HEAD.pack(MODE_NEW, 0, 0, 0, 0, b""))
        run = Run(name, {"LD_PRELOAD": PRELOAD, "RUNEWARD_FAULTS": state}).go()
        with open(state, "rb") as file:
            _, outcome, error, _, _, call = HEAD.unpack(file.read(HEAD.size))
        if outcome != HIT:
            quiet += 1
            if quiet == ENOUGH:
                break
            continue
        quiet, tried = 0, tried + 1
        call = call.split(b"\0")[0].decode()
        judge(run, good, f"{call}: {os.strerror(error)}", call in MAY_LEAVE)
    print(f"{name}: {tried} calls failed", flush=True)
    return tried


def sweep_sizes(name, good):
    for size in (0, 1, 100, 4096, 6000, 1 << 16):
        judge(Run(name, limit=(resource.RLIMIT_FSIZE, size)).go(), good, f"files of {size} bytes")


def sweep_limit(what, kind, values, user):
    """A call under each value of a limit, from where the program can be loaded at all."""
    good = Run("run", user=user).go()
    runs = [Run("run", limit=(kind, value), user=user).go() for value in values]
    for value, run in zip(values, runs):
        if run.code != NOT_LOADED:
            judge(run, good, f"{what} {value}, user {user}")
    print(f"{what}, user {user}: {[run.code for run in runs]}", flush=True)
    if runs[-1].code != 0:
        complain(runs[-1], what, "not even the largest value is enough")


def sweep_limits(user):
    sweep_limit("descriptors", resource.RLIMIT_NOFILE, [*range(6, 24), 28, 32, 40, 64], user)
    sweep_limit("addresses", resource.RLIMIT_AS,
                [n << 20 for n in (8, 12, 16, 20, 24, 28, 32, 40, 64, 128, 192, 256, 512, 4096)], user)
    # Root may have as many processes as it likes.
    if user is not None or os.geteuid() != 0:
        sweep_limit("processes", resource.RLIMIT_NPROC, [0, 1, 2, 3, 4, 5, 6, 8, 12, 500], user)


def main():
    tried = 0
    with tempfile.NamedTemporaryFile(prefix="rn-fault-") as state:
        state.truncate(STATE_SIZE)
        for name in COMMANDS:
            good = Run(name).go()
            if good.code != 0:
                sys.exit(f"{name}: {good.code}: {good.said}")
            tried += sweep_calls(name, good, state.name)
            sweep_sizes(name, good)
    for user in [None, NOBODY] if os.geteuid() == 0 else [None]:
        sweep_limits(user)
    print("\n".join(FAILED))
    return 1 if FAILED or tried < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
