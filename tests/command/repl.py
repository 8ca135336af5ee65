#!/usr/bin/env python3
"""Sessions of `runeward repl`, over a pipe and on a terminal.

usage: repl.py RUNEWARD
"""
import os
import pathlib
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

COMMAND = []
HERE = pathlib.Path(__file__).resolve().parent
WAIT_S = 30


class Piped(unittest.TestCase):
    def session(self, text, *options, code=0):
        data = text if isinstance(text, bytes) else text.encode()
        done = subprocess.run([*COMMAND, "repl", *options], input=data, capture_output=True, timeout=240)
        said = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, f"{done.stdout}{said}")
        return done.stdout.decode(), said

    def test_values_are_shown_and_kept(self):
        out, _ = self.session('let a = 1\na + 1\nit + 1\nlet t = "x";\n()\nprintln!("hi"); a\n(t, a)\n')
        self.assertEqual(out, '2\n3\nhi\n1\n("x", 1)\n')

    def test_whatever_a_value_is_it_stays(self):
        out, _ = self.session("let v = []; let add = |x| { v.push(x); v.len() }\nadd(5)\nadd(6)\nv\n"
                              "fn count() { for i in 0..3 { yield i; } }\nlet g = count()\ng.next()\ng.next()\n"
                              "let i = [7, 8].iter()\ni.next()\ni.next()\n"
                              "struct P { x }\nimpl P { fn get(self) { self.x } }\nlet p = P { x: 4 }\np.x += 1;\np.get()\n")
        self.assertEqual(out, "1\n2\n[5, 6]\nSome(0)\nSome(1)\nSome(7)\nSome(8)\n5\n")

    def test_it_is_the_value_that_was_shown(self):
        out, said = self.session('let a = [1, 2, 3]\na.push(4); a\nit.len()\nprintln!("a"); println!("b"); 7\nit\n'
                                 'let é = "ü"; if é == "ü" { 8 } else { 9 }\nit\nlet b = 1; // it; 2\nit\n'
                                 'let c = 1; c = 5\nit\nfn f() { 3 } f() + c // 1; 2\nit\nfn f() { 4 } let a = 9; a\n(it, a, f())\n'
                                 'let it = 6; it + 1\nit\nlet d = 1; { d } + 3\nit\n')
        self.assertEqual((out, said), ("[1, 2, 3, 4]\n4\na\nb\n7\n7\n8\n8\n8\n8\n8\n8\n9\n(9, 9, 4)\n7\n7\n4\n4\n", ""))

    def test_lines_of_a_value_behind_statements_are_those_of_its_entry(self):
        _, said = self.session("let a = [\n1]; || {\n a[5]\n}\nit()\n", code=2)
        self.assertIn("<entry 1>:3:2: error: ", said)

    def test_what_is_defined_anew_hides_what_was_there(self):
        out, _ = self.session("fn f() { 1 }\nfn g() { f() }\nfn f() { 2 }\n(f(), g())\nstruct S { a }\nlet s = S { a: 1 }\n"
                              "struct S { b }\n(s.a, S { b: 2 }.b)\nuse std::iter\nuse std::iter\nlet f = 3\nf\nconst C = 1;\nconst C = 2;\nC\n")
        self.assertEqual(out, "(2, 1)\n(1, 2)\n3\n2\n")

    def test_an_entry_that_fails_changes_nothing(self):
        out, said = self.session("let v = [1]\nv.push(2); panic!(\"no\")\nv\nlet w = nothing;\nw\nv.push(3); return 1\nv\nloop {}\nv\n",
                                 "--budget", "100k", code=2)
        self.assertEqual(out, "[1]\n[1]\n[1]\n")
        self.assertIn("<entry 2>:1:12: error: Panicked: no", said)
        self.assertIn("<entry 4>:1:9: error[E0402]: no local variable `nothing`\n  |\n1 | let w = nothing;\n  |         ^^^^^^^", said)
        self.assertIn("left the session's script", said)
        self.assertIn("--budget sets this limit", said)

    def test_places_are_those_of_the_entry_that_has_them(self):
        _, said = self.session("let a = 1\nfn f(x) {\n    x[0] + 1\n}\n1 + f([])\n", code=2)
        self.assertIn("<entry 2>:2:5: error: ", said)
        self.assertIn("2 |     x[0] + 1\n", said)
        self.assertIn("1: (script) at <entry 3>:1:5", said)

    def test_entries_go_on_until_they_are_whole(self):
        out, said = self.session("fn f(n) {\n\n  n +\n  1\n}\nf(\n2\n)\n\"a\nb\"\n/* x\n*/ 4\n`t\n${f(1)}`\nlet x = if true {\n 1\n} else\n{ 2 }\nx\n")
        self.assertEqual((out, said), ('3\n"a\\nb"\n4\n"t\\n2"\n1\n', ""))
        _, said = self.session("1\nf(", code=1)
        self.assertIn("<entry 2>:1:3: error[E0101]: expected expression but got end of file", said)

    def test_the_first_failure_is_the_exit_code(self):
        self.session("1 +)\npanic!(\"x\")\n2\n", code=1)
        self.session("panic!(\"x\")\n1 +)\n", code=2)

    def test_limits_are_those_of_one_entry(self):
        entry = "let n = 0; while n < 1000 { n += 1; }\n"
        out, said = self.session(entry * 20 + 'println!("0123456789");\n' * 20 + "n\n", "--budget", "20k", "--output", "60")
        self.assertEqual((out[-5:], said), ("1000\n", ""))

    def test_time_passes_once(self):
        begun = time.monotonic()
        out, _ = self.session("time::sleep(time::Duration::from_millis(1500)).await\n" + "1\n" * 10)
        self.assertEqual(out, "1\n" * 10)
        self.assertLess(time.monotonic() - begun, 12)  # eleven times would be 16 s
        out, _ = self.session("let a = time::Instant::now()\nlet b = a.elapsed()\nb\ntime::sleep(time::Duration::from_millis(100)).await\nb\n"
                              "a.elapsed() > b\n", "--clock")
        first, second, later = out.splitlines()
        self.assertEqual(first, second)
        self.assertEqual(later, "true")

    def test_an_entry_that_fails_moves_no_clock(self):
        out, said = self.session("let a = time::Instant::now()\nprintln!(\"{:?}\", a)\npanic!(\"x\")\n:type 1\n:undo\n:undo\n:undo\n"
                                 "let a = time::Instant::now()\nprintln!(\"{:?}\", a)\npanic!(\"x\")\n:type 1\n5\n", "--clock", code=2)
        self.assertEqual(out.splitlines()[-1], "5", said)
        self.assertNotIn("did not print the same", said)

    def test_hostile_bytes(self):
        for data in (b"\0\n", b"1\0 2\n", b"\xff\xfe\n", b"\"\xc3\n", bytes(range(256)) * 40, b":\0\n", b":doc \xff\n"):
            done = subprocess.run([*COMMAND, "repl"], input=data + b"\n)\n", capture_output=True, timeout=120)
            self.assertGreater(done.returncode, 0, data)
            self.assertLess(done.returncode, 120, data)
        out, _ = self.session('"' + "x" * 300000 + '".len()\n' + "1\n")
        self.assertEqual(out, "300000\n1\n")
        out, said = self.session('println!("\\u{1b}[31m")\nlet \\u{1b} = 1;\n7\n', code=1)
        self.assertTrue(out.endswith("7\n"))

    def test_many_entries(self):
        out, said = self.session("".join(f"let a{i} = {i}\n" for i in range(100)) + "a0 + a99\n")
        self.assertEqual((out, said), ("99\n", ""))

    def test_names_that_are_taken(self):
        """What stands around an entry is hidden by no name that an entry has, or the entry is refused."""
        out, said = self.session("mod session { pub fn mark() { 1 } }\nsession::mark()\nstruct value;\n5\nfn value2() { 6 }\nvalue2()\n"
                                 "mod std { pub fn f() { 7 } }\nstd::f()\n:type 1.5\n")
        self.assertEqual((out, said), ("1\n5\n6\n7\n::std::f64\n", ""))
        for text in ("__session::mark()", "fn __session() {}", "let __session_value = 2", "use ::__session::mark"):
            out, said = self.session(f"let a = 1\n{text}\na\nlet my__session = 8\nmy__session\n", code=1)
            self.assertEqual(out, "1\n8\n")
            self.assertIn("<entry 2>: names that begin with `__session` are the session's own", said)
        for text in ("fn it() {}", "struct it;", "const it = 3"):
            out, said = self.session(f"4\n{text}\nit\n", code=1)
            self.assertEqual(out, "4\n4\n")
            self.assertIn("no item can be called so", said)

    def test_commands(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            (path / "lib.rn").write_text("/// Doubles.\nfn double(n) {\n    n * 2\n}\n")
            out, said = self.session(f":load {path}/lib.rn\ndouble(4)\n:items\n:doc double\n:type 1.5\n:time double(1)\n:undo\n"
                                     f":save {path}/kept.rn\n:limits\n:disasm\n:doc i64::abs\n:help\n", "--budget", "5M")
            self.assertTrue(out.startswith("8\nfn double(n)\nfn double(n)\nDoubles.\n::std::f64\n"), out)
            self.assertRegex(out, r"\d+ instructions, \d+ us\nbudget +5M +--budget\n")
            self.assertIn("abs", out)
            self.assertIn(":disasm", out)
            text = (path / "kept.rn").read_text()
            self.assertIn("fn double", text)
            self.assertNotIn("double(4)", text)
            subprocess.run([*COMMAND, "run", "--script", path / "kept.rn"], check=True, timeout=60)
            out, _ = self.session("double(2)\n", str(path / "lib.rn"))
            self.assertEqual(out, "4\n")
        _, said = self.session(":hlp\n:load\n:undo x\n:load /nowhere\n", code=64)
        self.assertIn("there is no :hlp (did you mean :help?)", said)
        out, said = self.session("let a = 1\n:reset\na\n:quit\n7\n", code=1)
        self.assertEqual(out, "")
        self.assertIn("no local variable `a`", said)
        self.session("", "--format", "json", code=64)

    def test_a_killed_worker_is_followed_by_another(self):
        done = subprocess.Popen([*COMMAND, "repl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=0)
        done.stdin.write("let a = 41\na\n")
        self.assertEqual(done.stdout.readline(), "41\n")
        workers = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and self.is_worker(p, done.pid)]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        done.stdin.write("a + 1\n")
        self.assertEqual(done.stdout.readline(), "42\n")
        done.stdin.close()
        self.assertEqual(done.wait(WAIT_S), 0)
        done.stdout.close()

    @staticmethod
    def is_worker(entry, pid):
        """Of that session: its zygotes are told apart by the session that they were born in."""
        try:
            name = (entry / "comm").read_text()
            return name.startswith("runeward-worker"[:15]) and int((entry / "stat").read_text().split(")")[1].split()[3]) == os.getsid(pid)
        except (OSError, IndexError):
            return False


class Terminal(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.state = pathlib.Path(self.folder.name)
        self.text = b""

    def begin(self, *options, state=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # libedit loses the name and the text of a function that is added to it.
            os.environ["LSAN_OPTIONS"] = f"suppressions={HERE}/repl_leaks.txt:print_suppressions=0"
            os.environ.update(XDG_STATE_HOME=str(state or self.state), TERM="xterm", LC_ALL="C.UTF-8")
            os.execvp(COMMAND[0], [*COMMAND, "repl", *options])
        self.text = b""
        self.expect(r"> ")

    def expect(self, pattern):
        """Waits for the pattern in what came since the last one; gives what came up to its end."""
        until = time.monotonic() + WAIT_S
        while not (found := re.search(pattern.encode(), self.text)):
            self.assertLess(time.monotonic(), until, self.text)
            if not select.select([self.fd], [], [], 1)[0]:
                continue
            try:
                self.text += os.read(self.fd, 4096)
            except OSError:
                self.fail(f"ended without {pattern}: {self.text}")
        before, self.text = self.text[:found.end()], self.text[found.end():]
        return before.decode(errors="replace")

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self, code=0):
        """Ctrl-D until it has ended: before there is a prompt, the terminal takes it for itself."""
        until = time.monotonic() + WAIT_S
        try:
            while time.monotonic() < until:
                if code == 0:
                    self.type("\x04")
                while select.select([self.fd], [], [], 0.3)[0]:
                    if not os.read(self.fd, 4096):
                        break
        except OSError:
            pass
        os.close(self.fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), code)

    def test_a_conversation(self):
        self.begin()
        self.type("let abc = 20\n")
        self.expect(r"\n> ")
        self.type("abc\t + 1\n")
        self.expect(r"\n21\r\n")
        self.type("fn f() {\n")
        self.expect(r"\. ")
        self.type("5 }\n")
        self.expect(r"> ")
        self.type("f()\n")
        self.expect(r"\n5\r\n")
        self.type("panic!(\"a\")\n")
        self.expect(r"Panicked: a")
        self.end()

    def test_tab_completes_names(self):
        self.begin("--no-history")
        self.type("let completely_new = 3\n")
        self.expect(r"\n> ")
        self.type("comple\t\n")
        self.expect(r"\n3\r\n")
        self.type("std::iter::Fla\tX")
        self.expect(r"tMapX")
        self.type("\x15")
        self.end()

    def test_an_interrupt_ends_what_runs_and_what_is_typed(self):
        self.begin()
        self.type("let a = 1\n")
        self.expect(r"\n> ")
        self.type("println!(\"on\"); loop {}\n")
        self.expect(r"\non\r\n")
        self.type("\x03")
        self.expect(r"cancel")
        self.expect(r"> ")
        self.type("half of (")
        self.type("\x03")
        self.expect(r"\^C\r\n> ")
        self.type("f(\n")
        self.expect(r"\. ")
        self.type("\x03")
        self.expect(r"\^C\r\n> ")
        self.type("a + 6\n")
        self.expect(r"\n7\r\n")
        self.end()

    def test_history_is_kept_for_its_owner(self):
        self.begin()
        self.type("1000 + 1\n")
        self.expect(r"\n1001\r\n")
        self.end()
        path = self.state / "runeward" / "repl_history"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertIn("1000", path.read_text())
        self.begin()
        self.type("\x10 + 1\n")  # the line before
        self.expect(r"\n1002\r\n")
        self.end()
        path.unlink()
        self.begin("--no-history")
        self.type("3\n")
        self.expect(r"\n3\r\n")
        self.end()
        self.assertFalse(path.exists())

    def test_history_that_cannot_be_kept_is_said_once(self):
        (self.state / "runeward").mkdir()
        (self.state / "runeward" / "repl_history.new").mkdir()
        self.begin()
        self.type("1 + 1\n")
        before = self.expect(r"\n2\r\n")
        self.assertEqual(before.count("history:"), 1, before)
        self.type("2 + 1\n")
        self.assertNotIn("history:", self.expect(r"\n3\r\n"))
        self.end()

    def test_a_hangup_ends_it(self):
        self.begin()
        self.type("println!(\"on\"); loop {}\n")
        self.expect(r"\non\r\n")
        os.kill(self.pid, signal.SIGTERM)
        self.expect(r"cancel")
        self.end(130)

    def test_colours_only_if_wanted(self):
        self.begin("--color", "never")
        self.type("1 +)\n")
        self.assertNotIn("\x1b[1;31m", self.expect(r"\^"))
        self.end()

    def test_an_end_that_is_typed_ahead(self):
        self.begin()
        self.type("1 +)\n")
        time.sleep(0.03)  # by then the terminal takes lines, and no prompt is there
        self.type("\x04")
        self.end()


if __name__ == "__main__":
    COMMAND = [str(pathlib.Path(sys.argv[1]).resolve())]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=1)
