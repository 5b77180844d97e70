"""Packages from npm that tests send with: installed once for a build directory, where npm and its registry are at hand."""
import fcntl
import os
import shutil
import subprocess

from world import BUILD


def installed(folder, *packages):
    """The folder whose node_modules holds them, and why there is none."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None, "node and npm are not installed"
    home = BUILD / "npm" / folder
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home / ".complete"
        if done.exists() and done.read_text() == " ".join(packages):
            return home, None
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--prefix", home, *packages]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=180, env={**os.environ, "npm_config_update_notifier": "false"})
        except subprocess.TimeoutExpired:
            return None, f"npm did not install {' '.join(packages)} within three minutes"
        if ran.returncode != 0:
            return None, f"npm cannot install {' '.join(packages)}: {ran.stderr.strip()[-300:]}"
        done.write_text(" ".join(packages))
    return home, None


def run(home, script, *arguments):
    """Runs a script file with the packages; its return code and what it says."""
    done = subprocess.run(["node", script, *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "NODE_PATH": str(home / "node_modules")})
    return done.returncode, done.stderr + done.stdout
