"""Every sample of the documents against the program: TOML passes `tocsin check`, Lua rules load, commands and their
options exist, plugins in C++ compile, links lead somewhere.

A TOML sample is a configuration of its own. One that cannot be, because it names files that are not there, is preceded
by the line `<!-- fragment: why -->` and only has to parse. Secrets are filled in: each `env:NAME` and `${NAME}` is set,
each `file:PATH` becomes a file that exists."""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
import unittest
from functools import lru_cache
from pathlib import Path

SOURCE = Path(os.environ.get("TOCSIN_SOURCE", Path(__file__).parents[2])).resolve()
BUILD = Path(os.environ.get("TOCSIN_BUILD", SOURCE / "build")).resolve()
TOCSIN = BUILD / "bin" / "tocsin"
CXX = os.environ.get("CXX", "g++")
FOLDERS = ("docs", "plugins", "sdk", "host", "benchmarks")

DOCUMENTS = sorted(SOURCE.glob("*.md")) + sorted(p for folder in FOLDERS for p in (SOURCE / folder).rglob("*.md"))
GENERATED = [SOURCE / "docs/reference" / name for name in ("cli.md", "plugins.md", "options.md", "metrics.md", "api.md")]
WRITTEN = [p for p in DOCUMENTS if p not in GENERATED]
SHIPPED = {p.parent.name for p in SOURCE.glob("plugins/*/*/CMakeLists.txt")}
SHELL = ("sh", "bash", "console")
# What a sample of a guide must not be answered with.
REFUSED = re.compile(r"not available in this version|which this version cannot|no plugin offers")
# What every secret is: some are addresses.
SECRET = "https://example.com/x"
FENCE = re.compile(r"^(?P<mark><!-- fragment\b.*?-->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


class Sample:
    def __init__(self, path, match):
        text = path.read_text()
        self.kind, self.text, self.fragment = match["kind"], match["text"], bool(match["mark"])
        self.line = text.count("\n", 0, match.start("text")) + 1
        self.where = f"{path.relative_to(SOURCE)}:{self.line}"
        self.path = path

    def files(self):
        """Scripts that the document shows too, by the name in their first line: "-- adapters/modem.lua: …"."""
        found = [re.match(r"-- (adapters/\w+\.lua):", s.text) and s for s in samples(("lua",), [self.path])]
        return {re.match(r"-- ([^:]+):", s.text)[1]: s.text for s in found if s}


def samples(kinds, documents=WRITTEN):
    return [s for p in documents for s in (Sample(p, m) for m in FENCE.finditer(p.read_text())) if s.kind in kinds]


def program(*args, cwd=None, env=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
    return subprocess.run([TOCSIN, *args], capture_output=True, text=True, cwd=cwd, env={**clean, **(env or {})}, timeout=60)


def check(text, files=None):
    """The exit code and findings of `tocsin check` on a configuration, its secrets filled in."""
    with tempfile.TemporaryDirectory(prefix="tocsin-docs-") as folder:
        folder = Path(folder)
        env = {name: SECRET for name in re.findall(r"env:(\w+)", text) + re.findall(r"\$\{(\w+)\}", text)}

        def secret(match):
            (folder / "secret").write_text(SECRET + "\n")
            return f"file:{folder}/secret"

        text = re.sub(r'file:/[^"}\s]+', secret, text)
        (folder / "agent.toml").write_text(text)
        for name, content in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        done = program("check", "--json", "--config", "agent.toml", cwd=folder, env=env)
        try:
            return done.returncode, json.loads(done.stdout)["findings"]
        except ValueError:
            raise AssertionError(f"tocsin check: {done.stdout}{done.stderr}")


def unacceptable(findings):
    """Errors, and warnings that a reader of a sample should not get. A plugin that this tree does not have may be named."""
    out = []
    for finding in findings:
        text = f"line {finding['line']}: {finding['message']}"
        missing = re.search(r'no plugin "([^"]*)" in the plugin directories', text)
        if finding["level"] == "error" or REFUSED.search(text) or (missing and missing[1] in SHIPPED):
            out.append(text)
    return out


@lru_cache(maxsize=None)
def help_of(*path):
    """(sub-commands, options that take a value, flags, number of positionals or None) of a command."""
    done = program(*path, "--help")
    if done.returncode != 0:
        raise AssertionError(f"tocsin {' '.join(path)} --help ended with {done.returncode}: {done.stderr}")
    section, commands, values, flags, positionals = "", set(), set(), set(), 0
    for line in done.stdout.splitlines():
        if re.match(r"\w[\w ]*:$", line):
            section = line[:-1]
        elif match := re.match(r"  (\S+)(.*)", line):
            if section == "Subcommands":
                commands.add(match[1])
            elif section == "Positionals":
                positionals = None if positionals is None or "..." in match[2] else positionals + 1
            elif section == "Options" and match[1].startswith("-"):
                takes = re.match(r" (TEXT|UINT|INT|FLOAT)", match[2])
                (values if takes else flags).update(match[1].split(","))
    return frozenset(commands), frozenset(values), frozenset(flags), positionals


@lru_cache(maxsize=None)
def does_alone(*path):
    """Whether a command with sub-commands does something without one."""
    return "[SUBCOMMAND" in program(*path, "--help").stdout


def commands_in(shell):
    """Words of each `tocsin …` in a piece of shell, also behind do, && and |."""
    for line in shell.replace("\\\n", " ").splitlines():
        line = re.sub(r"^\s*\$ ", "", line)
        for part in re.split(r";|&&|\|\|?", line):
            if match := re.match(r"\s*(?:(?:do|then|exec|time)\s+)*(?:\w+=\S*\s+)*(?:\S*/bin/)?tocsin\s+(.*)", part):
                yield shlex.split(match[1], comments=True)


def wrong_use(words):
    """What is wrong with a command line, or None."""
    path, positionals, rest = [], 0, list(words)
    top_values, top_flags = help_of()[1:3]
    while rest:
        word = rest.pop(0)
        commands, values, flags, most = help_of(*path)
        if word.startswith("-") and len(word) > 1:
            name, equals, _ = word.partition("=")
            if name in values | top_values:
                if not equals and not rest:
                    return f"{name} needs a value"
                if not equals:
                    rest.pop(0)
            elif name not in flags | top_flags:
                return f"tocsin {' '.join(path)} has no option {name}"
        elif commands:
            if word not in commands:
                return f"tocsin {' '.join(path)} has no sub-command {word}"
            path.append(word)
        else:
            positionals += 1
            if most is not None and positionals > most:
                return f"tocsin {' '.join(path)} takes {most} arguments; \"{word}\" is one too many"
    return f"tocsin {' '.join(path)} needs a sub-command" if help_of(*path)[0] and not does_alone(*path) else None


class Samples(unittest.TestCase):
    def test_every_toml_sample_is_a_configuration_without_an_error(self):
        found = samples({"toml"})
        self.assertGreater(len(found), 10, "samples found in the documents")
        for sample in found:
            with self.subTest(sample.where):
                tomllib.loads(sample.text)
                if not sample.fragment:
                    self.assertEqual(unacceptable(check(sample.text, sample.files())[1]), [])

    def test_what_is_shown_of_a_file_is_that_file(self):
        guide = SOURCE / "docs/guides/sms-ivr.md"
        shown = [s.text for s in samples(("lua", "cpp", "cmake"), [guide])]
        for path in (*sorted((SOURCE / "scripts/adapters").glob("*.lua")), SOURCE / "sdk/examples/rack_sms/rack_sms.cpp",
                     SOURCE / "sdk/examples/rack_sms/CMakeLists.txt"):
            with self.subTest(str(path.relative_to(SOURCE))):
                self.assertIn(path.read_text(), shown)

    def test_the_samples_that_plugins_print_parse(self):
        for sample in samples({"toml"}, [SOURCE / "docs/reference/plugins.md"]):
            with self.subTest(sample.where):
                tomllib.loads(sample.text)

    def test_every_lua_rule_loads(self):
        found = [s for s in samples({"lua"}) if re.search(r"^rule ", s.text, re.M)]
        self.assertGreater(len(found), 1, "Lua rules found in the documents")
        for sample in found:
            with self.subTest(sample.where):
                code, findings = check('[rules]\npaths = ["rules.d/*.lua"]\n', {"rules.d/sample.lua": sample.text})
                self.assertEqual((code, unacceptable(findings)), (0, []))

    def test_every_alertmanager_yml_can_be_imported(self):
        found = [s for s in samples({"yaml"}) if re.search(r"^receivers:", s.text, re.M) and not s.fragment]
        self.assertGreater(len(found), 0, "files of Alertmanager found in the documents")
        for sample in found:
            with self.subTest(sample.where), tempfile.TemporaryDirectory(prefix="tocsin-docs-") as folder:
                (Path(folder) / "alertmanager.yml").write_text(sample.text)
                done = program("import", "alertmanager.yml", "-o", "agent.toml", cwd=folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                checked = program("check", "--config", "agent.toml", cwd=folder)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_every_plugin_in_cpp_compiles(self):
        found = [s for s in samples({"cpp"}) if "TOCSIN_PLUGIN(" in s.text and not s.fragment]
        self.assertGreater(len(found), 3, "plugins found in the documents")
        for sample in found:
            with self.subTest(sample.where):
                done = subprocess.run([CXX, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", "-",
                                       f"-I{SOURCE}/sdk/cpp", f"-I{SOURCE}/sdk/abi"], input=sample.text, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_sample_with_a_mistake_would_be_found(self):
        self.assertNotEqual(unacceptable(check("[agent]\nnmae = 'x'\n")[1]), [])
        self.assertNotEqual(unacceptable(check('[rules]\npaths = ["a.lua"]\n', {"a.lua": 'rule "x" {'})[1]), [])
        self.assertNotEqual(unacceptable(check("[rotation.x]\nmembers = []\n")[1]), [])

    def test_every_plugins_example_is_a_configuration_without_an_error(self):
        found = sorted(SOURCE.glob("plugins/*/*/config.example.toml"))
        self.assertGreater(len(found), 5)
        for path in found:
            with self.subTest(str(path.relative_to(SOURCE))):
                text = path.read_text()
                wrong = unacceptable(check(text)[1])
                if path.parents[1].name == "notifiers":  # a notifier needs a route: by itself, or to a person
                    name = re.search(r"^\[notifier\.(\w+)\]", text, re.M)[1]
                    people = "\n[contact.first]\nemail = 'first@example.com'\nslack = 'U0000001'\nphone = '+966500000001'\n"
                    tries = [unacceptable(check(f'{text}{people}[route]\nnotify = ["{name}{to}"]\n')[1]) for to in ("", ":contact.first")]
                    wrong = min(tries, key=len)
                self.assertEqual(wrong, [])

    def test_the_example_of_the_reference_and_the_first_configuration_are_without_an_error(self):
        self.assertEqual(unacceptable(check((SOURCE / "docs/reference/agent.example.toml").read_text())[1]), [])
        with tempfile.TemporaryDirectory(prefix="tocsin-docs-") as folder:
            self.assertEqual(program("init", folder).returncode, 0)
            self.assertEqual(check((Path(folder) / "agent.toml").read_text()), (0, []))


class Commands(unittest.TestCase):
    def test_every_command_of_the_documents_exists_with_its_options(self):
        seen = 0
        for sample in samples(SHELL):
            for words in commands_in(sample.text):
                seen += 1
                with self.subTest(sample.where, command=" ".join(words)):
                    self.assertIsNone(wrong_use(words))
        self.assertGreater(seen, 20, "commands found in the documents")

    def test_a_wrong_command_would_be_found(self):
        for words in (["statsu"], ["rule", "list", "--nmae"], ["incident"], ["version", "now"], ["--url"]):
            with self.subTest(" ".join(words)):
                self.assertIsNotNone(wrong_use(words))
        self.assertEqual(list(commands_in("for i in 1; do build/bin/tocsin signal push x; done && tocsin status # yes")),
                         [["signal", "push", "x"], ["status"]])


class Links(unittest.TestCase):
    def test_every_link_between_files_leads_somewhere(self):
        for path in DOCUMENTS:
            prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
            for target in re.findall(r"\]\(([^)\s]+)\)", prose):
                if re.match(r"[a-z]+:", target) or target.startswith("#"):
                    continue
                with self.subTest(str(path.relative_to(SOURCE)), link=target):
                    self.assertTrue((path.parent / target.partition("#")[0]).exists(), "there is no such file")


if __name__ == "__main__":
    if not TOCSIN.exists():
        print(f"{TOCSIN} is not built", file=sys.stderr)
        sys.exit(1)
    unittest.main(verbosity=2)
