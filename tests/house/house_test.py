#!/usr/bin/env python3
"""The house's own rules, checked on the tree: the room map agrees with the READMEs and the CMake files, no include
cycle, one room per third-party library, plugins stay out of the host, no sleep in a test, every plugin is whole."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".").resolve()
HOST = ROOT / "host"
# `settings` and `alertmanager` live inside app's folder but are targets of their own.
ROOM_DIRS = {p.name: p for p in HOST.iterdir() if (p / "CMakeLists.txt").exists()}
for inner in ("settings", "alertmanager"):
    if (HOST / "app" / inner / "CMakeLists.txt").exists():
        ROOM_DIRS[inner] = HOST / "app" / inner

OWNED = {  # third-party header → the only rooms that may include it
    r"<boost/(beast|asio)": {"api", "runtime"}, r"<boost/dll": {"plugin_host"}, r"<sqlite3\.h>": {"storage"},
    r"<pqxx": {"storage"}, r"<libpq-fe": {"storage"}, r"<toml\+\+": {"config"}, r"<re2/": {"model"},
    r"<yaml-cpp": {"alertmanager"}, r"<spdlog": {"telemetry"}, r"<CLI/": {"app"}, r"<openssl/": {"api", "plugin_host"},
}


def sources(folder, *suffixes):
    return [p for p in folder.rglob("*") if p.suffix in suffixes and "build" not in p.parts[len(ROOT.parts):][0]]


def room_of(path):
    best = None
    for room, folder in ROOM_DIRS.items():
        if folder in path.parents and (best is None or len(folder.parts) > len(ROOM_DIRS[best].parts)):
            best = room
    return best


def uses_in_cmake(room):
    """What a room's CMakeLists.txt says it uses; None where it is not a plain tocsin_room()."""
    text = (ROOM_DIRS[room] / "CMakeLists.txt").read_text()
    call = re.search(r"tocsin_room\(\s*%s\b([^)]*)\)" % room, text)
    if not call:
        return None
    words = call.group(1).split()
    out, on = set(), False
    for word in words:
        if word in ("USES", "LIBS", "TEST_LIBS", "SKIP"):
            on = word == "USES"
        elif on:
            out.add(word)
    return out


class House(unittest.TestCase):
    def test_every_room_has_a_readme_of_four_lines(self):
        for room, folder in ROOM_DIRS.items():
            if room == "settings":
                continue
            readme = folder / "README.md"
            self.assertTrue(readme.exists(), f"{folder} has no README.md")
            points = [l for l in readme.read_text().splitlines() if l.startswith("- ")]
            self.assertEqual([p.split(":")[0][2:] for p in points], ["Here", "Not here", "Uses", "Start with"],
                             f"{readme}: its four lines are Here, Not here, Uses, Start with")

    def test_the_map_in_the_architecture_names_every_room_and_what_it_uses(self):
        text = (ROOT / "ARCHITECTURE.md").read_text()
        rows = dict(re.findall(r"^\| `host/(?:app/)?([a-z_]+)/?` \| ([^|]*) \|", text, re.M))
        self.assertEqual(set(rows), set(ROOM_DIRS), "rooms in ARCHITECTURE.md against rooms in host/")
        for room in ROOM_DIRS:
            named = set(re.findall(r"[a-z_]+", rows[room])) - {"nothing", "of", "ours", "all"}
            uses = uses_in_cmake(room)
            if uses is None or "all" in rows[room]:
                continue
            self.assertEqual(named, uses, f"what {room} uses: ARCHITECTURE.md against its CMakeLists.txt")

    def test_rooms_include_only_what_they_use(self):
        for room, folder in ROOM_DIRS.items():
            uses = uses_in_cmake(room)
            if uses is None:
                continue
            reach, todo = set(), [room]
            while todo:
                for used in (uses_in_cmake(todo.pop()) or set()) & set(ROOM_DIRS):
                    if used not in reach:
                        reach.add(used)
                        todo.append(used)
            for path in sources(folder, ".cpp", ".hpp"):
                if room_of(path) != room:
                    continue
                for other in re.findall(r'#include "([a-z_]+)/', path.read_text()):
                    if other in ROOM_DIRS and other != room:
                        self.assertIn(other, reach, f"{path} includes {other}, which {room} does not use")

    def test_rooms_have_no_cycle(self):
        state = {}

        def visit(room, trail):
            self.assertNotEqual(state.get(room), "open", "cycle: " + " → ".join(trail + [room]))
            if state.get(room):
                return
            state[room] = "open"
            for used in uses_in_cmake(room) or ():
                if used in ROOM_DIRS:
                    visit(used, trail + [room])
            state[room] = "done"

        for room in ROOM_DIRS:
            visit(room, [])

    def test_each_third_party_library_has_one_room(self):
        for path in sources(HOST, ".cpp", ".hpp"):
            text = path.read_text()
            for pattern, rooms in OWNED.items():
                if re.search(r"#include " + pattern, text) and not path.name.endswith("_test.cpp"):
                    self.assertIn(room_of(path), rooms, f"{path} includes {pattern}")

    def test_plugins_never_include_the_host(self):
        for path in sources(ROOT / "plugins", ".cpp", ".hpp"):
            for other in re.findall(r'#include "([a-z_]+)/', path.read_text()):
                self.assertNotIn(other, ROOM_DIRS, f"{path} includes host/{other}")

    def test_every_plugin_folder_is_whole(self):
        for folder in ROOT.glob("plugins/*/*"):
            if folder.parent.name == "shared" or not folder.is_dir():
                continue
            for name in ("README.md", "CMakeLists.txt", "config.example.toml"):
                self.assertTrue((folder / name).exists(), f"{folder} has no {name}")
            self.assertTrue(list(folder.glob("*_test.cpp")), f"{folder} has no test beside it")

    def test_no_test_sleeps(self):
        tests = [p for p in sources(ROOT, ".cpp") if p.name.endswith("_test.cpp") or "/tests/" in str(p)]
        for path in tests:
            self.assertIsNone(re.search(r"sleep_for|sleep_until|\busleep\(|\bsleep\(", path.read_text()), f"{path} sleeps")

    def test_nothing_is_left_open(self):
        for folder in ("host", "sdk", "plugins"):
            for path in sources(ROOT / folder, ".cpp", ".hpp", ".h"):
                found = re.search(r"\b(TODO|FIXME|XXX|not implemented)\b", path.read_text())
                self.assertIsNone(found, f"{path}: {found and found.group(0)}")

    def test_threads_are_made_only_where_they_may_be(self):
        for path in sources(HOST, ".cpp", ".hpp"):
            if path.name.endswith("_test.cpp"):
                continue
            if re.search(r"std::j?thread\b[^:]", re.sub(r"//.*", "", path.read_text())):
                self.assertIn(room_of(path), {"runtime", "pipeline", "app", "api", "plugin_host"}, f"{path} makes threads")

    def test_no_bare_detached(self):
        for path in sources(HOST, ".cpp", ".hpp"):
            self.assertNotIn(".detach()", path.read_text(), f"{path} detaches a thread")


if __name__ == "__main__":
    unittest.main(verbosity=1)
