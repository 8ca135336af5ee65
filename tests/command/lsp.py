#!/usr/bin/env python3
"""The language server from outside: framing, life, what is open, diagnostics, answers.

usage: lsp.py RUNEWARD [OPTION...]

The options stand in front of the command.
"""
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

COMMAND = []
TEST_MAX_S = 300
ANSWER_MAX_S = 60


class Editor:
    """One server, and what an editor would do with it."""

    def __init__(self, folder, initialize=True, encodings=None, capabilities=None):
        self.process = subprocess.Popen([*COMMAND, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, cwd=folder)
        self.folder = folder
        self.messages = queue.Queue()
        self.kept = []
        self.noise = b""
        self.number = 0
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        if initialize:
            general = {"positionEncodings": encodings} if encodings else {}
            self.capabilities = self.ask("initialize", {
                "processId": None, "rootUri": folder.as_uri(),
                "capabilities": {"general": general, **(capabilities or {})}})["capabilities"]
            self.tell("initialized", {})

    def read(self):
        stream = self.process.stdout
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = stream.read(1)
                if not byte:
                    self.noise = head
                    self.messages.put(None)
                    return
                head += byte
            size = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            self.messages.put(json.loads(stream.read(size)))

    def send_bytes(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        body = json.dumps(message).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def tell(self, method, params):
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, method, params):
        self.number += 1
        self.send({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params})
        return self.number

    def wait(self, wanted):
        """The first message that is wanted; the others are kept."""
        for i, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(i)
        until = time.monotonic() + ANSWER_MAX_S
        while True:
            message = self.messages.get(timeout=max(0.01, until - time.monotonic()))
            if message is None:
                raise AssertionError(f"the server ended: {self.process.stderr.read()}")
            if wanted(message):
                return message
            self.kept.append(message)

    def answer(self, number):
        return self.wait(lambda m: m.get("id") == number and "method" not in m)

    def ask(self, method, params):
        answer = self.answer(self.begin(method, params))
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def refused(self, method, params):
        return self.answer(self.begin(method, params))["error"]["code"]

    def uri(self, name):
        return (self.folder / name).as_uri()

    def open(self, name, text, version=1):
        self.tell("textDocument/didOpen", {"textDocument": {"uri": self.uri(name), "languageId": "rune",
                                                            "version": version, "text": text}})

    def change(self, name, version, *changes):
        self.tell("textDocument/didChange", {
            "textDocument": {"uri": self.uri(name), "version": version},
            "contentChanges": [c if isinstance(c, dict) else {"text": c} for c in changes]})

    def close(self, name):
        self.tell("textDocument/didClose", {"textDocument": {"uri": self.uri(name)}})

    def diagnostics(self, name, version=None):
        """What is published next about a document (of that version)."""
        def is_it(message):
            params = message.get("params", {})
            return (message.get("method") == "textDocument/publishDiagnostics" and params["uri"] == self.uri(name)
                    and (version is None or params.get("version") == version))
        return self.wait(is_it)["params"]["diagnostics"]

    def at(self, name, line, character, **more):
        return {"textDocument": {"uri": self.uri(name)}, "position": {"line": line, "character": character}, **more}

    def end(self, code=0):
        self.ask("shutdown", None)
        self.tell("exit", None)
        return self.wait_end()

    def wait_end(self):
        self.process.wait(timeout=ANSWER_MAX_S)
        self.thread.join(timeout=ANSWER_MAX_S)
        return self.process.returncode

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.thread.join(timeout=ANSWER_MAX_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass


def span(start_line, start, end_line, end):
    return {"start": {"line": start_line, "character": start}, "end": {"line": end_line, "character": end}}


def apply(text, edits):
    """Edits of whole lines, as formatting sends them; columns are ASCII."""
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(at):
        return min(starts[at["line"]] + at["character"], len(text)) if at["line"] < len(lines) else len(text)
    for edit in reversed(edits):
        text = text[:offset(edit["range"]["start"])] + edit["newText"] + text[offset(edit["range"]["end"]):]
    return text


def on_alarm(_number, _frame):
    raise AssertionError(f"not over after {TEST_MAX_S} s")


class Server(unittest.TestCase):
    def setUp(self):
        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(TEST_MAX_S)
        self.addCleanup(signal.alarm, 0)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name).resolve()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def editor(self, **options):
        editor = Editor(self.folder, **options)
        self.addCleanup(editor.stop)
        return editor


class Life(Server):
    def test_a_session_ends_with_zero(self):
        editor = self.editor()
        self.assertEqual(editor.capabilities["positionEncoding"], "utf-16")
        self.assertEqual(editor.end(), 0)
        self.assertEqual(editor.noise, b"")
        self.assertEqual(editor.process.stderr.read(), b"")

    def test_exit_without_shutdown_is_a_failure(self):
        editor = self.editor()
        editor.tell("exit", None)
        self.assertEqual(editor.wait_end(), 1)

    def test_the_end_of_input_is_an_end(self):
        editor = self.editor()
        editor.process.stdin.close()
        self.assertEqual(editor.wait_end(), 0)
        cut = self.editor()
        cut.send_bytes(b"Content-Length: 100\r\n\r\n{")
        cut.process.stdin.close()
        self.assertEqual(cut.wait_end(), 1)

    def test_before_initialize_and_after_shutdown(self):
        editor = self.editor(initialize=False)
        self.assertEqual(editor.refused("textDocument/hover", {}), -32002)
        self.assertEqual(editor.refused("no/such", {}), -32002)
        editor.ask("initialize", {"capabilities": {}})
        self.assertEqual(editor.refused("initialize", {"capabilities": {}}), -32600)
        editor.ask("shutdown", None)
        self.assertEqual(editor.refused("textDocument/formatting", {}), -32600)
        editor.tell("exit", None)
        self.assertEqual(editor.wait_end(), 0)

    def test_unknown_methods(self):
        editor = self.editor()
        self.assertEqual(editor.refused("no/such", {}), -32601)
        self.assertEqual(editor.refused("$/such", {}), -32601)
        editor.tell("no/such", {})
        editor.tell("$/setTrace", {"value": "off"})
        editor.tell("$/cancelRequest", {"id": 99})
        editor.send({"jsonrpc": "2.0", "id": "watch", "result": None})
        self.assertEqual(editor.end(), 0)

    def test_utf_8_is_taken_where_it_is_offered(self):
        self.assertEqual(self.editor(encodings=["utf-16", "utf-8"]).capabilities["positionEncoding"], "utf-8")
        self.assertEqual(self.editor(encodings=["utf-32"]).capabilities["positionEncoding"], "utf-16")

    def test_files_are_watched_where_that_can_be_asked_for(self):
        editor = self.editor(capabilities={"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}})
        asked = editor.wait(lambda m: m.get("method") == "client/registerCapability")
        editor.send({"jsonrpc": "2.0", "id": asked["id"], "result": None})
        self.write("m.rn", "pub fn f() { 1 }\n")
        editor.open("a.rn", "mod m;\npub fn main() { m::g() }\n")
        self.assertEqual(len(editor.diagnostics("a.rn")), 1)
        self.write("m.rn", "pub fn g() { 1 }\n")
        editor.tell("workspace/didChangeWatchedFiles", {"changes": [{"uri": editor.uri("m.rn"), "type": 2}]})
        self.assertEqual(editor.diagnostics("a.rn"), [])

    def test_ctrl_c_ends_it_and_leaves_nothing(self):
        editor = self.editor()
        editor.open("a.rn", "pub fn main() { 1 }\n")
        editor.diagnostics("a.rn")
        children = pathlib.Path(f"/proc/{editor.process.pid}/task/{editor.process.pid}/children").read_text().split()
        editor.process.send_signal(signal.SIGINT)
        self.assertEqual(editor.wait_end(), -signal.SIGINT)
        for child in children:
            for _ in range(500):
                if not os.path.exists(f"/proc/{child}"):
                    break
                time.sleep(0.01)
            self.assertFalse(os.path.exists(f"/proc/{child}"))


class Framing(Server):
    def broken(self, data):
        editor = self.editor()
        editor.send_bytes(data)
        error = editor.wait(lambda m: "error" in m)
        self.assertEqual((error["id"], error["error"]["code"]), (None, -32700))
        self.assertEqual(editor.wait_end(), 1)

    def test_heads_that_are_none(self):
        for head in (b"Content-Length: -1", b"Content-Length: ", b"Content-Length: 1x", b"Content-Length: 0x10",
                     b"Content-Length: 99999999999999999999999999", b"Content-Length: 2\r\nContent-Length: 2",
                     b"Content-Type: text", b"no header", b": 2", b"\x00\xff\x80", b"GET / HTTP/1.1\r\nHost: a"):
            with self.subTest(head=head):
                self.broken(head + b"\r\n\r\n{}")
        self.broken(b"X: " + b"y" * 5000)
        self.broken(bytes(range(256)) * 32)

    def refused(self, body, code, head=None):
        editor = self.editor()
        editor.send_bytes((head or b"Content-Length: %d\r\n\r\n" % len(body)) + body)
        error = editor.wait(lambda m: "error" in m)
        self.assertEqual(error["error"]["code"], code)
        self.assertEqual(editor.end(), 0)

    def test_bodies_that_are_no_message(self):
        for body in (b"", b"{", b"\xff\xfe", b"[" * 100000, b'{"a":"\\ud80"}', b"{} {}", b"nul"):
            with self.subTest(body=body[:10]):
                self.refused(body, -32700)
        for body in (b"[]", b"1", b"{}", b'{"jsonrpc":"2.0","method":1}', b'{"id":{},"method":"a"}',
                     b'[{"jsonrpc":"2.0","method":"exit"}]', b'{"id":1.5,"method":"shutdown"}'):
            with self.subTest(body=body):
                self.refused(body, -32600)

    def test_other_headers_and_ways_to_write_them(self):
        body = b'{"jsonrpc":"2.0","id":7,"method":"no/such"}'
        self.refused(body, -32601, b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n"
                     b"content-length:  %d  \r\nX-Other:\r\n\r\n" % len(body))

    def test_what_is_too_large_is_passed_over(self):
        editor = self.editor()
        size = 40 << 20
        editor.send_bytes(b"Content-Length: %d\r\n\r\n" % size)
        self.assertEqual(editor.wait(lambda m: "error" in m)["error"]["code"], -32600)
        for _ in range(size >> 20):
            editor.send_bytes(b" " * (1 << 20))
        self.assertEqual(editor.end(), 0)

    def test_a_message_byte_by_byte_and_many_at_once(self):
        editor = self.editor()
        body = b'{"jsonrpc":"2.0","id":"a","method":"no/such"}'
        whole = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        for byte in whole:
            editor.send_bytes(bytes([byte]))
        self.assertEqual(editor.answer("a")["error"]["code"], -32601)
        editor.send_bytes(whole * 1000)
        for _ in range(1000):
            self.assertEqual(editor.answer("a")["error"]["code"], -32601)

    def test_params_of_any_kind(self):
        editor = self.editor()
        editor.open("a.rn", "pub fn main() { 1 }\n")
        editor.diagnostics("a.rn")
        odd = [None, [], 1, "a", {}, {"textDocument": 1}, {"textDocument": {"uri": 1}}, {"textDocument": {}},
               {"textDocument": {"uri": editor.uri("a.rn")}},
               {"textDocument": {"uri": editor.uri("a.rn")}, "position": []},
               {"textDocument": {"uri": editor.uri("a.rn")}, "position": {"line": -1, "character": 1 << 60}},
               {"textDocument": {"uri": editor.uri("a.rn")}, "position": {"line": 1 << 31, "character": 0},
                "contentChanges": [1, {}, {"text": 1}, {"text": "a", "range": {}}], "options": 3}]
        methods = [m for m in REQUESTS if m not in ("shutdown",)]
        for params in odd:
            for method in methods:
                self.assertIn("id", editor.answer(editor.begin(method, params)))
            for method in NOTIFICATIONS:
                editor.tell(method, params)
        self.assertEqual(editor.end(), 0)


REQUESTS = ["initialize", "textDocument/formatting", "textDocument/hover", "textDocument/definition",
            "textDocument/completion", "textDocument/signatureHelp", "textDocument/references",
            "textDocument/documentHighlight", "textDocument/documentSymbol", "textDocument/codeAction", "no/such"]
NOTIFICATIONS = ["initialized", "textDocument/didOpen", "textDocument/didChange", "textDocument/didSave",
                 "textDocument/didClose", "workspace/didChangeWatchedFiles", "$/cancelRequest"]


class Diagnostics(Server):
    def test_an_error_has_place_code_and_message(self):
        editor = self.editor()
        editor.open("a.rn", "pub fn main() {\n    nothing()\n}\n", version=3)
        params = editor.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics")["params"]
        self.assertEqual((params["uri"], params["version"]), (editor.uri("a.rn"), 3))
        (one,) = params["diagnostics"]
        self.assertEqual(one["range"], span(1, 4, 1, 11))
        self.assertEqual((one["severity"], one["source"]), (1, "rune"))
        self.assertRegex(one["code"], r"^E\d{4}$")
        self.assertIn("nothing", one["message"])

    def test_columns_count_as_agreed(self):
        text = 'pub fn main() { let s = "\U0001F600é"; s; nothing() }\n'
        column = text.index("nothing")
        editor = self.editor()
        editor.open("a.rn", text)
        (one,) = editor.diagnostics("a.rn")
        self.assertEqual(one["range"], span(0, column + 1, 0, column + 8))
        editor = self.editor(encodings=["utf-8"])
        editor.open("a.rn", text)
        (one,) = editor.diagnostics("a.rn")
        self.assertEqual(one["range"], span(0, column + 4, 0, column + 11))

    def test_changes_are_put_where_they_belong(self):
        editor = self.editor()
        editor.open("a.rn", 'pub fn main() {\r\n    let s = "\U0001F600"; f(s)\r\n}\r\n')
        self.assertEqual(len(editor.diagnostics("a.rn")), 1)
        # Behind the smiley, which counts twice; then a line before it, which moves it.
        editor.change("a.rn", 2, {"range": span(1, 18, 1, 19), "text": "g"},
                      {"range": span(0, 0, 0, 0), "text": "fn h(s) { s }\n"},
                      {"range": span(2, 18, 2, 19), "text": "h"})
        self.assertEqual(editor.diagnostics("a.rn", 2), [])
        # Past the end of a line, and of the text.
        editor.change("a.rn", 3, {"range": span(0, 900, 1, 0), "text": "\n"},
                      {"range": span(99, 0, 99, 9), "text": "fn i() { nothing() }\n"})
        (one,) = [d for d in editor.diagnostics("a.rn", 3) if d["severity"] == 1]
        self.assertEqual(one["range"]["start"], {"line": 4, "character": 9})

    def test_a_burst_ends_with_what_was_said_of_its_last_text(self):
        editor = self.editor()
        editor.open("a.rn", "pub fn main() { 1 }\n")
        editor.diagnostics("a.rn", 1)
        for i in range(2, 40):
            editor.change("a.rn", i, f"pub fn main() {{ nothing{i}() }}\n")
        seen = []
        while not seen or seen[-1]["params"]["version"] != 39:
            seen.append(editor.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics"))
        self.assertIn("nothing39", seen[-1]["params"]["diagnostics"][0]["message"])
        self.assertLessEqual(len(seen), 4)

    def test_related_places_and_unused_names(self):
        editor = self.editor()
        editor.open("a.rn", "mod m { fn f() { 1 } }\nfn unused() { 2 }\npub fn main() { m::f() }\n")
        (error,) = [d for d in editor.diagnostics("a.rn") if d["severity"] == 1]
        (place,) = error["relatedInformation"]
        self.assertEqual(place["location"], {"uri": editor.uri("a.rn"), "range": span(0, 11, 0, 12)})
        editor.change("a.rn", 2, "fn unused() { 2 }\npub fn main() { 1 }\n")
        (warning,) = editor.diagnostics("a.rn", 2)
        self.assertEqual((warning["severity"], warning["tags"]), (2, [1]))

    def test_modules_as_the_editor_has_them(self):
        self.write("m.rn", "pub fn old() { 1 }\n")
        self.write("n/mod.rn", "pub fn n() { nothing() }\n")
        editor = self.editor()
        editor.open("a.rn", "mod m;\nmod n;\npub fn main() { m::fresh() + n::n() }\n")
        (one,) = editor.diagnostics("n/mod.rn")
        self.assertEqual(one["range"], span(0, 13, 0, 20))
        self.assertEqual(len(editor.diagnostics("a.rn")), 1)
        editor.open("m.rn", "pub fn fresh() { 1 }\n")
        self.assertEqual(editor.diagnostics("a.rn"), [])
        self.assertEqual(editor.diagnostics("m.rn"), [])
        editor.open("n/mod.rn", "pub fn n() { 1 }\n")
        self.assertEqual(editor.diagnostics("n/mod.rn", 1), [])
        # A module that only the editor has.
        editor.change("a.rn", 2, "mod m;\nmod n;\nmod unsaved;\npub fn main() { m::fresh() + n::n() + unsaved::u() }\n")
        self.assertEqual(len(editor.diagnostics("a.rn", 2)), 1)
        editor.open("unsaved.rn", "pub fn u() { 1 }\n")
        editor.tell("textDocument/didSave", {"textDocument": {"uri": editor.uri("a.rn")}})
        while editor.diagnostics("a.rn", 2):
            pass
        # What is closed is the file's again.
        editor.close("n/mod.rn")
        while not editor.diagnostics("n/mod.rn"):
            pass
        editor.close("a.rn")
        while editor.diagnostics("n/mod.rn"):
            pass

    def test_what_is_no_module_any_more_has_no_diagnostics(self):
        self.write("m.rn", "pub fn f() { nothing() }\n")
        editor = self.editor()
        editor.open("a.rn", "mod m;\npub fn main() { m::f() }\n")
        self.assertEqual(len(editor.diagnostics("m.rn")), 1)
        editor.change("a.rn", 2, "pub fn main() { 1 }\n")
        self.assertEqual(editor.diagnostics("m.rn"), [])

    def test_a_module_is_compiled_with_its_script(self):
        self.write("main.rn", "mod a;\npub fn helper() { 1 }\npub fn main() { a::b::c() }\n")
        self.write("a/mod.rn", "pub mod b;\n")
        self.write("a/b.rn", "pub fn c() { 0 }\n")
        self.write("other.rn", "pub fn main() { 0 }\n")
        editor = self.editor()
        editor.open("a/b.rn", "pub fn c() { super::super::helper() }\n")
        self.assertEqual(editor.diagnostics("a/b.rn"), [])
        editor.change("a/b.rn", 2, "pub fn d() { crate::helper() }\n")
        (one,) = editor.diagnostics("main.rn")
        self.assertEqual(one["range"]["start"]["line"], 2)
        editor.close("a/b.rn")
        self.assertEqual(editor.diagnostics("main.rn"), [])

    def test_a_module_on_its_own_until_its_script_is_opened(self):
        self.write("m.rn", "pub fn f() { crate::g() }\n")
        editor = self.editor()
        editor.open("m.rn", "pub fn f() { crate::g() }\n")
        self.assertEqual(len(editor.diagnostics("m.rn")), 1)
        editor.open("a.rn", "mod m;\nfn g() { 1 }\npub fn main() { m::f() }\n")
        while editor.diagnostics("m.rn"):
            pass

    def test_thirty_thousand_changes_at_once(self):
        editor = self.editor()
        editor.open("a.rn", "".join(f"let name_{i} = {i}; name_{i};\n" for i in range(30000)))
        self.assertEqual(editor.diagnostics("a.rn"), [])
        editor.change("a.rn", 2, *({"range": span(i, 4, i, 8), "text": "other"} for i in range(29999, -1, -1)))
        self.assertEqual(len(editor.diagnostics("a.rn", 2)), 64)  # of 30,000, as many as a compiler tells

    def test_half_a_character(self):
        editor = self.editor()
        editor.open("a.rn", "pub fn main() { 1 }\n")
        self.assertEqual(editor.diagnostics("a.rn"), [])
        editor.change("a.rn", 2, {"range": span(0, 0, 0, 0), "text": "// \ud83d\n"})
        editor.change("a.rn", 3, {"range": span(1, 16, 1, 17), "text": "nothing()"})
        (one,) = editor.diagnostics("a.rn", 3)
        self.assertEqual(one["range"], span(1, 16, 1, 23))

    def test_behind_a_message_that_cannot_be_read(self):
        editor = self.editor()
        editor.open("a.rn", "pub fn main() { nothing() }\n")
        self.assertEqual(len(editor.diagnostics("a.rn")), 1)
        editor.send_bytes(b"Content-Length: 2\r\n\r\n{]")
        said = editor.wait(lambda m: m.get("method") == "window/logMessage")["params"]["message"]
        self.assertIn("left alone until it is opened again", said)
        editor.change("a.rn", 2, {"range": span(0, 16, 0, 25), "text": "1"})
        self.assertIsNone(editor.ask("textDocument/formatting", {"textDocument": {"uri": editor.uri("a.rn")}, "options": {}}))
        editor.open("a.rn", "pub fn main() { other() }\n")
        while not any("other" in one["message"] for one in editor.diagnostics("a.rn")):
            pass

    def test_a_module_that_is_left_is_compiled_by_itself(self):
        editor = self.editor()
        self.write("m.rn", "pub fn f() { 1 }\n")
        editor.open("main.rn", "mod m;\npub fn main() { m::f() }\n")
        self.assertEqual(editor.diagnostics("main.rn"), [])
        editor.open("m.rn", "pub fn f() { nothing() }\n")
        self.assertEqual(len(editor.diagnostics("m.rn")), 1)
        editor.change("main.rn", 2, "pub fn main() { 1 }\n")
        self.assertEqual(editor.diagnostics("m.rn"), [])  # taken back ...
        self.assertEqual(len(editor.diagnostics("m.rn")), 1)  # ... and said anew

    def test_a_script_beyond_many_others(self):
        for i in range(80):
            self.write(f"sub/a{i}.rn", "fn f() { 1 }\n")
        self.write("main.rn", "mod sub;\npub fn main() { 1 }\n")
        self.write("sub/mod.rn", "mod inner;\npub fn g() { 1 }\n")
        editor = self.editor()
        editor.open("sub/inner.rn", "pub fn f() { crate::sub::g() }\n")
        self.assertEqual(editor.diagnostics("sub/inner.rn"), [])

    def test_what_is_no_file_is_not_read(self):
        os.mkfifo(self.folder / "pipe")
        pipe = os.open(self.folder / "pipe", os.O_RDWR | os.O_NONBLOCK)
        os.write(pipe, b"mod m;")
        os.symlink(self.folder / "pipe", self.folder / "a.rn")
        os.symlink("/proc/self/fd/0", self.folder / "main.rn")
        editor = self.editor()
        editor.open("m.rn", "pub fn f() { nothing() }\n")
        self.assertEqual(len(editor.diagnostics("m.rn")), 1)
        self.assertEqual(os.read(pipe, 100), b"mod m;")
        os.close(pipe)

    def test_modules_are_not_followed_out_of_the_folder(self):
        outside = tempfile.TemporaryDirectory()
        self.addCleanup(outside.cleanup)
        pathlib.Path(outside.name, "m.rn").write_text("pub fn f() { 1 }\n")
        os.symlink(pathlib.Path(outside.name, "m.rn"), self.folder / "m.rn")
        os.symlink(outside.name, self.folder / "n")
        os.mkfifo(self.folder / "p.rn")
        for name in ("m", "n", "p"):
            editor = self.editor()
            editor.open("a.rn", f"mod {name};\npub fn main() {{ 1 }}\n")
            self.assertEqual(len(editor.diagnostics("a.rn")), 1, name)

    def test_bodies_of_scripts(self):
        editor = self.editor()
        editor.open("a.rn", 'let a = 1;\nprintln!("{}", a);\n')
        self.assertEqual(editor.diagnostics("a.rn"), [])
        editor.change("a.rn", 2, 'let a = 1;\nprintln!("{}", b);\n')
        (one,) = editor.diagnostics("a.rn", 2)
        self.assertEqual(one["range"]["start"], {"line": 1, "character": 15})

    def test_no_file(self):
        editor = self.editor()
        editor.tell("textDocument/didOpen", {"textDocument": {"uri": "untitled:Untitled-1", "languageId": "rune",
                                                              "version": 1, "text": "mod m;\nlet = 2;"}})
        params = editor.wait(lambda m: m.get("method") == "textDocument/publishDiagnostics")["params"]
        self.assertEqual(params["uri"], "untitled:Untitled-1")
        self.assertTrue(params["diagnostics"])

    def test_names_with_odd_characters(self):
        editor = self.editor()
        name = "a b %\U0001F600 é.rn"
        self.write(name, "")
        editor.open(name, "fn f( {}\n")
        self.assertTrue(editor.diagnostics(name))

    def test_a_compiler_that_is_at_work_keeps_nobody_waiting(self):
        slow = "const fn f(n) { if n == 0 { 0 } else { f(n - 1) } }\n" + \
            "".join(f"const C{i} = f(500);\n" for i in range(4000)) + "pub fn main() { 1 }\n"
        editor = self.editor()
        editor.open("a.rn", slow)
        begin = time.monotonic()
        for _ in range(50):
            self.assertEqual(editor.refused("no/such", {}), -32601)
        editor.end()
        self.assertLess(time.monotonic() - begin, 8)


SHAPES = """/// What has sides.
pub struct Shape { width, height }

impl Shape {
    pub fn new(width, height) { Shape { width, height } }
    /// How much it covers.
    pub fn area(self) { self.width * self.height }
}

pub enum Colour { Red, Mixed { with } }
pub const LIMIT = 10;

pub fn main() {
    let shape = Shape::new(1, 2);
    let list = Vec::new();
    list.push(shape.area());
    for entry in list { println!("{}", entry) }
    let smile = "\U0001F600"; shape.width + LIMIT
}
"""


class Names(Server):
    def setUp(self):
        super().setUp()
        self.server = self.editor()
        self.server.open("a.rn", SHAPES)
        self.text = SHAPES

    def place(self, words, nth=1, name="a.rn", text=None, **more):
        """The `nth` time that the words stand in the text, as UTF-16 has it."""
        at = -1
        text = text or self.text
        for _ in range(nth):
            at = text.index(words, at + 1)
        before = text[:at]
        line = before.rsplit("\n", 1)[-1]
        return self.server.at(name, before.count("\n"), len(line.encode("utf-16-le")) // 2, **more)

    def ask(self, method, *where, **more):
        return self.server.ask("textDocument/" + method, self.place(*where, **more))

    def starts(self, places):
        return sorted((p["range"]["start"]["line"], p["range"]["start"]["character"]) for p in places)

    def test_hover(self):
        def said(*where):
            return self.ask("hover", *where)["contents"]["value"]
        self.assertIn("pub fn area(self)", said("area", 2))
        self.assertIn("How much it covers.", said("area", 1))
        self.assertIn("What has sides.", said("Shape::new"))
        self.assertIn("let shape = Shape::new(1, 2);", said("shape.area"))
        self.assertIn("std::vec::Vec", said("Vec::new"))
        self.assertIn("fn push(self, _)", said("push"))
        self.assertIn("width", said("width +"))
        self.assertIsNone(self.ask("hover", "What has"))
        self.assertEqual(self.ask("hover", "LIMIT", 2)["range"], span(17, 36, 17, 41))

    def test_hover_in_a_large_script(self):
        text = "".join(f"fn f{i}(a, b) {{ let c{i} = a + b; c{i} }}\n" for i in range(2000)) + "pub fn main() { f0(1, 2) }\n"
        self.server.open("b.rn", text)
        said = self.server.ask("textDocument/hover", self.server.at("b.rn", 2000, 17))
        self.assertIn("fn f0(a, b)", said["contents"]["value"])

    def test_hover_explains_diagnostics(self):
        self.server.open("b.rn", "pub fn main() { nothing() }\n")
        (one,) = self.server.diagnostics("b.rn")
        said = self.server.ask("textDocument/hover", self.server.at("b.rn", 0, 18))["contents"]["value"]
        explained = subprocess.run([*COMMAND, "help", one["code"]], capture_output=True, text=True).stdout
        self.assertIn(explained.strip()[-100:], said)

    def test_definition(self):
        self.assertEqual(self.starts(self.ask("definition", "Shape::new")), [(1, 11)])
        self.assertEqual(self.starts(self.ask("definition", "new(1")), [(4, 11)])
        self.assertEqual(self.starts(self.ask("definition", "area()")), [(6, 11)])
        self.assertEqual(self.starts(self.ask("definition", "width * self")), [(1, 19)])
        self.assertEqual(self.starts(self.ask("definition", "entry)")), [(16, 8)])
        self.assertEqual(self.starts(self.ask("definition", "LIMIT", 2)), [(10, 10)])
        self.assertEqual(self.ask("definition", "Vec::new"), [])
        self.assertIsNone(self.ask("definition", "What has"))

    def test_references_and_highlights(self):
        uses = self.ask("references", "shape =", context={"includeDeclaration": False})
        self.assertEqual(self.starts(uses), [(15, 14), (17, 22)])
        uses = self.ask("references", "shape.area", context={"includeDeclaration": True})
        self.assertEqual(self.starts(uses), [(13, 8), (15, 14), (17, 22)])
        self.assertEqual(self.starts(self.ask("documentHighlight", "Shape {")), [(1, 11), (3, 5), (4, 32), (13, 16)])
        self.assertEqual(self.starts(self.ask("references", "area(self", context={"includeDeclaration": True})),
                         [(6, 11), (15, 20)])

    def test_symbols(self):
        symbols = self.server.ask("textDocument/documentSymbol", self.server.at("a.rn", 0, 0))
        self.assertEqual([s["name"] for s in symbols], ["Shape", "new", "area", "Colour", "LIMIT", "main"])
        self.assertEqual([s["name"] for s in symbols[0]["children"]], ["width", "height"])
        self.assertEqual([s["name"] for s in symbols[3]["children"]], ["Red", "Mixed"])
        self.assertEqual(symbols[5]["selectionRange"], span(12, 7, 12, 11))
        self.assertEqual(symbols[5]["range"], span(12, 0, 18, 1))

    def labels(self, text, version=2, name="a.rn", at="|"):
        """What is offered at the bar, while the text is as broken as it is."""
        self.server.change(name, version, text.replace(at, ""))
        before = text[:text.index(at)]
        answer = self.server.ask("textDocument/completion", self.server.at(
            name, before.count("\n"), len(before.rsplit("\n", 1)[-1])))
        return {item["label"]: item for item in answer["items"]}

    def test_completion(self):
        self.server.diagnostics("a.rn")
        inside = SHAPES.replace("    for entry", "    |\n    for entry")
        offered = self.labels(inside)
        for name in ("shape", "list", "Shape", "Colour", "LIMIT", "main", "Vec", "std", "println!", "let", "match"):
            self.assertIn(name, offered)
        for name in ("entry", "smile", "area", "width", "self", "Red"):
            self.assertNotIn(name, [n for n in offered if offered[n]["kind"] != 14])
        offered = self.labels(SHAPES.replace("    for entry", "    shape.|\n    for entry"), 3)
        for name in ("area", "width", "height", "push", "len"):
            self.assertIn(name, offered)
        self.assertNotIn("shape", offered)
        offered = self.labels(SHAPES.replace("    for entry", "    Colour::|\n    for entry"), 4)
        self.assertEqual(set(offered), {"Red", "Mixed"})
        offered = self.labels(SHAPES.replace("    for entry", "    let x = Shape::n|\n    for entry"), 5)
        self.assertEqual(set(offered), {"new", "area"})
        offered = self.labels(SHAPES.replace("self.width *", "self.| *"), 6)
        self.assertEqual(set(offered), {"new", "area", "width", "height"} - {"new"})
        offered = self.labels(SHAPES.replace("    for entry", "    std::|\n    for entry"), 7)
        self.assertIn("vec", offered)
        self.assertIn("collections", offered)
        offered = self.labels(SHAPES.replace("    for entry", "    std::collections::|\n    for entry"), 8)
        self.assertIn("hash_map", offered)
        self.assertNotIn("vec", offered)
        offered = self.labels(SHAPES.replace("    for entry", "    Vec::|\n    for entry"), 9)
        self.assertIn("with_capacity", offered)

    def test_completion_in_modules(self):
        self.write("m.rn", "pub fn inner() { 1 }\nfn hidden() { 2 }\n")
        self.server.open("b.rn", "mod m;\nmod n { pub fn deep() { 1 } fn other() {  } }\npub fn main() { m::inner() }\n")
        self.server.diagnostics("b.rn")
        offered = self.labels("mod m;\nmod n { pub fn deep() { 1 } fn other() {  } }\npub fn main() { m::|inner() }\n", 2, "b.rn")
        self.assertEqual(set(offered), {"inner", "hidden"})
        offered = self.labels("mod m;\nmod n { pub fn deep() { 1 } fn other() { | } }\npub fn main() { m::inner() }\n", 3, "b.rn")
        self.assertIn("deep", offered)
        self.assertNotIn("main", offered)
        offered = self.labels("mod m;\nmod n { pub fn deep() { 1 } fn other() { crate::| } }\npub fn main() { m::inner() }\n", 4, "b.rn")
        self.assertEqual(set(offered), {"m", "n", "main"})
        self.assertEqual(self.starts(self.server.ask("textDocument/definition", self.server.at("b.rn", 2, 20))), [(0, 7)])
        (place,) = self.server.ask("textDocument/definition", self.server.at("b.rn", 2, 16))
        self.assertEqual((place["uri"], place["range"]), (self.server.uri("m.rn"), span(0, 0, 0, 0)))

    def test_what_needs_no_import_compiles(self):
        self.server.diagnostics("a.rn")
        offered = self.labels("|" + SHAPES)
        keywords = {n for n in offered if offered[n]["kind"] == 14}
        prelude = [n for n in offered if offered[n]["kind"] == 22 and n not in ("Shape",)]
        self.assertGreater(len(prelude), 10)
        self.write("p.rn", "pub fn main() {\n" + "".join(f"    let _ = {n};\n" for n in prelude) + "}\n")
        done = subprocess.run([*COMMAND, "check", "p.rn"], cwd=self.folder, capture_output=True, text=True)
        self.assertNotIn("missing", done.stderr)
        for word in keywords:
            self.write("k.rn", f"pub fn {word}() {{ 1 }}\n")
            done = subprocess.run([*COMMAND, "check", "k.rn"], cwd=self.folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, word)

    def test_signatures(self):
        self.server.diagnostics("a.rn")

        def help_at(text, version):
            self.server.change("a.rn", version, text.replace("|", ""))
            before = text[:text.index("|")]
            return self.server.ask("textDocument/signatureHelp", self.server.at(
                "a.rn", before.count("\n"), len(before.rsplit("\n", 1)[-1])))
        found = help_at(SHAPES.replace("new(1, 2)", "new(1, |2)"), 2)
        self.assertEqual([p["label"] for p in found["signatures"][0]["parameters"]], ["width", "height"])
        self.assertEqual(found["activeParameter"], 1)
        found = help_at(SHAPES.replace("new(1, 2)", "new(|"), 3)
        self.assertEqual(found["activeParameter"], 0)
        found = help_at(SHAPES.replace("list.push(shape.area())", "list.push(Shape::new(1, (2, 3), [4]), |"), 4)
        self.assertEqual([p["label"] for p in found["signatures"][0]["parameters"]], ["_"])
        self.assertEqual(found["activeParameter"], 1)
        self.assertIsNone(help_at(SHAPES.replace("    for entry", "    |for entry"), 5))

    def test_a_broken_text_keeps_what_was_known(self):
        self.server.diagnostics("a.rn")
        broken = SHAPES.replace("    let list", "    let = ; fn ( {{{\n    let list")
        self.server.change("a.rn", 2, broken)
        self.text = broken
        self.assertIn("area", self.ask("hover", "area()")["contents"]["value"])
        self.assertTrue(self.server.diagnostics("a.rn", 2))
        self.assertEqual(self.starts(self.ask("definition", "area(self")), [(6, 11)])
        symbols = self.server.ask("textDocument/documentSymbol", self.server.at("a.rn", 0, 0))
        self.assertIn("Shape", [s["name"] for s in symbols])

    def test_proposals(self):
        self.server.open("b.rn", "fn helper() { 1 }\nmod m { pub fn inner() { 1 } }\npub fn main() { helpr() + m::innr() }\n")
        self.assertEqual(len(self.server.diagnostics("b.rn")), 2)
        actions = self.server.ask("textDocument/codeAction", {
            "textDocument": {"uri": self.server.uri("b.rn")}, "range": span(2, 16, 2, 32), "context": {"diagnostics": []}})
        edits = [a["edit"]["changes"][self.server.uri("b.rn")][0] for a in actions]
        self.assertEqual([(e["range"], e["newText"]) for e in edits],
                         [(span(2, 16, 2, 21), "helper"), (span(2, 29, 2, 33), "inner")])
        self.assertIn("helper", actions[0]["title"])

    def test_completion_beside_a_larger_module(self):
        # Places in the module's text are none in the script's, which is a thousand times shorter.
        self.write("big.rn", "pub fn big() {\n" + ("/*" + "x" * 3000 + "*/ Vec::new();\n") * 2700 + "}\n")
        self.server.open("b.rn", "mod big;\npub fn main() { big::big() }\n")
        self.server.diagnostics("b.rn")
        self.assertIn("main", self.labels("mod big;\npub fn main() { | }\n", 2, "b.rn"))

    def test_a_script_on_one_line(self):
        count = 15000
        text = "".join(f"fn f{i}() {{ 1 }} " for i in range(count)) + "pub fn main() { let a = 1; " + "a; " * 5000 + "}\n"
        self.server.open("b.rn", text)
        started = time.monotonic()
        symbols = self.server.ask("textDocument/documentSymbol", self.server.at("b.rn", 0, 0))
        self.assertEqual(len(symbols), count + 1)
        self.assertEqual(symbols[-1]["selectionRange"]["start"]["character"], text.index("main"))
        marks = self.server.ask("textDocument/documentHighlight", self.server.at("b.rn", 0, text.index("a = 1")))
        self.assertEqual(len(marks), 5001)
        self.assertEqual(marks[-1]["range"], span(0, text.rindex("a; "), 0, text.rindex("a; ") + 1))
        # While what was compiled is another text than the editor's.
        self.server.change("b.rn", 2, "/* changed */" + text)
        marks = self.server.ask("textDocument/documentHighlight", self.server.at("b.rn", 0, 13 + text.index("a = 1")))
        self.assertEqual(len(marks), 5001)
        self.assertLess(time.monotonic() - started, 30)

    def test_what_mended_another_text_is_not_offered(self):
        broken = "pub fn alpha() { 1 }\npub fn run() { alphx() }\n"
        self.write("m.rn", broken)
        for name in ("x.rn", "y.rn"):
            self.server.open(name, "mod m;\npub fn main() { m::run() }\n")
        self.server.open("m.rn", broken)
        while not self.server.diagnostics("m.rn", 1):
            pass

        def offered(end):
            return [a["title"] for a in self.server.ask("textDocument/codeAction", {
                "textDocument": {"uri": self.server.uri("m.rn")}, "range": span(1, 15, 1, end), "context": {"diagnostics": []}})]
        self.assertEqual(len(offered(20)), 1)
        mended = broken.replace("alphx()", "alpha() + run()")
        self.server.change("m.rn", 2, mended)
        self.server.tell("textDocument/didSave", {"textDocument": {"uri": self.server.uri("y.rn")}})
        self.assertEqual(offered(20), [])

    def test_a_few_among_many_modules(self):
        names = [f"m{i}" for i in range(300)]
        for name in names:
            self.write(name + ".rn", "pub fn f() { 1 }\n")
        self.write("m7.rn", "pub fn f() { nothing() }\n")
        text = "".join(f"mod {name};\n" for name in names) + "pub fn main() { 1 }\n"
        self.server.open("b.rn", text)
        self.assertEqual(len(self.server.diagnostics("m7.rn")), 1)
        self.assertEqual(self.server.diagnostics("b.rn", 1), [])
        self.write("m7.rn", "pub fn f() { 7 }\n")
        self.write("m9.rn", "pub fn f() { nothing() }\n")
        self.server.tell("textDocument/didSave", {"textDocument": {"uri": self.server.uri("b.rn")}})
        self.assertEqual(self.server.diagnostics("m7.rn"), [])
        self.assertEqual(len(self.server.diagnostics("m9.rn")), 1)

    def test_a_request_that_waits_can_be_cancelled(self):
        slow = "const fn f(n) { if n == 0 { 0 } else { f(n - 1) } }\n" + \
            "".join(f"const C{i} = f(500);\n" for i in range(2000)) + "pub fn main() { 1 }\n"
        self.server.open("b.rn", slow)
        number = self.server.begin("textDocument/documentSymbol", self.server.at("b.rn", 0, 0))
        self.server.tell("$/cancelRequest", {"id": number})
        self.assertEqual(self.server.answer(number)["error"]["code"], -32800)
        self.server.close("b.rn")
        self.assertEqual(self.server.end(), 0)


class Formatting(Server):
    def layout(self, editor, name, **options):
        return editor.ask("textDocument/formatting", {
            "textDocument": {"uri": editor.uri(name)}, "options": {"tabSize": 4, "insertSpaces": True, **options}})

    def test_the_usual_layout_by_small_edits(self):
        editor = self.editor()
        text = "pub fn main() {\n    let first = 1;\n  let   second=2;\n    let third = 3;\n    first+second + third\n}\n"
        editor.open("a.rn", text)
        edits = self.layout(editor, "a.rn")
        wanted = "pub fn main() {\n    let first = 1;\n    let second = 2;\n    let third = 3;\n    first + second + third\n}\n"
        self.assertEqual(apply(text, edits), wanted)
        self.assertEqual([e["range"] for e in edits], [span(2, 0, 3, 0), span(4, 0, 5, 0)])
        editor.change("a.rn", 2, wanted)
        self.assertEqual(self.layout(editor, "a.rn"), [])

    def test_its_options(self):
        editor = self.editor()
        editor.open("a.rn", "fn f() {\n1\n}")
        for options, wanted in (({"tabSize": 2}, "fn f() {\n  1\n}\n"), ({"insertSpaces": False}, "fn f() {\n\t1\n}\n"),
                                ({"insertFinalNewline": False}, "fn f() {\n    1\n}")):
            self.assertEqual(apply("fn f() {\n1\n}", self.layout(editor, "a.rn", **options)), wanted)

    def test_a_line_break_at_the_end_stays(self):
        editor = self.editor()
        editor.open("a.rn", "fn f() {\n    1\n}\n")
        self.assertEqual(self.layout(editor, "a.rn", insertFinalNewline=False), [])

    def test_opened_anew_it_is_another_text(self):
        editor = self.editor()
        slow = "".join(f"fn f{i}(a,b){{a+b}}\n" for i in range(20000))
        editor.open("a.rn", slow)
        number = editor.begin("textDocument/formatting", {"textDocument": {"uri": editor.uri("a.rn")}, "options": {}})
        editor.close("a.rn")
        editor.open("a.rn", "fn   other(){1}\n")
        self.assertEqual(editor.answer(number)["error"]["code"], -32801)

    def test_what_cannot_be_read_stays(self):
        editor = self.editor()
        editor.open("a.rn", "fn f( {\n")
        self.assertIsNone(self.layout(editor, "a.rn"))
        self.assertEqual(editor.refused("textDocument/formatting", {"textDocument": {"uri": "file:///none"}}), -32602)

    def test_the_text_of_the_editor_is_what_is_laid_out(self):
        for name in ("a.rn", "b.rn"):
            self.write(name, "fn on_disk(){}\n")
        editor = self.editor()
        for name in ("a.rn", "b.rn"):
            text = f"fn   {name[0]}(){{1}}\n"
            editor.open(name, text)
            self.assertEqual(apply(text, self.layout(editor, name)), f"fn {name[0]}() {{\n    1\n}}\n")

    def test_cancelled_or_overtaken(self):
        editor = self.editor()
        body = "".join(f"fn f{i}(a,b){{a+b}}\n" for i in range(20000))
        editor.open("a.rn", body)
        params = {"textDocument": {"uri": editor.uri("a.rn")}, "options": {}}
        first, second, third = (editor.begin("textDocument/formatting", params) for _ in range(3))
        editor.tell("$/cancelRequest", {"id": second})
        editor.change("a.rn", 2, "fn f(){}\n")
        self.assertEqual(editor.answer(first)["error"]["code"], -32801)
        self.assertEqual(editor.answer(second)["error"]["code"], -32800)
        self.assertEqual(apply("fn f(){}\n", editor.answer(third)["result"]), "fn f() {}\n")


if __name__ == "__main__":
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    COMMAND = sys.argv[1:split]
    unittest.main(argv=[sys.argv[0], *sys.argv[split + 1:]])
