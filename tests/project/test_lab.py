"""JupyterLab's server: on this machine alone, behind a token, whatever the user has configured."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from course_utils.project import lab

ROOT = Path(__file__).parents[2]
HOSTILE = """
c.IdentityProvider.token = ""
c.PasswordIdentityProvider.hashed_password = ""
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.port = 8888
"""


@pytest.fixture
def server(tmp_path):
    """A server started with a configuration that opens everything; its process and its address."""
    for name in ("config", "data", "runtime"):
        (tmp_path / name).mkdir()
    (tmp_path / "config" / "jupyter_server_config.py").write_text(HOSTILE, encoding="utf-8")
    variables = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    variables |= {
        f"JUPYTER_{n.upper()}_DIR": str(tmp_path / n) for n in ("config", "data", "runtime")
    }
    command = [sys.executable, "-m", "course_utils", "lab", "--no-browser"]
    command += ["--workspace", str(tmp_path / "copy")]
    said = tmp_path / "said.txt"
    with said.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"http://127\S+", said.read_text())):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.1)
        yield process, found.group(), said
    finally:
        process.kill()
        process.wait()


def status(address):
    try:
        return urllib.request.urlopen(address, timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_server_asks_for_its_token_and_listens_on_loopback_alone(server):
    process, address, said = server
    base, token = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)\S+token=(\w{48})", address).groups()
    assert status(f"{base}api/contents") == 403
    assert status(f"{base}api/contents?token={'0' * 48}") == 403
    assert status(f"{base}api/contents?token={token}") == 200
    assert "authentication is disabled" not in said.read_text()
    # Other users can read a command line; the token isn't on it.
    assert token not in " ".join(psutil.Process(process.pid).cmdline())
    listening = {
        each.laddr.ip
        for each in psutil.Process(process.pid).net_connections()
        if each.status == "LISTEN"
    }
    assert listening == {"127.0.0.1"}


def test_a_relative_folder_of_pictures_is_the_one_beside_the_makefile(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PICTURES", "pets")
    monkeypatch.chdir(tmp_path)
    lab.prepare(ROOT, tmp_path / "copy", no_browser=True)
    assert os.environ["COURSE_PICTURES"] == str(tmp_path / "pets")
