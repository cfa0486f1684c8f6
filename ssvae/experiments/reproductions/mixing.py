"""The dynamic Bayes net of the slides, 20 steps of 10 latents and one observed bit each, sampled in both forms.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013): slides.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ssvae.experiments.reproductions.base import Measurement, Progress, RowResult
from ssvae.settings.checks import Settings

if TYPE_CHECKING:
    from ssvae.bayes_nets import BayesNet
    from ssvae.bayes_nets.draws import Draws

STEPS, WIDTH = 20, 10
LAGS = 60


class Mixing(NamedTuple):
    """z_1 ~ N(0, I), z_t ~ N(tanh(W z_{t−1}), σ² I), x_t ~ Bernoulli(sigmoid(v · z_t)); x drawn from the net."""

    scale: float  # σ
    chains: int = 64
    warm_up: int = 500
    paper: str = "a figure: the original form decays terribly slowly, the auxiliary form fast"

    def shortened(self, epochs: int) -> Mixing:
        """Refuse, because nothing is trained."""
        raise ValueError(f"--epochs {epochs} is for rows that are trained, and this one draws: give --samples")

    def run(
        self,
        name: str,
        folder: Path,
        measurement: Measurement,
        data_dir: str | None = None,
        progress: Progress | None = None,
    ) -> RowResult:
        """Sample in both forms and in the one that is chosen; return effective sample sizes, draw autocorrelations."""
        del data_dir
        from ssvae.bayes_nets.diagnostics import LEAST_DRAWS
        from ssvae.bayes_nets.sampling import sample

        if measurement.samples < LEAST_DRAWS:
            raise ValueError(f"{name} needs --samples of at least {LEAST_DRAWS}, got {measurement.samples}")
        net = dynamic_net(self.scale, measurement.seed)
        data = {"x": net.sample((1,), measurement.seed)["x"]}
        how: Settings = {"chains": self.chains, "warm_up": self.warm_up}
        how |= {"draws": measurement.samples, "seed": measurement.seed, "progress": progress}
        draws = {form: sample(net, data, form=form, **how) for form in ("original", "auxiliary", "auto")}
        reports = {form: found.report() for form, found in draws.items()}
        _save_figure(draws, folder / "autocorrelation.png")
        found: RowResult = {"row": name, "paper": self.paper}
        for form, report in reports.items():
            found |= {f"{form}_{key}": report[key] for key in ("ess_per_gradient", "ess_per_second", "r_hat")}
        ratio = reports["auxiliary"]["ess_per_gradient"] / reports["original"]["ess_per_gradient"]
        return {**found, "ratio": ratio, "chosen": draws["auto"].form["z"], "before": draws["auxiliary"].before}


def dynamic_net(scale: float, seed: int) -> BayesNet:
    """Return the net; W has standard deviation 1.5 / √10, v has 1."""
    import tensorflow as tf
    from tensorflow_probability import distributions as tfd

    from ssvae.bayes_nets import BayesNet, Observed, Recurrent, dot

    rng = np.random.default_rng(seed)
    w = tf.constant(rng.normal(0.0, 1.5 / np.sqrt(WIDTH), (WIDTH, WIDTH)), tf.float32)
    v = tf.constant(rng.normal(0.0, 1.0, WIDTH), tf.float32)
    return BayesNet(
        z=Recurrent(STEPS, WIDTH, lambda before: tf.tanh(dot(before, w)), scale=scale),
        x=Observed(lambda z: tfd.Bernoulli(logits=dot(z, v))),
    )


def _save_figure(draws: dict[str, Draws], path: Path) -> None:
    """Draw the autocorrelation of every latent against the gradient evaluations between draws."""
    from matplotlib.figure import Figure

    from ssvae.bayes_nets.diagnostics import autocorrelation
    from ssvae.plots.run_figures import save

    figure = Figure(figsize=(8.4, 3.2), layout="constrained", dpi=130)
    for axes, form in zip(figure.subplots(1, 2, sharey=True), ("original", "auxiliary"), strict=True):
        found = autocorrelation(draws[form].values["z"][:, :, 0], LAGS)
        found = found.reshape(len(found), -1)  # fewer lags where there are fewer draws
        gradients = np.arange(len(found)) * draws[form].gradients / len(draws[form].accepted)
        axes.plot(gradients, found, color="#1d4ed8", linewidth=0.5, alpha=0.25)
        axes.plot(gradients, found.max(axis=1), color="#c2410c", linewidth=1.6, label="maximum")
        axes.set(title=f"{form} form", xlabel="gradient evaluations between draws", ylim=(-0.6, 1.0))
        axes.axhline(0.0, color="#9ca3af", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.axes[0].set_ylabel("autocorrelation of 200 latents")
    path.parent.mkdir(parents=True, exist_ok=True)
    save(figure, path)
