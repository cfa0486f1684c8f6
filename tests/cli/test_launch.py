"""`ssvae launch`: nothing is started where others could reach the workers' ports, unless that is asked for."""

import json
import socket

import pytest
from click.testing import CliRunner

from ssvae.cli.main import main
from ssvae.distributed import exposure, launch


@pytest.fixture
def started(monkeypatch):
    calls = []
    monkeypatch.setattr(launch, "launch", lambda *arguments: calls.append(arguments) or 0)
    return calls


def test_a_machine_that_others_reach_is_refused(started, monkeypatch):
    monkeypatch.setattr(exposure, "interfaces", lambda: ["eth0", "wlan0"])
    result = CliRunner().invoke(main, ["launch", "--", "fit"])
    assert result.exit_code == 1
    assert not started
    for words in (
        "every interface",
        "no password",
        "eth0, wlan0",
        "unshare -rn",
        "iptables -I INPUT ! -i lo -p tcp",
        "--exposed",
    ):
        assert words in result.stderr
    assert CliRunner().invoke(main, ["launch", "--exposed", "--", "fit"]).exit_code == 0
    assert len(started) == 1


def test_a_machine_with_loopback_alone_starts(started, monkeypatch):
    monkeypatch.setattr(exposure, "interfaces", list)
    assert CliRunner().invoke(main, ["launch", "--", "fit"]).exit_code == 0
    assert len(started) == 1


def test_loopback_is_no_other_interface():
    names = {name for _, name in socket.if_nameindex()}
    assert {*exposure.interfaces()} <= names - {"lo", "lo0"}


def test_help_says_who_reaches_the_ports():
    words = CliRunner().invoke(main, ["launch", "--help"]).output
    assert "listen on every interface" in words
    assert "iptables" in words


def test_workers_of_several_machines_are_told(monkeypatch):
    config = {"cluster": {"worker": ["a:1", "b:2", "c:2"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    monkeypatch.delenv("SSVAE_LAUNCH", raising=False)
    words = CliRunner().invoke(main, ["fit", "--set", "alfa=1"]).stderr
    assert "every interface" in words
    assert "-s a,c --dport 2 -j ACCEPT" in words
    monkeypatch.setenv("SSVAE_LAUNCH", "1")
    assert "every interface" not in CliRunner().invoke(main, ["fit", "--set", "alfa=1"]).stderr
