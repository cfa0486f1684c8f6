"""A sigmoid belief network; a separate classifier is put on its latents, as on M1's.

References
----------
Connectionist learning of belief networks (Neal, 1992).
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from ssvae.likelihoods.base import Likelihood
from ssvae.models.belief_network import BeliefNetwork
from ssvae.models.capabilities import LatentFeatures


@keras.saving.register_keras_serializable("ssvae")
class SBN(LatentFeatures, BeliefNetwork):
    """p(z_L) = ∏ σ(b), p(z_l | z_{l+1}) = ∏ σ(W z_{l+1} + b), p(x | z_1); q(z_1 | x), q(z_{l+1} | z_l) likewise.

    Level 1 is the bottom. λ are logits that are added to those of q: for z_1 they are all there is, for the levels
    above they are 0 where levels are inferred from the draw of the level below.

    Parameters
    ----------
    features : int
        D, columns of x.
    likelihood : Likelihood
        p(x | ·).
    latent : int or sequence of int
        Widths of z_1, …, z_L.
    hidden : int or sequence of int
        Widths of deterministic layers between two levels, in every network; the paper has none.
    activation : str
        Keras activation of those layers.
    autoregressive : sequence of "latent", "visible", "posterior"
        Where each number depends on those before it too (`networks.autoregressive`): in every p(z_l | z_{l+1}); in
        p(x | z_1), for the likelihood 'bernoulli'; in every q.
    upwards : "sampled" or "deterministic"
        What the levels above the first are inferred from: the draw of the level below (Mnih and Gregor), or its mean
        given x (Hjelm et al.), so that λ are all numbers of q and can be refined.
    baseline : Mapping, optional
        Settings of the baselines that score-function gradients learn (`networks.baseline`).
    classifier : str or dict
        The scikit-learn classifier that `SSVAEClassifier` puts on the posterior means (`estimator.latent_classifier`).
    seed : int
        Seed of the initial weights.

    Raises
    ------
    ValueError
        If a choice is none of the allowed ones, or there is no level.
    """

    def __init__(
        self,
        features: int,
        likelihood: Likelihood,
        latent: int | Sequence[int] = (200,),
        hidden: int | Sequence[int] = (),
        activation: str = "tanh",
        autoregressive: Sequence[str] = (),
        upwards: str = "sampled",
        baseline: Mapping[str, object] | None = None,
        classifier: str | Mapping[str, object] = "svm",
        seed: int = 0,
        name: str = "sbn",
        **kwargs: object,
    ) -> None:
        super().__init__(
            features,
            likelihood,
            latent,
            hidden,
            activation,
            autoregressive,
            upwards,
            baseline,
            classes=0,
            seed=seed,
            name=name,
            **kwargs,
        )
        self.classifier = classifier
