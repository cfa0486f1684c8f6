"""What is tried before a fit, and how often."""

import numpy as np
import pytest

from ssvae.estimator import dry_run
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m2 import M2
from ssvae.objective import Objective

X = np.zeros((3, 4), np.float32)


def objective(gradient):
    return Objective(INFERENCES.build("amortized"), GRADIENTS.build(gradient), GRADIENTS.build("enumeration"))


def test_a_combination_that_works_is_tried_once_and_one_that_does_not_each_time(monkeypatch):
    tried, parts = [], dry_run._parts
    monkeypatch.setattr(dry_run, "_passed", set())
    monkeypatch.setattr(dry_run, "_parts", lambda *given: tried.append(given) or parts(*given))
    for latent, seed in ((2, 0), (2, 1), (3, 0)):  # the seed changes the weights alone
        dry_run.dry_run(M2(4, 2, Gaussian(), latent=latent, hidden=[3], seed=seed), objective("pathwise"), X)
    assert len(tried) == 2
    for _ in range(2):
        with pytest.raises(ValueError, match="enumera"):
            dry_run.dry_run(M2(4, 2, Gaussian(), latent=2, hidden=[3]), objective("enumeration"), X)
    assert len(tried) == 4
