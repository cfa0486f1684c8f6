"""The pool of compiled programs."""

import numpy as np
import pytest

from ssvae.backend.compile_cache import Pool, copy_of, copy_weights
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.m2 import M2


class Sized:
    """A program whose model has so many parameters."""

    def __init__(self, parameters):
        self.parameters = parameters


def test_one_program_is_lent_to_one_borrower():
    pool, built = Pool(), []

    def build():
        built.append(Sized(1))
        return built[-1]

    with pool.lend("key", build) as first, pool.lend("key", build) as second:
        assert first is not second
    with pool.lend("key", build) as third:
        assert third in built[:2]
    assert len(built) == 2


def test_failed_and_nameless_programs_are_not_kept():
    pool, built = Pool(), []

    def build():
        built.append(Sized(1))
        return built[-1]

    with pytest.raises(RuntimeError), pool.lend("key", build):
        raise RuntimeError
    for _ in range(2):
        with pool.lend(None, build):
            pass
    with pool.lend("key", build) as program:
        assert program is built[-1]
    assert len(built) == 4


def kept(pool, key):
    fresh = Sized(1)
    with pool.lend(key, lambda: fresh) as program:
        return program is not fresh


def test_least_recently_used_is_dropped():
    pool = Pool(size=2)
    for key in ("a", "b", "a", "c"):
        with pool.lend(key, lambda: Sized(1)):
            pass
    assert kept(pool, "a")
    assert kept(pool, "c")
    assert not kept(pool, "b")


def test_large_models_leave_little_room():
    pool = Pool(parameters=10)
    for key, size in (("small", 3), ("other", 3), ("large", 6)):
        with pool.lend(key, lambda size=size: Sized(size)):
            pass
    assert not kept(pool, "small")
    pool = Pool(parameters=10)
    with pool.lend("huge", lambda: Sized(1000)):
        pass
    assert kept(pool, "huge")  # the last one always stays


def test_copied_weights_are_independent():
    """The buffers are shared only until either side changes, in place too."""
    model = M2(4, 3, Bernoulli(), latent=2, hidden=[5], seed=1)
    other, before = copy_of(model), model.get_weights()
    model.set_weights([weight + 1.0 for weight in before])
    copy_weights(model, other)
    for weight in model.weights:
        weight.value.assign_add(np.ones(weight.shape, np.float32))
    for first, here, there in zip(before, model.weights, other.weights, strict=True):
        np.testing.assert_allclose(there, first + 1.0, rtol=1e-6)
        np.testing.assert_allclose(here, first + 2.0, rtol=1e-6)
