#!/usr/bin/env python3
"""Every limit ends a hostile script with its own reason, in time, and the count is exact.

usage: limits.py RUNEWARD ends | exact | big

ends   each script of docs/examples/hostile and a few made here: exit code, reason, time bound
exact  budget and memory peak of a call are the same in 100 runs
big    generated sources: deep nesting, a 100,000-element literal
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HOSTILE = ROOT / "docs/examples/hostile"
EXITS = {
    "ok": 0, "failed": 1, "script_error": 2, "depth": 118, "host_calls": 119, "budget": 120,
    "memory": 121, "output": 122, "cpu": 123, "wall": 124,
}

# script, options, reason, seconds it may take beyond start-up (of processor time, where that is what is limited)
CASES = [
    ("endless_loop", ["--wall", "5m"], "budget", 10),
    ("endless_loop", ["--budget", "1000000"], "budget", 0.5),
    ("endless_loop", ["--budget", "1000000000000", "--wall", "1s"], "wall", 1.1),
    ("endless_loop", ["--budget", "1000000000000", "--cpu", "500ms", "--wall", "1m"], "cpu", 1.0),
    ("endless_recursion", ["--memory", "16M"], "memory", 2),
    ("endless_recursion", ["--depth", "1000"], "depth", 0.5),
    ("endless_vector", ["--memory", "64M"], "memory", 5),
    ("doubling_string", ["--memory", "64M"], "memory", 2),
    ("endless_output", ["--output", "100K"], "output", 2),
    ("contains_itself", [], "script_error", 1),
    ("looping_callback", ["--budget", "5000000"], "budget", 1),
    ("looping_map", ["--budget", "5000000"], "budget", 1),
    ("looping_callback", ["--budget", "1000000000000", "--wall", "500ms"], "wall", 0.6),
    ("exploding_constant", [], "failed", 2),
]
START_UP = 1.0


def run(runeward, script, options):
    """(exit code, result record, seconds, standard error)"""
    with tempfile.NamedTemporaryFile(suffix=".json") as meta:
        start = time.monotonic()
        done = subprocess.run(
            [runeward, "run", "--meta", meta.name, *options, str(script)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=600,
        )
        seconds = time.monotonic() - start
        text = pathlib.Path(meta.name).read_text()
    return done.returncode, json.loads(text) if text.strip() else {}, seconds, done.stderr.decode(errors="replace")


def slowness():
    """How much longer than alone a program takes here just now, because of what else runs."""
    begun, used = time.monotonic(), time.process_time()
    while time.process_time() - used < 0.1:
        pass
    return max(1, (time.monotonic() - begun) / 0.1)


def timed(runeward, script, options, bound):
    """A run, and how long it took; again, with what a busy machine makes of the bound, if that was too long."""
    allowed = bound + START_UP
    for _ in range(5):
        code, record, seconds, err = run(runeward, script, options)
        if record.get("reason") == "cpu":
            seconds = record["usage"]["cpu_us"] / 1e6
        if seconds <= allowed:
            break
        allowed = (bound + START_UP) * slowness()
    return code, record, seconds, err, seconds <= allowed


def ends(runeward):
    failures = 0
    for name, options, reason, bound in CASES:
        code, record, seconds, err, in_time = timed(runeward, HOSTILE / f"{name}.rn", options, bound)
        wrong = []
        if code != EXITS[reason]:
            wrong.append(f"exit code {code}, expected {EXITS[reason]}")
        if record.get("reason") != reason:
            wrong.append(f"reason {record.get('reason')}, expected {reason}")
        if not in_time:
            wrong.append(f"took {seconds:.2f} s, bound {bound} s")
        if not err.strip():
            wrong.append("nothing on standard error")
        label = " ".join([name, *options])
        print(f"{'FAIL' if wrong else 'ok'} {label}: {'; '.join(wrong) or f'{reason} after {seconds:.2f} s'}")
        failures += bool(wrong)
        code, record, _, err = run(runeward, ROOT / "docs/examples/tour.rn", [])
        if code != 0:
            print(f"FAIL a run after {label}: exit code {code}: {err}")
            failures += 1
    return failures + stopped_while_encoding(runeward) + stopped_while_showing(runeward)


# A small value that is millions of parts: its result takes longer than the call may.
SHARED = """
pub fn main() {
    let v = [1];
    for _ in 0..22 { v = [v, v]; }
    v
}
"""


def stopped_while_encoding(runeward):
    """The worker itself says that the call has ended, and is not killed for it: so what it used is known."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "shared.rn"
        script.write_text(SHARED)
        for _ in range(10):  # a busy machine may give it no processor within the grace
            code, record, _, err = run(runeward, script, ["--wall", "60ms"])
            good = code == EXITS["wall"] and record.get("reason") == "wall" and record["usage"]["budget"] > 0
            if good:
                break
    print(f"{'ok' if good else 'FAIL'} shared parts as a result: exit {code}, {record} {'' if good else err[:300]}")
    return not good


# What is left of the budget pays for a third of the text.
LONG = """
pub fn main() {
    let s = String::from("x");
    while s.len() < 16777216u64 { s.push_str(s); }
    let t = format!("{:?}", s);
    t.len()
}
"""


def stopped_while_showing(runeward):
    """The debug text of a long text is not made to its end when the budget is spent before."""
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "long.rn"
        script.write_text(LONG)
        code, record, _, err = run(runeward, script, ["--budget", "3500000"])
    where = [frame["line"] for frame in record["error"]["backtrace"]]
    good = code == EXITS["budget"] and where == [5]
    print(f"{'ok' if good else 'FAIL'} a long text shown: exit {code}, {record} {'' if good else err[:300]}")
    return not good


EXACT = """
pub fn main() {
    let words = [];
    for i in 0..2000 { words.push(`word ${i % 37}`); }
    let counts = #{};
    for w in words { counts[w] = match counts.get(w) { Some(n) => n + 1, None => 1 }; }
    let sorted = counts.keys().collect::<Vec>();
    sorted.sort();
    println!("{} {}", sorted.len(), sorted[0]);
}
"""


def exact(runeward):
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "exact.rn"
        script.write_text(EXACT)
        seen = {}
        for _ in range(100):
            code, record, _, err = run(runeward, script, [])
            if code != 0:
                print(f"FAIL exit code {code}: {err}")
                return 1
            usage = record["usage"]
            key = (usage["budget"], usage["memory_peak"])
            seen[key] = seen.get(key, 0) + 1
    print(f"{'ok' if len(seen) == 1 else 'FAIL'} budget and memory peak of 100 runs: {seen}")
    return len(seen) != 1


def big(runeward):
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        def case(name, text, reason, bound):
            nonlocal failures
            script = pathlib.Path(folder) / f"{name}.rn"
            script.write_text(text)
            code, record, seconds, err, in_time = timed(runeward, script, [], bound)
            good = code == EXITS[reason] and record.get("reason") == reason and in_time
            print(f"{'ok' if good else 'FAIL'} {name}: exit {code}, {record.get('reason')}, {seconds:.2f} s {'' if good else err[:300]}")
            failures += not good

        half = 1 << 19
        case("nested parentheses", "pub fn main() { " + "(" * half + ")" * half + " }", "failed", 1)
        case("nested blocks", "pub fn main() { " + "{" * half + "}" * half + " }", "failed", 1)
        case("nested arrays", "pub fn main() { " + "[" * (1 << 20) + " }", "failed", 1)
        case("unary operators", "pub fn main() { " + "!" * (1 << 20) + "true }", "failed", 1)
        case("long sum", "pub fn main() { " + "1 + " * 900 + "1 }", "ok", 1)
        case("very long sum", "pub fn main() { " + "1 + " * 200000 + "1 }", "failed", 1)
        case("large literal", "pub fn main() { let v = [" + ", ".join(map(str, range(100000))) + "]; assert_eq!(v.len(), 100000); }", "ok", 2)
        case("large string", 'pub fn main() { let s = "' + "x" * 1000000 + '"; assert_eq!(s.len(), 1000000); }', "ok", 2)
        case("many errors", "pub fn main() { " + "let ;" * 200000 + " }", "failed", 1)
        case("only quotes", '"' * (1 << 20), "failed", 1)
        # 1 MiB of one thing each: a diagnostic or success, within a second.
        main = "pub fn main() { %s }"
        case("parentheses only", "(" * (1 << 20), "failed", 1)
        case("braces only", main % ("{" * (1 << 20)), "failed", 1)
        case("fields of fields", main % ("a." * (1 << 19) + "a"), "failed", 1)
        case("calls of calls", main % ("a" + "()" * (1 << 19)), "failed", 1)
        case("paths of paths", main % ("a::" * (1 << 18) + "a"), "failed", 1)
        case("open attributes", "#[" * (1 << 19), "failed", 1)
        case("attributes", "#[a]" * (1 << 18) + "pub fn main() {}", "failed", 1)
        case("escapes", main % ('let s = "' + "\\n" * (1 << 19) + '"; assert_eq!(s.len(), 1 << 19);'), "ok", 2)
        case("wrong escapes", main % ('let s = "' + "\\q" * (1 << 19) + '";'), "failed", 1)
        case("templates", main % ("`" + "${`" * (1 << 18)), "failed", 1)
        case("arms of a match", main % ("match 7 { " + "".join(f"{i} => {i}," for i in range(60000)) + " _ => 0 }"), "ok", 2)
        case("equal arms", main % ("match 7 { " + "7 => 1," * 140000 + " _ => 0 }"), "ok", 2)
        case("patterns of patterns", main % ("let " + "[" * (1 << 19) + " = 1;"), "failed", 1)
        case("closures of closures", main % ("|a| " * (1 << 18) + "a"), "failed", 1)
        case("one long name", main % ("a" * (1 << 20)), "failed", 1)
        case("one long comment", "/*" * (1 << 19), "failed", 1)
        case("else after else", main % ("if true {} " + "else if true {} " * 65000), "ok", 1)
        case("names alike", "".join(f"fn name{i:05}() {{}}\n" for i in range(40000))
             + main % "".join(f"name{i:05}x();" for i in range(20000)), "failed", 2)
        case("locals alike", main % ("".join(f"let name{i:04} = {i};" for i in range(9000))
             + "".join(f"name{i:04}x;" for i in range(9000))), "failed", 2)
        # Many ways lead from each of these modules to each other one.
        case("globs both ways", "".join(f"mod a{i} {{ pub use super::*; pub fn f{i}() {{}} }}\nuse a{i}::*;\n" for i in range(100))
             + main % "f1()", "ok", 1)
        case("web of globs", "".join(
            f"mod a{i} {{ " + "".join(f"pub use super::a{j}::*;" for j in range(160) if j != i) + f" pub fn f{i}() {{}} }}\n"
            for i in range(160)) + main % "a0::f1()", "failed", 2)
        case("chain of globs", "".join(f"mod a{i} {{ pub use super::a{i + 1}::*; }}\n" for i in range(20000))
             + "mod a20000 { pub fn f() {} }" + main % "a0::f()", "failed", 1)
        case("constants in order", main % "C19999" + "const C0 = 1;\n" + "".join(f"const C{i + 1} = C{i} + 1;\n" for i in range(20000)), "ok", 1)
        case("constants of what follows", "".join(f"const C{i} = C{i + 1} + 1;\n" for i in range(20000))
             + "const C20000 = 1;" + main % "C0", "failed", 1)
        case("nested constants of what follows", "".join(f"const C{i} = {'[' * 200}C{i + 1}{']' * 200};\n" for i in range(400))
             + "const C400 = 1;" + main % "C0", "failed", 2)
        case("imports alike", "".join(f"use std::iter::Iter{i};\n" for i in range(40000)) + main % "", "failed", 2)
        case("modules", "mod a { " * (1 << 17) + "}" * (1 << 17), "failed", 1)
        case("same module", "mod a {}\n" * 60000 + main % "", "failed", 1)
        case("one enum", "enum E { " + "".join(f"V{i}," for i in range(120000)) + " }\n" + main % "", "failed", 2)
        case("same function", "fn f() {}\n" * 100000 + main % "", "failed", 2)
        case("sorting halves", """
            pub fn main() {
                let v = [];
                for i in 0..20000 { v.push(if i < 10000 { i + 10000 } else { i - 10000 }); }
                let w = v.clone();
                v.sort_by(|a, b| a.cmp(b));
                w.sort();
                assert!(v == w);
                for i in 0..20000 { assert_eq!(v[i], i); }
            }""", "ok", 2)
    return failures


def main():
    modes = {"ends": ends, "exact": exact, "big": big}
    if len(sys.argv) != 3 or sys.argv[2] not in modes:
        sys.exit(__doc__)
    sys.exit(1 if modes[sys.argv[2]](sys.argv[1]) else 0)


if __name__ == "__main__":
    main()
