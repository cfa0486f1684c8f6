"""When a method refines, and how much: in training, outside, from which epoch on; nothing of it is amortised."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from ssvae import SSVAEClassifier
from ssvae.backend import random
from ssvae.gradients.enumeration import Enumeration
from ssvae.gradients.pathwise import Pathwise
from ssvae.inference.amortized import Amortized
from ssvae.inference.gradient_refined import GradientRefined
from ssvae.inference.iterative import Iterative
from ssvae.inference.refinement_objective import RefinementObjective
from ssvae.likelihoods.gaussian import Gaussian
from ssvae.models.m1 import M1
from ssvae.models.m2 import M2
from ssvae.objective import Objective
from ssvae.training import loop, stage_run

SEED, D, K = random.seed_tensor(1), 3, 2
RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.3, (20, 3)) for mean in (-1, 1)]).astype(np.float32)
Y = np.where(np.arange(40) % 4 == 0, np.repeat([0, 1], 20), -1)
COUNTS = {"steps": 3, "samples": 2, "test_steps": 5, "test_samples": 4}


@pytest.fixture
def gradients(monkeypatch):
    """Return a list that gets the number of draws of every gradient that is asked for."""
    found, gradient = [], RefinementObjective.value_and_gradient
    monkeypatch.setattr(
        RefinementObjective,
        "value_and_gradient",
        lambda self, *rest: found.append(self.samples) or gradient(self, *rest),
    )
    return found


@pytest.mark.parametrize(("refine_at", "inside", "outside"), [("both", 3, 5), ("fit", 3, 0), ("predict", 0, 5)])
@pytest.mark.parametrize("kind", [GradientRefined, Iterative])
def test_steps_and_draws_of_each_phase(kind, refine_at, inside, outside, gradients, linear_gaussian):
    if kind is Iterative and refine_at == "predict":
        return
    settings = {"encodings": ("gradient",)} if kind is Iterative else {}
    method, model, x = kind(**COUNTS, **settings, refine_at=refine_at), linear_gaussian(), linear_gaussian.x
    share = tf.constant(0.5)
    for phase, wanted in ((True, [2] * inside), (share, [2] * inside), (False, [4] * outside)):
        method.bound(model, x, None, Pathwise(), SEED, phase)
        assert gradients == wanted
        gradients.clear()
    found = method.infer(model, tf.constant(x), None, SEED)["z"].numpy()
    assert gradients == [4] * outside
    assert (found == model.encode(tf.constant(x), None)["z"].numpy()).all() == (outside == 0)


def test_outside_training_steps_and_draws_are_as_inside_unless_said(gradients, linear_gaussian):
    for settings, wanted in (({}, [2, 2, 2]), ({"test_steps": 1}, [2]), ({"test_samples": 1}, [1, 1, 1])):
        method = GradientRefined(**{"steps": 3, "samples": 2, "test_samples": None, **settings})
        method.infer(linear_gaussian(), tf.constant(linear_gaussian.x), None, SEED)
        assert gradients == wanted
        gradients.clear()


def test_a_share_of_training_is_amortised():
    method = GradientRefined(steps=3, warm_start=0.4, test_steps=7)
    assert method.warm_up() == (0.4, replace(method, steps=0, warm_start=0.0))
    prior = Iterative(start="prior", warm_start=0.4)
    assert prior.warm_up() == (0.4, replace(prior, steps=0, warm_start=0.0, start="encoder"))
    first, whole = loop._phases(Objective(method, Pathwise(), Enumeration()), 10)
    assert (first[0], first[1].inference.steps) == (4, 0)
    assert (whole[0], whole[1].inference) == (10, method)


@pytest.mark.parametrize(("share", "wanted"), [(0.25, [(0, 0, 1), (3, 1, 4)]), (1.0, [(0, 0, 4)])])
def test_epochs_of_a_fit_are_amortised_first(share, wanted, monkeypatch):
    seen, go = [], stage_run.StageRun.go

    def watched(self, begin, last):
        seen.append((self.program.replicas[0].objective.inference.steps, begin, last))
        return go(self, begin, last)

    monkeypatch.setattr(stage_run.StageRun, "go", watched)
    inference = {"name": "gradient_refined", "steps": 3, "warm_start": share}
    model = {"name": "m1", "latent": 2, "hidden": [4], "classifier": "knn"}
    fitted = SSVAEClassifier(model, inference=inference, epochs=4, batch_size=20, random_state=0).fit(X, Y)
    assert seen == wanted
    assert fitted.history_["epoch"] == [1, 2, 3, 4]


@pytest.mark.parametrize("done", [False, True, 0.2, 0.9])
@pytest.mark.parametrize("model", ["m1", "m2"])
def test_no_steps_are_amortised_inference_bit_by_bit(model, done):
    y = tf.eye(K)[:, None, :] if model == "m2" else None
    settings = {"latent": 2, "hidden": [4], "update": Iterative(hidden=4).update}
    own = M1(D, Gaussian(), **settings) if model == "m1" else M2(D, K, Gaussian(), **settings)
    methods = [Amortized(), GradientRefined(steps=0), GradientRefined(steps=0, line_search=True, encoder="bound")]
    methods += [GradientRefined(steps=4, test_steps=0, refine_at="predict"), Iterative(steps=0)]
    found = []
    for method in methods:
        with tf.GradientTape() as tape:
            share = done if isinstance(done, bool) else tf.constant(done)
            bound = method.bound(own, X, y, Pathwise(), SEED, share)
            total = tf.reduce_sum(bound)
        weights = [w.value for w in own.trainable_weights]
        found.append([bound, *tape.gradient(total, weights, unconnected_gradients="zero")])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
