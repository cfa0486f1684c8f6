"""Description of the machine for the first lines of a report."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

READ = ("OMP_", "GOMP_", "MKL_", "XLA_", "TF_NUM_", "TF_ENABLE_", "TF_XLA_")  # variables that change what is measured


def describe(*packages: str) -> dict[str, Any]:
    """Return processor, cores, memory, package versions and the load of the machine."""
    return {
        "processor": _named("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(int((_named("/proc/meminfo", "MemTotal") or "0").split()[0]) / 2**20, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in packages},
        "load_average": os.getloadavg()[0],
        "variables": {name: os.environ[name] for name in sorted(os.environ) if name.startswith(READ)},
    }


def lines(described: dict[str, Any]) -> str:
    """Return the description as text."""
    versions = ", ".join(f"{name} {version}" for name, version in described["versions"].items())
    variables = " ".join(f"{name}={value}" for name, value in described["variables"].items())
    return (
        f"{described['processor']}, {described['cores']} cores, {described['memory_gib']} GiB, {described['system']}, "
        f"load average {described['load_average']:.2f} at the start\n"
        f"Python {described['python']}, {versions}" + (f"\n{variables}" if variables else "")
    )


def _named(file: str, name: str) -> str | None:
    path = Path(file)
    found = [line for line in path.read_text().splitlines() if line.startswith(name)] if path.exists() else []
    return found[0].split(":", 1)[1].strip() if found else None


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
