"""fDARN: a belief network whose binary latents, and pixels, also depend on those before them.

References
----------
Deep AutoRegressive Networks (Gregor, Danihelka, Mnih, Blundell and Wierstra, 2014).
Neural Variational Inference and Learning in Belief Networks (Mnih and Gregor, 2014), §3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras

from ssvae.likelihoods.base import Likelihood
from ssvae.models.sbn import SBN


@keras.saving.register_keras_serializable("ssvae")
class FDARN(SBN):
    """`models.sbn.SBN` with one level, autoregressive p(z) and p(x | z); for words, ``autoregressive=["latent"]``."""

    def __init__(
        self,
        features: int,
        likelihood: Likelihood,
        latent: int | Sequence[int] = (200,),
        hidden: int | Sequence[int] = (),
        activation: str = "tanh",
        autoregressive: Sequence[str] = ("latent", "visible"),
        upwards: str = "sampled",
        baseline: Mapping[str, object] | None = None,
        classifier: str | Mapping[str, object] = "svm",
        seed: int = 0,
        name: str = "fdarn",
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
            classifier,
            seed=seed,
            name=name,
            **kwargs,
        )
