"""Who can reach the servers of the workers: TensorFlow's listen on every interface and ask for no password."""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

from ssvae.distributed.cluster import Cluster

UP, LOOPBACK = 1, 8  # flags of an interface, in linux/if.h
FLAGS = 0x8913  # SIOCGIFFLAGS
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")  # from which the system takes free ports

DANGER = "TensorFlow's servers of the workers listen on every interface and ask for no password"
HARM = "whoever reaches their ports reads and writes files as you"


def interfaces() -> list[str]:
    """Return the names of this machine's interfaces that others may reach it by: all that are up, but for loopback."""
    return [name for _, name in socket.if_nameindex() if _open(name)]


def _open(name: str) -> bool:
    if sys.platform != "linux":
        return not name.startswith(("lo", "Loopback"))
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            found = fcntl.ioctl(any_socket, FLAGS, struct.pack("16sH14x", name.encode()[:15], 0))
        except OSError:  # it cannot be asked
            return not name.startswith("lo")
    flags = struct.unpack("16sH14x", found)[1]
    return bool(flags & UP and not flags & LOOPBACK)


def check(exposed: bool) -> None:
    """Refuse to start workers on a machine that others can reach, unless `exposed` says that this is known.

    Raises
    ------
    ValueError
        Saying what to do.
    """
    names = interfaces()
    if not names or exposed:
        return
    raise ValueError(
        f"{DANGER}, here on {', '.join(names)}, too: {HARM}. Either start the same command where there is no interface "
        "but loopback (and no network: fetch the data first),\n"
        "  unshare -rn sh -c 'ip link set lo up; exec ssvae launch ...'\n"
        "or close the ports to others and add --exposed:\n" + "\n".join(f"  {rule}" for rule in closing_rules())
    )


def closing_rules() -> list[str]:
    """Return the commands that close the ports of local workers, which are any free ones, to other machines."""
    try:
        first, last = PORTS.read_text().split()
    except (OSError, ValueError):
        first, last = "32768", "60999"
    ports = f"{first}:{last}"
    return [f"{table} -I INPUT ! -i lo -p tcp --syn --dport {ports} -j DROP" for table in ("iptables", "ip6tables")]


def notice(cluster: Cluster) -> str:
    """Return what to say before a worker of several machines starts; nothing for workers of `ssvae launch`."""
    if len(cluster.workers) < 2 or os.environ.get("SSVAE_LAUNCH"):
        return ""
    hosts = [address.rpartition(":")[0] for address in cluster.workers]
    port = cluster.workers[cluster.number].rpartition(":")[2]
    others = ",".join(dict.fromkeys(host for n, host in enumerate(hosts) if n != cluster.number))
    return (
        f"{DANGER}: {HARM}. Let only the other workers reach port {port}:\n"
        f"  iptables -I INPUT -p tcp --dport {port} -j DROP\n"
        f"  iptables -I INPUT -p tcp -s {others} --dport {port} -j ACCEPT\n"
        f"  ip6tables -I INPUT -p tcp --dport {port} -j DROP"
    )
