#!/usr/bin/env python3
"""The page of `runeward explore`: what it counts, where its links lead, and that nothing in it is anybody's but ours.

usage: explore.py RUNEWARD [OPTION...]

The options stand in front of every command line.
"""
import base64
import collections
import hashlib
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

COMMAND = []

PRIMES = """mod shapes;
fn is_prime(n) {
    for d in 2..n {
        if d * d > n { break; }
        if n % d == 0 { return false; }
    }
    n > 1
}

/* a comment
   of lines */
fn word(n) { match n { 1 => "one", 2 => "two", 3 => "three", 4 => "four", _ => "many" } }
pub fn never() { is_prime(1) }
pub fn main() {
    println!("shown");
    let found = (0..100).iter().filter(|n| is_prime(n)).count() + shapes::area(1, 2);
    word(3);
    return found;
    5
}
pub fn wrong() { [][1] }
pub fn endless() { let n = 0; loop { n += 1; } }
pub fn twice(n) { n * 2 }
"""
SHAPES = "pub fn area(a, b) {\n    a * b\n}"
HOSTILE = "'\"><img src=x onerror=alert(1)> \u202e.rn"
TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "dl", "dt", "dd", "pre", "span", "details", "summary", "div",
        "table", "tbody", "tr", "th", "td", "a", "p", "main", "section", "code", "i", "strong", "br", "script"}
VOID = {"meta", "br"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "colspan", "data-l", "tabindex", "open"}


class Page(html.parser.HTMLParser):
    """Elements as [tag, attributes, children], texts as they are read."""

    def __init__(self, text):
        super().__init__()
        self.root = ["", {}, []]
        self.open = [self.root]
        self.all = []
        self.doctypes = []
        self.feed(text)
        self.close()
        if len(self.open) != 1:
            raise AssertionError(f"not closed: {[e[0] for e in self.open]}")

    def handle_decl(self, decl):
        self.doctypes.append(decl)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_starttag(self, tag, attrs):
        if len(dict(attrs)) != len(attrs):
            raise AssertionError(f"an attribute twice: {attrs}")
        element = [tag, dict(attrs), []]
        self.all.append(element)
        self.open[-1][2].append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        if self.open[-1][0] != tag:
            raise AssertionError(f"</{tag}> ends <{self.open[-1][0]}>")
        self.open.pop()

    def handle_data(self, data):
        self.open[-1][2].append(data)

    def having(self, name, value=None, inside=None):
        return [e for e in elements(inside or self.root) if name in e[1] and value in (None, e[1][name])]

    def named(self, tag, inside=None):
        return [e for e in elements(inside or self.root) if e[0] == tag]

    def text(self, identity):
        return text_of(self.having("id", identity)[0])


def elements(element):
    for child in element[2]:
        if not isinstance(child, str):
            yield child
            yield from elements(child)


def text_of(element):
    return "".join(child if isinstance(child, str) else text_of(child) for child in element[2])


def number(text):
    return int(text.replace(",", ""))


def cells(row):
    return [text_of(cell) for cell in row[2] if cell[0] == "td"]


class Explore(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.write("primes.rn", PRIMES)
        self.write("shapes.rn", SHAPES)

    def write(self, name, text):
        (self.path / name).write_text(text)

    def run_command(self, *words, code=0, stdin=""):
        done = subprocess.run([*COMMAND, *words], input=stdin, capture_output=True, text=True, timeout=120, cwd=self.path)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout[-2000:]}{done.stderr}")
        return done

    def explore(self, *words, code=0):
        self.run_command("explore", "-o", "page.html", *words, code=code)
        return self.page()

    def page(self):
        text = (self.path / "page.html").read_bytes().decode()  # UTF-8, all of it
        page = Page(text)
        self.check_harmless(text, page)
        self.check_links(page)
        return page

    def check_harmless(self, text, page):
        self.assertEqual(page.doctypes, ["DOCTYPE html"])
        for tag, attributes, _ in page.all:
            self.assertIn(tag, TAGS)
            self.assertLessEqual(set(attributes), ATTRIBUTES, tag)
        self.assertEqual(re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", text), [])
        policy = page.having("http-equiv", "Content-Security-Policy")[0][1]["content"]
        hashes = []
        for tag in ("style", "script"):
            found = page.named(tag)
            self.assertEqual(len(found), 1)
            digest = hashlib.sha256(text_of(found[0]).encode()).digest()
            hashes.append(f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'")
        self.assertEqual(policy, f"default-src 'none'; {hashes[0]}; {hashes[1]}; base-uri 'none'; form-action 'none'")

    def check_links(self, page):
        ids = [e[1]["id"] for e in page.having("id")]
        self.assertEqual(len(ids), len(set(ids)))
        for link in page.having("href"):
            self.assertEqual(link[0], "a")
            self.assertEqual(link[1]["href"][0], "#")
            self.assertIn(link[1]["href"][1:], ids)
        lines = {e[1]["data-l"] for e in page.having("data-l", inside=page.having("id", "sources")[0])}
        groups = {e[1]["data-l"] for e in page.having("data-l", inside=page.having("id", "instructions")[0])}
        self.assertEqual(lines, groups)  # each has a partner on the other side
        self.assertLessEqual(lines, set(ids))

    def rows(self, page, pattern):
        return [e for e in page.having("id") if e[0] == "tr" and re.fullmatch(pattern, e[1]["id"])]

    # What is counted

    def test_counts_add_up_to_the_budget(self):
        page = self.explore("primes.rn")
        budget = json.loads(self.run_command("--format", "json", "run", "primes.rn").stdout)["usage"]["budget"]
        self.assertEqual([number(page.text(name)) for name in ("budget", "spent")], [budget, budget])
        instructions = [number(cells(row)[1]) for row in self.rows(page, r"i\d+")]
        self.assertEqual(sum(instructions), number(page.text("placed")))
        lines = [number(cells(row)[1]) for row in self.rows(page, r"s\d+l\d+") if "data-l" in row[1]]
        nowhere = [number(cells(row)[1]) for body in page.named("tbody") if "data-l" not in body[1]
                   for row in body[2] if "id" in row[1]]
        self.assertEqual(sum(lines) + sum(nowhere), sum(instructions))
        self.assertGreater(len(lines), 8)

    def test_lines_are_those_of_the_profile(self):
        page = self.explore("primes.rn")
        profile = json.loads(self.run_command("--format", "json", "profile", "primes.rn").stdout)
        names = {"primes.rn": 0, "shapes.rn": 1}
        rows = {row[1]["id"]: cells(row) for row in self.rows(page, r"s\d+l\d+") if "data-l" in row[1]}
        told = {f"s{names[at['source']]}l{at['line']}": (at["spent"], at["hits"]) for at in profile["lines"]}
        self.assertEqual({key: (number(row[1]), number(row[2])) for key, row in rows.items()}, told)
        functions = [[number(cell) for cell in cells(row)[:3]] + [cells(row)[3]]
                     for row in page.named("tr", page.having("id", "functions")[0])[1:]]
        self.assertEqual(functions, [[at[key] for key in ("self", "total", "calls", "function")] for at in profile["functions"]])
        dearest = [cells(row)[1] for row in page.named("tr", page.having("id", "dearest")[0])[1:]]
        told = sorted((at for at in profile["lines"] if at["spent"]), key=lambda at: (-at["spent"], names[at["source"]], at["line"]))
        self.assertEqual(dearest, [f"{at['source']}:{at['line']}" for at in told[:10]])

    def test_functions_spent_what_their_instructions_did(self):
        page = self.explore("primes.rn")
        told = {link[1]["href"][1:]: number(cells(row)[0]) for row in page.named("tr", page.having("id", "functions")[0])[1:]
                for link in page.named("a", row)}
        for section in page.having("id"):
            if re.fullmatch(r"f\d+", section[1]["id"]):
                spent = [number(cells(row)[1]) for row in page.named("tr", section) if "id" in row[1]]
                self.assertEqual(sum(spent), told.get(section[1]["id"], 0))

    def test_every_instruction_is_there_once(self):
        for words in (["primes.rn"], ["--no-run", "primes.rn"]):
            page = self.explore(*words)
            rows = self.rows(page, r"i\d+")
            self.assertEqual([row[1]["id"] for row in rows], [f"i{n}" for n in range(len(rows))])
            listing = self.run_command("disasm", "primes.rn").stdout
            self.assertEqual([text_of(page.named("code", row)[0]) for row in rows], re.findall("^  ([A-Z].*)$", listing, re.M))
            self.assertEqual([text_of(page.named("code", row)[1]) for row in rows if len(page.named("code", row)) > 1],
                             re.findall("^  (switch .*)$", listing, re.M))

    def test_sources_are_there_whole(self):
        page = self.explore("primes.rn")
        for index, text in enumerate((PRIMES, SHAPES)):
            rows = self.rows(page, rf"s{index}l\d+")
            self.assertEqual([cells(row)[3] for row in rows], text.splitlines())
            self.assertEqual([int(cells(row)[0]) for row in rows], list(range(1, len(rows) + 1)))
        comment = [page.named("span", row)[0] for row in self.rows(page, "s0l1[01]")]
        self.assertEqual([(span[1]["class"], text_of(span)) for span in comment], [("c", "/* a comment"), ("c", "   of lines */")])
        self.write("dos.rn", "pub fn main() {\r\n    \"a\r\nb\"\r\n}\r\n")
        rows = self.rows(self.explore("dos.rn"), r"s0l\d+")
        self.assertEqual([cells(row)[3] for row in rows], ["pub fn main() {", '    "a', 'b"', "}"])

    def test_heat_and_what_did_not_run(self):
        page = self.explore("primes.rn")
        heat = {row[1]["id"]: row[1].get("class") for row in self.rows(page, r"s0l\d+")}
        self.assertEqual((heat["s0l16"], heat["s0l13"], heat["s0l9"]), ("h9", "u", None))
        self.assertEqual({row[1].get("class") for row in self.rows(self.explore("--no-run", "primes.rn"), r".*l\d+")}, {None})

    def test_places_lead_to_their_lines(self):
        page = self.explore("primes.rn")
        for body in page.named("tbody"):
            place = page.named("a", body)[0]
            self.assertEqual(place[1]["href"], "#" + body[1]["data-l"])
            row = page.having("id", body[1]["data-l"])[0]
            column = int(re.match(r"\S+:\d+:(\d+)", text_of(body[2][0]))[1])
            code = text_of(page.named("code", body[2][0])[0])
            self.assertTrue(cells(row)[3][column - 1:].startswith(code), code)
        for row in (row for row in self.rows(page, r"s\d+l\d+") if "data-l" in row[1]):
            first = page.having("id", page.named("a", row)[0][1]["href"][1:])[0]
            self.assertEqual([body[1]["data-l"] for body in page.named("tbody") if first in body[2]], [row[1]["data-l"]])

    def test_warnings_stand_at_their_lines(self):
        page = self.explore("primes.rn")
        rows = page.named("tr", page.having("id", "s0")[0])
        at = next(i for i, row in enumerate(rows) if row[1].get("id") == "s0l19")
        self.assertEqual(text_of(rows[at + 1]), "column 5: warning[W0002] unreachable code")
        self.assertEqual(len(page.having("class", "d")), 1)
        self.assertEqual(self.explore("-q", "primes.rn").having("class", "d"), [])

    # Ends

    def test_two_runs_give_one_page(self):
        pages = []
        for _ in "ab":
            self.explore("primes.rn")
            pages.append((self.path / "page.html").read_bytes())
        self.assertEqual(*pages)
        self.assertEqual(self.run_command("explore", "primes.rn").stdout.encode(), pages[0])
        self.assertEqual(self.run_command("--format", "json", "explore", "primes.rn").stdout.encode(), pages[0])

    def test_ends_of_calls(self):
        page = self.explore("primes.rn")
        self.assertEqual((page.text("reason"), page.text("value"), page.text("output")), ("ok", "27", "shown\n"))
        page = self.explore("--item", "twice", "primes.rn", "21")
        self.assertEqual(page.text("value"), "42")
        page = self.explore("--item", "wrong", "primes.rn", code=2)
        self.assertEqual(page.text("reason"), "script_error")
        self.assertIn("primes.rn:21:18: error: ", page.text("error"))
        page = self.explore("--item", "endless", "--budget", "10k", "primes.rn", code=120)
        self.assertEqual(page.text("reason"), "budget")
        self.assertTrue(9_000 < number(page.text("budget")) <= number(page.text("spent")) <= 10_000)
        self.assertGreater(number(cells(self.rows(page, "s0l22")[0])[2]), 1000)

    def test_what_was_written_is_said(self):
        done = self.run_command("explore", "-o", "page.html", "primes.rn")
        self.assertRegex(done.stdout, r"^page\.html: 9 functions, \d+ instructions\n$")
        self.assertIn("warning[W0002]", done.stderr)
        self.assertEqual(self.run_command("-q", "explore", "-o", "page.html", "primes.rn").stdout, "")
        said = json.loads(self.run_command("--format", "json", "explore", "-o", "page.html", "primes.rn").stdout)
        self.assertEqual((said["page"], said["spent"], said["record"]["reason"]),
                         ("page.html", said["record"]["usage"]["budget"], "ok"))
        said = json.loads(self.run_command("--format", "json", "explore", "--no-run", "-o", "page.html", "primes.rn").stdout)
        self.assertEqual((said["spent"], said["record"]), (None, None))
        self.run_command("explore", "-o", "page.html", "--meta", "meta", "primes.rn")
        self.assertEqual(json.loads((self.path / "meta").read_text())["value"], 27)

    def test_without_a_run(self):
        self.write("items.rn", "pub fn f(n) { n }\n")
        for words in (["items.rn"], ["--no-run", "primes.rn"]):
            page = self.explore(*words)
            self.assertIn("Nothing was called", text_of(page.root))
            self.assertEqual(page.having("id", "spent"), [])
            self.assertEqual({len(cells(row)) for row in self.rows(page, r"i\d+")}, {2})
        self.assertIn("nothing to run: there is no `pub fn main`", self.run_command("explore", "items.rn", "word", code=64).stderr)
        self.write("private.rn", "fn main() { 1 }\n")
        self.assertIn("Nothing was called", text_of(self.explore("private.rn").root))
        self.assertIn("nothing to run", self.run_command("explore", "private.rn", "word", code=64).stderr)
        self.assertIn("--no-run", self.run_command("explore", "--no-run", "primes.rn", "word", code=64).stderr)
        self.assertIn("--no-run", self.run_command("explore", "--no-run", "--item", "f", "items.rn", code=64).stderr)

    def test_bodies_and_standard_input(self):
        page = Page(self.run_command("explore", "-", stdin="let a = 20;\na + 1").stdout)
        self.assertEqual(page.text("value"), "21")
        self.assertIn("(the script's body)", text_of(page.having("id", "f0")[0]))

    def test_units_as_files(self):
        self.run_command("compile", "-o", "primes.rnu", "primes.rn")
        self.explore("primes.rn")
        first = (self.path / "page.html").read_text()
        page = self.explore("primes.rnu")
        self.assertEqual(page.text("value"), "27")
        self.assertEqual(len(self.rows(page, r"s\d+l\d+")), len(self.rows(Page(first), r"s\d+l\d+")))
        file = (self.path / "primes.rnu").read_bytes()
        image = int.from_bytes(file[12:16], "little")
        (self.path / "bare.rnu").write_bytes(file[:16] + bytes(8) + file[24:24 + image])
        page = self.explore("bare.rnu")
        self.assertIn("no sources", page.text("sources"))
        self.assertEqual(number(page.text("spent")), number(page.text("budget")))
        self.run_command("explore", "--no-run", "--helpers", "/nowhere", "-o", "page.html", "primes.rnu")  # nothing starts

    def test_failures_leave_the_page_as_it_was(self):
        self.write("page.html", "old")
        self.write("broken.rn", "pub fn main() { let x = ; }")
        self.assertIn("broken.rn:1:25: error[E", self.run_command("explore", "-o", "page.html", "broken.rn", code=1).stderr)
        self.write("long.rn", "pub fn main() {}" + "\n" * (1 << 20))
        self.assertIn("long.rn: a page about it would have more than 1048576 lines",
                      self.run_command("explore", "-o", "page.html", "long.rn", code=1).stderr)
        self.write("wide.rn", "// " + "\x01" * (13 << 20) + "\npub fn main() {}")
        self.assertIn("more than 64 MiB", self.run_command("explore", "-o", "page.html", "wide.rn", code=1).stderr)
        self.assertEqual((self.path / "page.html").read_text(), "old")
        self.assertEqual(sorted(os.listdir(self.path)), ["broken.rn", "long.rn", "page.html", "primes.rn", "shapes.rn", "wide.rn"])
        self.assertIn("No space left", self.run_command("explore", "-o", "/dev/full", "primes.rn", code=74).stderr)
        self.run_command("explore", "-o", "none/page.html", "primes.rn", code=74)
        self.run_command("explore", code=64)
        self.run_command("explore", "none.rn", code=66)

    # Nobody's but ours

    def test_scripts_write_no_markup(self):
        text = ("</script><script>alert(1)</script><!--", "<img src=x onerror=alert(1)>", "'\"&amp;&#60;\\", "\u202e\u2066\u200b\ufeff")
        source = (f"// {text[0]} {text[3]} \x07\n/* {text[1]}\n{text[2]} */\n"
                  f'pub fn main() {{ let s = "{text[1]}{text[3]}</code></td>"; println!("{{}}{text[0]}\\u{{0}}\\u{{1b}}[31m\\u{{202e}}", s); s }}\n')
        self.write(HOSTILE, source)
        page = self.explore(HOSTILE)
        self.assertIn(text[0], text_of(self.rows(page, "s0l1")[0]))
        self.assertIn("\\u{202e}\\u{2066}\\u{200b}\\u{feff} \\x07", text_of(self.rows(page, "s0l1")[0]))
        self.assertIn(text[1], text_of(self.rows(page, "s0l2")[0]))
        self.assertIn(f"{text[0]}\\x00\\x1b[31m\\u{{202e}}", page.text("output"))
        self.assertIn("\\u{202e}\\u{2066}", page.text("value"))
        self.assertEqual(text_of(page.named("h1")[0]), HOSTILE.replace("\u202e", "\\u{202e}"))
        shown = collections.Counter(text_of(e) for e in page.named("i"))
        self.assertGreaterEqual(shown["\\u{202e}"], 4)

    def test_names_of_files_need_not_be_text(self):
        name = os.fsdecode(b"\xff\xc0<b>\n.rn")
        self.write(name, "pub fn main() { 1 }\n")
        page = self.explore(name)
        self.assertEqual(text_of(page.named("h1")[0]), "\\xff\\xc0<b>\\x0a.rn")
        self.assertEqual(text_of(page.named("title")[0]), "\\xff\\xc0<b>\\x0a.rn")

    def test_errors_write_no_markup(self):
        self.write(HOSTILE, 'pub fn main() { panic!("</pre><script>alert(1)</script>\\u{202e}\\u{0}") }\n')
        page = self.explore(HOSTILE, code=2)
        self.assertIn("</pre><script>alert(1)</script>", page.text("error"))

    def test_files_write_no_markup(self):
        """Of a Unit's debug information nobody has promised anything: here it is written over, in place."""
        self.write("n.rn", "// " + "x" * 60 + "\npub fn main() { 1 }\n")
        self.run_command("compile", "-o", "n.rnu", "n.rn")
        file = (self.path / "n.rnu").read_bytes()
        evil = b"</td><script>alert(1)</script>\x00\x1b\xc2\x9f\xe2\x80\xae"
        self.assertEqual((file.count(b"n.rn"), file.count(b"x" * 60)), (1, 1))
        for name in (b"<b>\x00", b"\"'&>", b"\xe2\x80\xae\r"):
            forged = file.replace(b"x" * 60, evil.ljust(60, b"<")).replace(b"n.rn", name)
            (self.path / "n.rnu").write_bytes(forged)
            page = self.explore("n.rnu")
            self.assertIn("</td><script>alert(1)</script>\\x00\\x1b\\u{9f}\\u{202e}<<", text_of(self.rows(page, "s0l1")[0]))
        self.assertEqual(text_of(page.named("h2")[0]), "\\u{202e}\\x0d")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    COMMAND[:] = [str(pathlib.Path(sys.argv[1]).resolve()), *sys.argv[2:]]
    unittest.main(argv=sys.argv[:1])
