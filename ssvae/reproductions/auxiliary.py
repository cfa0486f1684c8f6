"""The rows of Kingma (2013): how fast chains mix in original and auxiliary form.

References
----------
Fast gradient-based inference with continuous latent variable models in auxiliary form (Kingma, 2013), and its slides.
"""

from __future__ import annotations

from ssvae.reproductions.mixing import Mixing

TABLE = {f"mixing-{scale:g}": Mixing(scale) for scale in (1.0, 0.3, 0.1, 0.03)}
