#!/usr/bin/env python3
"""Makes base/unicode_tables.c from the Unicode Character Database (Debian: unicode-data).

usage: tools/unicode_tables.py [/usr/share/unicode] > base/unicode_tables.c

Properties are a trie: the upper bits of a scalar choose a block of classes, a class is a set of
flags. Simple case mappings are runs of scalars with one distance; full ones are listed.
"""
import re
import sys

ROOT = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode"
SCALARS = 0x110000
SHIFT = 6
FLAGS = ["XID_START", "XID_CONTINUE", "ALPHABETIC", "NUMERIC", "WHITESPACE", "UPPERCASE", "LOWERCASE",
         "CASED", "CASE_IGNORABLE", "GRAPHEME_EXTEND", "PRINTABLE", "WIDE", "ZERO_WIDTH"]
BIT = {name: 1 << i for i, name in enumerate(FLAGS)}


def lines(name):
    with open(f"{ROOT}/{name}", encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                yield [part.strip() for part in line.split(";")]


def span(text):
    ends = text.split("..")
    return range(int(ends[0], 16), int(ends[-1], 16) + 1)


def general_categories():
    categories = ["Cn"] * SCALARS
    start = None
    for row in lines("UnicodeData.txt"):
        scalar = int(row[0], 16)
        if row[1].endswith("First>"):
            start = scalar
            continue
        for i in range(start if start is not None else scalar, scalar + 1):
            categories[i] = row[2]
        start = None
    return categories


def properties(categories):
    flags = [0] * SCALARS
    wanted = {"XID_Start": "XID_START", "XID_Continue": "XID_CONTINUE", "Alphabetic": "ALPHABETIC",
              "Uppercase": "UPPERCASE", "Lowercase": "LOWERCASE", "Cased": "CASED",
              "Case_Ignorable": "CASE_IGNORABLE", "Grapheme_Extend": "GRAPHEME_EXTEND",
              "White_Space": "WHITESPACE"}
    for name in ("DerivedCoreProperties.txt", "PropList.txt"):
        for row in lines(name):
            if row[1] in wanted:
                for i in span(row[0]):
                    flags[i] |= BIT[wanted[row[1]]]
    for row in lines("EastAsianWidth.txt"):
        if row[1] in ("W", "F"):
            for i in span(row[0]):
                flags[i] |= BIT["WIDE"]
    for i, category in enumerate(categories):
        if category[0] == "N":
            flags[i] |= BIT["NUMERIC"]
        if category not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs") or i == 0x20:
            flags[i] |= BIT["PRINTABLE"]
        if category in ("Mn", "Me", "Cf", "Cc") and i != 0xAD:
            flags[i] |= BIT["ZERO_WIDTH"]
    for i in range(0x1160, 0x1200):  # Hangul vowels and finals join the syllable before them
        flags[i] |= BIT["ZERO_WIDTH"]
    return flags


def trie(flags):
    classes, class_of = [], {}
    blocks, block_of, index = [], {}, []
    for start in range(0, SCALARS, 1 << SHIFT):
        block = []
        for value in flags[start:start + (1 << SHIFT)]:
            if value not in class_of:
                class_of[value] = len(classes)
                classes.append(value)
            block.append(class_of[value])
        key = tuple(block)
        if key not in block_of:
            block_of[key] = len(blocks)
            blocks.append(key)
        index.append(block_of[key])
    assert len(classes) < 256 and len(blocks) < 65536
    return classes, blocks, index


def case_runs(column):
    """Runs (first, last, step, distance) of simple mappings."""
    pairs = []
    for row in lines("UnicodeData.txt"):
        if row[column]:
            pairs.append((int(row[0], 16), int(row[column], 16)))
    runs = []
    for scalar, target in pairs:
        distance = target - scalar
        if runs:
            first, last, step, old = runs[-1]
            gap = scalar - last
            if old == distance and gap <= 2 and (step in (0, gap)):
                runs[-1] = (first, scalar, gap, old)
                continue
        runs.append((scalar, scalar, 0, distance))
    return [(first, last, step or 1, distance) for first, last, step, distance in runs]


def special(column):
    rows = []
    for row in lines("SpecialCasing.txt"):
        if len(row) > 5 and row[4]:
            continue  # depends on context or language
        targets = [int(part, 16) for part in row[column].split()]
        if len(targets) > 1:
            rows.append((int(row[0], 16), targets + [0] * (3 - len(targets))))
    return sorted(rows)


def emit(name, ctype, values, per_line):
    print(f"const {ctype} {name}[{len(values)}] = {{")
    for i in range(0, len(values), per_line):
        print("    " + ", ".join(str(v) for v in values[i:i + per_line]) + ",")
    print("};\n")


def main():
    version = re.search(r"-([0-9.]+)\.txt", open(f"{ROOT}/PropList.txt", encoding="utf-8").readline())
    flags = properties(general_categories())
    classes, blocks, index = trie(flags)
    print("/*\n * unicode_tables.c: made by tools/unicode_tables.py from the Unicode Character Database")
    print(f" * {version.group(1)}. Not edited by hand.\n */")
    print("// clang-format off\n#include \"base/unicode_tables.h\"\n")
    emit("rn_unicode_classes", "uint16_t", classes, 12)
    emit("rn_unicode_index", "uint16_t", index, 20)
    emit("rn_unicode_blocks", "uint8_t", [c for block in blocks for c in block], 32)
    for name, column, special_column in (("lower", 13, 1), ("upper", 12, 3)):
        runs = case_runs(column)
        full = special(special_column)
        print(f"const struct rn_unicode_run rn_unicode_{name}_runs[{len(runs)}] = {{")
        for first, last, step, distance in runs:
            print(f"    {{{first}, {last}, {step}, {distance}}},")
        print("};")
        print(f"const uint32_t rn_unicode_{name}_run_count = {len(runs)};\n")
        print(f"const struct rn_unicode_special rn_unicode_{name}_specials[{len(full)}] = {{")
        for scalar, targets in full:
            print(f"    {{{scalar}, {{{targets[0]}, {targets[1]}, {targets[2]}}}}},")
        print("};")
        print(f"const uint32_t rn_unicode_{name}_special_count = {len(full)};\n")


main()
