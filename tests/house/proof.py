#!/usr/bin/env python3
"""Runs the tests of the wall and prints a table: number, promise, cases, as root, as an ordinary user.

usage: proof.py BUILD_DIR [NUMBER...]

Reads tests/proof.tsv. Started by root, each test runs a second time as an ordinary user (tests that
have a variant for it run that one): not as `nobody`, who stands for whoever cannot be told apart, and whom no
daemon admits. A test that cannot run here says so and is counted as skipped;
what has no test is printed with its reason.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
USER = 64321
SKIPPED = 77
# What the runners of this tree say about how much they did.
CASES = [r"^\[ +RUN +\]", r"^(?:ok|FAIL) "]
Result = collections.namedtuple("Result", "word cases skips")


def known_tests(build):
    out = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    return {test["name"]: test for test in json.loads(out.stdout)["tests"] if test.get("command")}


def names_of(text, known):
    """The tests of a row: by name, or all of a group."""
    found = []
    for name in (part.strip() for part in text.split(",")):
        exact = [name] if name in known else [n for n in known if n.startswith(name + "/")]
        if not exact:
            print(f"  {name}: there is no such test in this build")
        found += [n for n in exact if not n.endswith("/nobody")]
    return found


def run(test, as_user):
    properties = {p["name"]: p["value"] for p in test.get("properties", [])}
    environment = dict(os.environ, **dict(pair.split("=", 1) for pair in properties.get("ENVIRONMENT", [])))
    identity = {"user": USER, "group": USER, "extra_groups": []} if as_user else {}
    if as_user:
        environment.update(HOME="/tmp", PYTHONDONTWRITEBYTECODE="1")
    try:
        done = subprocess.run(test["command"], capture_output=True, cwd="/tmp", env=environment,
                              timeout=properties.get("TIMEOUT", 600), **identity)
    except subprocess.TimeoutExpired:
        print(f"  TIMEOUT: {test['name']}", flush=True)
        return Result("TIMEOUT", 0, 0)
    except PermissionError:
        return Result("skipped", 0, 1)
    text = (done.stdout + done.stderr).decode(errors="replace")
    cases = max([len(re.findall(pattern, text, flags=re.M)) for pattern in CASES] + [1])
    skips = len(re.findall(r"^\[ +SKIPPED +\] (?!\d)", text, flags=re.M)) // 2
    if done.returncode == SKIPPED:
        print(f"  skipped: {test['name']}: {text.strip().splitlines()[-1] if text.strip() else ''}")
        return Result("skipped", 0, 1)
    if done.returncode != 0:
        print(f"  FAILED: {test['name']}, as {'a user' if as_user else 'this user'}:")
        print("".join(f"    {line}\n" for line in text.strip().splitlines()[-8:]), end="", flush=True)
    return Result("ok" if done.returncode == 0 else "FAILED", cases, skips)


class Runs:
    """Each test once for each user, however many rows name it."""

    def __init__(self, known):
        self.known, self.results = known, {}

    def get(self, name, as_user):
        variant = name + "/nobody"
        key = (variant, False) if as_user and variant in self.known else (name, as_user)
        if key not in self.results:
            self.results[key] = run(self.known[key[0]], key[1])
        return self.results[key]


def sum_up(results):
    words = {r.word for r in results}
    bad = words & {"FAILED", "TIMEOUT"}
    word = bad.pop() if bad else "skipped" if words == {"skipped"} else "ok"
    return Result(word, sum(r.cases for r in results), sum(r.skips for r in results))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    known = known_tests(sys.argv[1])
    wanted, runs, table, failed, skips, absent = set(sys.argv[2:]), Runs(known), [], 0, 0, 0
    users = [False, True] if os.geteuid() == 0 else [False]
    for line in (ROOT / "tests/proof.tsv").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        number, promise, tests = line.split("\t")
        if wanted and number not in wanted:
            continue
        names = [] if tests.startswith("-") else names_of(tests, known)
        if not names:
            absent += 1
            table.append((number, promise, 0, tests.lstrip("- ") if tests.startswith("-") else "not in this build", ""))
            continue
        columns = [sum_up([runs.get(name, user) for name in names]) for user in users]
        failed += sum(c.word not in ("ok", "skipped") for c in columns)
        skips += sum(c.skips for c in columns)
        words = [c.word + (f" ({c.skips} skipped)" if c.skips else "") for c in columns]
        table.append((number, promise, columns[0].cases, words[0], words[1] if len(words) > 1 else "-"))
        print(f"  {number} done", file=sys.stderr, flush=True)
    heads = ("as root", "as a user") if len(users) > 1 else ("as this user", "")
    print(f"{'':4} {'promise':76} {'cases':>6}  {heads[0]:22} {heads[1]}")
    for number, promise, cases, first, second in table:
        print(f"{number:4} {promise:76} {cases or '-':>6}  {first:22} {second}")
    print(f"{len(table)} rows, {failed} failed, {skips} skipped, {absent} without a test")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
