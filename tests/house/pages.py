#!/usr/bin/env python3
"""What the guides in docs/ say is true.

usage: pages.py snippets | reasons

`snippets`: each block marked `c` or `rune` is in an example that the tests build and run, up to
indentation and gaps ("...") between its parts. `reasons`: the table of limits-and-reasons.md has the
rows of shm/reasons.def, and says what cli/explain.def says.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "docs/examples"


def lines(text):
    """Without indentation, empty lines and the line breaks that formatting moved."""
    return " ".join(line.strip() for line in text.splitlines() if line.strip())


def check_snippets():
    examples = [lines(path.read_text()) for path in sorted(EXAMPLES.rglob("*.*")) if path.suffix in {".c", ".rn"}]
    bad, seen = [], 0
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in re.findall(r"^```(?:c|rune)\n(.*?)^```", page.read_text(), flags=re.S | re.M):
            parts = [lines(part) for part in re.split(r"^\s*\.\.\.\s*$", block, flags=re.M)]
            seen += 1
            if not any(all(part in example for part in parts) for example in examples):
                bad.append(f"{page.relative_to(ROOT)}: in no example: {block.strip().splitlines()[0]}")
    return bad, f"{seen} blocks are in examples"


def check_reasons():
    table = (ROOT / "shm/reasons.def").read_text()
    rows = {n: "128 + signal" if c == "-1" else c for c, n in re.findall(r'^REASON\(\w+,\s*\d+,\s*(-?\d+),\s*\w+,\s*\w+,\s*"(\w+)"', table, flags=re.M)}
    page = (ROOT / "docs/limits-and-reasons.md").read_text().split("## Reasons")[1]
    shown = dict(re.findall(r"^\| (\w+) \| (128 \+ signal|\d+) \|", page, flags=re.M))
    bad = [f"{name}: {shown.get(name)} in the page, {code} in the table" for name, code in rows.items() if shown.get(name) != code]
    bad += [f"{name}: only in the page" for name in shown if name not in rows]
    texts = {n: (m.strip(), d.strip()) for n, m, d in re.findall(r"^\| (\w+) \| (?:128 \+ signal|\d+) \|([^|]*)\|([^|]*)\|$", page, flags=re.M)}
    for name, *words in re.findall(r'^EXPLAIN\((\w+), "", "",\s+((?:"[^"]*"\s*)+),\s+((?:"[^"]*"\s*)+)\)', (ROOT / "cli/explain.def").read_text(), flags=re.M):
        said = tuple("".join(re.findall('"([^"]*)"', word)) for word in words)
        if said != texts.pop(name.lower(), None):
            bad.append(f"{name.lower()}: the page and cli/explain.def differ")
    bad += [f"{name}: not in cli/explain.def" for name in texts]
    return bad, f"{len(rows)} reasons agree"


def main():
    checks = {"snippets": check_snippets, "reasons": check_reasons}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    bad, good = checks[sys.argv[1]]()
    for line in bad:
        print(line)
    if bad or good.startswith("0 "):
        sys.exit(f"pages: {len(bad)} statements are not true")
    print(f"pages: {good}")


main()
