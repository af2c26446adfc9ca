# SPDX-License-Identifier: Apache-2.0
"""How long things are, and how much of it is comment."""
import statistics

import source

FILE_MAX, FILE_MEDIAN = 600, 250
FUNCTION_MAX, FUNCTION_MEDIAN, FUNCTION_P90 = 80, 20, 45
COLUMNS = 100
DENSITY = (0.10, 0.20)


def check_files():
    """files have at most 600 lines, half of them at most 250"""
    for path in source.every_c():
        lines = source.text(path).count("\n")
        if lines > FILE_MAX:
            yield f"{path}:{lines} more than {FILE_MAX} lines"
    median = statistics.median(source.text(p).count("\n")
                               for p in source.product(".c"))
    if median > FILE_MEDIAN:
        yield f"agent:1 the median file has {median} lines"


def check_functions():
    """functions: at most 80 lines, p90 45, median 20"""
    lengths = []
    for path in source.every_c():
        for f in source.functions(path):
            if f.length > FUNCTION_MAX:
                yield f"{path}:{f.line} {f.name} has {f.length} lines"
            if path.split("/")[0] in source.ROOMS:
                lengths.append(f.length)
    if statistics.median(lengths) > FUNCTION_MEDIAN:
        yield f"agent:1 the median function has more than {FUNCTION_MEDIAN}"
    p90 = statistics.quantiles(lengths, n=10)[8]
    if p90 > FUNCTION_P90:
        yield f"agent:1 a tenth of the functions has more than {p90:.0f} lines"


def check_columns():
    """no line is wider than 100 columns"""
    for path in source.all_files():
        if not (path.endswith((".c", ".h", ".def")) or source.is_script(path)):
            continue
        for number, line in enumerate(source.text(path).split("\n"), 1):
            if len(line.expandtabs(8)) > COLUMNS:
                yield f"{path}:{number} {len(line)} columns"


def check_comments():
    """one comment line for every five to ten lines of code"""
    comments = code = 0
    for path in source.product(".c", ".h"):
        comments += len(source.comment_lines(path))
        code += sum(bool(line.strip())
                    for line in source.bare(path).split("\n"))
    density = comments / max(code, 1)
    if not DENSITY[0] <= density <= DENSITY[1]:
        yield f"agent:1 {density:.3f} comment lines per line of code"


CHECKS = [check_files, check_functions, check_columns, check_comments]
