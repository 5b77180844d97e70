#!/usr/bin/env python3
"""What a plugin must be to be loaded: its file and the directories above it out of others' reach, and signed where keys
are configured. What is refused says why and what to do, and that works; who exchanges the file between the check and
the load loses."""
import os
import re
import shutil
import subprocess
import threading
import unittest
from pathlib import Path

from world import BUILD, FULL, SOURCE, Case, call, main, tocsin, until

ROOT = os.geteuid() == 0
STRANGER = 54321
PLUGIN = BUILD / "plugins" / "host.so"
# Says of itself what the plugin it stands in for says, and leaves a mark as soon as it is mapped.
HOSTILE = """
#include <stdio.h>
#include "test_note.h"
TEST_NOTE("{\\"abi\\":1,\\"types\\":[" TYPE_JSON("host", "6.6.6", "\\"source\\"") "]}");
__attribute__((constructor)) static void run_early(void) {
  FILE* file = fopen(MARKER, "w");
  if (file) fclose(file);
}
const tsn_plugin* tsn_plugin_entry_v1(void) { return 0; }
"""
CONFIG = """
[plugin.host]
isolation = "none"                     # the attack is on the agent itself; a runner could not even leave its mark
[source.http]
[source.host]
every = "1s"
"""
RACE_ROUNDS = 2000 if FULL else 60


def trust(agent, key="ops", **options):
    lines = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    return f'[trust]\nkeys = ["file:{agent.dir}/{key}.pub"]\n{lines}' + CONFIG


def loads_of(agent):
    return len(re.findall(r"source\.host: (?:started|exchanged)", agent.log.read_text(errors="replace")))


class Trust(Case):
    def prepared(self):
        agent = self.agent(CONFIG)
        self.key(agent, "ops")
        agent.write_config(trust(agent))
        return agent

    def key(self, agent, name):
        agent.cli("plugin", "keygen", "--out", agent.dir / name, check=0)

    def put(self, agent, name, key=None):
        """A copy of a real plugin, signed or not, put there whole."""
        staged = agent.dir / "staged.so"
        shutil.copy(PLUGIN, staged)
        staged.chmod(0o755)
        if key:
            agent.cli("plugin", "sign", staged, "--key", agent.dir / key, check=0)
            os.rename(f"{staged}.sig", agent.plugins / f"{name}.sig")
        os.rename(staged, agent.plugins / name)
        return agent.plugins / name

    def refusal(self, agent, path):
        return next((p["error"] for p in agent.items("/api/v1/plugins") if p["path"] == str(path) and p["state"] == "failed"), "")

    def refused(self, agent, path, reason):
        until(lambda: reason in self.refusal(agent, path), what=f"{path.name} refused with: {reason}")
        self.assertIn(reason, agent.cli("plugin", "list", check=0).stdout)

    def taken(self, agent, path):
        until(lambda: any(p["path"] == str(path) and p["state"] in ("running", "available") for p in agent.items("/api/v1/plugins"))
              and not self.refusal(agent, path), what=f"{path.name} taken")

    def remedy(self, agent, path):
        """Does what the refusal says."""
        command = re.search(r"run: (.*)", self.refusal(agent, path)).group(1)
        subprocess.run(command, shell=True, check=True, cwd=agent.dir)

    def test_a_signed_plugin_runs_and_every_other_is_refused_with_its_reason(self):
        agent = self.prepared()
        self.key(agent, "other")
        good = self.put(agent, "good.so", "ops")
        agent.start()
        self.taken(agent, good)
        unsigned = self.put(agent, "unsigned.so")
        self.refused(agent, unsigned, f"is not signed (there is no {unsigned}.sig)")
        stranger = self.put(agent, "stranger.so", "other")
        self.refused(agent, stranger, "is signed by key")
        tampered = self.put(agent, "tampered.so", "ops")
        self.taken(agent, tampered)
        with open(tampered, "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        self.refused(agent, tampered, "the file was changed or exchanged since")
        swapped = self.put(agent, "swapped.so", "ops")
        shutil.copy(BUILD / "plugins" / "generator.so", agent.dir / "part")
        os.rename(agent.dir / "part", swapped)
        self.refused(agent, swapped, "the file was changed or exchanged since")
        # Each bad one kept to itself: the signed plugin and the rest serve.
        self.assertEqual(self.refusal(agent, good), "")
        self.assertEqual(agent.get("/readyz").status, 200)

    def test_a_plugin_that_is_signed_later_is_taken_up_without_a_reload(self):
        agent = self.prepared().start()
        path = self.put(agent, "late.so")
        self.refused(agent, path, "is not signed")
        agent.cli("plugin", "sign", path, "--key", agent.dir / "ops", check=0)
        self.taken(agent, path)
        os.unlink(f"{path}.sig")
        self.refused(agent, path, "is not signed")

    def test_what_others_can_write_is_refused_until_the_named_command_is_run(self):
        agent = self.agent(CONFIG).start()
        path = self.put(agent, "writable.so")
        self.taken(agent, path)
        path.chmod(0o757)
        self.refused(agent, path, "anybody may write this file")
        self.remedy(agent, path)
        self.taken(agent, path)
        agent.plugins.chmod(0o757)
        self.refused(agent, path, f"anybody may write its directory {agent.plugins}")
        self.remedy(agent, path)
        self.taken(agent, path)
        os.rename(path, agent.dir / "elsewhere.so")
        path.symlink_to(agent.dir / "elsewhere.so")
        self.refused(agent, path, "is a symbolic link")
        subprocess.run(self.refusal(agent, path).split("there: ")[1], shell=True, check=True)
        self.taken(agent, path)

    @unittest.skipUnless(ROOT, "only root can give a file away")
    def test_what_others_own_is_refused_until_the_named_command_is_run(self):
        agent = self.agent(CONFIG).start()
        path = self.put(agent, "owned.so")
        self.taken(agent, path)
        os.chown(path, STRANGER, 0)
        self.refused(agent, path, f"it belongs to uid {STRANGER}")
        self.remedy(agent, path)
        self.taken(agent, path)
        os.chown(path, 0, STRANGER)
        path.chmod(0o775)
        self.refused(agent, path, f"the group {STRANGER} may write this file")
        self.remedy(agent, path)
        self.taken(agent, path)
        # A directory further up is not watched: a reload looks again.
        os.chown(agent.dir, STRANGER, 0)
        agent.cli("reload", check=0)
        self.refused(agent, path, f"its directory {agent.dir} belongs to uid {STRANGER}")
        self.remedy(agent, path)
        agent.cli("reload", check=0)
        self.taken(agent, path)

    def test_a_reload_applies_what_trust_says_now(self):
        agent = self.agent(CONFIG).start()
        self.key(agent, "ops")
        path = self.put(agent, "plugin.so")
        self.taken(agent, path)
        agent.write_config(trust(agent))
        agent.cli("reload", check=0)
        self.refused(agent, path, "is not signed")
        agent.write_config(trust(agent, unsigned="warn"))
        agent.cli("reload", check=0)
        self.taken(agent, path)
        self.assertIn('[trust] unsigned = \"warn\" lets it run', agent.log.read_text().replace('\\"', '"').replace('"', '\"'))
        # A configuration that is refused leaves the trust as it was.
        agent.write_config('[trust]\nkeys = ["no key"]\n' + CONFIG)
        self.assertIn("[trust] keys: the text is no Ed25519 public key", agent.cli("reload", check=1).stderr)
        self.taken(agent, path)
        agent.write_config(trust(agent, bundled="verify"))
        agent.cli("reload")
        self.refused(agent, PLUGIN, "is not signed")

    def hostile(self, agent):
        source, marker, out = agent.dir / "hostile.c", agent.dir / "marker", agent.dir / "hostile.so"
        source.write_text(HOSTILE)
        subprocess.run(["cc", "-shared", "-fPIC", f'-DMARKER="{marker}"', "-I", SOURCE / "sdk/abi", "-I", SOURCE / "host/plugin_host/testdata",
                        source, "-o", out], check=True)
        return out, marker

    def attack(self, agent, rounds, won):
        """The file is exchanged without a pause, by renaming and in place, while the agent loads again and again."""
        hostile, marker = self.hostile(agent)
        target = agent.plugins / "host.so"
        ended, swaps = threading.Event(), [0]

        def exchange():
            good, bad = PLUGIN.read_bytes(), hostile.read_bytes()
            while not ended.is_set():
                for content in (bad, good):
                    part = agent.dir / "part.so"
                    part.write_bytes(content)
                    part.chmod(0o755)
                    os.rename(part, target)
                target.write_bytes(bad)
                target.write_bytes(good)
                swaps[0] += 4

        attacker = threading.Thread(target=exchange)
        attacker.start()
        try:
            # A busy machine loads less often: without a win the attack goes on until enough loads were tried.
            for round_ in range(rounds if won else 50 * rounds):
                call("POST", agent.url + "/api/v1/reload")
                if won and marker.exists() or not won and round_ >= rounds and loads_of(agent) > 3:
                    break
        finally:
            ended.set()
            attacker.join()
        loads = loads_of(agent)
        print(f"{round_ + 1} reloads, {swaps[0]} exchanges, {loads} loads; the hostile code ran: {marker.exists()}", flush=True)
        return marker.exists(), loads

    def test_the_attacker_who_exchanges_the_file_between_check_and_load_loses(self):
        agent = self.prepared()
        self.put(agent, "host.so", "ops")
        agent.start()
        ran, loads = self.attack(agent, RACE_ROUNDS, won=False)
        self.assertFalse(ran, "unsigned code ran")
        self.assertGreater(loads, 3, "the file was hardly ever loaded meanwhile")
        self.assertEqual(agent.get("/readyz").status, 200)

    def test_the_same_attack_wins_where_no_signature_is_asked_for(self):
        agent = self.agent(CONFIG)
        self.put(agent, "host.so")
        agent.start()
        self.assertTrue(self.attack(agent, 500, won=True)[0], "the attack is too weak to prove anything")

    def test_sign_verify_and_keygen_say_what_is_wrong(self):
        agent = self.prepared()
        path = self.put(agent, "x.so", "ops")
        self.assertEqual((agent.dir / "ops").stat().st_mode & 0o777, 0o600)
        agent.cli("plugin", "verify", path, "--key", agent.dir / "ops.pub", check=0)
        self.assertIn("is there already", agent.cli("plugin", "keygen", "--out", agent.dir / "ops", check=1).stderr)
        self.assertIn("is a private key", agent.cli("plugin", "verify", path, "--key", agent.dir / "ops", check=1).stderr)
        self.assertIn("is no Ed25519 private key", agent.cli("plugin", "sign", path, "--key", agent.dir / "ops.pub", check=1).stderr)
        self.assertIn("not an ELF file", agent.cli("plugin", "sign", agent.dir / "ops.pub", "--key", agent.dir / "ops", check=1).stderr)
        self.key(agent, "next")
        agent.cli("plugin", "sign", path, "--key", agent.dir / "next", "--add", check=0)
        for key in ("ops", "next"):
            agent.cli("plugin", "verify", path, "--key", agent.dir / f"{key}.pub", check=0)
        agent.cli("plugin", "sign", path, "--key", agent.dir / "next", check=0)
        self.assertIn("is signed by key", agent.cli("plugin", "verify", path, "--key", agent.dir / "ops.pub", check=1).stderr)

    def test_openssl_makes_and_checks_the_same_signatures(self):
        agent = self.prepared()
        path = self.put(agent, "x.so", "ops")
        algorithm, key, text = Path(f"{path}.sig").read_text().splitlines()[1].split(" ")
        self.assertEqual(algorithm, "ed25519")
        raw = agent.dir / "raw.sig"
        subprocess.run(["openssl", "base64", "-d", "-A", "-out", raw], input=text.encode(), check=True)
        openssl = ["openssl", "pkeyutl", "-rawin", "-in", path]
        subprocess.run([*openssl, "-verify", "-pubin", "-inkey", agent.dir / "ops.pub", "-sigfile", raw], check=True, capture_output=True)
        made = subprocess.run([*openssl, "-sign", "-inkey", agent.dir / "ops"], check=True, capture_output=True).stdout
        self.assertEqual(made, raw.read_bytes())

    def test_trust_that_would_check_nothing_is_an_error(self):
        agent = self.agent('[trust]\nunsigned = "refuse"\n')
        self.assertIn('[trust] unsigned = "refuse" needs keys', tocsin("check", "--config", agent.config).stdout)


if __name__ == "__main__":
    main()
