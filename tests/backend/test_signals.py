"""Ctrl-C and SIGTERM are held back, answered where it is asked for, and not lost in code that ignores errors."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from ssvae.backend.signals import Terminated, exit_code, held, terminable


def test_an_interrupt_is_answered_where_it_is_asked_for():
    passed = []

    def work():
        with held() as answer:
            answer()
            os.kill(os.getpid(), signal.SIGINT)
            passed.extend(range(1000))  # bytecodes, between which Python would have raised
            answer()
            passed.append("not answered")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(passed) == 1000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_nobody_asked_for_is_answered_at_the_end():
    passed = []

    def work():
        with held():
            os.kill(os.getpid(), signal.SIGINT)
            passed.extend(range(1000))

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(passed) == 1000


def test_an_interrupt_is_not_lost_where_errors_are_ignored():
    class Ignoring:
        def __del__(self):  # whatever is raised here vanishes
            os.kill(os.getpid(), signal.SIGINT)
            sum(range(1000))

    def work():
        with held() as answer:
            Ignoring()
            answer()

    with pytest.raises(KeyboardInterrupt):
        work()


def test_a_second_interrupt_is_not_held_back():
    passed = []

    def work():
        with held():
            os.kill(os.getpid(), signal.SIGINT)
            passed.append(1)
            os.kill(os.getpid(), signal.SIGINT)
            passed.append(2)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert passed == [1]


def test_commands_answer_sigterm_and_the_library_leaves_it_alone():
    passed = []

    def work():
        with terminable(), held() as answer:
            os.kill(os.getpid(), signal.SIGTERM)
            passed.append("held")
            answer()
            passed.append("not answered")

    with pytest.raises(Terminated):
        work()
    assert passed == ["held"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with held():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with pytest.raises(Terminated), terminable():  # where nothing is held
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_signal_ends_a_command_even_in_a_call_that_does_not_come_back():
    code = (
        "import ctypes, os, signal\nfrom ssvae.backend.signals import held, terminable\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with terminable(), held():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('held', flush=True)\n"
        "    ctypes.CDLL(None)['raise'](int(signal.SIGINT))\n"
        "    print('not ended', flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "held\n"), done.stderr


def test_exit_codes_are_those_of_shells():
    error = KeyboardInterrupt("for people")
    assert exit_code(error) == 130
    error.__cause__ = KeyboardInterrupt("of the fit")
    assert exit_code(error) == 130
    error.__cause__.__cause__ = Terminated()
    assert exit_code(error) == 143


def test_other_threads_and_other_handlers_are_left_alone():
    kept = []

    def elsewhere():
        with terminable(), held() as answer:
            answer()
            kept.extend([signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert kept == [signal.default_int_handler, signal.SIG_DFL]
    own = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, own)
