"""The values of reference.py: what they are, how they print, how operators work on them."""
import math

I64_MIN, I64_MAX, MASK = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


class Raised(Exception):
    """An error of the program."""


class Unsure(Exception):
    """Nothing is said about this program."""


# ---- Values. Numbers, booleans and tuples are Python's; what can be shared and changed is an object.

class Text:
    def __init__(self, text):
        self.text = text


class Items:
    """A Vec, a VecDeque."""

    def __init__(self, items):
        self.items, self.readers = list(items), 0

    def changed(self):
        if self.readers > 0:
            raise Unsure("changed while it is iterated over")


class Map(Items):
    def __init__(self, pairs):
        self.items, self.readers = dict(pairs), 0


class Fields:
    """An object (no path), a struct, a variant with names."""

    def __init__(self, path, fields):
        self.path, self.fields = path, dict(fields)


class Variant:
    def __init__(self, name, parts):
        self.name, self.parts = name, parts


class Some:
    def __init__(self, value):
        self.value = value


class Closure:
    def __init__(self, parameters, body, names):
        self.parameters, self.body, self.names = parameters, body, dict(names)


class Future:
    """Something to await: a generator that gives the time at which it can go on."""

    def __init__(self, steps):
        self.steps, self.wake, self.done, self.value = steps, 0, False, None

    def poll(self, clock):
        if not self.done and self.wake <= clock.now:
            try:
                self.wake = next(self.steps)
            except StopIteration as end:
                self.done, self.value = True, end.value
        return self.done


class Reading:
    """Iterates over a collection, which must not change meanwhile."""

    def __init__(self, of, items):
        self.of, self.items = of, iter(items)
        of.readers += 1

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    def __del__(self):
        self.of.readers -= 1


class Random:
    """xoshiro256++, seeded by splitmix64."""

    def __init__(self, seed):
        self.words = [self.splitmix(seed + i * 0x9E3779B97F4A7C15) for i in range(1, 5)]

    @staticmethod
    def splitmix(z):
        z &= MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return z ^ z >> 31

    def next(self):
        def rotate(value, count):
            return (value << count | value >> (64 - count)) & MASK
        a, b, c, d = self.words
        result = (rotate((a + d) & MASK, 23) + a) & MASK
        self.words = [a ^ d ^ b, b ^ c ^ a, c ^ a ^ (b << 17 & MASK), rotate(d ^ b, 45)]
        return result

    def below(self, count):
        """Of the product's upper half; a second draw decides the rare carry."""
        product = self.next() * count
        result, low = product >> 64, product & MASK
        if low > (1 << 64) - count:
            result += low + (self.next() * count >> 64) > MASK
        return result


# ---- Text

def float_text(value, plain_min=1e-5):
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    shown = repr(value)
    if value == 0 or plain_min <= abs(value) < 1e16:
        if "e" in shown:  # Python goes over earlier
            shown = f"{value:.20f}".rstrip("0")
        return shown if not shown.endswith(".") else shown + "0"
    digits, _, power = shown.partition("e")
    if not power:
        digits = shown = f"{value:.17e}"
        digits, _, power = shown.partition("e")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"{digits}e{int(power)}"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def names_text(pairs):
    return ", ".join(f"{name}: {debug(value)}" for name, value in pairs)


def debug(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value, 1e-4)
    if isinstance(value, Text):
        return quoted(value.text)
    if isinstance(value, Map):
        return "{" + ", ".join(f"{debug(k)}: {debug(v)}" for k, v in value.items.items()) + "}"
    if isinstance(value, Items):
        return "[" + ", ".join(map(debug, value.items)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(debug, value)) + ")"
    if isinstance(value, Some):
        return f"Some({debug(value.value)})"
    if isinstance(value, Variant):
        inside = ", ".join(map(debug, value.parts))
        return f"Shape::{value.name}" + (f" ({inside})" if value.parts else "")
    if isinstance(value, Fields):
        if value.path is None:
            return "{" + names_text((quoted(name), part) for name, part in value.fields.items()) + "}"
        return f"{value.path} {{{names_text(value.fields.items())}}}"
    return "None" if value is None else str(value)


def shown(value):
    """By `{:?}` itself: a float has an exponent later there than inside of something."""
    return float_text(value) if isinstance(value, float) else debug(value)


# ---- Numbers

def checked(value, direction="over"):
    if not I64_MIN <= value <= I64_MAX:
        raise Raised(f"Numerical {direction}flow")
    return value


def divide(a, b):
    if b == 0 or (a == I64_MIN and b == -1):
        raise Raised("Division by zero")
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def wrapped(value):
    value &= MASK
    return value - (1 << 64) if value > I64_MAX else value


def divide_floats(a, b):
    if b != 0:
        return a / b
    sign = math.copysign(1, a) * math.copysign(1, b)
    return math.nan if a == 0 or math.isnan(a) else math.inf * sign


INTEGERS = {
    "+": lambda a, b: checked(a + b),
    "-": lambda a, b: checked(a - b, "under"),
    "*": lambda a, b: checked(a * b),
    "/": divide,
    "%": lambda a, b: a - b * divide(a, b),
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<<": lambda a, b: wrapped(a << b),
    ">>": lambda a, b: a >> b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
FLOATS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": divide_floats}


def plain(value):
    """For `==`: what it is, without who holds it."""
    return value.items if isinstance(value, Items) else value


def binary(operator, a, b):
    if operator == "==":
        return plain(a) == plain(b)
    if operator == "!=":
        return plain(a) != plain(b)
    if isinstance(a, Text):
        return Text(a.text + b.text)
    return (FLOATS if isinstance(a, float) else INTEGERS)[operator](a, b)


def cast(value, to):
    if to == "f64":
        return float(value)
    if isinstance(value, float):
        if math.isnan(value):
            return 0
        return max(I64_MIN, min(I64_MAX, int(value))) if not math.isinf(value) else I64_MAX if value > 0 else I64_MIN
    return value
