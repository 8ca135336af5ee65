#!/usr/bin/env python3
"""Every row of a table is used: an error that nothing raises, or a message that nothing sends, is a promise
that nobody keeps.

The name of each row of the tables below has to stand in a source outside its table, alone or behind a
prefix (`OVERFLOW`, `RN_VM_ERROR_OVERFLOW`). What is left out: keywords that are reserved and mean nothing
(compiler/tokens.def), reasons that others may write (shm/reasons.def).
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ["base", "bytecode", "shm", "policy", "compiler", "worker", "supervisor", "cli"]
TABLES = [
    "base/errors.def", "bytecode/builder_faults.def", "bytecode/diagnostics.def", "bytecode/intrinsics.def",
    "bytecode/opcodes.def", "bytecode/operands.def", "bytecode/unit_checks.def", "bytecode/vm_errors.def",
    "policy/layers.def", "shm/messages.def",
]


def words():
    """Every word of the sources, and what follows each of its underscores."""
    found = set()
    for folder in FOLDERS:
        for source in (ROOT / folder).rglob("*.[ch]"):
            found.update(re.findall(r"\w+", source.read_text()))
    return found | {word[at.end():] for word in found for at in re.finditer("_", word)}


def main():
    known, bad, seen = words(), 0, 0
    for table in TABLES:
        rows = re.findall(r"^[A-Z_]+\(\s*([A-Z]\w*)\s*[,)]", (ROOT / table).read_text(), re.MULTILINE)
        if not rows:
            sys.exit(f"rows: {table} has none")
        for row in rows:
            seen += 1
            if row not in known:
                bad += 1
                print(f"{table}: nothing uses {row}")
    if bad:
        sys.exit(f"rows: {bad} rows that nothing uses")
    print(f"rows: {seen} rows are used")


if __name__ == "__main__":
    main()
