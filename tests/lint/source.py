# SPDX-License-Identifier: Apache-2.0
"""The tree as the checks see it: its files, and C without comments."""
import functools
import os
import re

ROOMS = ("agent", "protocol", "hooks", "conf")
SKIP = {".git", "build", "__pycache__", "corpus", "golden"}
SCRIPTS = (".py", ".sh")


@functools.lru_cache(maxsize=None)
def all_files():
    """Every file of the tree, by path from its root."""
    found = []
    for folder, names, files in os.walk("."):
        names[:] = sorted(n for n in names if n not in SKIP)
        found += [os.path.relpath(os.path.join(folder, f)) for f in files]
    return sorted(found)


@functools.lru_cache(maxsize=None)
def text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def product(*suffixes):
    """The C of the programs themselves."""
    return [p for p in all_files()
            if p.split("/")[0] in ROOMS and p.endswith(suffixes)]


def every_c():
    return [p for p in all_files() if p.endswith((".c", ".h"))]


def is_script(path):
    return path.endswith(SCRIPTS) or text(path).startswith("#!")


TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/"            # comments
    r"|\"(?:\\.|[^\"\\\n])*\""       # strings
    r"|'(?:\\.|[^'\\\n])*'", re.S)   # characters


@functools.lru_cache(maxsize=None)
def bare(path):
    """Code with comments and literals blanked; lines keep their numbers."""
    def blank(match):
        token = match.group()
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(blank, text(path))


@functools.lru_cache(maxsize=None)
def comment_lines(path):
    """Numbers of the lines on which a comment stands."""
    lines = set()
    for match in TOKEN.finditer(text(path)):
        if match.group()[0] == "/":
            first = text(path).count("\n", 0, match.start()) + 1
            lines.update(range(first, first + match.group().count("\n") + 1))
    return lines


class Function:
    def __init__(self, name, line, length, static):
        self.name, self.line = name, line
        self.length, self.static = length, static


@functools.lru_cache(maxsize=None)
def functions(path):
    """Definitions: a name in column 0, braces in column 0 (.clang-format)."""
    lines = bare(path).split("\n")
    found, start = [], None
    for number, line in enumerate(lines, 1):
        if line.startswith("{") and number > 1:
            start = number
            while start > 1 and not re.match(r"\w+\(", lines[start - 1]):
                start -= 1
        elif line.startswith("}") and start:
            name = re.match(r"\w*", lines[start - 1]).group()
            static = lines[start - 2].startswith("static")
            found.append(Function(name, start, number - start + 1, static))
            start = None
    return found


def hits(path, pattern):
    """'path:line' of every match in bare code, with the match."""
    for match in re.finditer(pattern, bare(path)):
        line = bare(path).count("\n", 0, match.start()) + 1
        yield f"{path}:{line}", match
