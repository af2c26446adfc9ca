# SPDX-License-Identifier: Apache-2.0
"""How the house stands: floors, doors, and that no files form a circle."""
import fnmatch
import os
import re

import source

INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]', re.M)
HERE = os.path.dirname(__file__)


def table(name):
    for line in source.text(os.path.join(HERE, name)).splitlines():
        if line and not line.startswith("#"):
            yield line.split()


def includes(path):
    """(line, is foreign, what) of each include line."""
    code = source.text(path)
    for match in INCLUDE.finditer(code):
        line = code.count("\n", 0, match.start()) + 1
        yield line, match.group(1) == "<", match.group(2)


ROOMS = {name for _, name, *_ in table("floors.txt")}


def room(path):
    """agent/front/tls.c lives in agent/front, agent/options.c in agent."""
    stem = path.rsplit(".", 1)[0]
    return stem if stem in ROOMS else os.path.dirname(path)


def read_floors():
    floors = {name: (int(floor), allowed)
              for floor, name, *allowed in table("floors.txt")}
    for name, (floor, allowed) in floors.items():
        for other in allowed:
            if other != "*" and floors[other][0] >= floor:
                raise ValueError(f"floors.txt: {name} is not above {other}")
    return floors


def check_floors():
    """include lines lead down, to rooms that the table allows"""
    floors = read_floors()
    for path in source.product(".c", ".h"):
        if room(path) not in ROOMS:
            yield f"{path}:1 no such room in tests/lint/floors.txt"
            continue
        allowed = floors[room(path)][1]
        for line, foreign, what in includes(path):
            if foreign or what.endswith(".def"):
                continue
            target = room(what)
            if not os.path.exists(what):
                yield f"{path}:{line} {what} is not a path from the root"
            elif target not in (room(path), "agent/common") \
                    and target not in allowed and "*" not in allowed:
                yield f"{path}:{line} {room(path)} may not include {target}"


def check_doors():
    """a foreign library is opened in its own room only"""
    for kind, what, *files in table("doors.txt"):
        for path in source.product(".c", ".h"):
            if any(fnmatch.fnmatch(path, f) for f in files):
                continue
            if kind == "F":
                for place, match in source.hits(path, rf"\b{what}\s*\("):
                    yield f"{place} {match.group()}… outside {files[0]}"
                continue
            for line, foreign, header in includes(path):
                if foreign and header.startswith(what):
                    yield f"{path}:{line} <{header}> outside {' '.join(files)}"


def circles(graph):
    """Strongly connected parts of more than one node (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in graph:
        if node not in index:
            visit(node)
    return found


def check_circles():
    """no files form a circle; a .c and its .h are one"""
    graph = {}
    for path in source.product(".c", ".h", ".def"):
        graph.setdefault(path.rsplit(".", 1)[0], set())
    for path in source.product(".c", ".h"):
        node = path.rsplit(".", 1)[0]
        for _, foreign, what in includes(path):
            other = what.rsplit(".", 1)[0]
            if not foreign and other != node and other in graph \
                    and not what.endswith(".def"):
                graph[node].add(other)
    for circle in circles(graph):
        yield f"{circle[0]}.h:1 in a circle with {', '.join(circle[1:])}"


def check_own_header_first():
    """a .c includes its own header before anything else"""
    for path in source.product(".c"):
        header = path[:-1] + "h"
        first = next(includes(path), (1, True, ""))
        if os.path.exists(header) and first[2] != header:
            yield f"{path}:{first[0]} expected \"{header}\" first"


def check_rows():
    """a table's rows have unique names, errors unique numbers"""
    row = re.compile(r"^([A-Z_]+)\((\w+),(.*?)\)$", re.M | re.S)
    for path in source.product(".def"):
        seen = set()
        for match in row.finditer(source.text(path)):
            line = source.text(path).count("\n", 0, match.start()) + 1
            if match.group(1, 2) in seen:
                yield f"{path}:{line} a second row {match.group(2)}"
            seen.add(match.group(1, 2))
        if not seen and "struct" not in source.text(path):
            yield f"{path}:1 no row was found"
    numbers = re.findall(r"^CODE\((\w+), (-?\d+)",
                         source.text("protocol/codes.def"), re.M)
    for kind, number in numbers:
        if sum(n == number for _, n in numbers) > 1:
            yield f"protocol/codes.def:1 {kind}: {number} is used twice"


CHECKS = [check_floors, check_doors, check_circles, check_own_header_first,
          check_rows]
