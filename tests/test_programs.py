"""The pool of compiled programs."""

import pytest

from ssvae.programs import Pool


def test_one_program_is_lent_to_one_borrower():
    pool, built = Pool(), []

    def build():
        built.append(object())
        return built[-1]

    with pool.lend("key", build) as first, pool.lend("key", build) as second:
        assert first is not second
    with pool.lend("key", build) as third:
        assert third in built[:2]
    assert len(built) == 2


def test_failed_and_nameless_programs_are_not_kept():
    pool, built = Pool(), []

    def build():
        built.append(object())
        return built[-1]

    with pytest.raises(RuntimeError), pool.lend("key", build):
        raise RuntimeError
    for _ in range(2):
        with pool.lend(None, build):
            pass
    with pool.lend("key", build) as program:
        assert program is built[-1]
    assert len(built) == 4


def test_least_recently_used_is_dropped():
    pool = Pool(size=2)
    for key in ("a", "b", "a", "c"):
        with pool.lend(key, lambda key=key: [key]):
            pass
    for key, kept in (("a", True), ("c", True), ("b", False)):
        fresh = [key, "new"]
        with pool.lend(key, lambda fresh=fresh: fresh) as program:
            assert (program is not fresh) == kept
