#!/usr/bin/env python3
"""The command from outside: exit codes, streams, formats, signals.

usage: command.py RUNEWARD [OPTION...]

The options stand in front of every command line.
"""
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

COMMAND = []

SCRIPT = """pub fn add(a, b) { a + b }
pub fn echo(x) { x }
pub fn boom() { println!("before"); panic!("no {}", 1) }
pub fn spin() { loop {} }
pub fn chatter() { loop { println!("again and again and again"); } }
pub fn deep(n) { deep(n + 1) + 1 }
#[test] pub fn good() { assert_eq!(1 + 1, 2); }
#[test] pub fn bad() { println!("said"); assert_eq!(1 + 1, 3); }
#[test] pub fn ugly() { Err(1) }
pub fn main(args) { println!("{:?}", args); 7 }
"""


# Seconds for one test: what waits for a line that never comes fails, and shows where.
TEST_MAX_S = 300


def on_alarm(_number, _frame):
    raise AssertionError(f"not over after {TEST_MAX_S} s")


class Command(unittest.TestCase):
    def setUp(self):
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(TEST_MAX_S)
        self.addCleanup(signal.alarm, 0)
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.write("t.rn", SCRIPT)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        (self.path / name).write_text(text)

    def run_command(self, *words, code=0, stdin=""):
        done = subprocess.run([*COMMAND, *words], input=stdin, capture_output=True, text=True, timeout=120,
                              cwd=self.path)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def record(self, *words, code=0):
        done = self.run_command("--format", "json", *words, code=code)
        self.assertEqual(done.stdout.count("\n"), 1)
        return json.loads(done.stdout)

    # run

    def test_main_gets_the_words(self):
        self.assertEqual(self.run_command("run", "t.rn", "a", "b").stdout, '["a", "b"]\n')
        self.assertEqual(self.run_command("t.rn", "--", "--wall").stdout, '["--wall"]\n')
        self.assertEqual(self.run_command("t.rn").stdout, "[]\n")

    def test_a_file_without_main_is_a_body(self):
        self.write("body.rn", 'println!("body {}", 1 + 1);\n')
        self.assertEqual(self.run_command("body.rn").stdout, "body 2\n")
        self.assertEqual(self.run_command("run", "-", stdin='println!("in");').stdout, "in\n")

    def test_a_main_that_is_not_public_is_asked_for(self):
        self.write("e.rn", "fn main() { 1 }\n")
        self.assertIn("e.rn: nothing to run: there is no `pub fn main`", self.run_command("run", "e.rn", code=64).stderr)

    def test_a_file_of_items_has_nothing_to_run(self):
        missing = "nothing to run: there is no `pub fn main`, and no code outside functions\n"
        self.write("typo.rn", 'pub fn mian() { println!("hi"); }\nstruct S;\npub fn other(a) { a }\n')
        for command in ["run", "profile"]:
            done = self.run_command(command, "typo.rn", code=64)
            self.assertEqual((done.stdout, done.stderr), ("", f"runeward: typo.rn: {missing}"
                             "runeward: `mian` and `other` can be called: `runeward call typo.rn ITEM`\n"))
        for text in ["", "// nothing yet\n", "pub const A = 1;\n", "pub mod a { pub struct B; }\n"]:
            self.write("items.rn", text)
            done = self.run_command("run", "items.rn", code=64)
            self.assertEqual(done.stderr, f"runeward: items.rn: {missing}")
        self.write("many.rn", "".join(f"pub fn f{i}() {{}}\n" for i in range(9)))
        self.assertEqual(self.run_command("run", "many.rn", code=64).stderr, f"runeward: many.rn: {missing}")
        self.run_command("compile", "typo.rn", "-o", "typo.rnu")
        self.assertIn(missing, self.run_command("run", "typo.rnu", code=64).stderr)
        self.write("both.rn", "pub fn mian() {}\nlet a = 1;\n")
        self.run_command("run", "both.rn")

    def test_a_wrong_count_of_arguments_names_the_function(self):
        self.write("calc.rn", "mod deep { pub fn eval(text) { text.len() } } pub async fn later(a, b) { a + b }")
        done = self.run_command("call", "calc.rn", "deep::eval", code=2)
        self.assertEqual(done.stderr, "error: Wrong number of arguments 0, expected 1\nbacktrace:\n  0: deep::eval\n")
        record = self.record("call", "calc.rn", "later", "1", code=2)
        self.assertEqual([f["function"] for f in record["error"]["backtrace"]], ["later"])
        self.assertEqual(self.run_command("call", "calc.rn", "deep::eval", '"ab"').stdout, "2\n")

    def test_a_main_that_fails_is_said(self):
        self.write("e.rn", 'pub fn main() { println!("out"); Err(#{why: "no tea"}) }\n')
        done = self.run_command("run", "e.rn")
        self.assertEqual((done.stdout, done.stderr), ("out\n", 'runeward: main returned Err({"why":"no tea"})\n'))
        self.assertEqual(self.run_command("-q", "run", "e.rn").stderr, "")
        self.write("e.rn", 'pub fn main() { let s = ""; for _ in 0..2000 { s += "x"; } Err(s) }\n')
        self.assertEqual(self.run_command("run", "e.rn").stderr, f'runeward: main returned Err("{"x" * 999}) and more\n')
        self.write("e.rn", 'pub fn main() { let s = ""; for _ in 0..600 { s += "\u00e9"; } Err(s) }\n')
        self.assertEqual(self.run_command("run", "e.rn").stderr, f'runeward: main returned Err("{"é" * 499}) and more\n')
        self.write("e.rn", "pub fn main() { Ok(1) }\n")
        self.assertEqual(self.run_command("run", "e.rn").stderr, "")

    def test_modules_are_found_beside_the_file(self):
        self.write("m.rn", "mod other; pub fn main() { println!(\"{}\", other::f()); }")
        self.write("other.rn", "pub fn f() { 5 }")
        self.assertEqual(self.run_command("m.rn").stdout, "5\n")

    def test_output_stands_before_the_error(self):
        done = self.run_command("call", "t.rn", "boom", code=2)
        self.assertEqual(done.stdout, "before\n")
        self.assertTrue(done.stderr.startswith("t.rn:3:"), done.stderr)
        self.assertIn("no 1", done.stderr)

    def test_compile_errors_come_with_place_and_code(self):
        self.write("e.rn", "pub fn main() { let x = ; }")
        done = self.run_command("run", "e.rn", code=1)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"^e\.rn:1:25: error\[E\d{4}\]: ")

    def test_missing_files(self):
        self.assertIn("nothing.rn", self.run_command("nothing.rn", code=66).stderr)
        self.run_command("run", ".", code=66)

    def test_limits_of_the_shell_are_named(self):
        """Helpers inherit them: who cannot start a process is told which one it was, and what it is."""
        def run(words):
            done = subprocess.run(["sh", "-c", f"{words}; exec \"$@\"", "sh", *COMMAND, "t.rn"], cwd=self.path,
                                  capture_output=True, text=True, timeout=120)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            return done.stderr
        for files in (12, 15):
            self.assertIn(f"Too many open files; the limit is {files} (RLIMIT_NOFILE)", run(f"ulimit -n {files}"))
        said = run(f"ulimit -v {200 << 10}")
        if "Sanitizer" in said:
            self.skipTest("a sanitizer needs more address space than that")
        self.assertIn("it could not map its memory: the limit of this process's address space (RLIMIT_AS), "
                      f"{200 << 20} bytes,", said)

    # limits

    def test_limits_end_calls_with_their_own_code(self):
        self.run_command("call", "t.rn", "spin", "--wall", "100ms", code=124)
        self.run_command("call", "t.rn", "spin", "--budget", "1M", code=120)
        self.run_command("call", "t.rn", "spin", "--cpu", "100ms", code=123)
        self.run_command("call", "t.rn", "chatter", "--output", "1K", code=122)
        self.run_command("call", "t.rn", "deep", "0", "--depth", "10", code=118)
        self.run_command("call", "t.rn", "deep", "0", "--memory", "1M", "--budget", "100G", code=121)

    def test_the_same_budget_is_spent_every_time(self):
        spent = {self.record("call", "t.rn", "add", "1", "2")["usage"]["budget"] for _ in range(3)}
        self.assertEqual(len(spent), 1)

    def test_limits_are_printed(self):
        lines = self.run_command("run", "--limits", "--wall", "1500ms").stdout.splitlines()
        self.assertIn("--wall", next(line for line in lines if line.startswith("wall")))
        given = json.loads(self.run_command("--format", "json", "run", "--limits", "--wall", "1.5s").stdout)
        self.assertEqual(given["limits"]["wall"], {"value": 1500000000, "from": "option"})

    def test_limits_of_every_command_that_has_them(self):
        first = self.run_command("run", "--limits", "--budget", "5k").stdout
        for command in ("call", "test", "bench", "profile", "coverage", "explore"):
            self.assertEqual(self.run_command(command, "--limits", "--budget", "5k", "t.rn").stdout, first)
        self.run_command("run", "--limits", "--budget", "0", code=64)

    def test_sleeping_needs_no_clock_but_reading_it_does(self):
        self.write("slow.rn", "pub async fn main() { time::sleep(time::Duration::from_millis(20)).await; 5 }")
        self.assertEqual(self.run_command("call", "slow.rn", "main").stdout, "5\n")
        self.write("now.rn", "pub fn main() { time::Instant::now().elapsed().as_secs() < 10 }")
        self.assertIn("grants no clock", self.run_command("run", "now.rn", code=2).stderr)
        self.assertEqual(self.run_command("call", "--clock", "now.rn", "main").stdout, "true\n")
        self.run_command("run", "slow.rn", "--wall", "5ms", code=124)

    def test_the_example_of_modules_runs(self):
        example = pathlib.Path(__file__).resolve().parent.parent.parent / "docs/examples/modules.rn"
        shown = 'player = "é"\nrolls = [1, 2, 1]\nplayer = "é"\n'
        self.assertEqual(self.run_command("run", str(example)).stdout, shown)

    def test_bad_quantities(self):
        for words in (["--wall", "2"], ["--memory", "64X"], ["--budget", "0"], ["--seed", "x"]):
            self.run_command("run", "t.rn", *words, code=64)

    # call

    def test_json_goes_in_and_comes_out(self):
        self.assertEqual(self.run_command("call", "t.rn", "add", "40", "2").stdout, "42\n")
        value = '{"a":[1,2.5,"x\\"",null,true],"b":{}}'
        self.assertEqual(self.run_command("call", "t.rn", "echo", value).stdout, value + "\n")
        self.run_command("call", "t.rn", "add", "1", "{", code=64)
        self.run_command("call", "t.rn", "nothing", code=64)
        self.run_command("call", "t.rn", code=64)

    # formats

    def test_a_record_accompanies_every_end(self):
        good = self.record("t.rn", "a")
        self.assertEqual((good["v"], good["reason"], good["stdout"]), (1, "ok", '["a"]\n'))
        self.assertGreater(good["usage"]["budget"], 0)
        bad = self.record("call", "t.rn", "boom", code=2)
        self.assertEqual(bad["reason"], "script_error")
        self.assertEqual(bad["error"]["backtrace"][0]["function"], "boom")
        self.assertEqual(self.record("call", "t.rn", "spin", "--wall", "50ms", code=124)["reason"], "wall")

    def test_events_come_a_line_each(self):
        lines = self.run_command("--format", "jsonl", "call", "t.rn", "boom", code=2).stdout.splitlines()
        events = [json.loads(line) for line in lines]
        self.assertEqual("".join(e["text"] for e in events if e["event"] == "output"), "before\n")
        self.assertEqual(events[-1]["record"]["reason"], "script_error")

    def test_meta_is_written_beside_the_output(self):
        self.run_command("t.rn", "--meta", "meta.json")
        self.assertEqual(json.loads((self.path / "meta.json").read_text())["reason"], "ok")
        self.run_command("t.rn", "--meta", "no/such/folder", code=74)

    @unittest.skipUnless(stat.S_ISCHR(os.stat("/dev/full").st_mode), "there is no device that is always full")
    def test_a_full_disk_is_said(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([*COMMAND, "t.rn"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120,
                                  cwd=self.path)
        self.assertEqual(done.returncode, 74)
        self.assertIn("standard output: No space left on device", done.stderr)

    def test_diagnostics_as_json(self):
        self.write("e.rn", "pub fn main() { let x = ; }")
        record = self.record("check", "e.rn", code=1)
        self.assertEqual(record["diagnostics"][0]["span"]["line"], 1)

    def test_warnings_as_json(self):
        self.write("w.rn", "pub fn main() { return 1; 2 }")
        record = self.record("check", "w.rn")
        self.assertEqual([d["severity"] for d in record["diagnostics"]], ["warning"])
        self.assertEqual(self.record("check", "-q", "w.rn")["diagnostics"], [])

    # Units

    def test_units_as_files(self):
        self.run_command("compile", "-o", "t.rnu", "t.rn")
        self.assertIn("t.rnu: ok", self.run_command("verify", "t.rnu").stdout)
        self.assertEqual(self.run_command("t.rnu", "x").stdout, '["x"]\n')
        listing = self.run_command("disasm", "t.rnu").stdout
        self.assertIn('"main"', listing)

    def test_a_changed_unit_is_refused(self):
        self.run_command("compile", "-o", "t.rnu", "t.rn")
        data = bytearray((self.path / "t.rnu").read_bytes())
        for at in (0, 20, len(data) // 2):
            changed = bytearray(data)
            changed[at] ^= 0x40
            (self.path / "bad.rnu").write_bytes(changed)
            done = subprocess.run([*COMMAND, "verify", "bad.rnu"], capture_output=True, text=True, cwd=self.path)
            self.assertNotEqual(done.returncode, 0, at)
            self.assertIn("bad.rnu", done.stderr)

    # test

    def test_tests_pass_fail_and_are_chosen(self):
        done = self.run_command("test", "t.rn", code=1)
        self.assertIn("1 passed, 2 failed, 0 skipped", done.stdout)
        self.assertIn("FAIL  ugly: returned Err(1)\n", done.stdout)
        self.write("why.rn", '#[test] pub fn t() { Err("a\\u{202e}b") }\n')
        said = self.run_command("test", "why.rn", code=1).stdout
        self.assertIn('FAIL  t: returned Err("a\\u{202e}b")\n', said)
        self.assertIn("said", done.stdout)
        self.assertIn("1 passed, 0 failed, 2 skipped", self.run_command("test", "t.rn", "--filter", "good").stdout)

    def test_tests_run_in_the_order_of_the_source(self):
        names = ["zeta", "inner::beta", "inner::alpha", "other::two", "other::one", "delta", "apple", "mango"]
        text = "#[test] fn zeta() {} mod inner { #[test] fn beta() {} #[test] fn alpha() {} } mod other;"
        self.write("order.rn", text + " #[test] async fn delta() {} #[test] pub fn apple() {} #[test] fn mango() {}\n")
        self.write("other.rn", "#[test] fn two() {} fn helper() { 1 } #[test] fn one() { helper() }\n")
        done = self.run_command("test", "order.rn").stdout
        self.assertEqual([line.split()[1] for line in done.splitlines() if line.startswith("ok ")], names)

    def test_the_first_failure_may_be_the_last(self):
        done = self.run_command("test", "t.rn", "--fail-fast", code=1)
        self.assertRegex(done.stdout, "[01] passed, 1 failed, [12] skipped")

    def test_a_failing_test_has_its_record(self):
        lines = self.run_command("--format", "jsonl", "test", "t.rn", "--filter", "bad", code=1).stdout.splitlines()
        event = json.loads(lines[0])
        self.assertEqual((event["passed"], event["record"]["stdout"]), (False, "said\n"))
        self.assertEqual(json.loads(lines[-1])["failed"], 1)

    def test_a_test_may_return_anything_else(self):
        self.write("e.rn", "#[test] fn number() { \"x\".parse::<i64>()?; Ok(()) } #[test] fn text() { json::from_string(\"[1,\")? }\n"
                           "#[test] fn iterator() { Err([1].iter()) } #[test] fn good() { #{ Errors: [1].iter() } }\n"
                           "pub fn main() { json::from_string(\"[1,\")?; Ok(()) }")
        done = self.run_command("test", "e.rn", code=1)
        self.assertIn('FAIL  number: returned Err("invalid digit found in string")', done.stdout)
        self.assertIn('FAIL  text: returned Err("EOF while parsing a value at line 1 column 3")', done.stdout)
        self.assertIn("FAIL  iterator: returned an Err", done.stdout)
        self.assertIn("1 passed, 3 failed", done.stdout)
        self.assertIn('main returned Err("EOF while parsing', self.run_command("run", "e.rn").stderr)
        self.write("r.rn", "#[test] fn iterator() { [1].iter() } #[test] fn none() { None }")
        done = self.run_command("test", "r.rn", code=1)
        self.assertIn("1 passed, 1 failed", done.stdout)

    def test_a_test_takes_no_arguments(self):
        self.write("args.rn", "#[test] fn with_arg(x) { x } #[test] fn good() {}")
        done = self.run_command("test", "args.rn", code=1)
        self.assertIn("FAIL  with_arg: a test takes no arguments, `with_arg` takes 1\nok    good\n", done.stdout)
        self.assertIn("1 passed, 1 failed", done.stdout)
        done = self.run_command("--format", "jsonl", "test", "args.rn", code=1)
        self.assertIn('"why":"a test takes no arguments', done.stdout.splitlines()[0])

    DOCS = """//! ```
//! assert!(true);
//! ```

/// ```
/// # let hidden = 1;
/// assert_eq!(f() + hidden, 2);
/// fn f() { 1 }
/// ```
/// ```should_panic
/// panic!("x");
/// ```
/// ```no_run
/// loop {}
/// ```
/// ```rune,ignore
/// nonsense (
/// ```
/// ```json
/// {}
/// ```
pub fn documented() {}

/// ```should_panic
/// 1
/// ```
pub fn calm() {}

/// ```
/// let x = ;
/// ```
mod m {}
"""

    def test_code_in_doc_comments_is_run(self):
        self.write("d.rn", self.DOCS)
        done = self.run_command("test", "d.rn", code=1)
        self.assertIn("4 passed, 1 failed, 1 skipped, 1 build error\n", done.stdout)
        self.assertIn("ok    documented (line 6)", done.stdout)
        self.assertIn("FAIL  calm (line 25): ended without a panic", done.stdout)
        self.assertIn("d.rn:30:9: error[E", done.stderr)  # as in the file
        self.assertIn("0 passed, 0 failed, 0 skipped\n", self.run_command("test", "--no-doc-tests", "d.rn").stdout)

    def test_filters_are_operands_too(self):
        self.assertIn("1 passed, 1 failed, 1 skipped", self.run_command("test", "t.rn", "goo", "bad", code=1).stdout)
        self.assertIn("0 passed, 0 failed, 3", self.run_command("test", "t.rn", "goo", "--exact").stdout)
        self.assertIn("1 passed, 0 failed, 2", self.run_command("test", "t.rn", "good", "--exact").stdout)
        self.run_command("test", "good", code=64)

    def test_quiet_tests_are_characters(self):
        done = self.run_command("test", "-q", "t.rn", code=1)
        self.assertEqual(sorted(done.stdout.splitlines()[0]), [".", "F", "F"])

    def test_build_errors_are_counted(self):
        self.write("e.rn", "fn x( {")
        done = self.run_command("test", "t.rn", "e.rn", "--filter", "good", code=1)
        self.assertIn("1 passed, 0 failed, 2 skipped, 1 build error\n", done.stdout)
        record = self.record("test", "e.rn", code=1)
        self.assertEqual((record["build_errors"], record["tests"][0]["outcome"]), (1, "build_error"))
        self.assertEqual(record["tests"][0]["diagnostics"][0]["severity"], "error")

    def test_tests_of_folders(self):
        (self.path / "d").mkdir()
        self.write("d/a.rn", "#[test] fn a() {}")
        self.write("d/b.rn", "#[test] fn b() {}")
        self.assertIn("2 passed", self.run_command("test", "-r", "d").stdout)

    def test_reports(self):
        self.write("r.rn", "#[test] fn a() {} #[test] fn b() { println!(\"<\\x01>\"); panic!(\"&\") }")
        tap = self.run_command("test", "--report", "tap", "r.rn", code=1).stdout.splitlines()
        self.assertEqual((tap[0], tap[-1]), ("TAP version 14", "1..2"))
        self.assertEqual(sorted(line.split(" - ")[0].rsplit(" ", 1)[0] for line in tap if " - " in line),
                         ["not ok", "ok"])
        done = self.run_command("test", "--report=junit=r.xml", "r.rn", code=1)
        self.assertIn("1 passed, 1 failed", done.stdout)
        suites = xml.etree.ElementTree.parse(self.path / "r.xml").getroot()
        self.assertEqual((suites.get("tests"), suites.get("failures")), ("2", "1"))
        failed = suites.find("testsuite/testcase[@name='b']")
        self.assertIn("&", failed.find("failure").text)
        self.assertIn("<\ufffd>", failed.find("system-out").text)
        self.assertEqual(self.record("test", "--report", "tap=r.tap", "r.rn", code=1)["failed"], 1)
        self.assertIn("not ok", (self.path / "r.tap").read_text())

    def test_bad_reports(self):
        self.assertIn("junit=FILE", self.run_command("test", "--report", "html", "t.rn", code=64).stderr)
        self.run_command("test", "--report", "tap=", "t.rn", code=64)
        self.run_command("--format", "json", "test", "--report", "tap", "t.rn", code=64)
        self.run_command("test", "--report", "tap=no/such", "t.rn", "--filter", "good", code=74)

    # bench

    BENCHES = """#[bench] pub fn add(b) { b.iter(|| 1 + 1) }
#[bench] fn two(b) { b.iter(|| [1, 2, 3].len()); b.iter(|| { let s = 0; for i in 0..100 { s += i } s }); 7 }
"""
    QUICK = ("--warmup", "1ms", "--iter", "5ms")

    def test_benches_cost_the_same_budget_every_time(self):
        self.write("b.rn", self.BENCHES)
        runs = [self.record("bench", *self.QUICK, "b.rn")["benches"] for _ in range(2)]
        found = sorted((b["item"], b["closure"]) for b in runs[0])
        self.assertEqual(found, [("add", 0), ("two", 0), ("two", 1)])
        budgets = [{(b["item"], b["closure"]): b["budget"] for b in run} for run in runs]
        self.assertEqual(budgets[0], budgets[1])
        self.assertGreater(budgets[0]["two", 1], budgets[0]["two", 0])
        for bench in runs[0]:
            self.assertFalse(bench["budget_varies"])
            self.assertGreaterEqual(bench["samples"], 3)
            self.assertGreater(bench["mean_ns"], 0)
            self.assertLessEqual(bench["min_ns"], bench["median_ns"])

    def test_benches_as_text(self):
        self.write("b.rn", self.BENCHES)
        done = self.run_command("bench", *self.QUICK, "b.rn", "two")
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertRegex(done.stdout, r"^bench  two +[0-9.e+]+ [num]s/iter .* \d+ instructions/iter")
        self.assertIn("two #2", done.stdout)
        self.assertIn("0 measured", self.run_command("bench", "t.rn").stdout)

    def test_benches_that_fail(self):
        self.write("f.rn", "#[bench] fn f(b) { b.iter(|| { println!(\"said\"); panic!(\"no\") }) } #[bench] fn g(b) {}")
        done = self.run_command("bench", *self.QUICK, "f.rn", code=1)
        self.assertIn("FAIL   f: script_error\nsaid\n", done.stdout)
        self.assertIn("0 measured, 2 failed", done.stdout)
        self.assertIn("g: nothing was given to `iter`", done.stderr)
        self.run_command("bench", "--iter", "soon", "f.rn", code=64)
        self.run_command("bench", code=64)

    def test_a_bench_stays_within_its_budget(self):
        self.write("b.rn", "#[bench] fn f(b) { b.iter(|| { let s = 0; for i in 0..1000 { s += i } s }) }")
        bench = self.record("bench", *self.QUICK, "--budget", "100k", "b.rn")["benches"][0]
        self.assertGreater(bench["iterations"], 3)

    # doc

    def test_pages_hold_no_markup_of_comments(self):
        (self.path / "src").mkdir()
        self.write("src/lib.rn", """//! Root <script>alert(1)</script> [x](javascript:alert(1)) [y](https://example.org).
pub mod shapes;
/// Says `<b>` **much**.
/// ```
/// # hidden();
/// let a = "<i>";
/// ```
pub fn f(a) {}
""")
        self.write("src/shapes.rn", "/// A point.\npub struct Point { /// Across.\n x, y }\n"
                                    "impl Point { /// Far.\n pub fn far(self) {} }\nenum E { A, B(c) }\nconst C = 1;")
        done = self.run_command("doc", ".", "--output", "site")
        self.assertRegex(done.stdout, r"^site/index.html: \d+ pages\n$")
        site = self.path / "site"
        root = (site / "module.html").read_text()
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", root)
        self.assertNotIn("javascript:alert(1)\"", root)
        self.assertIn('href="https://example.org"', root)
        page = (site / "function.f.html").read_text()
        self.assertIn("<code>&lt;b&gt;</code>", page)
        self.assertNotIn("hidden", page)
        point = (site / "struct.shapes.Point.html").read_text()
        self.assertIn("Across.", point)
        self.assertIn("Far.", point)
        self.assertIn("struct.shapes.Point.html", (site / "module.shapes.html").read_text())
        self.assertIn('"shapes::Point::far"', (site / "items.js").read_text())
        self.assertTrue((site / "library.struct.std.vec.Vec.html").exists())
        for path in site.iterdir():
            self.assertNotRegex(path.read_text(), r"(src|href)=\"(https?:)?//(?!example)")
            if path.suffix == ".html":
                self.assertIn("default-src 'none'", path.read_text())

    def test_doc_of_what_cannot_be_read(self):
        self.write("e.rn", "fn x( {")
        self.assertIn("error[E", self.run_command("doc", "e.rn", "-o", "site", code=1).stderr)
        self.assertFalse((self.path / "site").exists())
        self.run_command("doc", "missing.rn", "-o", "site", code=66)
        self.assertIn("main.rn", self.run_command("doc", ".", "-o", "site", code=66).stderr)
        self.run_command("doc", "t.rn", code=64)
        self.run_command("doc", "t.rn", "-o", "t.rn", code=74)
        (self.path / "site").mkdir()
        os.mkfifo(self.path / "site" / "index.html")
        self.assertIn("index.html", self.run_command("doc", "t.rn", "-o", "site", code=74).stderr)

    def test_outputs_go_where_a_shell_would_send_them(self):
        self.run_command("compile", "t.rn", "-o", "t.rnu")
        unit = (self.path / "t.rnu").read_bytes()
        (self.path / "private").write_text("old")
        (self.path / "private").chmod(0o600)
        (self.path / "link").symlink_to("private")
        self.run_command("compile", "t.rn", "-o", "link")
        self.assertTrue((self.path / "link").is_symlink())
        self.assertEqual((self.path / "private").read_bytes(), unit)
        self.assertEqual((self.path / "private").stat().st_mode & 0o777, 0o600)
        os.mkfifo(self.path / "pipe")
        reader = os.open(self.path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        self.run_command("compile", "t.rn", "-o", "pipe")
        self.assertEqual(os.read(reader, 1 << 20), unit)
        os.close(reader)
        self.assertTrue((self.path / "pipe").is_fifo())
        (self.path / "dangling").symlink_to("nowhere")
        self.run_command("compile", "t.rn", "-o", "dangling")
        self.run_command("compile", "t.rn", "-o", ".", code=74)
        self.assertEqual([p.name for p in self.path.iterdir() if p.name.endswith(".tmp")], [])

    # fmt

    UGLY = "pub fn main( ){1+1}"
    NICE = "pub fn main() {\n    1 + 1\n}\n"

    def test_fmt_writes_files_and_keeps_their_mode(self):
        self.write("u.rn", self.UGLY)
        (self.path / "u.rn").chmod(0o750)
        (self.path / "link.rn").symlink_to("u.rn")
        self.assertEqual(self.run_command("fmt", "link.rn").stdout, "")
        self.assertEqual((self.path / "u.rn").read_text(), self.NICE)
        self.assertEqual((self.path / "u.rn").stat().st_mode & 0o777, 0o750)
        self.assertTrue((self.path / "link.rn").is_symlink())
        before = (self.path / "u.rn").stat()
        self.run_command("fmt", "u.rn")
        after = (self.path / "u.rn").stat()
        self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))
        self.assertEqual(sorted(p.name for p in self.path.iterdir()), ["link.rn", "t.rn", "u.rn"])

    def test_fmt_leaves_alone_what_was_saved_meanwhile(self):
        self.write("big.rn", "".join(f"pub fn f{i}( ){{ {i} }}\n" for i in range(40000)))
        process = subprocess.Popen([*COMMAND, "fmt", "big.rn"], cwd=self.path, stderr=subprocess.PIPE, text=True)
        time.sleep(0.1)
        with open(self.path / "big.rn", "a") as file:
            file.write("// saved meanwhile\n")
        said = process.communicate(timeout=60)[1]
        # Either fmt was done before, or it was too late and says so.
        self.assertIn("// saved meanwhile\n", (self.path / "big.rn").read_text())
        if process.returncode != 0:
            self.assertIn("big.rn: was changed meanwhile, and is left as it is", said)

    def test_names_cannot_speak_to_a_terminal(self):
        name = "a\x1b[2J\u202eb.rn"
        shown = "a\\x1b[2J\\u{202e}b.rn"
        self.assertIn(shown, self.run_command("run", name, code=66).stderr)
        self.write(name, self.UGLY + "// \x1b[31m\n")
        self.assertEqual(self.run_command("fmt", "--check", name, code=1).stdout, name + "\n")
        for words in (["--check"], ["--diff"]):
            said = self.on_a_terminal("fmt", *words, name)
            self.assertIn(shown, said)
            self.assertNotIn("\x1b[2J", said)
            self.assertNotIn("\u202e", said)
        self.assertIn("\\x1b[31m", said)
        report = self.run_command("test", "--report", "tap", name, code=None).stdout
        self.assertNotIn("\x1b", report)

    def test_names_of_units_cannot_either(self):
        name = "a\x1b[2J.rnu"
        self.run_command("compile", "t.rn", "-o", "t.rnu")
        (self.path / "t.rnu").rename(self.path / name)
        for said in (self.on_a_terminal("verify", name), self.on_a_terminal("verify", "x" + name)):
            self.assertIn("a\\x1b[2J.rnu: ", said)
            self.assertNotIn("\x1b[2J", said)

    def test_controls_do_not_pass_as_json(self):
        self.write("c1.rn", "pub fn main() { \u009b31m }")
        for form in ("text", "json", "jsonl"):
            done = self.run_command("--format", form, "check", "c1.rn", code=1)
            self.assertNotIn("\u009b", done.stdout + done.stderr)

    def on_a_terminal(self, *words):
        ours, theirs = os.openpty()
        process = subprocess.Popen([*COMMAND, "--color", "never", *words], cwd=self.path, stdout=theirs, stderr=theirs)
        os.close(theirs)
        said = b""
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        process.wait(timeout=120)
        return said.decode()

    def test_fmt_of_standard_input(self):
        self.assertEqual(self.run_command("fmt", "-", stdin=self.UGLY).stdout, self.NICE)
        self.assertEqual(self.run_command("fmt", "--check", "-", stdin=self.NICE).stdout, "")
        self.run_command("fmt", "--check", "-", stdin=self.UGLY, code=1)

    def test_fmt_check_and_diff_change_nothing(self):
        self.write("u.rn", self.UGLY)
        self.write("n.rn", self.NICE)
        done = self.run_command("fmt", "--check", "u.rn", "n.rn", code=1)
        self.assertEqual(done.stdout, "u.rn\n")
        self.assertIn("1 of 2 files", done.stderr)
        done = self.run_command("fmt", "--diff", "u.rn", "n.rn", code=1)
        self.assertTrue(done.stdout.startswith("--- u.rn\n+++ u.rn\n@@ -1,1 +1,3 @@\n-pub fn"), done.stdout)
        self.assertEqual((self.path / "u.rn").read_text(), self.UGLY)

    def test_fmt_refuses_what_it_cannot_read(self):
        self.write("e.rn", "fn main( {")
        done = self.run_command("fmt", "e.rn", code=1)
        self.assertRegex(done.stderr, r"^e\.rn:1:\d+: error\[E\d+\]: ")
        self.assertEqual((self.path / "e.rn").read_text(), "fn main( {")
        self.run_command("fmt", "missing.rn", code=66)
        self.run_command("fmt", code=64)

    def test_fmt_of_folders(self):
        (self.path / "d" / "e").mkdir(parents=True)
        (self.path / "d" / ".hidden").mkdir()
        for name in ("d/a.rn", "d/e/b.rn", "d/.hidden/c.rn", "d/note.txt"):
            self.write(name, self.UGLY)
        self.assertIn("-r", self.run_command("fmt", "d", code=66).stderr)
        self.assertEqual(self.run_command("fmt", "-r", "--check", "d", code=1).stdout, "d/a.rn\nd/e/b.rn\n")
        self.run_command("fmt", "-r", "d")
        self.assertEqual((self.path / "d/e/b.rn").read_text(), self.NICE)
        self.assertEqual((self.path / "d/.hidden/c.rn").read_text(), self.UGLY)
        (self.path / "empty").mkdir()
        self.assertIn("no .rn file", self.run_command("fmt", "-r", "empty", code=66).stderr)

    def test_fmt_options(self):
        self.assertEqual(self.run_command("fmt", "--indent", "2", "-", stdin=self.UGLY).stdout,
                         "pub fn main() {\n  1 + 1\n}\n")
        self.assertEqual(self.run_command("fmt", "--indent=tab", "--no-final-newline", "-", stdin=self.UGLY).stdout,
                         "pub fn main() {\n\t1 + 1\n}")
        for bad in ("0", "17", "x"):
            self.assertIn("1 to 16", self.run_command("fmt", "--indent", bad, "-", code=64).stderr)

    def test_fmt_as_json(self):
        self.write("u.rn", self.UGLY)
        self.write("e.rn", "let x = ;")
        record = self.record("fmt", "--check", "u.rn", "e.rn", code=1)
        self.assertEqual([f["result"] for f in record["files"]], ["unformatted", "failed"])
        self.assertEqual(record["files"][1]["diagnostics"][0]["span"]["line"], 1)
        lines = self.run_command("--format", "jsonl", "fmt", "u.rn").stdout.splitlines()
        self.assertEqual(json.loads(lines[0])["result"], "formatted")

    def test_a_file_that_cannot_be_replaced(self):
        if os.getuid() == 0:
            self.skipTest("root may write anything")
        self.write("u.rn", self.UGLY)
        self.path.chmod(0o500)
        self.run_command("fmt", "u.rn", code=74)
        self.path.chmod(0o700)
        self.assertEqual((self.path / "u.rn").read_text(), self.UGLY)

    # warnings

    def test_warnings_may_be_errors(self):
        self.write("w.rn", "pub fn main() { return 1; 2 }")
        self.run_command("check", "w.rn")
        done = self.run_command("check", "--warnings-are-errors", "w.rn", code=1)
        self.assertIn("warning[", done.stderr)
        self.write("s.rn", "fn a() {};")
        self.run_command("fmt", "--warnings-are-errors", "s.rn", code=1)
        self.run_command("run", "--warnings-are-errors", "w.rn", code=64)

    # signals

    # replay

    def keep(self, *words, code=0):
        self.run_command(*words, "--journal", "kept.replay", code=code)
        kept = self.path / "kept.replay"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        return kept

    def test_calls_are_kept_and_run_again(self):
        self.keep("call", "t.rn", "boom", code=2)
        (self.path / "t.rn").unlink()  # nothing is needed but the file
        done = self.run_command("replay", "kept.replay", code=2)
        self.assertEqual(done.stdout, "before\n")
        self.assertIn("t.rn:3:", done.stderr)
        self.assertIn("replay: the same as before: script_error", done.stderr)
        steps = self.run_command("replay", "--trace", "kept.replay", code=2).stdout
        self.assertRegex(steps, r'stdout +"before\\n"\n')

    def test_kept_calls_that_ended_well(self):
        self.keep("run", "t.rn", "a")
        done = self.run_command("replay", "kept.replay")
        self.assertEqual(done.stdout, '["a"]\n')
        self.assertIn("the same", done.stderr)
        told = self.record("replay", "kept.replay")
        self.assertEqual((told["verdict"], told["difference"], told["record"]["value"]), ("same", "", 7))
        self.assertEqual([event["event"] for event in told["events"]], ["output"])
        lines = self.run_command("--format", "jsonl", "replay", "kept.replay").stdout.splitlines()
        self.assertEqual(json.loads(lines[0])["text"], '["a"]\n')
        self.assertEqual(json.loads(lines[-1])["event"], "result")

    def test_sleep_is_not_slept_again(self):
        self.write("nap.rn", "pub async fn main() { time::sleep(time::Duration::from_secs(2)).await; 5 }")
        begun = time.monotonic()
        self.keep("run", "nap.rn")
        between = time.monotonic()
        self.assertIn("wake\n", self.run_command("replay", "--trace", "kept.replay").stdout)
        self.assertLess(time.monotonic() - between, between - begun)

    def test_limits_are_kept_with_the_call(self):
        self.keep("call", "t.rn", "spin", "--budget", "1M", code=120)
        self.assertIn("the same as before: budget", self.run_command("replay", "kept.replay", code=120).stderr)
        self.write("nap.rn", "pub async fn main() { time::sleep(time::Duration::from_secs(60)).await; 5 }")
        self.keep("run", "nap.rn", "--wall", "200ms", code=124)
        self.assertIn("as far as", self.run_command("replay", "kept.replay", code=124).stderr)

    def test_a_changed_call_is_another_one(self):
        kept = self.keep("call", "t.rn", "add", "1", "2")
        data = bytearray(kept.read_bytes())
        self.assertEqual(data[-1], 3)
        data[-1] = 4
        kept.write_bytes(data)
        stderr = self.run_command("replay", "kept.replay", code=66).stderr
        self.assertIn("kept.replay: the replay file is damaged", stderr)
        self.assertIn("--journal", stderr)  # what to do
        data[16:48] = hashlib.blake2b(data[48:], digest_size=32).digest()
        kept.write_bytes(data)
        self.assertIn("the result is another one", self.run_command("replay", "kept.replay", code=76).stderr)
        self.assertEqual(self.record("replay", "kept.replay", code=76)["verdict"], "diverged")

    def test_what_is_no_replay_file(self):
        self.run_command("replay", "t.rn", code=66)
        self.run_command("replay", "nothing.replay", code=66)
        self.run_command("replay", code=64)
        self.run_command("call", "t.rn", "add", "1", "2", "--journal", "no/where", code=74)
        self.run_command("call", "--socket", "none", "t", "add", "--journal", "kept.replay", code=64)

    def test_diagnosing_a_call_that_breaks_nothing(self):
        self.keep("call", "t.rn", "boom", code=2)
        done = self.run_command("replay", "--diagnose", "kept.replay", code=2)
        self.assertIn("the same as before: script_error", done.stderr)
        self.write("empty", "")
        done = self.run_command("replay", "--diagnose", "kept.replay", "--helpers", ".", code=69)
        self.assertIn("runeward-worker-diagnose", done.stderr)

    # profiling

    PRIMES = (
        "fn is_prime(n) {\n    for d in 2..n {\n        if d * d > n { break; }\n"
        "        if n % d == 0 { return false; }\n    }\n    n > 1\n}\n\n"
        "pub fn main() {\n    println!(\"not shown\");\n    (0..100).iter().filter(|n| is_prime(n)).count()\n}\n"
        "pub fn times(a, b) { a * b }\npub fn wrong() { [][1] }\n"
    )

    def test_profile(self):
        self.write("primes.rn", self.PRIMES)
        done = self.run_command("profile", "primes.rn", "--top", "2")
        self.assertRegex(done.stdout, r"^[\d,]+ instructions\n")
        self.assertRegex(done.stdout, r"\n +[\d,]+ +[\d.]+ % +[\d.]+ % +100  is_prime  primes\.rn:2\n")
        self.assertIn("more functions; --top", done.stdout)
        self.assertIn("primes.rn:2  for d in 2..n {\n", done.stdout)
        self.assertNotIn("not shown", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_a_profile_is_the_same_twice_and_adds_up(self):
        self.write("primes.rn", self.PRIMES)
        first, second = (json.loads(self.run_command("--format", "json", "profile", "primes.rn").stdout) for _ in "ab")
        for part in ("spent", "functions", "lines"):
            self.assertEqual(first[part], second[part])
        self.assertEqual(first["spent"], first["record"]["usage"]["budget"])
        hits = {row["line"]: row["hits"] for row in first["lines"]}
        self.assertEqual((hits[2], hits[13], hits[14]), (hits[2], 0, 0))  # what did not run is there
        self.assertGreater(hits[3], 100)
        lines = [json.loads(line) for line in self.run_command("--format", "jsonl", "profile", "primes.rn").stdout.splitlines()]
        self.assertEqual([row["at"] for row in lines if row["event"] == "function"], first["functions"])
        self.assertEqual([row["at"] for row in lines if row["event"] == "line"], first["lines"])
        self.assertEqual(lines[-1]["spent"], first["spent"])

    def test_profile_of_any_function(self):
        self.write("primes.rn", self.PRIMES)
        self.assertIn("  times  primes.rn:13\n", self.run_command("profile", "--item", "times", "primes.rn", "6", "7").stdout)
        stderr = self.run_command("profile", "--item", "time", "primes.rn", code=64).stderr
        self.assertIn("there is no public function `time`", stderr)
        self.run_command("profile", "--item", "times", "primes.rn", "6", "{", code=64)
        self.run_command("compile", "-o", "primes.rnu", "primes.rn")
        self.assertIn("is_prime  primes.rn:2\n", self.run_command("profile", "primes.rnu").stdout)

    def test_stacks_of_a_profile(self):
        self.write("primes.rn", self.PRIMES)
        self.run_command("profile", "--stacks", "stacks", "primes.rn")
        stacks = dict(line.rsplit(" ", 1) for line in (self.path / "stacks").read_text().splitlines())
        self.assertEqual(set(stacks), {"main", "main;main::$0::$0", "main;main::$0::$0;is_prime"})
        self.assertIn("No space left", self.run_command("profile", "--stacks", "/dev/full", "primes.rn", code=74).stderr)

    def test_profile_of_what_fails(self):
        self.write("primes.rn", self.PRIMES)
        self.write("endless.rn", "pub fn main() {\n    let n = 0;\n    loop { n += 1; }\n}\n")
        done = self.run_command("profile", "--item", "wrong", "primes.rn", code=2)
        self.assertIn("  wrong  primes.rn:14\n", done.stdout)
        self.assertIn("primes.rn:14:18: error: ", done.stderr)
        done = self.run_command("profile", "--budget", "10k", "endless.rn", code=120)
        self.assertTrue(done.stdout.startswith("10,000 instructions\n"))
        self.assertIn("endless.rn:3  loop { n += 1; }\n", done.stdout)
        self.run_command("profile", code=64)
        self.run_command("profile", "none.rn", code=66)
        self.run_command("profile", "--top", "few", "primes.rn", code=64)
        stderr = self.run_command("profile", "primes.rn", "--helpers", ".", code=69).stderr
        self.assertIn("runeward-worker-profile", stderr)

    # coverage

    TESTED = (
        "mod shapes;\n\nfn sign(n) {\n    if n < 0 {\n        return -1;\n    }\n    1\n}\n\n"
        "#[test]\nfn positive() {\n    assert_eq!(sign(3), 1);\n}\n\n"
        "#[test]\nfn square() {\n    assert_eq!(shapes::area(2, 2), 4);\n}\n"
    )
    SHAPES = "pub fn area(a, b) {\n    a * b\n}\n\npub fn circle(r) {\n    let pi = 3.14;\n    pi * r * r\n}\n"

    def cover(self, *words, code=0):
        self.write("tested.rn", self.TESTED)
        self.write("shapes.rn", self.SHAPES)
        return self.run_command("coverage", *words, code=code)

    def test_coverage(self):
        done = self.cover("tested.rn")
        self.assertEqual(done.stderr, "")
        self.assertEqual(
            done.stdout,
            " 85.7 %      6 of      7 lines  tested.rn  not run: 5\n"
            " 33.3 %      1 of      3 lines  shapes.rn  not run: 6-7\n"
            " 70.0 %      7 of     10 lines  by 2 tests, 0 failed\n",
        )

    def test_coverage_of_some_tests(self):
        done = json.loads(self.cover("--format", "json", "tested.rn", "squ").stdout)
        self.assertEqual((done["tests"], done["failed"], done["lines"], done["ran"]), (1, 0, 10, 3))
        self.assertEqual([source["source"] for source in done["sources"]], ["tested.rn", "shapes.rn"])
        self.assertEqual(done["sources"][1]["hits"], {"2": 1, "6": 0, "7": 0})
        lines = [json.loads(line) for line in self.cover("--format", "jsonl", "tested.rn", "squ").stdout.splitlines()]
        self.assertEqual([line["event"] for line in lines], ["source", "source", "result"])
        self.assertEqual(lines[1]["hits"], done["sources"][1]["hits"])

    def test_coverage_for_other_tools(self):
        self.cover("--lcov", "info", "tested.rn")
        records = (self.path / "info").read_text().split("end_of_record\n")
        self.assertEqual(records[1], "TN:\nSF:shapes.rn\nDA:2,1\nDA:6,0\nDA:7,0\nLF:3\nLH:1\n")
        self.assertEqual(len(records), 3)
        self.assertIn("No space left", self.cover("--lcov", "/dev/full", "tested.rn", code=74).stderr)

    def test_coverage_when_a_test_fails(self):
        self.TESTED += "\n#[test]\nfn wrong() {\n    assert_eq!(sign(-1), 1);\n}\n"
        done = self.cover("tested.rn", code=1)
        self.assertIn("FAIL  wrong: script_error\n", done.stderr)
        self.assertIn("tested.rn:22:", done.stderr)
        self.assertIn("lines  by 3 tests, 1 failed\n", done.stdout)
        self.assertIn("tested.rn  not run: 23\n", done.stdout)  # what it ran before it failed has run
        self.TESTED = "fn broken("
        self.assertIn("by 0 tests, 1 failed", self.cover("tested.rn", code=1).stdout)
        self.run_command("coverage", code=64)

    def interrupted(self, number):
        process = subprocess.Popen([*COMMAND, "--format", "jsonl", "call", "t.rn", "chatter", "--output", "1G",
                                    "--wall", "20s"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=self.path)
        process.stdout.readline()  # it runs
        process.send_signal(number)
        last = process.communicate(timeout=120)[0].splitlines()[-1]
        self.assertEqual(process.returncode, 130)
        self.assertEqual(json.loads(last)["record"]["reason"], "cancelled")

    def test_signals_cancel(self):
        self.interrupted(signal.SIGINT)
        self.interrupted(signal.SIGTERM)

    # watching

    def watch(self, *words):
        """The command with --watch, up to where it waits for the first time."""
        process = subprocess.Popen([*COMMAND, *words, "--watch"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=self.path)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def until_it_waits(self, process):
        lines = []
        while not lines or "waiting for a change" not in lines[-1]:
            lines.append(process.stderr.readline())
            self.assertNotEqual(lines[-1], "", lines)
        return "".join(lines[:-1])

    def end_watch(self, process):
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        self.assertIn(process.returncode, (130, -signal.SIGINT))
        return out

    def test_run_watches(self):
        self.write("w.rn", "mod part; pub fn main() { println!(\"{}\", part::f()); }")
        self.write("part.rn", "pub fn f() { 1 }")
        process = self.watch("run", "w.rn")
        self.until_it_waits(process)
        self.write("notes.txt", "no source")
        self.write("part.rn", "pub fn f() { 2 }")  # a module counts, too
        self.until_it_waits(process)
        self.write("part.rn", "pub fn f() { oops }")
        self.assertRegex(self.until_it_waits(process), r"^part\.rn:1:14: error\[E0402\]: ")
        self.write("new.rn", "pub fn f() { 3 }")
        os.replace(self.path / "new.rn", self.path / "part.rn")  # as editors save
        self.until_it_waits(process)
        # Only a terminal is cleared.
        self.assertEqual(self.end_watch(process), "1\n2\n3\n")

    def test_modules_go_with_their_scripts(self):
        (self.path / "d" / "part").mkdir(parents=True)
        self.write("d/main.rn", "mod part; pub fn help() { 1 }\n#[test] pub fn a() { assert_eq!(part::f(), 2); }")
        self.write("d/part.rn", "mod deep; pub fn f() { deep::g() }\n#[test] pub fn b() { assert_eq!(f(), 2); }")
        self.write("d/part/deep.rn", "use crate::help;\npub fn g() { help() + 1 }\n#[test] pub fn c() { assert_eq!(g(), 2); }")
        self.write("d/alone.rn", "#[test] pub fn d() { assert_eq!(1, 1); }")
        self.run_command("check", "-r", "d")
        done = self.run_command("test", "-r", "d")
        self.assertEqual(sorted(done.stdout.splitlines()),
                         ["4 passed, 0 failed, 0 skipped", "ok    a", "ok    d", "ok    part::b", "ok    part::deep::c"])
        self.assertIn("error[E0", self.run_command("check", "-r", "d", "d/part/deep.rn", code=1).stderr)  # named, so meant
        # Two that load each other are scripts both; what is broken tells of no modules.
        self.write("d/one.rn", "mod two; pub fn main() { 1 }")
        self.write("d/two.rn", "mod one; pub fn main() { 1 }")
        self.write("d/main.rn", "mod part; pub fn help( { 1 }")
        done = self.run_command("check", "-r", "d", code=1)
        for name in ("main.rn", "part/deep.rn"):
            self.assertIn(f"d/{name}:", done.stderr)

    def test_check_and_test_watch(self):
        self.write("w.rn", "#[test] pub fn good() { assert_eq!(1, 2); }")
        process = self.watch("check", "w.rn")
        self.assertEqual(self.until_it_waits(process), "")
        self.write("w.rn", "pub fn f( {}")
        self.assertIn("error[E0101]", self.until_it_waits(process))
        self.end_watch(process)
        self.write("w.rn", "#[test] pub fn good() { assert_eq!(1, 2); }")
        process = self.watch("test", "w.rn", "good")
        self.until_it_waits(process)
        self.write("w.rn", "#[test] pub fn good() { assert_eq!(2, 2); }")
        self.until_it_waits(process)
        out = self.end_watch(process)
        self.assertLess(out.index("1 failed"), out.index("1 passed"), out)

    def test_a_terminal_is_cleared_before_the_next_round(self):
        self.write("w.rn", "println!(\"one\");")
        ours, theirs = os.openpty()
        process = subprocess.Popen([*COMMAND, "run", "--watch", "w.rn"], stdout=theirs, stderr=subprocess.PIPE, text=True,
                                   cwd=self.path)
        os.close(theirs)
        self.until_it_waits(process)
        first = os.read(ours, 4096)
        self.write("new.rn", "println!(\"two\");")
        os.replace(self.path / "new.rn", self.path / "w.rn")  # in one step: nobody sees an empty file
        self.until_it_waits(process)
        second = os.read(ours, 4096)
        while not second.endswith(b"two\r\n"):  # a terminal gives what it has
            second += os.read(ours, 4096)
        self.end_watch(process)
        os.close(ours)
        self.assertEqual(first, b"one\r\n")
        self.assertTrue(second.startswith(b"\x1b[H\x1b[2J"), second)

    def test_an_interrupted_script_ends_the_watch(self):
        process = self.watch("--format", "jsonl", "run", "--output", "1G", "--wall", "20s", "loop.rn")
        self.assertEqual(process.wait(timeout=120), 66)  # no such file
        self.write("loop.rn", "loop { println!(\"again and again and again\"); }")
        process = self.watch("--format", "jsonl", "run", "--output", "1G", "--wall", "20s", "loop.rn")
        process.stdout.readline()  # it runs
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        self.run_command("run", "--watch", "-", code=64)
        self.run_command("fmt", "--watch", "t.rn", code=64)

    # the daemon

    def serve(self, *options, environment=None, **more):
        """A daemon over the folder, once it says that it serves."""
        process = subprocess.Popen([*COMMAND, "serve", ".", "--socket", "run/socket", *options], cwd=self.path,
                                   stderr=subprocess.PIPE, text=True, env={**os.environ, **(environment or {})}, **more)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stderr.close()))
        self.said_before = ""
        for line in process.stderr:
            if line.startswith("serving"):
                return process
            self.said_before += line
        self.fail(f"no daemon: {process.wait()}")

    def ask(self, *words, **more):
        return self.run_command(words[0], "--socket", "run/socket", *words[1:], **more)

    def end(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 0)

    def test_a_daemon_answers(self):
        process = self.serve()
        self.assertEqual(self.ask("call", "t", "add", "40", "2").stdout, "42\n")
        self.assertEqual(self.ask("call", "t.rn", "add", "1", "2").stdout, "3\n")
        done = self.ask("call", "t", "boom", code=2)
        self.assertEqual(done.stdout, "before\n")
        self.assertTrue(done.stderr.startswith("./t.rn:3:") or done.stderr.startswith("t.rn:3:"), done.stderr)
        self.assertIn("--wall sets this limit, up to the limit of the daemon",
                      self.ask("call", "t", "spin", "--wall", "100ms", code=124).stderr)
        lines = dict(line.split(None, 1) for line in
                     self.ask("call", "--limits", "--wall", "3s", "t", "add").stdout.splitlines())
        self.assertIn("--wall", lines["wall"])
        self.assertIn("the daemon's", lines["memory"])
        self.assertIn("nothing", self.ask("call", "nothing", "add", code=64).stderr)
        self.end(process)

    def test_types_have_names_in_results(self):
        (self.path / "shapes.rn").write_text(
            "struct Point { x, y }\nenum Shape { Circle(r), Nothing }\n"
            "pub fn make() { (Point { x: 1, y: [2] }, Shape::Circle(3), Shape::Nothing) }\n"
            "pub fn fail() { Err(Point { x: 1, y: 2 }) }\npub fn main() { fail() }\n"
            "#[test] fn fails() { fail() }\n")
        named = [{"x": 1, "y": [2]}, {"Circle": 3}, "Nothing"]
        self.assertEqual(json.loads(self.run_command("call", "shapes.rn", "make").stdout), named)
        self.assertEqual(self.record("call", "shapes.rn", "make")["value"], named)
        self.assertIn('main returned Err({"x":1,"y":2})', self.run_command("run", "shapes.rn").stderr)
        self.assertIn('returned Err({"x":1,"y":2})', self.run_command("test", "shapes.rn", code=1).stdout)
        self.assertEqual(self.record("test", "shapes.rn", code=1)["tests"][0]["record"]["value"], {"Err": {"x": 1, "y": 2}})
        self.assertEqual(self.record("profile", "--item", "make", "shapes.rn")["record"]["value"], named)
        self.assertIn("{&quot;x&quot;:1,", self.run_command("explore", "--item", "make", "shapes.rn").stdout)
        process = self.serve()
        self.assertEqual(json.loads(self.ask("call", "shapes", "make").stdout), named)
        self.assertEqual(json.loads(self.ask("call", "--format", "json", "shapes", "make").stdout)["value"], named)
        self.end(process)

    def test_failures_in_a_daemon_are_kept(self):
        folder = self.path / "kept"
        folder.mkdir(mode=0o700)
        process = self.serve("--journal", str(folder))
        self.ask("call", "t", "add", "40", "2")
        self.ask("call", "t", "boom", code=2)
        self.end(process)
        kept = list(folder.iterdir())
        self.assertEqual([path.suffix for path in kept], [".replay"])
        self.assertIn("the same", self.run_command("replay", str(kept[0]), code=2).stderr)
        folder.chmod(0o777)
        self.run_command("serve", ".", "--socket", "run/socket", "--journal", str(folder), code=77)

    def test_a_save_is_served(self):
        process = self.serve()
        self.write("t.rn", "pub fn add(a, b) { a - b }")
        for _ in range(200):
            if self.ask("call", "t", "add", "40", "2").stdout == "38\n":
                break
        self.assertEqual(self.ask("call", "t", "add", "40", "2").stdout, "38\n")
        self.write("t.rn", "pub fn add(a, b) {\n    a - \x1b[2J\n}")
        for line in process.stderr:
            if "does not compile" in line:
                break
        self.assertIn("serve: t: does not compile: t.rn:2:9: ", line.replace("./t.rn", "t.rn"))
        self.assertNotIn("\x1b", line)
        self.assertEqual(self.ask("call", "t", "add", "40", "2").stdout, "38\n")
        self.end(process)

    def test_what_is_broken_at_the_start_is_said(self):
        self.write("broken.rn", "pub fn main() {\n    1 +\n}")
        self.write("user.rn", "mod half; pub fn main() { 1 }")
        self.write("half.rn", "pub fn f() { other() }")
        self.end(self.serve())
        said = self.said_before.replace("./", "")
        self.assertIn("serve: broken: does not compile: broken.rn:3:1: ", said)
        self.assertIn("serve: user: does not compile: half.rn:1:14: ", said)
        self.assertNotIn("serve: half", said)

    def test_the_daemon_is_looked_into_and_steered(self):
        process = self.serve()
        self.ask("call", "t", "add", "1", "2")
        self.assertIn("connections   1 now", self.ask("ctl", "status").stdout)
        status = json.loads(self.ask("ctl", "--format", "json", "status").stdout)
        self.assertEqual([script["name"] for script in status["scripts"]], ["t"])
        table = self.ask("ctl", "ps").stdout.splitlines()
        self.assertTrue(any(line.startswith("WORKER") for line in table))
        self.assertEqual(len(table[0].split()), len(table[1].split()))
        self.assertIn("WORKER", self.ask("ctl", "top").stdout)
        ps = json.loads(self.ask("ctl", "--format", "json", "ps").stdout)
        self.assertEqual(len(ps["connections"]), 1)
        self.assertEqual(ps["connections"][0]["functions"], 0)
        self.assertIn('runeward_calls_total{reason="ok"} 1\n', self.ask("ctl", "metrics").stdout)
        self.ask("ctl", "reload")
        self.assertIn("no worker", self.ask("ctl", "kill", "1", code=64).stderr)
        self.ask("ctl", "kill", code=64)
        self.ask("ctl", "dance", code=64)
        self.assertIn("ctl has no statsu (did you mean status?)", self.ask("ctl", "statsu", code=64).stderr)
        self.assertIn("reload does not take 7", self.ask("ctl", "reload", "7", code=64).stderr)
        self.assertIn("kill does not take 2", self.ask("ctl", "kill", "1", "2", code=64).stderr)
        self.assertIn("metrics has no --format", self.ask("ctl", "--format", "json", "metrics", code=64).stderr)
        self.assertIn("--script: the daemon has built", self.ask("call", "--script", "t", "add", "1", "2", code=64).stderr)
        self.assertEqual(self.ask("call", "--build-wall", "5s", "t.rn", "add", "1", "2").stdout, "3\n")
        self.ask("ctl", "drain")
        self.assertEqual(process.wait(20), 0)
        self.assertIn("there is no daemon", self.ask("ctl", "status", code=69).stderr)

    def test_without_a_daemon(self):
        self.assertIn("there is no daemon", self.ask("call", "t", "add", code=69).stderr)
        process = self.serve()
        process.kill()
        process.wait()
        self.assertIn("no daemon answers", self.ask("call", "t", "add", code=69).stderr)
        self.end(self.serve())  # takes over what the dead one left
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            other.bind(str(self.path / "stream"))
            other.listen()
            self.assertIn("stream", self.run_command("ctl", "--socket", "stream", "status", code=69).stderr)
        self.run_command("serve", ".", "--socket", "t.rn", code=64)
        self.run_command("serve", "nowhere", "--socket", "run/socket", code=66)
        self.run_command("serve", "t.rn", "--socket", "run/socket", code=66)
        self.run_command("serve", ".", "--socket", "run/socket", "--journal", "nowhere", code=66)
        self.run_command("serve", ".", "--socket", "run/socket", "--allow", "65534:call", code=64)
        self.run_command("serve", ".", "--socket", "run/socket", "--allow", "1:everything", code=64)
        self.assertIn("--allow is there twice", self.run_command(
            "serve", ".", "--socket", "run/socket", "--allow", "1:call", "--allow", "2:call", code=64).stderr)

    def test_a_client_sees_its_daemon_die(self):
        process = self.serve()
        client = subprocess.Popen([*COMMAND, "call", "--socket", "run/socket", "t", "chatter", "--output", "1G", "--wall", "20s"],
                                  cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        client.stdout.readline()
        process.kill()
        self.assertIn(b"the daemon has gone", client.communicate(timeout=120)[1])
        self.assertEqual(client.returncode, 69)

    @unittest.skipUnless(os.geteuid() == 0, "other users are tried as root only")
    def test_other_users_are_refused(self):
        self.path.chmod(0o711)
        process = self.serve("--allow", "12345:call")
        for uid, code in ((12345, 0), (12346, 77)):
            done = subprocess.run([*COMMAND, "call", "--socket", "run/socket", "t", "add", "1", "2"], cwd=self.path,
                                  capture_output=True, text=True, user=uid, group=uid, extra_groups=[])
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("may not talk", done.stderr)
        done = subprocess.run([*COMMAND, "ctl", "--socket", "run/socket", "drain"], cwd=self.path, capture_output=True, text=True,
                              user=12345, group=12345, extra_groups=[])
        self.assertEqual((done.returncode, done.stderr), (77, "error: uid 12345 has no right to that here: it takes `control`\n"))
        self.end(process)

    def test_a_folder_that_keeps_others_out_is_said(self):
        (self.path / "run").mkdir(mode=0o700)
        self.end(self.serve())
        self.assertEqual(self.said_before, "")
        self.end(self.serve("--allow", "12345:call"))
        self.assertEqual(self.said_before, "serve: run has mode 0700: users who are let in may not get to the socket there (0711 lets them)\n")
        (self.path / "run").chmod(0o711)
        self.end(self.serve("--allow", "12345:call"))
        self.assertEqual(self.said_before, "")

    def test_a_drain_takes_as_long_as_the_daemon_says(self):
        process = self.serve("--drain", "100ms")
        client = subprocess.Popen([*COMMAND, "call", "--socket", "run/socket", "t", "chatter", "--output", "1G", "--wall", "60s"],
                                  cwd=self.path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (client.kill(), client.communicate(timeout=60)))
        client.stdout.readline()  # it runs
        began = time.monotonic()
        self.ask("ctl", "drain")
        self.assertEqual(process.wait(20), 0)
        self.assertLess(time.monotonic() - began, 9.5)  # the default is 10 s

    def said(self, process, wanted):
        """The next line of its log with that in it."""
        for line in process.stderr:
            if wanted in line:
                return line
        return self.fail(f"never said: {wanted}")

    def answers(self, wanted):
        """Waits for what t's add gives of 40 and 2."""
        for _ in range(200):
            if self.ask("call", "t", "add", "40", "2", code=None).stdout == wanted:
                return
            time.sleep(0.02)
        self.assertEqual(self.ask("call", "t", "add", "40", "2").stdout, wanted)

    def full_pipe(self):
        """A pipe that takes nothing more, both ends as they come."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writer, b"." * 4095 + b"\n")
        os.set_blocking(writer, True)
        return reader, writer

    def test_a_log_that_is_not_read_holds_up_nobody(self):
        deep = self.path / ("n" * 120)
        deep.mkdir()
        for i in range(50):
            (deep / f"{'n' * 120}{i}.rn").write_text("pub fn main() {\n    1 +\n}")
        reader, writer = self.full_pipe()
        process = subprocess.Popen([*COMMAND, "serve", ".", "--socket", "run/socket"], cwd=self.path, stderr=writer)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        os.close(writer)
        self.answers("42\n")
        for _ in range(4):
            self.ask("ctl", "reload")
            self.write("t.rn", "pub fn add(a, b) { a - b }")
            self.answers("38\n")
            self.write("t.rn", SCRIPT)
            self.answers("42\n")
        self.assertTrue(os.get_blocking(reader))
        read = b""
        while b" lines of the log were lost\n" not in read:
            read += os.read(reader, 1 << 16)
        lines = read.strip(b".\n").decode().splitlines()
        lost = [i for i, line in enumerate(lines) if re.fullmatch(r"\d+ lines of the log were lost", line)]
        self.assertTrue(lost)
        self.assertIn("serving .", lines[:lost[0]])
        self.end(process)

    def test_a_log_that_is_not_read_does_not_keep_the_daemon(self):
        _, writer = self.full_pipe()
        process = subprocess.Popen([*COMMAND, "serve", ".", "--socket", "run/socket"], cwd=self.path, stderr=writer)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        os.close(writer)
        self.answers("42\n")
        self.end(process)

    def test_a_log_without_a_reader_is_no_end(self):
        process = self.serve()
        process.stderr.close()
        for text, wanted in (("pub fn add(a, b) { a - b }", "38\n"), (SCRIPT, "42\n")):
            self.write("t.rn", text)
            self.answers(wanted)
        self.end(process)

    @unittest.skipUnless(os.geteuid() == 0, "other users are tried as root only")
    def test_strangers_do_not_fill_the_log(self):
        self.path.chmod(0o711)
        process = self.serve("--allow", "12345:call")
        began = time.monotonic()
        os.seteuid(12346)
        try:
            for _ in range(3000):
                with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
                    stranger.connect(str(self.path / "run" / "socket"))
        finally:
            os.seteuid(0)
        self.ask("ctl", "status")
        self.end(process)
        lines = [line for line in process.stderr if line.startswith("serve: ")]
        self.assertLess(len(lines), 4 + 2 * (time.monotonic() - began))
        more = [int(line.split()[2]) for line in lines if "more were turned away" in line]
        self.assertEqual(sum(more) + sum(line.startswith("serve: uid 12346 ") for line in lines), 3000)

    def as_somebody(self):
        """For Popen: a user whom modes of files hold for."""
        if os.geteuid() != 0:
            return {}
        os.chown(self.path, 12345, 12345)
        return {"user": 12345, "group": 12345, "extra_groups": []}

    def test_a_script_that_cannot_be_read_is_said_once(self):
        self.write("secret.rn", "pub fn main() { 1 }")
        (self.path / "secret.rn").chmod(0)
        somebody = self.as_somebody()
        process = self.serve(**somebody)
        self.assertEqual(self.said_before.count("secret"), 1)
        self.assertIn("serve: secret: was not built: a system call failed: Permission denied\n", self.said_before)
        time.sleep(2.2)  # two tries
        self.write("last.rn", "pub fn main() { 1 }")
        for line in process.stderr:
            self.assertNotIn("secret", line)
            if "last" in line:
                break
        if somebody:
            os.chown(self.path / "secret.rn", 12345, 12345)
        (self.path / "secret.rn").chmod(0o600)
        self.said(process, "serve: secret: loaded")
        self.end(process)

    def test_a_cache_that_will_not_do_is_refused_at_the_start(self):
        open_to_all = self.path / "open"
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        for cache, code, why in (("open", 77, "a folder of this user"), ("no/such", 66, "No such file"), ("t.rn", 66, "Not a directory")):
            done = self.run_command("serve", ".", "--socket", "run/socket", "--cache", cache, code=code)
            self.assertIn(f"{cache}: ", done.stderr)
            self.assertIn(why, done.stderr)

    def test_a_folder_that_vanishes_is_said(self):
        (self.path / "scripts").mkdir()
        self.write("scripts/t.rn", SCRIPT)
        for vanish, reappear in ((lambda: shutil.rmtree(self.path / "scripts"), lambda: (self.path / "scripts").mkdir()),
                                 (lambda: (self.path / "scripts").rename(self.path / "away"),
                                  lambda: (self.path / "away").rename(self.path / "scripts"))):
            process = subprocess.Popen([*COMMAND, "serve", "scripts", "--socket", "run/socket"], cwd=self.path,
                                       stderr=subprocess.PIPE, text=True)
            self.addCleanup(lambda process=process: (process.kill(), process.wait(), process.stderr.close()))
            self.said(process, "serving")
            vanish()
            self.assertIn("scripts: the folder is gone: No such file", self.said(process, "is gone"))
            self.assertIn("scripts: the folder is gone", self.ask("ctl", "reload", code=66).stderr)
            reappear()
            self.ask("ctl", "reload")  # at once, before the daemon looks again by itself
            self.said(process, "scripts: the folder is back")
            self.write("scripts/t.rn", "pub fn add(a, b) { a - b }")
            self.answers("38\n")
            self.ask("ctl", "reload")
            self.end(process)

    def test_the_service_manager_is_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(str(self.path / "notify"))
            notices.settimeout(20)
            process = self.serve(environment={"NOTIFY_SOCKET": str(self.path / "notify")})
            self.assertTrue(notices.recv(100).startswith(b"READY=1"))
            process.send_signal(signal.SIGHUP)
            self.assertTrue(notices.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC="))
            self.assertEqual(notices.recv(100), b"READY=1")
            self.end(process)
            self.assertEqual(notices.recv(100), b"STOPPING=1")

    def test_the_watchdog_is_fed_between_signals(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(str(self.path / "notify"))
            notices.settimeout(20)
            process = self.serve(environment={"NOTIFY_SOCKET": str(self.path / "notify"), "WATCHDOG_USEC": "20000000"})
            said = [notices.recv(100)]
            for _ in range(3):
                process.send_signal(signal.SIGHUP)
                while said[-1] != b"READY=1":
                    said.append(notices.recv(100))
                said.append(b"")
            self.assertEqual(said.count(b"WATCHDOG=1"), 3)
            self.end(process)

    def test_the_socket_may_be_there_already(self):
        (self.path / "run").mkdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(self.path / "run" / "socket"))
            listener.listen()
            command = " ".join(COMMAND)

            def pass_on():
                os.dup2(listener.fileno(), 3)
                os.set_inheritable(3, True)

            process = subprocess.Popen(["sh", "-c", f"LISTEN_PID=$$ LISTEN_FDS=1 exec {command} serve ."], cwd=self.path,
                                       stderr=subprocess.PIPE, text=True, close_fds=False,
                                       preexec_fn=pass_on)
            self.addCleanup(lambda: (process.kill(), process.wait(), process.stderr.close()))
            self.assertEqual(self.ask("call", "t", "add", "40", "2").stdout, "42\n")
            self.end(process)

    def test_the_shipped_socket_outlives_the_service(self):
        folder = pathlib.Path(__file__).resolve().parent.parent.parent / "cli"
        service = (folder / "runeward.service.in").read_text().splitlines()
        listen = (folder / "runeward.socket.in").read_text()
        self.assertIn("ListenSequentialPacket=/run/runeward/", listen)
        self.assertIn("RuntimeDirectory=runeward", service)
        self.assertIn("RuntimeDirectoryPreserve=yes", service)

    def test_the_shipped_service_does_with_an_old_manager(self):
        service = (pathlib.Path(__file__).resolve().parent.parent.parent / "cli" / "runeward.service.in").read_text().splitlines()
        self.assertIn("Type=notify", service)
        self.assertIn("ExecReload=/bin/kill -HUP $MAINPID", service)

    # the rest

    def test_the_doctor_finds_the_wall_complete(self):
        self.assertIn("every required layer is active", self.run_command("doctor").stdout)
        report = self.record("policy", "report")
        self.assertTrue(report["complete"])
        layers = {layer["name"]: layer for layer in report["layers"]}
        self.assertTrue(layers["seccomp"]["active"])

    def test_what_is_given_up_for_speed_is_said(self):
        names = ("store_speculation", "branch_speculation")

        def given_up(*options):
            report = self.record("policy", "report", *options)
            self.assertTrue(report["complete"])
            return {layer["name"] for layer in report["layers"] if layer["given_up"]}
        self.assertEqual(given_up(), set())
        self.assertLessEqual(given_up("--speculation", "stores"), {names[0]})
        free = given_up("--speculation", "free")
        self.assertLessEqual(free, set(names))
        self.assertEqual("given up" in self.run_command("doctor", "--speculation", "free").stdout, free != set())
        self.assertIn("--speculation is restricted, stores or free",
                      self.run_command("doctor", "--speculation", "fast", code=64).stderr)

    def test_the_policy_is_shown(self):
        policy = self.record("policy", "show")
        self.assertEqual([role["role"] for role in policy["roles"]], ["worker", "compiler"])
        self.assertIn("recvmsg", self.run_command("policy", "show").stdout)

    def test_closed_streams_are_nobody_elses(self):
        (self.path / "forever.rn").write_text("pub fn main() { loop {} }\n")
        process = subprocess.Popen(["sh", "-c", f"exec {' '.join(COMMAND)} run forever.rn 0<&- 1>&- 2>&-"], cwd=self.path)
        self.addCleanup(lambda: (process.kill(), process.wait()))
        streams = pathlib.Path(f"/proc/{process.pid}/fd")
        until = time.monotonic() + 60
        while len(list(streams.iterdir())) < 10 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual([os.readlink(streams / str(fd)) for fd in range(3)], ["/dev/null"] * 3)

    def test_a_path_that_leads_nowhere_is_no_input(self):
        pathlib.Path(self.path, "file").write_text("")
        for command in ("verify", "disasm", "replay", "run", "check"):
            for path in ("missing.rnu", "file/within.rnu", "x" * 300 + ".rnu"):
                self.assertIn(path, self.run_command(command, path, code=66).stderr)

    def test_only_the_report_is_a_page(self):
        for words in (("show", "--html"), ("explain", "budget", "--html"), ("report", "--html", "--format", "json")):
            done = self.run_command("policy", *words, code=64)
            self.assertIn("--html", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_the_wall_as_a_page(self):
        page = self.run_command("policy", "report", "--html").stdout
        report, policy = self.record("policy", "report"), self.record("policy", "show")
        parsed = html.parser.HTMLParser()
        opened, rows = [], []
        parsed.handle_starttag = lambda tag, _: opened.append(tag) if tag != "meta" else None
        parsed.handle_endtag = lambda tag: self.assertEqual(opened.pop(), tag)
        parsed.handle_data = rows.append
        parsed.feed(page)
        self.assertEqual(opened, [])
        text = "".join(rows)
        wanted = {layer["remedy"] for layer in report["layers"] if not layer["active"]}
        for layer in report["layers"]:
            self.assertIn(layer["name"], rows)
            self.assertIn(layer["protects"], text)
            self.assertEqual(layer["remedy"] in rows, layer["remedy"] in wanted)
            if layer["errno"]:
                self.assertIn(f"{layer['error']} (errno {layer['errno']})", text)
        for role in policy["roles"]:
            self.assertIn(f"A filter of {role['instructions']} instructions, {8 * role['instructions']} bytes.", text)
            for call in role["calls"]:
                self.assertIn(call["reason"], text)
        self.assertNotRegex(page, r"(?i)<script|src=|href=|url\(|@import")

    def test_ends_are_explained(self):
        for reason in ("violation", "budget", "crashed", "vm_lost"):
            self.assertIn(reason, self.run_command("policy", "explain", reason).stdout)
            self.assertEqual(self.record("policy", "explain", reason)["reason"], reason)
        self.assertIn("audit", self.run_command("policy", "explain", "violation").stdout)
        self.assertEqual(self.record("policy", "explain", "137")["signal"], 9)
        self.assertIn("vm_lost", self.run_command("policy", "explain", "75").stdout)
        self.run_command("policy", "explain", "90000", code=64)
        self.run_command("policy", "explain", "no such thing", code=64)
        self.run_command("policy", "explain", code=64)

    def test_records_are_explained(self):
        self.write("loop.rn", "pub fn main() { loop {} }")
        self.run_command("run", "loop.rn", "--budget", "1000", "--meta", "record.json", code=120)
        said = self.run_command("policy", "explain", "record.json").stdout
        self.assertIn("budget, exit code 120", said)
        self.assertIn("the limit of 1000 instructions was reached", said)
        events = self.run_command("--format", "jsonl", "run", "loop.rn", "--budget", "1000", code=120).stdout
        self.assertIn("budget", self.run_command("policy", "explain", "-", stdin=events).stdout)
        violation = {"reason": "violation", "error": {"kind": "seccomp", "message": "a\x1b[2J\u009b\u202eb\n", "signal": -5}}
        said = self.run_command("policy", "explain", "-", stdin=json.dumps(violation)).stdout
        self.assertIn("said:   a?[2J??b?\n", said)
        self.assertIn("layer:  seccomp", said)
        self.assertEqual(json.loads(self.run_command("--format", "json", "policy", "explain", "-",
                                                     stdin=json.dumps(violation)).stdout)["layer"], "seccomp")

    def test_what_is_no_record_is_refused(self):
        for text in ("", "{", "[]", "7", '{"reason":7}', '{"reason":"%s"}' % ("x" * 100), '{"reason":"nobody"}', "[" * 5000,
                     '{"v":1}'):
            self.run_command("policy", "explain", "-", code=66, stdin=text)
        self.assertIn("violation", self.run_command("policy", "explain", "-", stdin='{"reason":"violation","error":3}').stdout)

    def test_system_calls_are_explained(self):
        self.assertIn("permitted to a worker", self.run_command("policy", "explain", "munmap").stdout)
        said = self.run_command("policy", "explain", "openat").stdout
        if "sanitizer" in said:
            self.skipTest("a sanitizer's build permits more")
        self.assertIn("SIGSYS", said)
        self.assertEqual(self.record("policy", "explain", "recvmsg"), {"v": 1, "call": "recvmsg", "worker": True, "compiler": True})
        self.assertEqual(self.record("policy", "explain", "futex"), {"v": 1, "call": "futex", "worker": True, "compiler": False})
        self.assertEqual(self.record("policy", "explain", "openat"), {"v": 1, "call": "openat", "worker": False, "compiler": False})

    def test_help_and_completions(self):
        for words in (["help"], ["--help"], ["run", "--help"], ["help", "limits"], ["help", "E0301"], ["version"],
                      ["completion", "bash"], ["completion", "zsh"], ["completion", "fish"], ["help", "man"]):
            self.assertGreater(len(self.run_command(*words).stdout), 20)
        explained = self.run_command("help", "E0402").stdout
        self.assertTrue(explained.startswith("error[E0402]: no local variable"), explained)
        self.assertIn("    println!(\"{}\", cuont);\n                   ^^^^^\n\nWrite instead:\n", explained)
        self.assertNotIn("E0403", explained)
        self.run_command("help", "nonsense", code=64)
        self.run_command("completion", "tcsh", code=64)
        self.assertIn("did you mean --wall", self.run_command("t.rn", "--wal", "2s", code=64).stderr)
        self.run_command(code=64 if len(COMMAND) == 1 else 0)

    def options_of(self, command):
        return set(re.findall(r"^ +(?:-\w, )?--([\w-]+)", self.run_command("help", command).stdout, re.M))

    def test_completions_offer_what_a_command_takes(self):
        commands = re.findall(r"^  (\w+) ", self.run_command("help").stdout.split("options of every command")[0], re.M)
        self.assertIn("completion", commands)
        bash, zsh, fish = (self.run_command("completion", shell).stdout for shell in ("bash", "zsh", "fish"))
        man = self.run_command("help", "man").stdout
        general = set(re.findall(r"^\S*(?:.*\*, )?\*--([\w-]+)\*", man.split("# OPTIONS OF EVERY COMMAND")[1].split("\n# ")[0], re.M))
        for command in commands:
            takes = self.options_of(command)
            self.assertEqual(set(re.findall(r"--([\w-]+)", re.search(rf"^    {command}\) (.*) ;;$", bash, re.M)[1])), takes)
            part = re.search(rf"^    {command}\)\n(.*?) ;;$", zsh, re.M | re.S)[1]
            self.assertEqual(set(re.findall(r"[',]--([\w-]+)", part)), takes)
            section = re.search(rf"^## {command} (.*?)^#", man, re.M | re.S)[1]
            self.assertEqual(set(re.findall(r"^(?:\*-\w\*, )?\*--([\w-]+)\*", section, re.M)), takes - general)
            self.assertEqual(self.offered_by_fish(fish, command), takes)
        self.assertEqual(self.offered_by_fish(fish, "t.rn"), self.options_of("run"))
        for shell, text, option in (("bash", bash, "-n"), ("zsh", zsh, "-n"), ("fish", fish, "--no-execute")):
            if shutil.which(shell):
                self.write("completion", text)
                subprocess.run([shell, option, "completion"], check=True, timeout=120, cwd=self.path)

    @staticmethod
    def offered_by_fish(text, command):
        offered = set()
        for condition, option in re.findall(r"^complete -c runeward(?: -n '([^']*)')? -l ([\w-]+)", text, re.M):
            words = condition.split()
            seen = command in words
            if not words or seen != (words[0] == "not"):
                offered.add(option)
        return offered

    def test_colours_are_a_choice(self):
        self.assertIn("\x1b[", self.run_command("--color", "always", "call", "t.rn", "boom", code=2).stderr)
        self.assertNotIn("\x1b[", self.run_command("call", "t.rn", "boom", code=2).stderr)
        self.run_command("--color", "blue", "t.rn", code=64)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND[:] = [str(pathlib.Path(sys.argv[1]).resolve()), *sys.argv[2:]]
    unittest.main(argv=sys.argv[:1])
