#!/usr/bin/env python3
"""What the guides in docs/ say is true.

usage: pages.py snippets | reasons | order

`snippets`: each block marked `c` or `rune` is in an example that the tests build and run, up to
indentation and gaps ("...") between its parts. `reasons`: the table of limits-and-reasons.md has the
rows of shm/reasons.def, and says what cli/explain.def says. `order`: no call in what people copy, as in
f(g(&x), x), reads a variable that another argument of it may set: C leaves open which comes first.
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


def unordered(text):
    """Where x is an argument after a call in the same list that was given &x."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", lambda comment: "\n" * comment[0].count("\n"), text, flags=re.S)
    for found in re.finditer(r"&(\w+)\b[^;{}&|?]*\)\s*,\s*\1\b", text):
        yield text[:found.start()].count("\n") + 1


def check_order():
    if list(unordered("must(f(a, &error), error);")) != [1] or list(unordered("must(f(a, &error), &error);")):
        sys.exit("pages: the check of the order finds the wrong thing")
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    code = [path for folder in ("docs/examples", "include") for path in sorted((ROOT / folder).rglob("*.[ch]"))]
    bad = [f"{path.relative_to(ROOT)}:{line}: an argument that another one may set" for path in pages + code
           for line in unordered(path.read_text())]
    return bad, f"{len(pages + code)} files read nothing before it is set"


def main():
    checks = {"snippets": check_snippets, "reasons": check_reasons, "order": check_order}
    if len(sys.argv) != 2 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    bad, good = checks[sys.argv[1]]()
    for line in bad:
        print(line)
    if bad or good.startswith("0 "):
        sys.exit(f"pages: {len(bad)} statements are not true")
    print(f"pages: {good}")


main()
