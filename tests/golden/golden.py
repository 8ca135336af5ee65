#!/usr/bin/env python3
"""Diagnostics as people and programs see them: every NAME.rn beside this file, checked.

usage: golden.py RUNEWARD [--update]

NAME.txt holds the text without colours, NAME.ansi the text with them (escapes written as ^[), NAME.json
the record. With --update they are written anew: read the difference before it is kept.
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FORMS = {
    "txt": (["--color", "never"], "stderr"),
    "ansi": (["--color", "always"], "stderr"),
    "json": (["--format", "json"], "stdout"),
}
SCRIPTS_MIN = 12


def produce(command, script, options, stream):
    done = subprocess.run([command, *options, "check", script.name], capture_output=True, text=True, timeout=120,
                          cwd=HERE)
    if done.returncode not in (0, 1):
        sys.exit(f"golden: {script.name}: exit code {done.returncode}\n{done.stderr}")
    return getattr(done, stream).replace("\x1b", "^[")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    command, update = str(pathlib.Path(sys.argv[1]).resolve()), "--update" in sys.argv
    scripts, bad = sorted(HERE.glob("*.rn")), 0
    for script in scripts:
        for suffix, (options, stream) in FORMS.items():
            expected, found = script.with_suffix("." + suffix), produce(command, script, options, stream)
            if update:
                expected.write_text(found)
            elif not expected.exists() or expected.read_text() != found:
                bad += 1
                print(f"{expected.name} differs; now:\n{found}")
    if len(scripts) < SCRIPTS_MIN:
        sys.exit(f"golden: {len(scripts)} scripts, {SCRIPTS_MIN} are wanted")
    print(f"golden: {len(scripts)} scripts, {bad} differences")
    sys.exit(bad > 0)


main()
