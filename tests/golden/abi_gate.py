#!/usr/bin/python3
"""The ABI gate: today's abi.h against the last release's, by abidiff; and that the gate sees what it must see.

abi_gate.py CC SOURCE [--update]. The last release is tests/golden/abi-1.0.abi, an abidw image of abi_manifest.c. After a
release that let a struct grow at its end, --update writes a new image (under a new name: an old one stays)."""
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CC, SOURCE = sys.argv[1], Path(sys.argv[2]).resolve()
GOLDEN = SOURCE / "tests" / "golden"
HEADER = SOURCE / "sdk" / "abi" / "tocsin" / "abi.h"
LAST = GOLDEN / "abi-1.0.abi"
INCOMPATIBLE = 8  # a bit of abidiff's exit code (abidiff(1)); 4: a change of any kind, 1 and 2: it could not compare


def build(folder, header):
    """abi_manifest.c with `header` as its abi.h, as a shared object with debug information."""
    folder = Path(folder)
    include = folder / "include" / "tocsin"
    include.mkdir(parents=True)
    (include / "abi.h").write_text(header)
    shutil.copy(GOLDEN / "abi_manifest.c", folder)
    subprocess.run([CC, "-std=c11", "-g", "-O0", "-fPIC", "-shared", "-fvisibility=hidden", "-Iinclude",
                    "-o", "abi_manifest.so", "abi_manifest.c"], cwd=folder, check=True)
    return folder / "abi_manifest.so"


def allowed(report):
    """Whether a leaf report tells of nothing but structs that grew at their end (abi.h, Shape). abidiff's own
    suppressions (has_data_member_inserted_at = end) let every other change of the struct through as well."""
    end = None
    for line in report.splitlines():
        text = line.strip()
        if size := re.fullmatch(r"type size changed from (\d+) to \d+ \(in bits\)", text):
            end = int(size[1])
        elif place := re.match(r"'.*', at offset (\d+) \(in bits\)", text):
            if end is None or int(place[1]) < end:
                return False
        elif not re.match(r"('struct \w+( at [\w.:]+)?' changed:|\d+ data member insertions?:|\d+ Added variables?:|\[A\] '.*|.* summary: .*)?$", text):
            return False
        elif re.match(r"Removed/.*summary: .*[1-9]\d* (Removed|Changed)", text):
            return False
    return True


def compare(header):
    """Whether today's header keeps the ABI, and abidiff's report."""
    with tempfile.TemporaryDirectory(prefix="tocsin-abi-") as folder:
        done = subprocess.run(["abidiff", "--leaf-changes-only", LAST, build(folder, header)], capture_output=True, text=True)
        if done.returncode & 3:
            raise AssertionError(f"abidiff cannot compare: {done.stdout}{done.stderr}")
        return done.returncode == 0 or (not done.returncode & INCOMPATIBLE and allowed(done.stdout)), done.stdout


def mutated(pattern, replacement):
    text, count = re.subn(pattern, replacement, HEADER.read_text(), count=1, flags=re.S)
    assert count == 1, f"abi.h has no {pattern}"
    return text


class Gate(unittest.TestCase):
    def test_todays_header_is_the_last_release_or_grew_at_the_end(self):
        kept, text = compare(HEADER.read_text())
        self.assertTrue(kept, f"the ABI changed:\n{text}")

    def refuses(self, pattern, replacement, says):
        kept, text = compare(mutated(pattern, replacement))
        self.assertFalse(kept, f"not seen: {replacement}\n{text}")
        self.assertIn(says, text)

    def test_the_manifest_names_every_struct(self):
        structs = set(re.findall(r"^(?:typedef )?struct (tsn_\w+) \{", HEADER.read_text(), re.M))
        named = set(re.findall(r"const (tsn_\w+)\*", (GOLDEN / "abi_manifest.c").read_text()))
        self.assertEqual(structs - named, set())

    def test_sees_a_field_in_the_middle(self):
        self.refuses(r"(typedef struct tsn_message \{\s*uint32_t size;)", r"\1 uint64_t inserted;", "inserted")

    def test_sees_a_field_of_another_type(self):
        self.refuses(r"uint32_t retry_after_ms;", "uint64_t retry_after_ms;", "retry_after_ms")

    def test_sees_a_field_that_is_gone(self):
        self.refuses(r"tsn_bytes provider_id;( +/\* what an earlier)", r"\1", "provider_id")

    def test_sees_fields_that_changed_places(self):
        self.refuses(r"uint32_t accepted;(\s*)uint32_t rejected;", r"uint32_t rejected;\1uint32_t accepted;", "accepted")

    def test_sees_another_signature_of_a_host_function(self):
        self.refuses(r"int32_t \(\*stopping\)\(const tsn_host\*, tsn_instance\);",
                     "int64_t (*stopping)(const tsn_host*, tsn_instance);", "stopping")

    def test_sees_another_signature_in_a_vtable(self):
        self.refuses(r"tsn_status \(\*pull\)\(void\* self, tsn_token, int64_t deadline, tsn_err\*\);",
                     "tsn_status (*pull)(void* self, tsn_token, tsn_err*);", "pull")

    def test_sees_a_change_in_a_service_that_no_function_names(self):
        self.refuses(r"(typedef struct tsn_kv_v1 \{\s*uint32_t size;)", r"\1 uint64_t inserted;", "tsn_kv_v1")

    def test_lets_a_struct_grow_at_its_end(self):
        kept, text = compare(mutated(r"(tsn_bytes provider_id;[^}]*)\} tsn_message;", r"\1 uint64_t added; } tsn_message;"))
        self.assertTrue(kept, text)
        self.assertIn("added", text)


def update():
    with tempfile.TemporaryDirectory(prefix="tocsin-abi-") as folder:
        library = build(folder, HEADER.read_text())
        subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--out-file", LAST, library],
                       check=True)


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main(argv=sys.argv[:1])
