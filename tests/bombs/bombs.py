#!/usr/bin/env python3
"""Every bomb ends for the reason that its first line says, in time; the next call works.

usage: bombs.py RUNEWARD [NAME...]

The scripts beside this file are small and try to use up something: time, memory, the stack, output,
the compiler. The head of each says how it must end:

    // reason: NAME       as in the record of a call
    // with: OPTIONS      instead of some of the options below
    // host               calls functions that only bombs_host.c has; not run here

What a script gets to print must not contain an address, and no message a raw control character.
"""
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
LIMITS = {"--budget": "20M", "--memory": "32M", "--output": "64K", "--wall": "20s", "--build-wall": "10s"}
SECONDS = 30  # far beyond what any needs, also on a machine that is busy
AT_ONCE = 2
ADDRESS = re.compile(r"\b0x[0-9a-f]{9,16}\b|\b[0-9a-f]{12}\b")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u202a-\u202e\u2066-\u2069]")


def head(text):
    """(reason, options, needs a host)"""
    reason = re.match(r"// reason: (\w+)$", text, re.M)
    options = dict(LIMITS)
    for words in re.findall(r"^// with: (.+)$", text, re.M):
        words = words.split()
        options.update(zip(words[::2], words[1::2]))
    return reason and reason[1], [w for pair in options.items() for w in pair], "\n// host\n" in text


def run(runeward, script, options):
    with tempfile.NamedTemporaryFile(suffix=".json") as meta:
        start = time.monotonic()
        done = subprocess.run([runeward, "run", "--meta", meta.name, *options, str(script)], capture_output=True, timeout=2 * SECONDS)
        text = pathlib.Path(meta.name).read_text()
        record = json.loads(text) if text.strip() else {}
        return record.get("reason"), time.monotonic() - start, done.stderr.decode(errors="replace")


def check(runeward, script):
    """(name, what is wrong, what it came to)"""
    reason, options, _ = head(script.read_text())
    if reason is None:
        return script.stem, ["no reason in its first line"], ""
    wrong = []
    try:
        ended, seconds, err = run(runeward, script, options)
    except subprocess.TimeoutExpired:
        return script.stem, ["did not end"], ""
    first = err.strip().splitlines()[:1]
    if ended != reason:
        wrong.append(f"ended as {ended}, expected {reason}: {first}")
    if seconds > SECONDS:
        wrong.append(f"took {seconds:.1f} s")
    if reason != "ok" and not first:
        wrong.append("ended without a word")
    if ADDRESS.search(err):
        wrong.append(f"prints an address: {ADDRESS.search(err)[0]}")
    if CONTROL.search(err):
        wrong.append(f"a message has a control character: {CONTROL.search(err)[0]!r}")
    return script.stem, wrong, f"{ended} after {seconds:.2f} s"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    names = set(sys.argv[2:])
    scripts = [s for s in sorted(HERE.glob("*.rn")) if not names or s.stem in names]
    scripts = [s for s in scripts if not head(s.read_text())[2]]
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for name, wrong, came_to in pool.map(lambda s: check(sys.argv[1], s), scripts):
            failures += bool(wrong)
            print(f"{'FAIL' if wrong else 'ok'} {name}: {'; '.join(wrong) or came_to}", flush=True)
    print(f"{len(scripts)} bombs, {failures} that did not end as they must")
    if failures or (not names and len(scripts) < 100):
        sys.exit(1)


if __name__ == "__main__":
    main()
