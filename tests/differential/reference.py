"""A slow second opinion: what a generated program must print, by walking its tree.

usage: reference.py FILE            prints what the program prints, then how it ends

It is written from the documentation of the language, for the part of it that program.c writes, without a look
at how the Vm does it: no bytecode, no registers, no heap; each node is a Python generator, suspended where the
program yields or waits. What the documentation leaves open ends as Unsure, and is not compared: a collection
that is changed while it is iterated over, and programs that take too many steps.
"""
import sys
import threading

from reference_parse import parse
from reference_values import (Closure, Fields, Future, Items, Map, Raised, Random, Reading, Some, Text, Unsure, Variant,
                              binary, cast, checked, debug, shown)

STEPS_MAX = 400_000


class Leave(Exception):
    """break, continue, return on their way."""

    def __init__(self, kind, label, value):
        self.kind, self.label, self.value = kind, label, value


# ---- Patterns

def match(pattern, value, names):
    kind = pattern[0]
    if kind == "any":
        return True
    if kind == "bind":
        names[pattern[1]] = value
        return True
    if kind == "equal":
        return value == pattern[1]
    if kind == "some":
        return isinstance(value, Some) and match(pattern[1], value.value, names)
    if kind == "parts":
        return all(match(part, item, names) for part, item in zip(pattern[1], value))
    if kind == "sequence":
        return match_sequence(pattern[1], value.items, names)
    if isinstance(value, Fields):
        return value.path == f"Shape::{pattern[1]}" and all(match(p, value.fields[p[1]], names) for p in pattern[2])
    if value.name != pattern[1]:
        return False
    return pattern[2] == [("rest",)] or all(match(p, item, names) for p, item in zip(pattern[2], value.parts))


def match_sequence(patterns, items, names):
    if patterns and patterns[-1] == ("rest",):
        patterns = patterns[:-1]
        if len(items) < len(patterns):
            return False
    elif len(items) != len(patterns):
        return False
    return all(match(p, item, names) for p, item in zip(patterns, items))


# ---- The walk

class Machine:
    def __init__(self, text):
        self.functions, self.constants = parse(text)
        self.printed, self.now, self.steps = [], 0, 0

    def run(self):
        """What was printed, and "ok" or the error."""
        main = Future(self.body(self.functions["main"], []))
        try:
            while not main.poll(self):
                self.now = max(self.now, main.wake)
        except Raised as error:
            return "".join(self.printed), str(error)
        return "".join(self.printed), "ok"

    # ---- Calls

    def body(self, function, values):
        names = dict(zip(function[0], values))
        try:
            return (yield from self.evaluate(function[1], names))
        except Leave as leave:
            return leave.value

    def call(self, name, values):
        function = self.functions[name]
        if function[2]:
            return Future(self.body(function, values))
        if function[3]:
            return self.body(function, values)  # what it yields are the values
        return self.finish(self.body(function, values))

    def call_closure(self, closure, *values):
        return self.finish(self.closure_body(closure, values))

    def closure_body(self, closure, values):
        names = {**closure.names, **dict(zip(closure.parameters, values))}
        try:
            return (yield from self.evaluate(closure.body, names))
        except Leave as leave:
            return leave.value

    @staticmethod
    def finish(steps):
        """Of code that neither yields nor waits."""
        try:
            next(steps)
        except StopIteration as end:
            return end.value
        raise AssertionError("suspended where nothing may be")

    # ---- Nodes

    def evaluate(self, node, names):
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Unsure("too many steps")
        return (yield from getattr(self, "on_" + node[0])(node, names))

    def all(self, nodes, names):
        values = []
        for node in nodes:
            values.append((yield from self.evaluate(node, names)))
        return values

    def on_value(self, node, _):
        return node[1]
        yield

    def on_string(self, node, _):
        return Text(node[1])
        yield

    def on_path(self, node, names):
        path = node[1]
        if len(path) == 1 and path[0] in names:
            return names[path[0]]
        if path[0] in self.constants:
            return (yield from self.evaluate(self.constants[path[0]], {}))
        return Variant(path[-1], []) if path[0] == "Shape" else None

    def on_template(self, node, names):
        return Text(f"<{(yield from self.evaluate(node[1], names))}>")

    def on_format(self, node, names):
        _, number, option = yield from self.all(node[1], names)
        return Text(f"{number:>5}|{shown(option)}")

    def on_print(self, node, names):
        _, value = yield from self.all(node[1], names)
        self.printed.append(shown(value) + "\n")

    def on_tuple(self, node, names):
        return tuple((yield from self.all(node[1], names)))

    def on_vector(self, node, names):
        return Items((yield from self.all(node[1], names)))

    def fields(self, path, fields, names):
        values = yield from self.all([value for _, value in fields], names)
        return Fields(path, zip((name for name, _ in fields), values))

    def on_object(self, node, names):
        return (yield from self.fields(None, node[1], names))

    def on_struct(self, node, names):
        return (yield from self.fields("::".join(node[1]), node[2], names))

    def on_closure(self, node, names):
        return Closure(node[1], node[2], names)
        yield

    def on_async(self, node, names):
        return Future(self.closure_body(Closure([], node[1], names), []))
        yield

    def on_range(self, node, names):
        first, last = yield from self.all(node[1:3], names)
        return range(first, last + node[3])

    # ---- Operators

    def on_binary(self, node, names):
        left = yield from self.evaluate(node[2], names)
        if node[1] in ("&&", "||"):
            return (yield from self.evaluate(node[3], names)) if left == (node[1] == "&&") else left
        return binary(node[1], left, (yield from self.evaluate(node[3], names)))

    def on_not(self, node, names):
        return not (yield from self.evaluate(node[1], names))

    def on_cast(self, node, names):
        return cast((yield from self.evaluate(node[1], names)), node[2])

    def on_index(self, node, names):
        value, index = yield from self.all(node[1:], names)
        if isinstance(value, Fields):
            return value.fields[index.text]
        if index >= len(value.items):
            raise Raised(f"Type `::std::vec::Vec` missing integer index `{index}`")
        return value.items[index]

    def on_part(self, node, names):
        return (yield from self.evaluate(node[1], names))[node[2]]

    def on_field(self, node, names):
        return (yield from self.evaluate(node[1], names)).fields[node[2]]

    def on_try(self, node, names):
        value = yield from self.evaluate(node[1], names)
        if value is None:
            raise Leave("return", None, None)
        return value.value

    def on_assign(self, node, names):
        _, operator, target, value = node
        value = yield from self.evaluate(value, names)
        holder, name = names, target[1][0]
        if target[0] == "field":
            holder, name = (yield from self.evaluate(target[1], names)).fields, target[2]
        holder[name] = value if operator == "=" else binary(operator[:-1], holder[name], value)

    # ---- Control

    def on_block(self, node, names):
        for statement in node[1]:
            yield from self.evaluate(statement, names)
        return (yield from self.evaluate(node[2], names)) if node[2] else None

    def on_let(self, node, names):
        match(node[1], (yield from self.evaluate(node[2], names)), names)

    def on_matches(self, node, names):
        return match(node[1], (yield from self.evaluate(node[2], names)), names)

    def on_if(self, node, names):
        if (yield from self.evaluate(node[1], names)):
            return (yield from self.evaluate(node[2], names))
        return (yield from self.evaluate(node[3], names)) if node[3] else None

    def on_match(self, node, names):
        value = yield from self.evaluate(node[1], names)
        for pattern, guard, result in node[2]:
            if match(pattern, value, names) and (guard is None or (yield from self.evaluate(guard, names))):
                return (yield from self.evaluate(result, names))
        raise AssertionError("no arm")

    def on_labelled(self, node, names):
        try:
            return (yield from self.evaluate(node[2], names))
        except Leave as leave:
            if leave.label != node[1]:
                raise
            return leave.value

    def turn(self, body, names):
        """Once through the body of a loop; whether it goes on."""
        try:
            yield from self.evaluate(body, names)
        except Leave as leave:
            if leave.kind == "return" or leave.label:
                raise
            return leave.kind == "continue"
        return True

    def on_while(self, node, names):
        while (yield from self.evaluate(node[1], names)):
            if not (yield from self.turn(node[2], names)):
                return

    def on_for(self, node, names):
        for value in self.iterate((yield from self.evaluate(node[2], names))):
            names[node[1]] = value
            if not (yield from self.turn(node[3], names)):
                return

    def leave(self, node, names):
        value = (yield from self.evaluate(node[2], names)) if node[2] else None
        raise Leave(node[0], node[1], value)

    on_return = on_break = on_continue = leave

    def on_yield(self, node, names):
        yield (yield from self.evaluate(node[2], names))

    # ---- Futures

    def on_await(self, node, names):
        future = yield from self.evaluate(node[1], names)
        while not future.poll(self):
            yield future.wake
        return future.value

    def sleep(self, ms):
        yield self.now + ms

    def join(self, futures):
        while not all([future.poll(self) for future in futures]):
            yield min(future.wake for future in futures if not future.done)
        return tuple(future.value for future in futures)

    def on_select(self, node, names):
        futures = yield from self.all([future for _, future, _ in node[1]], names)
        while True:
            for (pattern, _, result), future in zip(node[1], futures):
                if future.poll(self):
                    match(pattern, future.value, names)
                    return (yield from self.evaluate(result, names))
            yield min(future.wake for future in futures)

    # ---- Functions

    def on_call(self, node, names):
        target = node[1]
        if target[0] == "path" and (len(target[1]) > 1 or target[1][0] not in names):
            return self.call_path(target[1], (yield from self.all(node[2], names)))
        values = yield from self.all([target, *node[2]], names)
        return self.call_closure(*values)

    def call_path(self, path, values):
        value = values[0] if values else None
        made = {
            "Some": lambda: Some(value),
            "Shape::Line": lambda: Variant("Line", values),
            "String::from": lambda: Text(value.text),
            "HashMap::new": lambda: Map({}),
            "HashMap::from_iter": lambda: Map(value.items),
            "VecDeque::from_iter": lambda: Items(value.items),
            "json::to_string": lambda: Items(value.items),  # back and forth, that is a copy
            "json::from_string": lambda: Some(value),
            "rand::SmallRng::seed_from_u64": lambda: Random(value),
            "time::Duration::from_millis": lambda: value,
            "time::sleep": lambda: Future(self.sleep(value)),
            "std::future::join": lambda: Future(self.join(value)),
        }.get("::".join(path))
        return made() if made else self.call(path[0], values)

    def iterate(self, value):
        if isinstance(value, Map):
            return Reading(value, value.items.values())
        if isinstance(value, Items):
            return Reading(value, value.items)
        if isinstance(value, Some):
            return iter([value.value])
        return iter(() if value is None else value)

    def on_method(self, node, names):
        _, target, name, given = node
        value, *values = yield from self.all([target, *given], names)
        if name in self.functions:
            return self.call(name, [value, *values])
        return getattr(self, "do_" + name)(value, *values)

    def do_unwrap(self, value):
        return value.value if isinstance(value, Some) else value

    def do_unwrap_or(self, value, other):
        return other if value is None else value.value

    def do_is_some(self, value):
        return value is not None

    def do_and_then(self, value, closure):
        return None if value is None else self.call_closure(closure, value.value)

    def do_clone(self, value):
        return Items(value.items)

    def do_len(self, value):
        return len(value.text.encode())

    def do_to_uppercase(self, value):
        return Text(value.text.upper())

    def do_replace(self, value, old, new):
        return Text(value.text.replace(old.text, new.text))

    def do_chars(self, value):
        return value.text

    def do_rev(self, value):
        return value[::-1]

    def do_get(self, value, key):
        if isinstance(value, Map):
            return Some(value.items[key]) if key in value.items else None
        return Some(value.items[key]) if key < len(value.items) else None

    def do_random_range(self, value, numbers):
        return numbers.start + value.below(len(numbers))

    # Changes

    def do_push(self, value, item):
        value.changed()
        value.items.append(item)

    do_push_back = do_push

    def do_pop(self, value):
        value.changed()
        return Some(value.items.pop()) if value.items else None

    def do_pop_front(self, value):
        value.changed()
        return Some(value.items.pop(0)) if value.items else None

    def do_sort(self, value):
        value.changed()
        value.items.sort()

    def do_insert(self, value, key, item):
        value.changed()
        value.items[key] = item

    def do_push_str(self, value, more):
        value.text += more.text

    # Iterators: Python's, which pull as the language's do

    def do_iter(self, value):
        return self.iterate(value)

    do_values = do_iter

    def do_map(self, value, closure):
        if value is None or isinstance(value, Some):
            return value and Some(self.call_closure(closure, value.value))
        return (self.call_closure(closure, item) for item in value)

    def do_filter(self, value, closure):
        return (item for item in value if self.call_closure(closure, item))

    def do_filter_map(self, value, closure):
        return (found.value for item in value if (found := self.call_closure(closure, item)) is not None)

    def do_flat_map(self, value, closure):
        return (inner for item in value for inner in self.iterate(self.call_closure(closure, item)))

    def do_take(self, value, count):
        for _ in range(count):
            try:
                yield next(value)
            except StopIteration:
                return

    def do_skip(self, value, count):
        for at, item in enumerate(value):
            if at >= count:
                yield item

    def do_chain(self, value, more):
        yield from value
        yield from self.iterate(more)

    def do_enumerate(self, value):
        return enumerate(value)

    def do_any(self, value, closure):
        return any(self.call_closure(closure, item) for item in value)

    def do_all(self, value, closure):
        return all(self.call_closure(closure, item) for item in value)

    def do_find(self, value, closure):
        return next((Some(item) for item in value if self.call_closure(closure, item)), None)

    def do_fold(self, value, state, closure):
        for item in value:
            state = self.call_closure(closure, state, item)
        return state

    def do_reduce(self, value, closure):
        for first in value:
            return Some(self.do_fold(value, first, closure))
        return None

    def do_sum(self, value):
        total = 0
        for item in value:
            total = checked(total + item)
        return total

    def do_collect(self, value):
        return Text(value) if isinstance(value, str) else Items(value)


def outcome(text):
    """(printed, end), or None where it is not sure."""
    try:
        return Machine(text).run()
    except Unsure:
        return None


def deep(function, *arguments):
    """Calls it where there is stack for deep trees."""
    result = []
    sys.setrecursionlimit(100_000)
    threading.stack_size(512 << 20)
    thread = threading.Thread(target=lambda: result.append(function(*arguments)))
    thread.start()
    thread.join()
    return result[0]


def main():
    """What a program prints, on standard output; how it ends, on the other."""
    with open(sys.argv[1], encoding="utf-8") as file:
        found = deep(outcome, file.read())
    if found is None:
        sys.exit("reference: not sure about this program")
    sys.stdout.write(found[0])
    sys.stderr.write(f"end {found[1]}\n")


if __name__ == "__main__":
    main()
