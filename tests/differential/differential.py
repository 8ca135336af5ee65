"""Runs generated programs in several ways, which must agree to the byte and to the unit.

usage: differential.py GENERATOR INPROC [--command RUNEWARD] [--other INPROC]... [--count N] [--seed N] [--keep DIR]

For each seed the generator writes a program. It runs in one process in one go and in slices of one
instruction block, with --command in a walled worker, and with each --other (another compiler's build,
sanitizers, the preset that collects at every safepoint). Output, error or reason, budget and memory
peak are compared. reference.py walks the tree of each program, and must print the same and end the same,
unless it is unsure. Programs that differ are kept, and named.
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import reference  # noqa: E402

LIMITS = ["--budget", "2000000", "--memory", "16777216", "--output", "1048576", "--seed", "7"]
REASONS = {120: "budget", 121: "memory", 122: "output"}


class Outcome:
    """What a run shows: comparable with that of another way to run the same program."""

    def __init__(self, stdout, end, budget, memory):
        self.shown = (stdout, end, budget, memory)

    def difference(self, other):
        names = ("output", "end", "budget", "memory peak")
        for name, mine, theirs in zip(names, self.shown, other.shown):
            if mine != theirs:
                return f"{name}: {mine!r:.300} and {theirs!r:.300}"
        return None


def in_process(program, path, slice_size):
    command = [program, *LIMITS, "--slice", str(slice_size), "--stats", path]
    done = subprocess.run(command, capture_output=True, timeout=300)
    complaint = done.stderr.decode("utf-8", "replace")
    used = re.search(r"^budget (\d+), memory peak (\d+)", complaint, re.M)
    error = re.search(r"^error: (.*)$", complaint, re.M)
    if used is None or done.returncode not in (0, 2, *REASONS):
        return Outcome(done.stdout, f"exit code {done.returncode}: {complaint[-600:]}", -1, -1)
    end = "ok" if done.returncode == 0 else REASONS.get(done.returncode) or error[1]
    return Outcome(done.stdout, end, int(used[1]), int(used[2]))


def in_worker(command, path):
    limits = [*LIMITS, "--wall", "60s", "--cpu", "60s"]
    done = subprocess.run([command, "--format", "json", "call", *limits, path, "main"],
                          capture_output=True, timeout=300)
    if not done.stdout.startswith(b"{"):
        return Outcome(done.stdout, f"exit code {done.returncode}: {done.stderr[-600:]!r}", -1, -1)
    record = json.loads(done.stdout)
    end = record["reason"]
    if end == "script_error":
        end = record["error"]["message"].splitlines()[0]
    return Outcome(record.get("stdout", "").encode(), end, record["usage"]["budget"], record["usage"]["memory_peak"])


def ways(options):
    """Name and function of each way to run the program at a path."""
    yield "in slices of one block", lambda path: in_process(options.inproc, path, 1)
    if options.command:
        yield "in a worker", lambda path: in_worker(options.command, path)
    for other in options.other:
        yield other, lambda path, other=other: in_process(other, path, 1 << 20)


def by_reference(text, first):
    """As `first`, with what the reference prints and how it ends; None where it says nothing."""
    stdout, end, budget, memory = first.shown
    found = None if end in REASONS.values() else reference.deep(reference.outcome, text)
    return found and Outcome(found[0].encode(), found[1], budget, memory)


def compare(options, path, text):
    """How it ends, whether the reference said so too, and the differences found."""
    first = in_process(options.inproc, path, 1 << 20)
    problems = []
    if first.shown[2] < 0:
        problems.append(f"in one go: {first.shown[1]}")
    for name, run in ways(options):
        difference = first.difference(run(path))
        if difference is not None:
            problems.append(f"in one go and {name} differ in {difference}")
    second = by_reference(text, first)
    if second is not None and (difference := first.difference(second)) is not None:
        problems.append(f"in one go and the reference differ in {difference}")
    return first, second is not None, problems


def try_seed(options, folder, seed):
    text = subprocess.run([options.generator, str(seed)], capture_output=True, check=True).stdout
    path = pathlib.Path(folder) / f"program-{seed}.rn"
    path.write_bytes(text)
    first, referred, problems = compare(options, str(path), text.decode())
    path.unlink()
    if problems:
        kept = pathlib.Path(options.keep) / f"differs-{seed}.rn"
        kept.write_bytes(text)
        problems.append(f"kept as {kept}")
    return seed, first.shown[1], referred, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("generator")
    parser.add_argument("inproc")
    parser.add_argument("--command")
    parser.add_argument("--other", action="append", default=[])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", default=tempfile.gettempdir())
    options = parser.parse_args()
    ends, failed, both = {}, 0, 0
    seeds = range(options.seed, options.seed + options.count)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for seed, end, referred, problems in pool.map(lambda seed: try_seed(options, folder, seed), seeds):
            kind = "ok" if end == "ok" else "limit" if end in REASONS.values() else "error"
            ends[kind] = ends.get(kind, 0) + 1
            failed += bool(problems)
            both += referred
            for problem in problems:
                print(f"seed {seed}: {problem}", flush=True)
    said = ", ".join(f"{count} {kind}" for kind, count in sorted(ends.items()))
    said += f"; {both} by the reference as well"
    print(f"{options.count} programs from seed {options.seed} ({said}): {failed} differ")
    # Programs that mostly fail, or that the reference knows nothing about, would compare little.
    sys.exit(1 if failed or min(ends.get("ok", 0), both) * 3 < options.count else 0)


main()
