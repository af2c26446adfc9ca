# SPDX-License-Identifier: Apache-2.0
"""Effects stand between crash points: nothing in plan/ touches the hypervisor
or a file where a test could not cut it off."""
import re

import source

# What changes something outside this process.
EFFECT = re.compile(
    r"\b(hyper_(define|undefine|start|shutdown|destroy|reboot|suspend|resume|"
    r"autostart|attach|detach|update|resize|iotune|memory|vcpus|"
    r"forget_device|create|metadata|live_vcpus|freeze|thaw)|"
    r"image_(create|resize)|unlink|rename|ftruncate)\(")
# A step's own functions, as apply calls them.
CALL = re.compile(r"->(run|undo)\(")
NEAR = 4  # lines


def between_points(lines, number):
    """Whether crash_at stands shortly before and shortly after a line."""
    before = "\n".join(lines[max(0, number - NEAR):number])
    after = "\n".join(lines[number + 1:number + 1 + NEAR])
    return re.search(r"crash_at\(.*CRASH_(BEFORE|INSIDE)\)", before) and \
        re.search(r"crash_at\(.*CRASH_AFTER\)", after)


def check_effects():
    """an effect in plan/ stands between two crash points"""
    for path in source.product(".c"):
        if not path.startswith("agent/plan/"):
            continue
        step = path.startswith("agent/plan/step_")
        lines = source.bare(path).split("\n")
        for number, line in enumerate(lines):
            if EFFECT.search(line) and not step and \
                    not between_points(lines, number):
                yield (f"{path}:{number + 1} an effect outside a step and "
                       f"outside crash points")
            if CALL.search(line) and not between_points(lines, number):
                yield (f"{path}:{number + 1} a step is called outside crash "
                       f"points")
    listed = set(re.findall(r"\[(STEP_\w+)\] = &",
                            source.bare("agent/plan/apply.c")))
    kinds = set(re.findall(r"^ {4}(STEP_\w+),", re.sub(
        r"(?s).*enum step_kind \{(.*?)\}.*", r"\1",
        source.bare("agent/plan/plan.h")), re.M))
    for kind in sorted((kinds - {"STEP_KINDS"}) ^ listed):
        yield f"agent/plan/apply.c:1 {kind} is not in both tables"


CHECKS = [check_effects]
