"""What a compiled loop is asked for: which streams there are, a model that each device can have a copy of, its work."""

from types import SimpleNamespace

import numpy as np
import pytest

from ssvae.backend.engine import Engine
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models.base import Stage
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.training import loop
from ssvae.training.streams import Streams


class Own(M1):
    """A model of the user's that Keras cannot copy."""

    def get_config(self):
        raise NotImplementedError


ONE, TWO = (SimpleNamespace(devices=tuple(names), count=len(names)) for names in ("a", "ab"))


def lent(model, layout, labelled=0, unlabelled=5):
    stage = Stage("m1", model(3, Bernoulli(), latent=2, hidden=[4]), np.zeros((5, 3)), None, False)
    streams = Streams(np.arange(labelled), np.arange(unlabelled))
    return loop._lent(stage, "objective", streams, 5.0, Engine(), layout, callbacks=None)


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    """Return, in place of a program, the key that it is kept under."""
    monkeypatch.setattr(loop, "POOL", SimpleNamespace(lend=lambda key, make: key))


def test_a_model_without_config_stays_on_one_device():
    assert lent(Own, ONE) is None  # kept for nobody else
    with pytest.raises(ValueError, match=r"Own has no get_config, so it cannot be copied to \('a', 'b'\): take strat"):
        lent(Own, TWO)
    assert lent(M1, TWO) is not None


@pytest.mark.parametrize(("labelled", "unlabelled"), [(0, 5), (5, 0), (2, 3)])
def test_a_program_knows_which_streams_there_are(labelled, unlabelled):
    assert (labelled > 0, unlabelled > 0) in lent(M1, ONE, labelled, unlabelled)


def test_the_operations_of_a_step_count_every_class_of_a_row_without_label():
    """A product with n weights takes 2 n operations a row, and its two gradients as many each."""
    m2 = M2(3, 5, Bernoulli(), latent=2, hidden=[4])
    plan = SimpleNamespace(epochs=7, labelled_batch_size=4, batch_size=10)
    stage, streams = Stage("m2", m2, np.zeros((33, 3)), None, False), Streams(np.arange(8), np.arange(25))
    numbers = sum(np.size(weight) for weight in m2.get_weights())
    assert loop._work(stage, plan, streams) == (7 * 3, 6.0 * (4 + 5 * 10) * numbers)
