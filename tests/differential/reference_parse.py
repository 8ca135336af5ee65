"""Text of a generated program to a tree of tuples, for reference.py.

It knows what program.c writes and nothing beyond, and shares no code and no table with the compiler: a
mistake there and the same one here are unlikely to meet. A node is a tuple that begins with its kind.
"""
import re

TOKEN = re.compile(r"""
    (?P<space>\s+)
  | (?P<float>\d+\.\d+)
  | (?P<hex>0x[0-9a-f]+)
  | (?P<int>\d+)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<template>`<\$\{)
  | (?P<template_end>\}>`)
  | (?P<label>'[a-z]+)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*!?(?!=))
  | (?P<mark>\.\.=|\.\.|=>|==|!=|<=|>=|<<|>>|&&|\|\||::|\+=|-=|\^=|\|=|\#\{|[-+*/%&|^<>=!(){}\[\],;:.?])
""", re.X)

# Binding of the binary operators, loosest first; a range and an assignment bind less still.
LEVELS = [("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">="), ("|",), ("^",), ("&",), ("<<", ">>"), ("+", "-"),
          ("*", "/", "%")]
ASSIGNMENTS = ("=", "+=", "-=", "^=", "|=")
ESCAPES = re.compile(r'\\(?:u\{([0-9a-f]+)\}|(.))')


def unescape(text):
    plain = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return ESCAPES.sub(lambda found: chr(int(found[1], 16)) if found[1] else plain[found[2]], text)


def tokens_of(text):
    at, tokens = 0, []
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise SyntaxError(f"no token at {text[at:at + 20]!r}")
        at = found.end()
        if found.lastgroup != "space":
            tokens.append((found.lastgroup, found[0]))
    tokens.append(("end", ""))
    return tokens


class Parser:
    def __init__(self, text):
        self.tokens = tokens_of(text)
        self.at = 0

    # ---- Tokens

    def sees(self, *texts):
        return self.tokens[self.at][1] in texts and self.tokens[self.at][0] != "string"

    def next(self):
        token = self.tokens[self.at]
        self.at += 1
        return token

    def takes(self, text):
        if self.sees(text):
            self.at += 1
            return True
        return False

    def expect(self, text):
        kind, found = self.next()
        if found != text:
            raise SyntaxError(f"{found!r} ({kind}) instead of {text!r}")

    def separated(self, close, item):
        items = []
        while not self.takes(close):
            items.append(item())
            if not self.takes(","):
                self.expect(close)
                break
        return items

    # ---- Items

    def program(self):
        """Functions and methods by name: (parameters, body, whether async, whether a generator)."""
        functions, constants = {}, {}
        while self.tokens[self.at][0] != "end":
            self.item(functions, constants)
        return functions, constants

    def item(self, functions, constants):
        self.takes("pub")
        if self.takes("const"):
            name = self.next()[1]
            self.expect("=")
            constants[name] = self.expression()
            self.expect(";")
        elif self.takes("impl"):
            self.next()
            self.expect("{")
            self.function(functions)
            self.expect("}")
        elif self.sees("use", "struct", "enum"):
            self.skip_item()
        else:
            self.function(functions)

    def skip_item(self):
        use, depth = self.sees("use"), 0
        while True:
            text = self.next()[1]
            depth += (text == "{") - (text == "}")
            if text == ";" or text == "}" and depth == 0 and not use:
                return

    def function(self, functions):
        is_async = self.takes("async")
        self.expect("fn")
        name = self.next()[1]
        self.expect("(")
        parameters = self.separated(")", lambda: self.next()[1])
        first = self.at
        body = self.block()
        yields = ("name", "yield") in self.tokens[first:self.at]
        functions[name] = (parameters, body, is_async, yields)

    # ---- Statements

    def block(self):
        """('block', statements, value or None)"""
        self.expect("{")
        statements = []
        while not self.takes("}"):
            node = self.statement()
            if self.takes(";"):
                statements.append(node)
            elif self.takes("}"):
                return ("block", statements, node)
            else:
                statements.append(node)  # an `if` or a loop without a semicolon
        return ("block", statements, None)

    def statement(self):
        if self.takes("let"):
            pattern = self.pattern()
            self.expect("=")
            return ("let", pattern, self.expression())
        if self.sees("if", "while", "for", "loop", "{"):
            return self.primary()  # nothing is applied to one that begins a statement
        return self.expression()

    # ---- Patterns

    def pattern(self):
        kind, text = self.next()
        if text == "_":
            return ("any",)
        if text in ("(", "["):
            close = ")" if text == "(" else "]"
            return ("sequence" if close == "]" else "parts", self.separated(close, self.pattern))
        if text == "..":
            return ("rest",)
        if kind == "int":
            return ("equal", int(text))
        if self.takes("::"):
            return self.variant_pattern(self.next()[1])
        if text == "Some":
            self.expect("(")
            return ("some", self.separated(")", self.pattern)[0])
        return ("bind", text)

    def variant_pattern(self, name):
        if self.takes("("):
            return ("variant", name, self.separated(")", self.pattern))
        if self.takes("{"):
            return ("variant", name, self.separated("}", self.pattern))
        return ("variant", name, [])

    # ---- Expressions

    def expression(self):
        if self.sees("|"):
            return self.closure()
        if self.sees("return", "break", "continue", "yield"):
            return self.leave()
        left = self.range()
        if self.sees(*ASSIGNMENTS):
            return ("assign", self.next()[1], left, self.expression())
        return left

    def leave(self):
        kind = self.next()[1]
        label = self.next()[1] if self.tokens[self.at][0] == "label" else None
        value = None if self.sees(";", "}") else self.expression()
        return (kind, label, value)

    def closure(self):
        self.expect("|")
        parameters = self.separated("|", lambda: self.next()[1])
        return ("closure", parameters, self.expression())

    def range(self):
        left = self.binary(0)
        if self.sees("..", "..="):
            inclusive = self.next()[1] == "..="
            return ("range", left, self.binary(0), inclusive)
        return left

    def binary(self, level):
        if level == len(LEVELS):
            return self.cast()
        left = self.binary(level + 1)
        while self.sees(*LEVELS[level]):
            operator = self.next()[1]
            left = ("binary", operator, left, self.binary(level + 1))
        return left

    def cast(self):
        value = self.unary()
        while self.takes("as"):
            value = ("cast", value, self.next()[1])
        return value

    def unary(self):
        if self.takes("!"):
            return ("not", self.unary())
        if self.takes("-"):
            return ("value", -int(self.next()[1]))
        return self.postfix(self.primary())

    def postfix(self, value):
        while True:
            if self.takes("("):
                value = ("call", value, self.separated(")", self.expression))
            elif self.takes("["):
                value = ("index", value, self.expression())
                self.expect("]")
            elif self.takes("?"):
                value = ("try", value)
            elif self.takes("."):
                value = self.member(value)
            else:
                return value

    def member(self, value):
        kind, name = self.next()
        if name == "await":
            return ("await", value)
        if kind == "int":
            return ("part", value, int(name))
        if kind == "float":  # `.0.1` is not written
            raise SyntaxError(name)
        self.generics()
        if self.takes("("):
            return ("method", value, name, self.separated(")", self.expression))
        return ("field", value, name)

    def generics(self):
        if self.sees("::") and self.tokens[self.at + 1][1] == "<":
            while self.next()[1] != ">":
                pass

    def primary(self):
        kind, text = self.next()
        reader = getattr(self, "read_" + {"(": "parentheses", "[": "vector", "#{": "object", "{": "braces"}.get(
            text, text.rstrip("!")), None) if kind in ("name", "mark") else getattr(self, "read_" + kind)
        if reader is None:
            return self.read_path(text)
        return reader(text)

    def read_int(self, text):
        return ("value", int(text))

    def read_hex(self, text):
        return ("value", int(text, 16))

    def read_float(self, text):
        return ("value", float(text))

    def read_string(self, text):
        return ("string", unescape(text[1:-1]))

    def read_template(self, _):
        value = self.expression()
        if self.next()[0] != "template_end":
            raise SyntaxError("a template goes on")
        return ("template", value)

    def read_label(self, text):
        self.expect(":")
        return ("labelled", text, self.block())

    def read_true(self, _):
        return ("value", True)

    def read_false(self, _):
        return ("value", False)

    def read_parentheses(self, _):
        items = []
        while not self.takes(")"):
            items.append(self.expression())
            if not self.takes(","):
                self.expect(")")
                return items[0] if len(items) == 1 else ("tuple", items)
        return ("tuple", items)

    def read_vector(self, _):
        return ("vector", self.separated("]", self.expression))

    def fields(self):
        def field():
            name = self.next()[1]
            self.expect(":")
            return name, self.expression()
        return self.separated("}", field)

    def read_object(self, _):
        return ("object", self.fields())

    def read_braces(self, _):
        self.at -= 1
        return self.block()

    def read_async(self, _):
        return ("async", self.block())

    def read_if(self, _):
        if self.takes("let"):
            pattern = self.pattern()
            self.expect("=")
            condition = ("matches", pattern, self.expression())
        else:
            condition = self.expression()
        then = self.block()
        return ("if", condition, then, self.block() if self.takes("else") else None)

    def read_while(self, _):
        if self.takes("let"):
            pattern = self.pattern()
            self.expect("=")
            return ("while", ("matches", pattern, self.expression()), self.block())
        return ("while", self.expression(), self.block())

    def read_loop(self, _):
        return ("while", ("value", True), self.block())

    def read_for(self, _):
        name = self.next()[1]
        self.expect("in")
        return ("for", name, self.expression(), self.block())

    def read_match(self, _):
        def arm():
            pattern = self.pattern()
            guard = self.expression() if self.takes("if") else None
            self.expect("=>")
            return pattern, guard, self.expression()
        value = self.expression()
        self.expect("{")
        return ("match", value, self.separated("}", arm))

    def read_select(self, _):
        def arm():
            pattern = self.pattern()
            self.expect("=")
            future = self.expression()
            self.expect("=>")
            return pattern, future, self.expression()
        self.expect("{")
        return ("select", self.separated("}", arm))

    def read_println(self, _):
        self.expect("(")
        return ("print", self.separated(")", self.expression))

    def read_format(self, _):
        self.expect("(")
        return ("format", self.separated(")", self.expression))

    def read_path(self, text):
        path = [text]
        while self.sees("::") and self.tokens[self.at + 1][0] == "name":
            self.at += 1
            path.append(self.next()[1])
        if self.sees("{") and self.tokens[self.at + 2][1] == ":":
            self.at += 1
            return ("struct", path, self.fields())
        return ("path", path)


def parse(text):
    return Parser(text).program()
