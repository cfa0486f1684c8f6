"""Errors of plain classifiers on labelled rows of an own table, and on which rows."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from ssvae.averaging.report import interval
from ssvae.experiments import cross_validation, report
from ssvae.experiments.cross_validation import Plain, cross_validate, deal, fewest

RNG = np.random.default_rng(0)
Y = np.array(["a", "b", "b"] * 10 + [-1] * 10, object)
LABELED = np.arange(30)


def test_errors_are_those_of_folds_that_were_not_learnt_from(monkeypatch):
    x = RNG.normal(size=(40, 3)) + (Y == "a")[:, None]
    forest = RandomForestClassifier(5, random_state=0)
    monkeypatch.setattr(cross_validation, "classifiers", lambda index, seed: {"forest": Plain(forest)})
    found = cross_validate(x, LABELED, Y, 3)
    wrong = []
    for seed in (3, 4):
        for learnt, held in StratifiedKFold(5, shuffle=True, random_state=seed).split(x[:30], Y[:30].astype(str)):
            own = RandomForestClassifier(5, random_state=0).fit(x[learnt], Y[learnt].astype(str))
            wrong += (own.predict(x[held]) != Y[held]).tolist()
    assert found["errors"]["forest"]["error"] == pytest.approx(100 * np.mean(wrong))
    assert {key: found[key] for key in ("rows", "folds", "repeats", "copies")} == {
        "rows": 30,
        "folds": 5,
        "repeats": 2,
        "copies": 0,
    }


def test_all_classifiers_take_missing_cells_and_learn():
    x = RNG.normal(size=(40, 3)) + 4.0 * (Y == "a")[:, None]
    x[RNG.random(x.shape) < 0.1] = np.nan
    x[5] = x[8] = 1.0
    found = cross_validate(x, LABELED, Y, 0)
    assert found["copies"] == 1
    assert list(found["errors"]) == ["logistic regression", "random forest", "gradient boosting", "self-training"]
    for name, one in found["errors"].items():
        assert 0 <= one["low"] <= one["error"] <= one["high"] <= 100, name
        assert one["error"] < 20, name
        assert 0 < one["nll"] < 0.69, name
    lines = dict(report._of_cross_validation(found))
    assert lines["plain classifiers"].endswith("2 x 5 folds of 30 labelled rows, of which 1 are copies of others")


def test_groups_stay_together_and_say_how_many_folds_there_can_be():
    index, groups = np.arange(24) % 2, np.repeat(np.arange(6), 4)
    fold = deal(index, groups, 3, 0)
    assert all(len({*fold[groups == group]}) == 1 for group in range(6))
    assert fewest(index, groups) == 5
    assert fewest(index, groups // 2) == 3
    assert fewest(np.array([0, 0, 0, 1, 1])) == 2
    assert cross_validate(np.zeros((3, 2)), np.arange(3), np.array([0, 0, 1]), 0) == {}


def test_the_interval_is_wilsons():
    for share, rows in ((0.0, 20), (0.15, 40), (1.0, 7)):
        low, high = interval(share, rows)
        for bound in (low, high):  # where (share - bound) is 1.96 standard errors of the bound
            assert (share - bound) ** 2 * rows == pytest.approx(1.96**2 * bound * (1 - bound), abs=1e-9)
