"""One fit on two hosts with addresses of their own: undisturbed, with either host killed, and with its cable cut.

Each host is a network namespace at one end of a cable (a veth pair), with a folder of its own; TF_CONFIG is that of
docs/several_devices.md. A host that is lost has its program killed, or its cable cut, which no packet tells the other.
The survivor has to end by itself and to keep its state; then both start again with --resume, and losses are compared
with those of the undisturbed fit. Linux only; no root is needed where users may make namespaces.

    python benchmarks/two_hosts.py
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import machine
import numpy as np

INSIDE = "SSVAE_TWO_HOSTS"  # set in the namespace that holds both hosts
NEW_NETWORK = ("unshare", "--user", "--map-root-user", "--net")
PORT = 23456
FIT = "fit --strategy multiworker --dataset digits --labels 100 --model m2 --out run --resume"
SMALL = ("model.latent=2", "model.hidden=[8]", "regularizers=[]")
LOSSES = ("loss", "labelled_bound", "unlabelled_bound", "cross_entropy")


class Host:
    """A network namespace with one address, and a folder; `cluster` are the addresses of all hosts."""

    def __init__(self, number: int, cluster: list[str], folder: Path) -> None:
        self.number, self.cluster, self.folder = number, cluster, folder
        self.network = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])  # the namespace lives as long
        self.program: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    def call(self, command: str) -> list[str]:
        """Return the command line that runs a command on this host."""
        return ["nsenter", f"--net=/proc/{self.network.pid}/ns/net", *command.split()]

    def start(self, settings: list[str]) -> None:
        """Start the fit; what it says goes to a file."""
        task = {"type": "worker", "index": self.number}
        config = {"cluster": {"worker": [f"{host}:{PORT}" for host in self.cluster]}, "task": task}
        command = [*self.call(f"{sys.executable} -m ssvae {FIT}"), *settings]
        with (self.folder / "log").open("ab") as log:
            environment = {**os.environ, "TF_CONFIG": json.dumps(config)}
            self.program = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)

    def ended(self, seconds: float) -> int | None:
        """Return the exit code of the fit, or None where it still runs after this many seconds."""
        try:
            return self.program.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def words(self) -> str:
        """Return the last line that the fit said."""
        return (self.folder / "log").read_text(errors="replace").strip().splitlines()[-1]


def wired(folder: Path) -> list[Host]:
    """Return two hosts that reach each other and nothing else."""
    cluster = ["10.77.0.1", "10.77.0.2"]
    hosts = [Host(number, cluster, folder / f"host{number}") for number in range(2)]
    own = os.readlink("/proc/self/ns/net")
    while any(os.readlink(f"/proc/{host.network.pid}/ns/net") == own for host in hosts):
        time.sleep(0.05)
    subprocess.run(["ip", "link", "add", "cable0", "type", "veth", "peer", "name", "cable1"], check=True)
    for host in hosts:
        cable = f"cable{host.number}"
        subprocess.run(["ip", "link", "set", cable, "netns", str(host.network.pid)], check=True)
        for command in (f"addr add {cluster[host.number]}/24 dev {cable}", f"link set {cable} up", "link set lo up"):
            subprocess.run(host.call(f"ip {command}"), check=True)
    return hosts


def losses(folder: Path) -> np.ndarray:
    """Return the losses of every epoch of a finished run."""
    rows = list(csv.DictReader((folder / "run" / "history.csv").open()))
    return np.array([[float(row[name]) for name in LOSSES] for row in rows])


def finished(hosts: list[Host], settings: list[str]) -> np.ndarray:
    """Start the fit on both hosts and wait; return its losses."""
    for host in hosts:
        host.start(settings)
    for host in hosts:
        if code := host.ended(3600):
            raise SystemExit(f"host {host.number + 1} ended with {code}: {host.words()}")
    return losses(hosts[0].folder)


def lose(hosts: list[Host], lost: Host, how: str, settings: list[str], patience: float) -> str:
    """Start the fit, lose a host once there is a state to lose, and say what the other did."""
    other = hosts[1 - lost.number]
    for host in hosts:
        host.start(settings)
    state = hosts[0].folder / "run" / "checkpoint" / "state.safetensors"
    while not state.is_file():
        time.sleep(0.2)
    time.sleep(3)
    begun = time.monotonic()
    if how == "killed":
        lost.program.kill()
    else:
        subprocess.run(lost.call(f"ip link set cable{lost.number} down"), check=True)
    code = other.ended(patience)
    seconds = time.monotonic() - begun
    ending = f"ended after {seconds:.0f} s with {code}" if code is not None else f"still waited after {seconds:.0f} s"
    for host in hosts:
        host.program.kill()
        host.program.wait()
    if how != "killed":
        subprocess.run(lost.call(f"ip link set cable{lost.number} up"), check=True)
    return f"host {other.number + 1} {ending}: {other.words()}"


@click.command(help=__doc__.split("\n")[0])
@click.option("--epochs", default=400)
@click.option("--patience", default=600.0, help="Seconds to wait for the host that is left.")
def main(epochs: int, patience: float) -> None:
    if INSIDE not in os.environ:
        if subprocess.run([*NEW_NETWORK, "true"], capture_output=True).returncode:
            raise click.ClickException(f"this system lets you make no network namespace (`{' '.join(NEW_NETWORK)}`)")
        raise SystemExit(
            subprocess.run([*NEW_NETWORK, sys.executable, *sys.argv], env={**os.environ, INSIDE: "1"}).returncode
        )
    print(machine.lines(machine.describe("ssvae", "tensorflow")), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="two-hosts-"))
    settings = [word for setting in (*SMALL, f"epochs={epochs}") for word in ("--set", f"classifier.{setting}")]
    hosts = wired(folder)
    try:
        expected = finished(hosts, settings)
        print(f"undisturbed: {len(expected)} epochs; host 2 wrote {sorted(os.listdir(hosts[1].folder))}", flush=True)
        for number, how in ((1, "killed"), (0, "killed"), (1, "cut off")):
            for host in hosts:
                shutil.rmtree(host.folder / "run", ignore_errors=True)
            print(f"host {number + 1} {how}: {lose(hosts, hosts[number], how, settings, patience)}", flush=True)
            found = finished(hosts, settings)
            different = np.abs(found - expected).max() if found.shape == expected.shape else np.inf
            print(f"  resumed on both; losses differ by at most {different:.2g} nats", flush=True)
    finally:
        for host in hosts:
            for process in (host.program, host.network):
                if process is not None:
                    process.kill()
                    process.wait()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
