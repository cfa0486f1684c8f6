"""Learning rates in closed form, and epochs and batch sizes counted by hand."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from ssvae import SSVAEClassifier
from ssvae.training.schedule import Schedule, TrainingSettings, plan

STAGE = SimpleNamespace(name="m2", model=SimpleNamespace(auto_steps=(300, 2000)))


def planned(labelled, unlabelled, **settings) -> Schedule:
    return plan(STAGE, labelled, unlabelled, TrainingSettings.of({"model": "m2", **settings}))


def test_rates_rise_in_a_line_and_fall_along_half_a_cosine():
    rates = planned(10, 10, learning_rate=0.4).rates(np.arange(100), 100)  # 5 of 100 steps are warm-up
    cosine = [0.5 + 0.5 * np.cos(np.pi * step / 100) for step in range(100)]
    np.testing.assert_allclose(rates[:5], 0.4 * np.array([0.2, 0.4, 0.6, 0.8, 1.0]) * cosine[:5], rtol=1e-12)
    np.testing.assert_allclose(rates[5:], 0.4 * np.array(cosine[5:]), rtol=1e-12)
    assert rates[50] == pytest.approx(0.2)
    few = planned(10, 10, learning_rate=0.4).rates(np.arange(4), 4)
    np.testing.assert_allclose(few, 0.4 * np.array([1, 0.5 + 8**-0.5, 0.5, 0.5 - 8**-0.5]), rtol=1e-12)


def test_a_constant_rate_is_the_same_at_every_step():
    assert planned(10, 10, learning_rate=0.4, schedule="constant").rates(np.arange(95, 98), 100).tolist() == [0.4] * 3


@pytest.mark.parametrize(
    ("labelled", "unlabelled", "epochs"),
    [
        (50, 450, 200),  # 1.2 · 500 = 600 steps of 3 an epoch
        (250, 0, 100),  # without unlabelled rows, passes are over the labelled ones: 300 steps of 3
        (5, 5, 300),  # not fewer than 300 steps
        (0, 100_000, 4),  # not more than 2000 steps of 500
        (100, 401, 201),  # 601.2 steps of 3: the epochs are whole
    ],
)
def test_epochs_by_the_number_of_rows(labelled, unlabelled, epochs):
    assert planned(labelled, unlabelled).epochs == epochs


def test_what_is_left_out_is_what_the_estimator_leaves_out():
    estimator = inspect.signature(SSVAEClassifier).parameters
    assert TrainingSettings() == TrainingSettings.of({name: each.default for name, each in estimator.items()})


def test_settings_reach_the_schedule():
    given = {"epochs": {"m1": 3, "m2": 7}, "batch_size": 50, "labeled_batch_size": None, "learning_rate": {"m2": 1}}
    found = planned(20, 70, **given, schedule="constant", engine="xla", precision="bfloat16", clip_norm=2)
    assert found == Schedule(7, 50, 50, 1.0, None, 2.0, "xla", "bfloat16")
    assert planned(20, 70, labeled_batch_size={"m2": 8}).labelled_batch_size == 8
    with pytest.raises(ValueError, match=r"epochs has no entry for stage 'm2', only for \['m1'\]: add one"):
        planned(20, 70, epochs={"m1": 3})
