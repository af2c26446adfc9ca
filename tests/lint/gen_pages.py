#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Parts of pages that are printed from tables: --check compares, --write
brings them up to date. Run from the tree's root after `make`.

A part stands between markers that name what it is made from:
"<!-- generated: NAME -->" … "<!-- end generated -->" in Markdown,
"=for generated NAME" … "=for generated end" in POD.
"""
import glob
import json
import os
import re
import subprocess
import sys

BUILD = os.environ.get("BERTH_BUILD", "build")
PAGES = ["README.md", "protocol/README.md", "hooks/README.md", *sorted(glob.glob(
    "packaging/man/*.pod"))]
COMPLETION = "packaging/berthctl.bash-completion"
SAMPLE = "conf/berth.conf.sample"
MARKED = {
    ".md": re.compile(r"(<!-- generated: (\S+) -->\n).*?"
                      r"(<!-- end generated -->\n)", re.S),
    ".pod": re.compile(r"(=for generated (?!end\b)(\S+)\n\n).*?"
                       r"(=for generated end\n)", re.S),
}


def output(program, *args):
    return subprocess.run([os.path.join(BUILD, program), *args], check=True,
                          stdout=subprocess.PIPE, encoding="utf-8").stdout


def verbs():
    return json.loads(output("berthd", "--dump-verbs"))


def native():
    return [v for v in verbs() if v["group"] != "vdsm"]


def vdsm():
    """The verbs under VDSM's names."""
    return [v for v in verbs() if v["group"] == "vdsm"]


def cell(text):
    return str(text).replace("|", "\\|")


def verb_table():
    """The verbs, a row each, for README.md."""
    yield "| verb | group | changes | what it does |"
    yield "|---|---|---|---|"
    for verb in native():
        changes = "yes" if verb["mutating"] else ""
        yield (f"| `{verb['name']}` | {verb['group']} | {changes} "
               f"| {cell(verb['doc'])} |")


def expected(param):
    """Type, range and default of a parameter, in one phrase."""
    text = param["type"]
    if param.get("range"):
        text += f", {param['range']}"
    if param.get("required"):
        return text + "; required"
    if param.get("default") is not None:
        text += f"; default {json.dumps(param['default'])}"
    return text


def shared(some):
    """The parameters that each of these verbs takes, by name."""
    names = set.intersection(*({p["name"] for p in v["params"]}
                               for v in some))
    return {p["name"]: p for p in some[0]["params"] if p["name"] in names}


def param_table(params):
    yield "| parameter | expected | what it is |"
    yield "|---|---|---|"
    for p in params:
        yield f"| `{p['name']}` | {cell(expected(p))} | {cell(p['doc'])} |"
    yield ""


def verb_reference():
    """Every verb with its parameters, for protocol/README.md."""
    everything = native()
    always = shared(everything)
    changing = shared([v for v in everything if v["mutating"]])
    if always:
        yield "Every verb takes:"
        yield ""
        yield from param_table(always.values())
    yield "A verb that changes something also takes:"
    yield ""
    yield from param_table(p for n, p in changing.items()
                           if n not in always and n != "vm")
    for verb in everything:
        told = set(always) | (set(changing) - {"vm"} if verb["mutating"]
                              else set())
        yield f"### {verb['name']}"
        yield ""
        yield verb["doc"] + (" *(changes something)*" if verb["mutating"]
                             else "")
        yield ""
        params = [p for p in verb["params"] if p["name"] not in told]
        if params:
            yield from param_table(params)


def vdsm_reference():
    """The verbs under VDSM's names with their parameters, a row each."""
    yield "| verb | parameters | what it does |"
    yield "|---|---|---|"
    for verb in vdsm():
        names = ", ".join(f"`{p['name']}`" if p["required"]
                          else f"[`{p['name']}`]" for p in verb["params"])
        yield f"| `{verb['name']}` | {names} | {cell(verb['doc'])} |"


RULE = re.compile(r'RULE\(\w+,\s+"([^"]+)", (\w+), (\w+), (?:NOTHING|"[^"]*"),'
                  r'((?:\s*"[^"]*")+)\)')


def disk_rules():
    """What a disk may not have, a row each, for protocol/README.md."""
    yield "| field | kind | interface | accepted |"
    yield "|---|---|---|---|"
    for field, kind, interface, text in RULE.findall(
            read("agent/spec/disk_rules.def")):
        accepted = "".join(re.findall(r'"([^"]*)"', text))
        row = [f"`{field}`", kind, interface, cell(accepted)]
        row[1:3] = ["any" if w.startswith("ANY_") else w.lower()
                    for w in row[1:3]]
        yield f"| {' | '.join(row)} |"


FIELDS = "agent/verbs/vdsm_fields.def"
FIELD = re.compile(r'^(CAPS|CPU|SYSTEM|STATS|HARDWARE)_(REAL|FIXED)'
                   r'\((\w+),\s*(\w+),\s*(.*?)\)$', re.M | re.S)
STRINGS = re.compile(r'"((?:[^"\\]|\\.)*)"')


def unquoted(text):
    """What a C string of several pieces holds."""
    return "".join(STRINGS.findall(text)).replace('\\"', '"')


def vdsm_fields():
    """Every field of the host under VDSM's names, for protocol/README.md."""
    titles = {"CAPS": "Host.getCapabilities", "STATS": "Host.getStats",
              "HARDWARE": "Host.getHardwareInfo"}
    for part, kind, name, ftype, rest in FIELD.findall(read(FIELDS)):
        if part in titles:
            yield f"#### {titles.pop(part)}"
            yield ""
            yield "| field | type | real or fixed | from |"
            yield "|---|---|---|---|"
        if kind == "FIXED":
            cut = re.match(r'((?:"(?:[^"\\]|\\.)*"\s*)+),\s*(.*)', rest, re.S)
            source = f"fixed: `{unquoted(cut.group(1))}`"
            doc = unquoted(cut.group(2))
        else:
            source, doc = "real", unquoted(rest)
        yield f"| `{name}` | {ftype.lower()} | {cell(source)} | {cell(doc)} |"


def verb_list():
    """The verbs as POD, for berthd(8)."""
    yield "=over 4"
    yield ""
    for verb in verbs():
        yield f"=item B<{verb['name']}>"
        yield ""
        yield pod(verb["doc"])
        yield ""
    yield "=back"
    yield ""


POD_SIGNS = {"<": "E<lt>", ">": "E<gt>"}


def pod(text):
    return "".join(POD_SIGNS.get(c, c) for c in text)


def settings():
    """(section, [(key, default, [text])]) of the sample file."""
    sections, text = [], []
    for line in output("berthd", "--dump-sample-conf").splitlines():
        section = re.fullmatch(r"#?\[(.+)\]", line)
        key = re.fullmatch(r"#(\w+) =(.*)", line)
        if section:
            sections.append((section.group(1), []))
        elif key:
            sections[-1][1].append((key.group(1), key.group(2).strip(), text))
        elif line.startswith("# "):
            text.append(line[2:])
            continue
        text = []
    return sections


def setting_list():
    """The settings as POD, for berth.conf(5)."""
    for section, keys in settings():
        yield f"=head2 [{section}]"
        yield ""
        yield "=over 4"
        yield ""
        for key, default, text in keys:
            yield f"=item B<{key}> = {pod(default) or '(empty)'}"
            yield ""
            yield pod(" ".join(text))
            yield ""
        yield "=back"
        yield ""


def options():
    """berthd --help as it is, for berthd(8)."""
    for line in output("berthd", "--help").splitlines():
        yield f"    {line}".rstrip()
    yield ""


def commands():
    """Every command of berthctl, for berthctl(1)."""
    return output("berthctl", "--help-pod").splitlines()


def hook_points():
    """The points of hook scripts, a row each, for hooks/README.md."""
    given = {"none": "nothing", "domain": "domain XML", "device": "device XML",
             "json": "JSON"}
    yield "| point | given | a failure | result | ms | when |"
    yield "|---|---|---|---|---|---|"
    for p in json.loads(output("berthd", "--dump-hook-points")):
        stops = "stops" if p["stops"] else "is ignored"
        result = "" if p["result"] == "dropped" else p["result"]
        yield (f"| `{p['point']}` | {given[p['payload']]} | {stops} "
               f"| {result} | {p['deadline_ms']} | {cell(p['doc'])} |")


PARTS = {
    "hook-points": hook_points,
    "verbs": verb_table, "verb-reference": verb_reference,
    "vdsm-reference": vdsm_reference, "disk-rules": disk_rules,
    "vdsm-fields": vdsm_fields,
    "verb-list": verb_list,
    "settings": setting_list, "options": options, "commands": commands,
}


def filled(path, text):
    """The page with every marked part made anew."""
    def part(match):
        lines = "\n".join(PARTS[match.group(2)]())
        return f"{match.group(1)}{lines}\n{match.group(3)}"

    return MARKED[os.path.splitext(path)[1]].sub(part, text)


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def wanted():
    """(path, what it should hold) of every page."""
    for path in PAGES:
        yield path, filled(path, read(path))
    yield COMPLETION, output("berthctl", "--completion")
    yield SAMPLE, output("berthd", "--dump-sample-conf")


def check_pages():
    """pages say what the tables say"""
    for program in ("berthd", "berthctl"):
        if not os.path.exists(os.path.join(BUILD, program)):
            yield f"{BUILD}/{program}:1 is not built: run make first"
            return
    for path, text in wanted():
        if read(path) != text:
            yield f"{path}:1 is out of date: tests/lint/gen_pages.py --write"


def write():
    for path, text in wanted():
        if read(path) == text:
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        print(f"{path} written")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "../.."))
    if sys.argv[1:] == ["--write"]:
        write()
        return 0
    if sys.argv[1:] != ["--check"]:
        print("usage: tests/lint/gen_pages.py --check | --write",
              file=sys.stderr)
        return 2
    faults = list(check_pages())
    print("\n".join(faults) or "every page says what the tables say")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
