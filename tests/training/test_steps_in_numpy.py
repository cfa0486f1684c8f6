"""Whole steps of fits against numpy in double precision: losses, every gradient, Adam's step.

A fit runs as users run it, in the compiled loop, an epoch a step. What it draws is recorded: the order of the rows and
the noise. All else is computed here from the weights before the step, by the equations of the papers; gradients are
central differences, of a surrogate loss where an estimator's gradient is not that of the loss.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, logsumexp

from ssvae import SSVAEClassifier, prediction
from ssvae.backend import engine, random
from ssvae.backend.compile_cache import Pool
from ssvae.training import loop, streams
from ssvae.training.stage_run import StageRun

D, K, N, EPOCHS = 4, 3, 11, 3
RNG = np.random.default_rng(3)
X = (RNG.random((N, D)) < 0.5).astype(np.float32)
Y = np.array([0, -1, 2, -1, 1, -1, -1, 0, -1, 1, -1])
WEIGHT = RNG.uniform(0.2, 3.0, N)
LABELLED, UNLABELLED = np.flatnonzero(Y >= 0), np.flatnonzero(Y < 0)
ALPHA, PRECISION, RHO, RATE, CLIP, SURE = 0.7, 1.7, 0.3, 0.05, 2.5, 0.4
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
FLOOR = -6.0  # of the Gaussian likelihood's log-variance

Weights = dict[str, np.ndarray]  # by path, in double precision


class Step(NamedTuple):
    """One step of a fit: what it drew, and the state before and after."""

    stage: str
    number: int  # from 0
    labelled: np.ndarray  # row numbers
    unlabelled: np.ndarray
    noise: list[np.ndarray]  # in the order in which it was asked for
    before: list[Weights]  # weights, Adam's first moments, its second moments
    after: list[Weights]
    losses: np.ndarray  # loss, labelled bound, unlabelled bound, cross-entropy, regularizers


@pytest.fixture
def steps_of(monkeypatch) -> Callable[..., list[Step]]:
    """Return a function that fits and returns the steps that were taken."""
    found, orders, noise, asked = [], {}, {}, iter(range(10**6))

    def recorded(draw):
        def drawn(*arguments):
            value, place = draw(*arguments), next(asked)  # in the order of tracing
            if engine.current().xla:
                return value  # nothing in numpy can be asked for: those of graph mode are taken

            def keep(number):
                noise[place] = np.array(number)
                return number

            kept = tf.numpy_function(keep, [value], tf.float32)
            kept.set_shape(value.shape)
            return kept

        return drawn

    def ordered(self, sizes, start, count, shape, seed):
        rows = plain_orders(self, sizes, start, count, shape, seed)
        orders[start] = [order[0] for order in rows]
        return rows

    def state(program) -> list[Weights]:
        model, arrays = program.model, [array.astype(np.float64) for array in program.arrays()]
        layers = {id(weight): layer.name for layer in model.layers for weight in layer.weights}
        every, trained = (
            [f"{layers[id(weight)]}/{weight.path.removeprefix(layers[id(weight)] + '/')}" for weight in weights]
            for weights in (model.weights, model.trainable_weights)
        )
        assert len(set(every)) == len(every)
        moments = arrays[len(every) + 1 :]  # after the number of steps
        parts = ((every, arrays[: len(every)]), (trained, moments[: len(trained)]), (trained, moments[len(trained) :]))
        return [dict(zip(names, values, strict=True)) for names, values in parts]

    def taken(self, first, last):
        assert last == first + 1
        before = state(self.program)
        noise.clear()
        losses = plain_steps(self, first, last)
        drawn = [noise[place] for place in sorted(noise)]
        found.append(Step(self.stage.name, first, *orders[first], drawn, before, state(self.program), losses[0]))
        return losses

    plain_orders, plain_steps = streams.Streams.orders, StageRun._steps
    monkeypatch.setattr(streams.Streams, "orders", ordered)
    monkeypatch.setattr(StageRun, "_steps", taken)
    monkeypatch.setattr(streams, "STEPS_PER_CALL", 1)
    for name in ("normal", "latent_uniform"):
        monkeypatch.setattr(random, name, recorded(getattr(random, name)))
    for module in (loop, prediction):  # nothing that records is kept for other tests
        monkeypatch.setattr(module, "POOL", Pool())

    def run(model, rows=X, **settings) -> list[Step]:
        own = {
            "epochs": EPOCHS,
            "batch_size": N,
            "labeled_batch_size": 4,
            "learning_rate": RATE,
            "schedule": "constant",
        }
        own |= {"alpha": ALPHA, "weight_prior": PRECISION, "bound_gradient_weight": RHO, "clip_norm": CLIP}
        own |= {"regularizers": (), "engine": "graph", "random_state": 0, "likelihood": "bernoulli", **settings}
        before = len(found)
        SSVAEClassifier(model, **own).fit(rows, Y, sample_weight=WEIGHT)
        return found[before:]

    return run


def mlp(weights: Weights, name: str, *inputs: np.ndarray, activation=lambda h: np.logaddexp(0, h)) -> np.ndarray:
    """Return the outputs of a network; the hidden layers are softplus unless said otherwise."""
    h = weights[f"{name}/bias_0"] + sum(part @ weights[f"{name}/first_{i}"] for i, part in enumerate(inputs))
    layer = 1
    while f"{name}/bias_{layer}" in weights:
        h = activation(h) @ weights[f"{name}/kernel_{layer - 1}"] + weights[f"{name}/bias_{layer}"]
        layer += 1
    return h


def log_bernoulli(x, logits) -> np.ndarray:
    return (x * logits - np.logaddexp(0, logits)).sum(axis=-1)


def log_gaussian(x, h) -> np.ndarray:
    """Return log N(x; mean, log-variance), the log-variance above the likelihood's floor."""
    mean, log_variance = np.split(h, 2, axis=-1)
    log_variance = FLOOR + np.logaddexp(0, log_variance - FLOOR)
    return -0.5 * (np.log(2 * np.pi) + log_variance + (x - mean) ** 2 / np.exp(log_variance)).sum(axis=-1)


def elbo(weights: Weights, x, y, noise, log_likelihood, temper) -> np.ndarray:
    """Return log p(x | y, z) − temper · KL(q(z | x, y) ‖ N(0, I)) at z = mean + sd · noise, a bound for each row."""
    mean, log_variance = np.split(mlp(weights, "encoder", x, *y), 2, axis=-1)
    z = mean + np.exp(log_variance / 2) * noise
    kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=-1)
    return log_likelihood(x, mlp(weights, "decoder", z, *y)) - temper * kl


def temper_at(number: int) -> float:
    """Return the weight of the KL term, which rises over the first half of the steps."""
    return min(1.0, number / EPOCHS / 0.5)


def scaled_weight(stream: np.ndarray) -> np.ndarray:
    """Return the weights of all rows such that those of a stream have the mean 1."""
    return WEIGHT / WEIGHT[stream].mean()


def differences(function: Callable[[Weights], float], weights: Weights, names) -> Weights:
    """Return the gradient of a function by the weights of these names, by central differences."""
    found = {}
    for name in names:
        gradient = np.zeros_like(weights[name])
        for index in np.ndindex(gradient.shape):
            values = []
            for sign in (1.0, -1.0):
                moved = weights[name].copy()
                moved[index] += sign * 1e-5
                values.append(function({**weights, name: moved}))
            gradient[index] = (values[0] - values[1]) / 2e-5
        found[name] = gradient
    return found


def held_to(step: Step, losses, gradient: Weights, precision: Callable[[str], float]) -> None:
    """Hold a step to losses without the weight prior [5] and their gradient; `precision` is that prior's, by weight."""
    (weights, first, second), (after, mean, square) = step.before, step.after
    matrices = {name: precision(name) * (weights[name].ndim == 2) / N for name in gradient}
    prior = 0.5 * sum(matrices[name] * (weights[name] ** 2).sum() for name in gradient)
    np.testing.assert_allclose(step.losses, np.add(losses, [prior, 0, 0, 0, 0]), rtol=2e-5, atol=2e-6)
    norm = np.sqrt(sum((part**2).sum() for part in gradient.values()))
    scale, time = min(1.0, CLIP / norm), step.number + 1
    for name in gradient:
        whole = scale * gradient[name] + matrices[name] * weights[name]
        found = (mean[name] - BETA_1 * first[name]) / (1 - BETA_1)
        np.testing.assert_allclose(found, whole, rtol=1e-3, atol=2e-5 * max(1.0, np.abs(whole).max()), err_msg=name)
        np.testing.assert_allclose(square[name], BETA_2 * second[name] + (1 - BETA_2) * found**2, rtol=1e-3, atol=1e-9)
        rate = RATE * np.sqrt(1 - BETA_2**time) / (1 - BETA_1**time)
        np.testing.assert_allclose(
            after[name], weights[name] - rate * mean[name] / (np.sqrt(square[name]) + EPSILON), atol=1e-6, err_msg=name
        )


def new(noise: list[list[np.ndarray]]) -> None:
    """Hold the noise of M2's steps to be other numbers for every step, row and stream, and N(0, 1)."""
    # Labelled rows, and unlabelled ones with every class.
    assert [[part.shape for part in step] for step in noise] == [[(1, 4, 2), (1, K, 6, 2)]] * EPOCHS
    every = np.concatenate([part.ravel() for step in noise for part in step])
    assert len(np.unique(every)) == every.size
    assert np.abs(every.mean()) < 4 / np.sqrt(every.size)
    assert every.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * every.size))


def first_stage(steps) -> None:
    """Hold the steps of an M1 to numpy: every row is one without a label."""
    weight = scaled_weight(np.arange(N))
    assert len(steps) == EPOCHS
    for step in steps:
        x, (noise,) = X[step.unlabelled].astype(float), step.noise
        assert sorted(step.unlabelled) == list(range(N))

        def loss(weights, x=x, step=step, noise=noise[0]):
            bound = elbo(weights, x, (), noise, log_bernoulli, temper_at(step.number))
            return -np.mean(weight[step.unlabelled] * bound)

        value = loss(step.before[0])
        held_to(step, [value, 0, -value, 0, 0], differences(loss, *step.before[:2]), lambda name: PRECISION)


def test_m1(steps_of):
    first_stage(steps_of({"name": "m1", "classifier": "knn", "latent": 2, "hidden": [3], "activation": "softplus"}))


class Semi:
    """The loss of one step of M2 in numpy: eqs. 6 to 9 of Kingma et al. (2014), with this library's constants."""

    def __init__(self, step: Step, labelled, unlabelled, noise, log_likelihood, log_prior=None) -> None:
        self.step, self.x_l, self.x_u, self.noise = step, labelled, unlabelled, noise
        self.y = np.eye(K)[Y[step.labelled]]
        self.weight_l = scaled_weight(LABELLED)[step.labelled]
        self.weight_u = scaled_weight(UNLABELLED)[step.unlabelled]
        self.log_likelihood, self.given_prior = log_likelihood, log_prior

    def log_prior(self, weights) -> np.ndarray:
        return log_softmax(weights["class_prior/logits"]) if self.given_prior is None else self.given_prior

    def bound(self, weights, x, y, noise) -> np.ndarray:
        return elbo(weights, x, (y,), noise, self.log_likelihood, temper_at(self.step.number))

    def labelled(self, weights) -> float:
        each = self.bound(weights, self.x_l, self.y, self.noise[0]) + self.y @ self.log_prior(weights)
        return np.mean(self.weight_l * each)

    def unlabelled(self, weights) -> float:
        log_q = log_softmax(mlp(weights, "classifier", self.x_u), axis=-1)
        each = np.zeros(len(self.x_u))
        for k in range(K):
            y = np.tile(np.eye(K)[k], (len(self.x_u), 1))
            own = self.bound(weights, self.x_u, y, self.noise[1][k]) + self.log_prior(weights)[k]
            each += np.exp(log_q[:, k]) * (own - log_q[:, k])
        return np.mean(self.weight_u * each)

    def bounds(self, weights) -> float:
        """Return −(N_l/N · mean L + N_u/N · mean U)."""
        share = len(LABELLED) / N
        return -(share * self.labelled(weights) + (1 - share) * self.unlabelled(weights))

    def cross_entropy(self, weights) -> float:
        log_q = log_softmax(mlp(weights, "classifier", self.x_l), axis=-1)
        return -np.mean(self.weight_l * (self.y * log_q).sum(axis=-1))

    def regularizer(self, weights) -> float:
        """Return that of `mutual_information`: rows that are sure of their class, and classes as frequent as p(y)."""
        log_q = log_softmax(mlp(weights, "classifier", self.x_u), axis=-1)
        entropy, shares = -(np.exp(log_q) * log_q).sum(axis=-1).mean(), np.exp(log_q).mean(axis=0)
        prior = self.log_prior(self.step.before[0])  # p(y) learns nothing from it
        return SURE * entropy + (shares * (np.log(shares + 1e-8) - prior)).sum()

    def classifier(self, weights) -> float:
        return ALPHA * (self.cross_entropy(weights) + self.regularizer(weights))

    def check(self) -> None:
        weights, names = self.step.before[0], self.step.before[1]
        parts = [getattr(self, name)(weights) for name in ("labelled", "unlabelled", "cross_entropy", "regularizer")]
        gradient, own = differences(self.bounds, weights, names), differences(self.classifier, weights, names)
        for name in names:  # ρ: how much of the bound's gradient q(y | x) gets
            gradient[name] = (RHO if name.startswith("classifier/") else 1.0) * gradient[name] + own[name]
        loss = self.bounds(weights) + self.classifier(weights)
        held_to(
            self.step,
            [loss, *parts],
            gradient,
            lambda name: PRECISION * (RHO if name.startswith("classifier/") else 1.0),
        )


INFORMATION = [{"name": "mutual_information", "sure": SURE}]


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_m2(steps_of, place, tmp_path):
    np.save(tmp_path / "x.npy", X)
    model = {"name": "m2", "latent": 2, "hidden": [3], "activation": "softplus", "prior": "learned"}
    steps = steps_of(model, tmp_path / "x.npy" if place == "disk" else X, regularizers=INFORMATION)
    assert len(steps) == EPOCHS
    drawn = [step.noise for step in steps]
    new(drawn)
    if place == "memory":  # by XLA, too: noise is a function of seed and step
        compiled = steps_of(model, regularizers=INFORMATION, engine="xla")
        steps = [*steps, *(step._replace(noise=noise) for step, noise in zip(compiled, drawn, strict=True))]
    for step in steps:
        assert set(step.labelled) <= set(LABELLED)
        assert sorted(step.unlabelled) == list(UNLABELLED)
        labelled, unlabelled = step.noise
        rows = (X[order].astype(float) for order in (step.labelled, step.unlabelled))
        Semi(step, *rows, (labelled[0], unlabelled[0]), log_bernoulli).check()


def test_m1_m2(steps_of):
    """M1, and then M2 on draws of z1 ~ q(z1 | x), standardised over the rows."""
    own, prior = {"latent": 2, "hidden": [3], "activation": "softplus"}, np.array([0.5, 0.3, 0.2])
    model = {"name": "m1_m2", "m1": own, "threshold": 0.0, "prior": prior.tolist(), **own}
    steps = steps_of(model, regularizers=INFORMATION)
    first_stage([step for step in steps if step.stage == "m1"])
    lower = [step for step in steps if step.stage == "m1"][-1].after[0]
    mean, log_variance = np.split(mlp(lower, "encoder", X.astype(float)), 2, axis=1)
    scale = np.sqrt(mean.var(axis=0) + np.exp(log_variance).mean(axis=0))
    mean, sd = (mean - mean.mean(axis=0)) / scale, np.exp(log_variance / 2) / scale
    second = [step for step in steps if step.stage == "m2"]
    assert len(second) == EPOCHS
    for step in second:
        seen_l, seen_u, labelled, unlabelled = step.noise
        rows = [mean[order] + sd[order] * seen for order, seen in ((step.labelled, seen_l), (step.unlabelled, seen_u))]
        Semi(step, *rows, (labelled[0], unlabelled[0]), log_gaussian, np.log(prior)).check()


def sbn_terms(weights: Weights, x, z1, z2) -> tuple[np.ndarray, ...]:
    """Return log p(x | z1), log p(z1 | z2), log p(z2), log q(z1 | x) and log q(z2 | z1)."""
    return (
        log_bernoulli(x, mlp(weights, "decoder", z1)),
        log_bernoulli(z1, mlp(weights, "prior_1", z2)),
        log_bernoulli(z2, weights["top/value"]),
        log_bernoulli(z1, mlp(weights, "encoder_1", x - X.mean(axis=0))),
        log_bernoulli(z2, mlp(weights, "encoder_2", z1)),
    )


def sbn_draws(step: Step, x) -> tuple[np.ndarray, np.ndarray]:
    """Return z1 and z2 [S, B, 2] from the step's uniform numbers."""
    first, second = (noise.reshape(-1, *noise.shape[-2:]) for noise in step.noise)
    z1 = (first < expit(mlp(step.before[0], "encoder_1", x - X.mean(axis=0)))).astype(float)
    return z1, (second < expit(mlp(step.before[0], "encoder_2", z1))).astype(float)


SBN = {"name": "sbn", "latent": [2, 3], "hidden": [], "classifier": "knn"}
PLAIN = {"name": "amortized", "kl_warm_up": 0.0}


def test_sbn_by_vimco(steps_of):
    """Mnih and Rezende (2016): eq. 7 with eq. 9, the geometric mean of the other S − 1 in w_s's place."""
    samples = 3
    steps = steps_of(SBN, inference=PLAIN, gradient={"name": "vimco", "samples": samples})
    assert len(steps) == EPOCHS
    for step in steps:
        x, weight = X[step.unlabelled].astype(float), scaled_weight(np.arange(N))[step.unlabelled]
        z1, z2 = sbn_draws(step, x)
        terms = sbn_terms(step.before[0], x, z1, z2)
        log_w = sum(terms[:3]) - sum(terms[3:])
        bound = logsumexp(log_w, axis=0) - np.log(samples)
        signal = np.empty_like(log_w)
        for s in range(samples):
            others = np.delete(log_w, s, axis=0)
            left_out = np.concatenate([others, others.mean(axis=0, keepdims=True)])
            signal[s] = bound - (logsumexp(left_out, axis=0) - np.log(samples))
        share = np.exp(log_w - logsumexp(log_w, axis=0))

        def surrogate(weights, x=x, z1=z1, z2=z2, weight=weight, signal=signal, share=share):
            terms = sbn_terms(weights, x, z1, z2)
            log_p, log_q = sum(terms[:3]), sum(terms[3:])
            return -np.mean(weight * (signal * log_q + share * (log_p - log_q)).sum(axis=0))

        value = np.mean(weight * bound)
        held_to(step, [-value, 0, value, 0, 0], differences(surrogate, *step.before[:2]), lambda name: PRECISION)


def test_sbn_by_nvil(steps_of):
    """Mnih and Gregor (2014), algorithm 1: local signals, less what the baselines C and c predict, over max(1, sd)."""
    steps = steps_of(SBN, inference=PLAIN, gradient={"name": "nvil", "hidden": [3], "momentum": 0.6})
    assert len(steps) == EPOCHS
    moments = {"z1": [0.0, 1.0], "z2": [0.0, 1.0]}  # c and v of each level
    for step in steps:
        x, weight = X[step.unlabelled].astype(float), scaled_weight(np.arange(N))[step.unlabelled]
        (z1,), (z2,) = sbn_draws(step, x)
        x_z1, z1_z2, p_z2, q_z1, q_z2 = sbn_terms(step.before[0], x, z1, z2)
        value = x_z1 + z1_z2 + p_z2 - q_z1 - q_z2
        signals = {"z1": value, "z2": z1_z2 + p_z2 - q_z2}
        inputs, left = {"z1": x - X.mean(axis=0), "z2": z1}, {}

        def predicted(weights, name, inputs=inputs):
            return mlp(weights, f"baseline_{name}/network", inputs[name], activation=np.tanh)[:, 0]

        for name, (mean, variance) in moments.items():
            rest = signals[name] - predicted(step.before[0], name)
            left[name] = (rest - mean) / max(1.0, np.sqrt(variance))
            rate = max(1 - 0.6, 1 / (step.number + 1))
            before = [0.0, 0.0] if not step.number else [mean, variance]
            moments[name] = [
                was + rate * (now - was) for was, now in zip(before, (rest.mean(), rest.var()), strict=True)
            ]
            kept = [float(step.after[0][f"baseline_{name}/{which}"][0]) for which in ("mean", "variance")]
            np.testing.assert_allclose(kept, moments[name], rtol=1e-4, atol=1e-5)

        def surrogate(weights, x=x, z1=z1, z2=z2, weight=weight, left=left, predicted=predicted, inputs=inputs):
            terms = sbn_terms(weights, x, z1, z2)
            learnt = sum(terms[:3]) + left["z1"] * terms[3] + left["z2"] * terms[4]
            # A baseline comes nearer to its signal: its error is −left, and ½ left² falls along left · ∇C.
            return -np.mean(weight * (learnt + sum(left[name] * predicted(weights, name) for name in left)))

        found = np.mean(weight * value)
        held_to(step, [-found, 0, found, 0, 0], differences(surrogate, *step.before[:2]), lambda name: PRECISION)
