"""Likelihood for tables whose columns are of different kinds, and of which cells may be missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from ssvae.backend import random
from ssvae.likelihoods import LIKELIHOODS
from ssvae.likelihoods.base import Likelihood, as_tuple
from ssvae.likelihoods.by_functions import ByFunctions

KINDS = ("bernoulli", "categorical", "gaussian", "poisson", "student_t")


class Part(NamedTuple):
    """The columns of one kind."""

    likelihood: Likelihood
    columns: np.ndarray  # their numbers
    numbers: int  # of h that are theirs


@keras.saving.register_keras_serializable("ssvae")
@dataclass(frozen=True)
class Mixed(Likelihood):
    """p(x | h) = ∏_v p_v(x_v | h_v)^o_v, a likelihood for each variable v, o_v = 0 where its cell is missing, else 1.

    The sum over all values of a missing cell is 1, so this is the density of the cells that are there, exactly. Beside
    its values, a row has a column of 1 and 0 for each column with gaps: 1 where the cell is there. They are what the
    networks learn from where cells are missing, and no part of the density.

    Parameters
    ----------
    columns : sequence of str
        The likelihood of each column: "gaussian", "student_t", "bernoulli" (0 and 1), "poisson" or "categorical" (the
        one-hot columns of all such variables, side by side or not, in their order). Empty: "gaussian" for all.
    sizes : sequence of int
        How many values, and so columns, each categorical variable has.
    gaps : sequence of int
        The columns that have gaps, each with a column of 1 and 0 after all values, in this order. A categorical
        variable needs none: all its columns are 0 where its value is missing.

    References
    ----------
    Handling incomplete heterogeneous data using VAEs (Nazábal, Olmos, Ghahramani and Valera, 2020), eqs. 2 to 5.
    """

    columns: Sequence[str] = ()
    sizes: Sequence[int] = ()
    gaps: Sequence[int] = ()
    independent_columns = False
    takes_gaps = True

    def __post_init__(self) -> None:
        """Keep sequences as tuples, so that settings compare; refuse what does not fit together."""
        for name, kind in (("columns", str), ("sizes", int), ("gaps", int)):
            object.__setattr__(self, name, as_tuple(f"{name} of likelihood 'mixed'", getattr(self, name), kind))
        unknown = sorted({*self.columns} - {*KINDS})
        if unknown:
            raise ValueError(f"columns of likelihood 'mixed' may be {list(KINDS)}, got {unknown}")
        categorical = self.columns.count("categorical")
        if sum(self.sizes) != categorical or any(size < 1 for size in self.sizes):
            raise ValueError(
                f"sizes of likelihood 'mixed' must add up to its {categorical} categorical columns, got {self.sizes!r}"
            )
        free = [at for at, kind in enumerate(self.columns) if LIKELIHOODS.get(kind).independent_columns]
        if not {*self.gaps} <= {*free} or len({*self.gaps}) < len(self.gaps):
            raise ValueError(
                f"gaps of likelihood 'mixed' must be different numbers of columns that are not categorical, of "
                f"{len(self.columns)} columns, got {self.gaps!r}"
            )

    def outputs(self, features: int) -> int:
        """See `Likelihood.outputs`: the numbers of each kind's likelihood, one kind after another."""
        return sum(part.numbers for part in self._parts(features))

    def __call__(self, h: tf.Tensor) -> tfd.Distribution:
        """See `Likelihood.__call__`."""
        features = len(self.columns) + len(self.gaps) or int(h.shape[-1]) // self.outputs(1)
        parts = self._parts(features)
        own = tf.split(h, [part.numbers for part in parts], axis=-1)
        given = [part.likelihood(numbers) for part, numbers in zip(parts, own, strict=True)]
        there = tf.ones(tf.concat([tf.shape(h)[:-1], [len(self.gaps)]], 0))

        def drawn(n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            values = [p.sample(n, seed=random.fold(seed, at)) for at, p in enumerate(given)]
            flags = tf.broadcast_to(there, tf.concat([[n], tf.shape(there)], 0))
            return _in_order(parts, [*values, flags])

        return ByFunctions(
            h,
            features,
            lambda x: tf.add_n([self._scored(part, numbers, x) for part, numbers in zip(parts, own, strict=True)]),
            lambda: _in_order(parts, [*(p.mean() for p in given), there]),
            drawn,
        )

    @property
    def preprocessing(self) -> Mapping[str, object]:
        """See `Likelihood.preprocessing`: real columns are standardised."""
        bounded = {kind: math.isfinite(LIKELIHOODS.build(kind).support[0]) for kind in {*self.columns}}
        real = [at for at, kind in enumerate(self.columns) if not bounded[kind]]
        return {"name": "columns", "standardized": real if self.columns else None}

    def with_gaps(self, features: int, gaps: Sequence[int]) -> Mixed:
        """See `Likelihood.with_gaps`: itself with these gaps, in place of none.

        Raises
        ------
        ValueError
            If it has other gaps.
        """
        if not gaps or self.gaps == tuple(gaps):
            return self
        if self.gaps:
            raise ValueError(f"gaps of likelihood 'mixed' are {list(self.gaps)}, and columns {list(gaps)} have some")
        return Mixed(self.columns or ("gaussian",) * features, self.sizes, tuple(gaps))

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """See `Likelihood.inputs`: those of each kind."""
        parts = self._parts(x.shape[-1])
        values = [part.likelihood.inputs(_taken(x, part.columns)) for part in parts]
        return _in_order(parts, [*values, x[..., x.shape[-1] - len(self.gaps) :]])

    def _scored(self, part: Part, numbers: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Return the log-probability of the cells of one kind that are there, [...]."""
        each = part.likelihood.each(numbers, _taken(x, part.columns))
        gaps = {column: at for at, column in enumerate(self.gaps)}
        if gaps.keys() & {*part.columns}:
            flags = tf.concat([x[..., x.shape[-1] - len(gaps) :], tf.ones_like(x[..., :1])], axis=-1)
            each *= tf.gather(flags, [gaps.get(column, len(gaps)) for column in part.columns], axis=-1)
        return tf.reduce_sum(each, axis=-1)

    def _parts(self, features: int) -> list[Part]:
        kinds = np.array(self.columns or ("gaussian",) * features)
        if len(kinds) + len(self.gaps) != features:
            raise ValueError(
                f"likelihood 'mixed' has {len(kinds)} columns and {len(self.gaps)} of them with gaps, and x has "
                f"{features}: it needs one for each of these"
            )
        settings: dict[str, dict[str, object]] = {
            "bernoulli": {"resample": False},
            "categorical": {"sizes": self.sizes},
        }
        found = []
        for kind in dict.fromkeys(kinds.tolist()):
            likelihood = LIKELIHOODS.build({"name": kind, **settings.get(kind, {})})
            columns = np.flatnonzero(kinds == kind)
            found.append(Part(likelihood, columns, likelihood.outputs(len(columns))))
        return found


def _taken(x: tf.Tensor, columns: np.ndarray) -> tf.Tensor:
    """Return some columns of x [..., D]; those that stand side by side without a copy."""
    first, last = int(columns[0]), int(columns[-1])
    return x[..., first : last + 1] if last - first + 1 == len(columns) else tf.gather(x, columns, axis=-1)


def _in_order(parts: Sequence[Part], values: Sequence[tf.Tensor]) -> tf.Tensor:
    """Return the columns of each part, and then the flags, as columns in the order of x."""
    columns = np.concatenate([part.columns for part in parts])
    together = tf.concat(values, axis=-1)
    if (np.diff(columns) > 0).all():
        return together
    flags = np.arange(len(columns), together.shape[-1])
    return tf.gather(together, np.concatenate([np.argsort(columns), flags]), axis=-1)
