"""The scikit-learn estimator: names become objects here, and only here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ssvae import prediction
from ssvae.distributed.strategy import layout_of
from ssvae.estimator import labels, latent_classifier, persistence
from ssvae.estimator.components import Components
from ssvae.estimator.fitting import FitSettings, fit_stages, fresh_seed
from ssvae.estimator.generative import Generation
from ssvae.estimator.validation import check_rows, check_table, check_training_rows
from ssvae.models.capabilities import HasClasses, HasLatents, LatentFeatures
from ssvae.readers import sparse_table
from ssvae.readers.base import Rows, RowSource, extremes, take_rows
from ssvae.readers.open import open_rows
from ssvae.training.worker_agreement import same_seed


class SSVAEClassifier(Generation, TransformerMixin, ClassifierMixin, BaseEstimator):
    """Semi-supervised classification with deep generative models.

    Minimised: −[ N_l/N · mean L(x, y) + N_u/N · mean U(x) ] + α · (mean CE + regularizers) + ½ Σw²/N, with ρ of the
    bound's gradient for q(y | x) (`ssvae.objective`).

    Parameters
    ----------
    model : str, dict or Model, default="m1_m2"
        The generative model: "m1", "m2", "m1_m2", "hierarchical", "sbn", "fdarn", "conditional_sbn" or "supervised";
        with arguments ``{"name": "m2", "latent": 50, "hidden": [500]}``.
    likelihood : "auto", str, dict or Likelihood
        p(x | ·). "auto": Bernoulli where all values lie in [0, 1] (grey levels are resampled to binary values at
        every step), else Gaussian.
    preprocessing : "auto", str, dict or Preprocessing
        "auto": none for Bernoulli, standardised columns for Gaussian; its log-Jacobian is part of every bound.
    inference : str, dict or Inference
        How q(z | x, y) and the bound of log p(x | y) are found.
    gradient, class_gradient : str, dict or Gradient
        How the expectations over z and over y are estimated and differentiated. Over y: "enumeration", the exact sum;
        "topm", the sum over the most probable classes and a draw from the others; "sample", draws alone (the score
        function); "auto", enumeration up to 32 classes and topm beyond. Over z "auto" is "pathwise" where z is
        continuous and "score_function" where it is binary; "nvil", "vimco", "rws" and others are for binary ones.
    regularizers : sequence of str, dict or Regularizer
        Further terms on q(y | x); none is the paper's objective.
    bound_gradient_weight : float, default=0.005
        ρ: how much the gradient of U counts for q(y | x); 1 is the paper's objective (`ssvae.objective`).
    alpha : float
        α: 0.1 is the paper's "0.1 N" with N all rows, 0.1 N / N_l on each labelled row of the authors' summed form.
    epochs : "auto", int or dict by stage
        Passes over the unlabelled rows (the labelled ones where there are no others).
    batch_size : int or dict by stage
        Rows a step of the unlabelled stream.
    labeled_batch_size : int, dict by stage or None
        Rows a step of the labelled stream; None: as `batch_size`.
    learning_rate : float or dict by stage
        Adam's rate, or its peak.
    schedule : "cosine" or "constant"
        Of the learning rate: linear warm-up and then a cosine to zero, or neither.
    early_stopping : dict, optional
        Ends the first stage when the bound of held-out rows no longer rises, with the best weights: ``{"every": 5,
        "patience": 5}``, in epochs and in checks (`ssvae.training.early_stopping.BoundStopping`);
        ``"validation_fraction"``, 0.1, of the unlabelled rows are then not learnt from. For ``schedule="constant"``.
    labeled_in_unlabeled : bool
        Whether labelled rows are also seen without their label.
    unlabeled : int, str or None, default=-1
        The value of y that means "no label"; None: every row is labelled.
    strategy : "auto", "one", "mirrored", "multiworker" or tf.distribute.Strategy
        Where the replicas of a training step live that share each batch: on one device, on all of this machine, or on
        those of the machines that TF_CONFIG names. "auto": on several machines where TF_CONFIG names them, else on
        every GPU, else on one device. Random numbers, order and sums are the same everywhere
        (`ssvae.distributed.strategy`).
    engine : "auto", "graph" or "xla"
        What runs the training steps: TensorFlow's graph mode, or XLA, which compiles for seconds and then is quicker.
        "auto": XLA on a GPU, and where the stage is long enough to pay for the compilation.
    precision : "float32" or "bfloat16"
        Of the factors of matrix products in training; sums, bounds and weights stay float32.
    random_state : int, RandomState or None
        Decides labels' order, weights and noise.
    callbacks : sequence of `ssvae.training.callbacks.Callback` or keras.callbacks.Callback
    verbose : int
        1 shows a progress bar with the remaining time.

    Attributes
    ----------
    classes_ : ndarray [K]
    model_ : Model
        The trained model, on preprocessed x.
    history_ : dict of list
        One entry an epoch: stage, epoch, loss, labelled_bound, unlabelled_bound, cross_entropy, seconds; and
        held_out_bound with early stopping, NaN where there was no check.
    n_iter_ : int
        Epochs run, all stages together.
    preprocessing_, likelihood_ : objects
        What "auto" became.
    feature_classifier_ : scikit-learn classifier
        On the latents; only for models without q(y | x), such as M1.

    References
    ----------
    Semi-Supervised Learning with Deep Generative Models (Kingma, Rezende, Mohamed and Welling, 2014),
    https://arxiv.org/abs/1406.5298

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from ssvae import SSVAEClassifier
    >>> X, y = make_blobs(300, centers=3, random_state=0, cluster_std=0.5)
    >>> y[30:] = -1  # 30 labels
    >>> SSVAEClassifier(epochs=20, random_state=0).fit(X, y).predict(X[:5]).shape
    (5,)
    """

    def __init__(
        self,
        model: Any = "m1_m2",
        *,
        likelihood: Any = "auto",
        preprocessing: Any = "auto",
        inference: Any = "amortized",
        gradient: Any = "auto",
        class_gradient: Any = "auto",
        regularizers: Sequence[Any] = (
            "virtual_adversarial",
            "mutual_information",
            "neighbours",
            "propagated_labels",
        ),
        alpha: float = 0.1,
        bound_gradient_weight: float = 0.005,
        weight_prior: float = 1.0,
        epochs: int | Literal["auto"] | Mapping[str, Any] = "auto",
        batch_size: int | Mapping[str, int] = 200,
        labeled_batch_size: int | Mapping[str, int] | None = 100,
        learning_rate: float | Mapping[str, float] = 3e-3,
        clip_norm: float = 10.0,
        schedule: Literal["cosine", "constant"] = "cosine",
        early_stopping: Mapping[str, Any] | None = None,
        labeled_in_unlabeled: bool = False,
        unlabeled: Any = -1,
        strategy: Any = "auto",
        engine: Literal["auto", "graph", "xla"] = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        random_state: Any = None,
        callbacks: Sequence[Any] | None = None,
        verbose: int = 0,
        pull: float | Literal["deprecated"] = "deprecated",
    ) -> None:
        self.model = model
        self.likelihood = likelihood
        self.preprocessing = preprocessing
        self.inference = inference
        self.gradient = gradient
        self.class_gradient = class_gradient
        self.regularizers = regularizers
        self.alpha = alpha
        self.bound_gradient_weight = bound_gradient_weight
        self.weight_prior = weight_prior
        self.epochs = epochs
        self.batch_size = batch_size
        self.labeled_batch_size = labeled_batch_size
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.early_stopping = early_stopping
        self.labeled_in_unlabeled = labeled_in_unlabeled
        self.unlabeled = unlabeled
        self.strategy = strategy
        self.engine = engine
        self.precision = precision
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.pull = pull

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows X [N, D] with labels y [N], `unlabeled` where there is none.

        Parameters
        ----------
        X : array-like [N, D], or path
            A path to a .npy, .h5, .parquet, .tfrecord or sparse .npz file, a memory-mapped array or a dataset of an
            open HDF5 file: rows that stay on disk (`ssvae.readers`) but for the labelled ones.
        y : array-like [N]
        sample_weight : array-like [N], optional
            Weight of each row in its mean; rows of weight 0 are left out.

        Raises
        ------
        ValueError
            If X or y cannot be learnt from, or an argument is not what it may be.
        """
        if y is None:
            raise ValueError("fit requires y to be passed, but the target y is None: mark unlabelled rows with -1")
        x, y, limits = check_training_rows(self, X, y)
        weight = np.broadcast_to(np.float32(1.0), len(x))  # takes no memory
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
        if not weight.all():
            x, y, weight = take_rows(x, weight > 0), y[weight > 0], weight[weight > 0]
            limits = extremes(x)
        classes, index = labels.encode(y, self.unlabeled)
        layout = layout_of(self.strategy)  # first: several machines must meet before TensorFlow does anything else
        parts, rows = Components.build(self, x, limits, len(classes), load)
        seed = same_seed(layout, fresh_seed(self.random_state))
        history = fit_stages(parts, rows, index, weight, FitSettings.of(self, seed, layout))
        # Set when all is done: a fit that fails or is interrupted leaves the estimator as it was.
        self.classes_, self.history_, self.n_iter_ = classes, history, len(history["epoch"])
        self.likelihood_, self.preprocessing_, self.model_, self.objective_ = parts
        self.reference_ = x[np.linspace(0, len(x) - 1, min(16, len(x))).astype(int)]
        if isinstance(self.model_, LatentFeatures):
            slot = self.model_.classifier
            seen = latent_classifier.seen(slot, index)
            features = prediction.over_rows(self.model_, prediction.latents, rows[seen], inference=self._inference)
            self.feature_classifier_ = latent_classifier.fit(slot, features, index[seen])
        return self

    def predict_proba(self, X: Any, via: Literal["encoder", "bayes"] = "encoder", samples: int = 100) -> np.ndarray:
        """Return class probabilities, [N, K], columns as in `classes_`.

        Parameters
        ----------
        X : array-like [N, D]
        via : "encoder" or "bayes"
            q(y | x), or p(y) p(x | y) normalised, with p(x | y) by importance sampling.
        samples : int
            Importance samples a class for "bayes".
        """
        check_is_fitted(self)
        x, prepare = check_table(self, X), self.preprocessing_.transform
        if via not in ("encoder", "bayes"):
            raise ValueError(f"via must be 'encoder' or 'bayes', got {via!r}")
        if not isinstance(self.model_, HasClasses):
            if via == "bayes":
                raise ValueError("via='bayes' needs a model with classes, such as 'm2'; this one has none")
            return self.feature_classifier_.probabilities(self.transform(X))
        if via == "encoder":
            found = prediction.classify(self.model_, x, self._inference, prepare)
        else:
            chunk = max(1, prediction.CHUNK // (len(self.classes_) * samples) * 10)
            settings = {"samples": samples, "inference": self._inference}
            found = prediction.over_rows(self.model_, prediction.bayes, x, chunk=chunk, prepare=prepare, **settings)
        found = found.astype(np.float64)
        found /= found.sum(axis=1, keepdims=True)
        return found

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each row, [N]."""
        index = self.predict_proba(X).argmax(axis=1)  # first: it says so when there was no fit
        return self.classes_[index]

    def transform(self, X: Any) -> np.ndarray:
        """Return latents [N, Z] float32.

        The posterior mean of z1 for M1 and M1+M2; Σ_y q(y | x) · mean(x, y) for M2.
        """
        x = self._rows(X)
        if not isinstance(self.model_, HasLatents):
            raise ValueError(
                "this model has no latents to transform to: fit 'm1', 'm2', 'm1_m2', 'hierarchical' or 'sbn'"
            )
        return prediction.over_rows(self.model_, prediction.latents, x, inference=self._inference)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the labelled rows of (X, y).

        Raises
        ------
        ValueError
            If no row is labelled, or a label was not seen in fit.
        """
        check_is_fitted(self)
        known, y = labels.labelled_rows(y, self.unlabeled, self.classes_)
        X = open_rows(X)
        X = X if isinstance(X, RowSource) else X.iloc if hasattr(X, "iloc") else sparse_table.as_rows(X)
        rows = take_rows(X, known)
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        return super().score(rows, y, weight)

    def save(self, folder: str | Path, overwrite: bool = False) -> None:
        """Write the classifier to a folder that `ssvae.load` reads (`ssvae.estimator.persistence`)."""
        persistence.save(self, folder, overwrite)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the latents."""
        check_is_fitted(self)
        return np.array([f"z{i}" for i in range(self.transform(np.zeros((1, self.n_features_in_))).shape[1])], object)

    @property
    def _inference(self) -> Any:
        return self.objective_.inference

    def _rows(self, X: Any) -> Rows:
        """Return X checked and preprocessed, [N, D'] float32."""
        check_is_fitted(self)
        return self.preprocessing_.transformed(check_rows(self, X))

    def __getstate__(self) -> dict[str, Any]:
        """Replace the Keras model by its configuration and weights, which pickle small and exactly."""
        state = super().__getstate__()
        if "model_" in state:
            model = state["model_"]
            state = {**state, "model_": (type(model), model.get_config(), model.get_weights())}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the Keras model."""
        if "model_" in state:
            kind, config, weights = state["model_"]
            model = kind.from_config(config)
            model.set_weights(weights)
            state = {**state, "model_": model}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """See scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.classifier_tags.poor_score = False
        tags.input_tags.sparse = True
        return tags


def load(folder: str | Path) -> SSVAEClassifier:
    """Return the classifier that `SSVAEClassifier.save` wrote; see `ssvae.estimator.persistence.load`."""
    return persistence.load(folder, SSVAEClassifier)
