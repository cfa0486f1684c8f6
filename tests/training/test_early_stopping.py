"""Early stopping by the bound of held-out rows."""

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from ssvae import SSVAEClassifier, load, prediction
from ssvae.estimator.components import Components
from ssvae.likelihoods.bernoulli import Bernoulli
from ssvae.models import m1
from ssvae.settings.files import assignment
from ssvae.settings.schema import resolve
from ssvae.training import early_stopping
from ssvae.training.callbacks import Callback, Verdict, View
from ssvae.training.checkpoint import Checkpoint
from ssvae.training.early_stopping import BoundStopping, set_apart

RNG = np.random.default_rng(0)
X = (RNG.random((60, 6)) < np.where(np.arange(60)[:, None] % 2, 0.8, 0.2)).astype(np.float32)
Y = np.where(np.arange(60) < 20, np.arange(60) % 2, -1)
LEARNT, HELD = slice(0, 40), slice(40, 60)
M1 = {"name": "m1", "latent": 2, "hidden": [8], "classifier": "logistic_regression"}
M1_M2 = {"name": "m1_m2", "latent": 2, "hidden": [8], "m1": {"hidden": [8]}}
PLAIN = {"name": "amortized", "kl_warm_up": 0.0}
REFINED = {
    "name": "gradient_refined", "steps": 1, "test_steps": 4, "warm_start": 0.0, "kl_warm_up": 0.0, "rate": 0.1,
}  # fmt: skip


def classifier(callbacks=(), **settings) -> SSVAEClassifier:
    arguments = {
        "model": M1,
        "inference": PLAIN,
        "epochs": 8,
        "batch_size": 20,
        "learning_rate": 0.03,
        "schedule": "constant",
        "regularizers": (),
        "random_state": 0,
        **settings,
    }
    return SSVAEClassifier(**arguments, callbacks=list(callbacks))


def fit(callbacks=(), **settings) -> SSVAEClassifier:
    return classifier(callbacks, **settings).fit(X[LEARNT], Y[LEARNT])


def column(fitted) -> np.ndarray:
    return np.array(fitted.history_["held_out_bound"])


def held_out_bound(fitted, objective=None) -> float:
    objective = fitted.objective_ if objective is None else objective
    return prediction.over_rows(fitted.model_, prediction.bound, X[HELD], objective=objective).mean()


def same_weights(first, second) -> None:
    pairs = zip(first.model_.get_weights(), second.model_.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


class Script(BoundStopping):
    """Stopping by bounds that are given in advance."""

    def __init__(self, bounds, **settings):
        super().__init__(X[HELD], **settings)
        self.bounds, self.weights = iter(bounds), []

    def _bound(self, view):
        self.weights.append(view.model.get_weights())
        return next(self.bounds)


@pytest.mark.parametrize("inference", [PLAIN, REFINED], ids=lambda slot: slot["name"])
def test_the_checks_are_of_the_bound_outside_training(inference):
    fitted = fit([BoundStopping(X[HELD], every=3)], inference=inference)
    checked = np.isfinite(column(fitted))
    assert checked.tolist() == [False, False, True, False, False, True, False, True]
    assert held_out_bound(fitted) == pytest.approx(np.nanmax(column(fitted)), rel=1e-5)
    if inference is REFINED:
        own = fitted.objective_
        amortized = replace(own, inference=replace(own.inference, test_steps=0))
        assert held_out_bound(fitted, objective=amortized) < held_out_bound(fitted) - 0.01


def test_watching_changes_nothing_of_the_training():
    watched = fit([Script(range(8), every=1)])
    same_weights(watched, fit())
    assert watched.history_["loss"] == pytest.approx(fit().history_["loss"], rel=1e-6)


def test_the_stage_stops_and_ends_with_the_best_weights():
    script = Script([-3.0, -1.0, -2.0, -1.5, -1.0, -9.0, -9.0, -9.0], every=1, patience=3)
    fitted = fit([script])
    assert fitted.n_iter_ == 5
    assert column(fitted).tolist() == [-3.0, -1.0, -2.0, -1.5, -1.0]
    for weight, best in zip(fitted.model_.get_weights(), script.weights[1], strict=True):
        np.testing.assert_array_equal(weight, best)


def test_the_best_weights_are_kept_where_no_patience_runs_out():
    script = Script([-3.0, -1.0, -2.0], every=3, patience=5)
    fitted = fit([script])
    assert fitted.n_iter_ == 8
    for weight, best in zip(fitted.model_.get_weights(), script.weights[1], strict=True):
        np.testing.assert_array_equal(weight, best)


def test_nothing_is_checked_before_the_warm_start_and_the_kl_warm_up_are_over():
    fitted = fit([BoundStopping(X[HELD], every=1)], inference={"name": "amortized", "kl_warm_up": 0.5})
    assert np.isnan(column(fitted)).tolist() == [True] * 4 + [False] * 4
    fitted = fit([BoundStopping(X[HELD], every=1)], inference={**REFINED, "warm_start": 0.75})
    assert np.isnan(column(fitted)).tolist() == [True] * 6 + [False] * 2
    fitted = fit([BoundStopping(X[HELD], every=1)], inference={"name": "amortized", "kl_warm_up": 1.0})
    assert np.isnan(column(fitted)).tolist() == [True] * 7 + [False]


def test_in_a_stack_the_first_stage_stops_and_the_second_goes_on():
    fitted = fit([Script([-1.0, -2.0, -2.0], every=1, patience=2)], model=M1_M2)
    stages = np.array(fitted.history_["stage"])
    assert (np.sum(stages == "m1"), np.sum(stages == "m2")) == (3, 8)
    assert np.isnan(column(fitted)[stages == "m2"]).all()


def test_several_samples_are_averaged():
    one, three = (fit([BoundStopping(X[HELD], every=8, samples=samples)], epochs=8) for samples in (1, 3))
    found = [
        prediction.over_rows(three.model_, prediction.bound, X[HELD], seed=seed, objective=three.objective_).mean()
        for seed in range(3)
    ]
    assert column(three)[-1] == pytest.approx(np.mean(found), rel=1e-5)
    assert column(one)[-1] == pytest.approx(found[0], rel=1e-5)


class InterruptIn(Script):
    """Ctrl-C in the middle of a check."""

    def _bound(self, view):
        if view.epoch == 5:
            raise KeyboardInterrupt
        return super()._bound(view)


class InterruptAfter(Callback):
    def advance(self, stage, epochs):
        if (stage, int(epochs)) == ("m1", 5):
            raise KeyboardInterrupt


@pytest.mark.parametrize("model", [M1, M1_M2], ids=lambda slot: slot["name"])
@pytest.mark.parametrize("in_a_check", [True, False])
def test_an_interrupted_fit_knows_its_best_weights(tmp_path, in_a_check, model):
    bounds = [-3.0, -1.0, -2.0, -2.0, -1.5, -1.2, -1.1, -1.0]
    whole = fit([Script(bounds, every=1, patience=4)], model=model)
    first = [InterruptIn(bounds, every=1, patience=4)] if in_a_check else [Script(bounds, every=1), InterruptAfter()]
    with pytest.raises(KeyboardInterrupt):
        fit([*first, Checkpoint(tmp_path, every=1e9)], model=model)
    resumed = fit([Script(bounds[4:], every=1, patience=4), Checkpoint(tmp_path)], model=model)
    assert whole.history_["stage"].count("m1") == 6
    np.testing.assert_array_equal(column(resumed), column(whole))
    same_weights(resumed, whole)
    same_weights(fit([Checkpoint(tmp_path)], model=model), whole)  # a finished fit is read back


def test_a_fit_that_was_killed_after_its_last_epoch_ends_as_it_would_have(tmp_path):
    class Killed(Callback):
        def stage_end(self, stage, weights):
            raise RuntimeError

    script = [-3.0, -1.0, -2.0, -2.0]
    whole = fit([Script(script, every=1, patience=2)])
    with pytest.raises(RuntimeError):
        fit([Script(script, every=1, patience=2), Killed(), Checkpoint(tmp_path, every=0.0)])
    same_weights(fit([Script([], every=1, patience=2), Checkpoint(tmp_path)]), whole)
    plain = [Killed(), Checkpoint(tmp_path / "plain", every=0.0)]
    with pytest.raises(RuntimeError):
        fit(plain)
    same_weights(fit([Checkpoint(tmp_path / "plain")]), fit())


def test_a_bound_that_is_not_finite_is_the_worst(monkeypatch):
    found = iter([np.array([-2.0]), np.array([math.nan]), np.array([-3.0])])
    monkeypatch.setattr(early_stopping.prediction, "over_rows", lambda *_, **__: next(found))
    objective = Components.build(classifier(), X, (0.0, 1.0), 2, load)[0].objective
    watch, history = BoundStopping(X[HELD], every=1), {"stage": [], "epoch": []}
    verdicts = []
    for epoch in (1, 2, 3):
        history["stage"].append("m1")
        history["epoch"].append(epoch)
        model = m1.M1(6, Bernoulli())
        verdicts.append(watch.watch(View("m1", model, objective, 9, epoch, history)))
        history.setdefault("held_out_bound", []).append(verdicts[-1].numbers["held_out_bound"])
    assert [verdict.best for verdict in verdicts] == [True, False, False]


@pytest.mark.parametrize("settings", [{"every": 0}, {"patience": 2.5}, {"samples": True}])
def test_numbers_that_cannot_be(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} of early stopping must be an integer >= 1"):
        BoundStopping(X, **settings)


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (X[:, :4], {}, r"rows of 4 columns, stage 'm1' has rows of 6: give preprocessed rows"),
        (X, {"model": {"name": "supervised", "hidden": [4]}}, r"stage 'supervised' has no bound"),
        (X[:0], {}, r"needs rows \[N, D\]"),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_the_stage_begins(rows, settings, message):
    told = []

    class Count(Callback):
        def stage_begin(self, stage, epochs, done):  # where an earlier run's files are removed
            told.append(stage)

    with pytest.raises(ValueError, match=message):
        fit([BoundStopping(rows), Count()], **settings)
    assert not told


def test_another_stage_can_be_named():
    fitted = fit([BoundStopping(X[HELD], stage="m2")], model=M1)
    assert "held_out_bound" not in fitted.history_
    fitted = fit([BoundStopping(X[HELD], every=4, stage="m2")], model={"name": "m2", "latent": 2, "hidden": [8]})
    assert np.isfinite(column(fitted)).tolist() == [False] * 3 + [True] + [False] * 3 + [True]


def test_set_apart_takes_unlabelled_rows_by_the_seed():
    learnt, (watch,) = set_apart({"every": 2, "validation_fraction": 0.25}, X, Y, seed=3)
    held = np.setdiff1d(np.arange(60), learnt)
    assert len(held) == 10
    assert (Y[held] < 0).all()
    np.testing.assert_array_equal(watch.x, X[held])
    assert (watch.every, watch.patience) == (2, 5)
    np.testing.assert_array_equal(set_apart({"validation_fraction": 0.25}, X, Y, seed=3)[0], learnt)
    assert (set_apart({"validation_fraction": 0.25}, X, Y, seed=4)[0] != learnt).any()
    assert len(set_apart({}, X, Y, seed=0)[0]) == 56


@pytest.mark.parametrize(
    ("settings", "index", "message"),
    [
        ({"evry": 3}, Y, r"unknown early_stopping key 'evry', .*did you mean 'every'"),
        ({"validation_fraction": 1}, Y, "above 0 and below 1, got 1"),
        ({"every": 0}, Y, "every of early stopping"),
        ({}, np.arange(60) % 2, r"of 60 rows there are 0: leave it out, or hand in rows of your own"),
    ],
)
def test_set_apart_refuses(settings, index, message):
    with pytest.raises(ValueError, match=message):
        set_apart(settings, X, index, seed=0)


def test_the_estimators_argument(tmp_path):
    settings = {"every": 2, "patience": 1, "validation_fraction": 0.5}
    estimator = classifier(early_stopping=settings, epochs=40, learning_rate=0.1)
    fitted = clone(estimator).fit(X, Y)
    assert fitted.n_iter_ < 40
    learnt, (watch,) = set_apart(settings, X, Y, seed=0)
    given = classifier([watch], epochs=40, learning_rate=0.1).fit(X[learnt], Y[learnt])
    same_weights(fitted, given)
    fitted.save(tmp_path / "model")
    config = resolve(assignment("classifier.early_stopping={every: 2, patience: 1}"))
    assert config["classifier"]["early_stopping"] == {"every": 2, "patience": 1}


def test_a_callback_that_watches_without_a_word():
    class Watch(Callback):
        seen = ()

        def watch(self, view):
            self.seen = (*self.seen, (view.stage, view.epoch, view.epochs))
            return Verdict()

    watch = Watch()
    same_weights(fit([watch], epochs=2), fit(epochs=2))
    assert watch.seen == (("m1", 0, 2), ("m1", 1, 2), ("m1", 2, 2))
