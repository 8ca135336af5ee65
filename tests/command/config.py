#!/usr/bin/env python3
"""Defaults of options from a file: which hold, where they come from, and what is said of those that are wrong.

usage: config.py RUNEWARD [OPTION...]

The options stand in front of every command line.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

COMMAND = []


class Config(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.write("t.rn", 'pub fn main() { println!("out"); 7 }\npub fn spin() { loop {} }\npub fn twice(n) { n * 2 }\n')

    def write(self, name, text):
        (self.path / name).write_text(text)

    def run_command(self, *words, code=0, config=None, **environment):
        if config is not None:
            self.write("rw.toml", config)
            words = ("--config", "rw.toml", *words)
        clean = {key: value for key, value in os.environ.items() if key != "RUNEWARD_CONFIG"}
        done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120, cwd=self.path,
                              stdin=subprocess.DEVNULL, env={**clean, **environment})
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done

    def origins(self, *words, **more):
        lines = self.run_command(*words, "--limits", **more).stdout.splitlines()
        return {line.split()[0]: line.split(None, 2)[1:] for line in lines}

    LIMITS = '# of all\n[limits]\nwall = "3s"\nmemory = "32M"\nbudget = 5_000\n\n[test]\nwall = "4s"\n'

    def test_limits_say_where_they_come_from(self):
        said = self.origins("run", "--memory", "16M", config=self.LIMITS)
        self.assertEqual(said["wall"], ["3s", "from rw.toml:3"])
        self.assertEqual(said["budget"], ["5k", "from rw.toml:5"])
        self.assertEqual(said["memory"], ["16M", "--memory"])
        self.assertEqual(said["cpu"], ["10s", "default"])
        self.assertEqual(self.origins("test", config=self.LIMITS)["wall"], ["4s", "from rw.toml:8"])
        limits = json.loads(self.run_command("--format", "json", "run", "--memory", "16M", "--limits", config=self.LIMITS).stdout)["limits"]
        self.assertEqual(limits["wall"], {"value": 3_000_000_000, "from": "config", "file": "rw.toml", "line": 3})
        self.assertEqual(limits["memory"], {"value": 16 << 20, "from": "option"})
        self.assertEqual(limits["cpu"], {"value": 10_000_000_000, "from": "default"})

    def test_limits_hold(self):
        done = self.run_command("call", "t.rn", "spin", code=120, config=self.LIMITS)
        self.assertIn("budget: --budget sets this limit", done.stderr)
        record = json.loads(self.run_command("--format", "json", "run", "t.rn", config=self.LIMITS).stdout)
        self.assertEqual((record["limits"]["budget"], record["limits"]["memory"]), (5000, 32 << 20))

    def test_results_have_the_form_that_is_asked_for(self):
        text = '[output]\nformat = "json"\nverbose = true\n[call]\nformat = "text"\n'
        done = self.run_command("run", "t.rn", config=text)
        self.assertEqual(json.loads(done.stdout)["value"], 7)
        self.assertIn("instructions", done.stderr)
        self.assertEqual(self.run_command("call", "t.rn", "twice", "4", config=text).stdout, "8\n")
        self.assertEqual(self.run_command("run", "t.rn", "--format", "text", config=text).stdout, "out\n")
        self.write("e.rn", "pub fn main() { let x = ; }")
        self.assertIn("\x1b[", self.run_command("run", "e.rn", code=1, config='color = "always"').stderr)
        self.assertNotIn("\x1b[", self.run_command("--color", "never", "run", "e.rn", code=1, config='color = "always"').stderr)

    def test_switches_of_a_command(self):
        self.write("w.rn", "pub fn main() { return 1; 2 }\n")
        self.assertIn("warning", self.run_command("check", "w.rn", code=1, config="[check]\nwarnings-are-errors = true\n").stderr)
        self.run_command("check", "w.rn", config="[test]\nwarnings-are-errors = true\n")
        self.run_command("check", "w.rn", config="[check]\nwarnings-are-errors = false\n")
        self.write("l.rn", "fn f() {\n        1\n}\n")
        self.run_command("fmt", "l.rn", config='[fmt]\nindent = "tab"\n')
        self.assertEqual((self.path / "l.rn").read_text(), "fn f() {\n\t1\n}\n")

    def test_options_that_exclude_defaults(self):
        text = 'format = "json"\n'
        self.assertIn("<html", self.run_command("policy", "report", "--html", config=text).stdout)
        self.assertIn("exclude", self.run_command("--format", "json", "policy", "report", "--html", code=64).stderr)

    def test_the_environment_names_a_file_too(self):
        self.write("env.toml", "[limits]\nbudget = 1000\n")
        self.assertEqual(self.origins("run", RUNEWARD_CONFIG="env.toml")["budget"], ["1k", "from env.toml:2"])
        self.assertEqual(self.origins("run", RUNEWARD_CONFIG="env.toml", config="")["budget"], ["1G", "default"])
        self.assertEqual(self.origins("--config", "", "run", RUNEWARD_CONFIG="env.toml")["budget"], ["1G", "default"])
        self.assertEqual(self.origins("run", RUNEWARD_CONFIG="")["budget"], ["1G", "default"])
        self.assertIn("none.toml: No such file", self.run_command("t.rn", code=66, RUNEWARD_CONFIG="none.toml").stderr)

    def test_files_that_are_none(self):
        self.assertIn("No such file", self.run_command("--config", "none.toml", "t.rn", code=66).stderr)
        self.assertIn("Is a directory", self.run_command("--config", ".", "t.rn", code=66).stderr)
        self.assertIn("more than 64 KiB", self.run_command("t.rn", code=78, config="#" * (65 << 10)).stderr)
        self.run_command("t.rn", config="#" * (64 << 10))
        self.run_command("t.rn", config="")
        self.assertIn("--config needs a value", self.run_command("t.rn", "--config", code=64).stderr)

    def test_wrong_names_are_told_with_their_place(self):
        def said(text, *words):
            return self.run_command(*(words or ("t.rn",)), code=78, config=text).stderr
        self.assertEqual(said('[limits]\n  wal = "1s"\n'), "runeward: rw.toml:2:3: unknown option wal in [limits] (did you mean wall?)\n")
        self.assertEqual(said("[limit]\n"), "runeward: rw.toml:1:2: there is no table [limit] (did you mean [limits]?)\n")
        self.assertIn("rw.toml:2:1: --meta is for one command line", said("[run]\nmeta = 'x'\n"))
        self.assertIn("rw.toml:3:1: unknown option", said("[serve]\nworkers = 2\nworker = 2\n"))  # whatever the command is
        self.assertIn("rw.toml:1:3: a control character", said("# \x1b[31m\n"))

    def test_wrong_values_are_told_as_those_of_the_option(self):
        wrong = {
            "run": {"wall": "2", "budget": "0", "memory": "64MB", "output": "x", "depth": "-1", "host-calls": "", "seed": "a", "cpu": "1e3s",
                    "build-wall": "soon", "format": "xml", "color": "blue", "policy": "none"},
            "bench": {"warmup": "1", "iter": "x"},
            "fmt": {"indent": "0"},
            "profile": {"top": "few"},
            "serve": {"drain": "x", "workers": "257"},
            "test": {"report": "html"},
        }
        for command, options in wrong.items():
            for option, value in options.items():
                line = self.run_command(command, f"--{option}={value}", "t.rn" if command != "serve" else ".", code=64).stderr
                place = f"rw.toml:2:{len(option) + 4}: "
                done = self.run_command("t.rn", code=78, config=f"[{command}]\n{option} = '{value}'\n")
                self.assertEqual(done.stderr, line.replace("runeward: ", "runeward: " + place, 1))

    def test_a_daemon_and_who_talks_to_it(self):
        (self.path / "scripts").mkdir()
        self.write("scripts/t.rn", "pub fn twice(n) { n * 2 }\npub fn spin() { loop {} }\n")
        self.write("rw.toml", "format = 'json'\n[limits]\nbudget = 9_999\n[serve]\nsocket = 's'\nworkers = 1\n[ctl]\nsocket = 's'\n"
                              "[call]\nsocket = 's'\nformat = 'text'\nbudget = '1M'\nbuild-wall = '3s'\n")
        daemon = subprocess.Popen([*COMMAND, "--config", "rw.toml", "serve", "scripts"], stderr=subprocess.PIPE, text=True, cwd=self.path)
        try:
            self.assertIn("serving scripts", daemon.stderr.readline())
            status = json.loads(self.run_command("--config", "rw.toml", "ctl", "status").stdout)
            self.assertEqual([script["name"] for script in status["scripts"]], ["t"])
            self.assertIn("# TYPE", self.run_command("--config", "rw.toml", "ctl", "metrics").stdout)
            self.assertEqual(self.run_command("--config", "rw.toml", "call", "t", "twice", "4").stdout, "8\n")
            record = json.loads(self.run_command("--config", "rw.toml", "--format", "json", "call", "t", "spin", code=120).stdout)
            self.assertEqual(record["limits"]["budget"], 9999)  # the daemon's, not the call's own
        finally:
            daemon.terminate()
            daemon.communicate(timeout=60)

    def test_help_needs_no_file(self):
        for words in (["help"], ["version"], ["completion", "bash"], ["run", "--help"]):
            self.run_command(*words, config="broken")
        text = self.run_command("help", "config").stdout
        self.assertIn("[limits]", text)
        example = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
        self.run_command("t.rn", config=example)  # the example is one
        page = (pathlib.Path(__file__).parent.parent.parent / "docs/configuration.md").read_text()
        for block in page.split("```toml\n")[1:]:
            self.run_command("run", "--limits", config=block.split("```")[0])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND[:] = [str(pathlib.Path(sys.argv[1]).resolve()), *sys.argv[2:]]
    unittest.main(argv=sys.argv[:1])
