"""The rows of Kingma (2013): how fast Markov chains mix in both forms, and nets learnt by Monte Carlo EM.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013), and its slides.
"""

from __future__ import annotations

from ssvae.experiments.reproductions.base import TableRow
from ssvae.experiments.reproductions.learning import Learning
from ssvae.experiments.reproductions.manifold import Manifold
from ssvae.experiments.reproductions.mixing import Mixing

TABLE: dict[str, TableRow] = {f"mixing-{scale:g}": Mixing(scale) for scale in (1.0, 0.3, 0.1, 0.03)}
TABLE["manifold"] = Manifold()
TABLE["learning"] = Learning()
