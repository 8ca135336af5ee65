"""Runs the scripts of a folder in one process and compares what they print with what they say.

    // expect: TEXT     the next line of standard output
    // error: TEXT      somewhere in standard error; the exit code is 2
    // refused: TEXT    the same of a script that does not compile; the exit code is 1
    // clock: NS        the script may read a clock that begins there
    // script           the file is a script body

Each script runs twice: in one go, and in slices of one instruction block, which must make no difference.
"""
import pathlib
import re
import subprocess
import sys


def run(runner, path, slice_size):
    text = path.read_text(encoding="utf-8")
    options = ["--script"] if re.search(r"^// script$", text, re.M) else []
    for clock in re.findall(r"^// clock: (\d+)$", text, re.M):
        options += ["--clock", clock]
    command = [runner, *options, "--slice", str(slice_size), str(path)]
    return subprocess.run(command, capture_output=True, timeout=60)


def check(runner, path, slice_size):
    text = path.read_text(encoding="utf-8")
    expected = re.findall(r"// expect: ?(.*)", text)
    errors = re.findall(r"// error: ?(.*)", text)
    refusals = re.findall(r"// refused: ?(.*)", text)
    result = run(runner, path, slice_size)
    printed = result.stdout.decode("utf-8").splitlines()
    complaint = result.stderr.decode("utf-8")
    problems = []
    if printed != expected:
        for number, (want, got) in enumerate(zip(expected + [None], printed + [None]), 1):
            if want != got:
                problems.append(f"line {number}: expected {want!r}, printed {got!r}")
                break
    problems += [f"not in standard error: {want!r}" for want in errors + refusals if want not in complaint]
    if result.returncode != (1 if refusals else 2 if errors else 0):
        problems.append(f"exit code {result.returncode}: {complaint.strip()}")
    return problems


def main():
    runner, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    scripts = sorted(folder.glob("*.rn"))
    failed = 0
    for path in scripts:
        for slice_size in (1 << 20, 1):
            for problem in check(runner, path, slice_size):
                failed += 1
                print(f"{path.name} (slice {slice_size}): {problem}")
    print(f"{len(scripts)} scripts, {failed} problems")
    sys.exit(1 if failed or not scripts else 0)


main()
