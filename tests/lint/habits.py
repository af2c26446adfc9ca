# SPDX-License-Identifier: Apache-2.0
"""What every file keeps to: names, licence, words, and things not done."""
import os
import re
import subprocess

import source

BUILD = os.environ.get("BERTH_BUILD", "build")
LICENCE = "SPDX-License-Identifier: Apache-2.0"
WORDS = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")
# Mutable variables of file scope, each with the reason why it must be one.
MUTABLE = {
    "agent/common/json.c:budget": "jansson's allocator has no context",
    "agent/common/lock.c:held": "the ranks that a thread holds",
    "agent/hyper/virt_event.c:once": "libvirt's loop is the process's",
    "agent/hyper/virt_event.c:loop_failed": "what that one start said",
}
MUTABLE_FILES = ("agent/main.c", "agent/common/log.c")


def check_licence():
    """line 1 names the licence (line 2 below #!)"""
    for path in source.all_files():
        if path.endswith((".c", ".h", ".def")) or source.is_script(path) \
                or os.path.basename(path) == "Makefile":
            if LICENCE not in "".join(source.text(path).split("\n")[:2]):
                yield f"{path}:1 no SPDX line"


def prefixes(header):
    """What names declared in a header may begin with: its stem, its types."""
    types = re.findall(r"^(?:struct|enum) (\w+) \{", source.bare(header), re.M)
    return (os.path.basename(header)[:-2], *types)


def check_names():
    """an external function is named after the one header that declares it"""
    declared = {}
    for header in source.product(".h"):
        # A declaration begins in column 0; calls in inline code do not.
        for match in re.finditer(r"^\w[\w *]*?\b(\w+)\(",
                                 source.bare(header), re.M):
            declared.setdefault(match.group(1), set()).add(header)
    for path in source.product(".c"):
        for f in source.functions(path):
            if f.static or f.name == "main":
                continue
            headers = {h for h in declared.get(f.name, ())
                       if os.path.dirname(h) == os.path.dirname(path)}
            if len(headers) != 1:
                yield (f"{path}:{f.line} {f.name} is declared in "
                       f"{len(headers)} headers beside it, expected one")
            elif not any(f.name == p or f.name.startswith(p + "_")
                         for p in prefixes(*headers)):
                yield (f"{path}:{f.line} {f.name} does not begin with the "
                       f"stem or a type of {headers.pop()}")


def check_words():
    """nothing is left open in the text"""
    for path in source.all_files():
        if path == "tests/lint/habits.py":
            continue
        for number, line in enumerate(source.text(path).split("\n"), 1):
            match = WORDS.search(line)
            if match:
                yield f"{path}:{number} {match.group()}"


def check_goto():
    """cleanup attributes instead of goto"""
    for path in source.product(".c", ".h"):
        for place, _ in source.hits(path, r"\bgoto\b"):
            yield f"{place} goto"


def lines_to(path, place, count):
    """The bare lines up to and with the one at place."""
    line = int(place.rsplit(":", 1)[1])
    return "\n".join(source.bare(path).split("\n")[max(line - count, 0):line])


def check_exit():
    """only main.c, berthctl and forked children end their process"""
    for path in source.product(".c", ".h"):
        if path == "agent/main.c" or path.startswith("agent/ctl/"):
            continue
        for place, match in source.hits(path, r"\b_?exit\s*\("):
            child = match.group().startswith("_") \
                and re.search(r"\bfork\(\)", lines_to(path, place, 6))
            if not child:
                yield f"{place} {match.group()}"


def check_sleep():
    """tests wait for a condition in a loop, they do not just sleep"""
    for path in source.every_c():
        if not path.startswith("tests/unit/"):
            continue
        for place, match in source.hits(path, r"\b(u|nano)?sleep\s*\("):
            if not re.search(r"\b(while|for) \(|\bdo \{",
                             lines_to(path, place, 6)):
                yield f"{place} {match.group()}"


def check_variables():
    """no mutable variable of file scope"""
    for path in source.product(".c"):
        name = f"{BUILD}/obj/{path[:-2]}.o"
        if path in MUTABLE_FILES:
            continue
        if not os.path.exists(name):
            yield f"{path}:1 {name} was not built"
            continue
        symbols = subprocess.run(["objdump", "-t", name], check=True,
                                 capture_output=True, text=True).stdout
        for section, symbol in re.findall(
                r" O (\.[td]?(?:data|bss)|\*COM\*)\t\w+ (?:\.hidden )?(\S+)$",
                symbols, re.M):
            if f"{path}:{symbol}" not in MUTABLE:
                yield f"{path}:1 {symbol} in {section}"


CHECKS = [check_licence, check_names, check_words, check_goto, check_exit,
          check_sleep, check_variables]
