"""The scikit-learn estimator, and how a saved one is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ssvae import prediction
from ssvae.distributed.strategy import layout_of
from ssvae.estimator import auto, collapse_alarm, labels, latent_classifier, persistence, safe_mode
from ssvae.estimator.components import Components
from ssvae.estimator.dry_run import dry_run
from ssvae.estimator.fitting import FitSettings, fit_stages, fresh_seed
from ssvae.estimator.generative import GenerativeMixin
from ssvae.estimator.nested_parameters import changed, flat, grouped
from ssvae.estimator.pickling import PicklableEstimator
from ssvae.estimator.validation import (
    as_before_on_failure,
    check_table,
    check_training_rows,
    reference_rows,
    subset,
)
from ssvae.gradients.base import Gradient
from ssvae.inference.base import Inference
from ssvae.likelihoods.base import Likelihood
from ssvae.models.base import Model
from ssvae.models.capabilities import GenerativeClassifier, HasClasses, HasLatents, LatentFeatures
from ssvae.preprocessing.base import Preprocessing
from ssvae.readers.base import Rows
from ssvae.registry import Slot
from ssvae.regularizers.base import Regularizer
from ssvae.settings.checks import one_of, whole
from ssvae.training.callbacks import Callback
from ssvae.training.worker_agreement import same_seed
from ssvae.types import ArrayLike


class SSVAEClassifier(GenerativeMixin, TransformerMixin, ClassifierMixin, PicklableEstimator):
    """Semi-supervised classification with deep generative models.

    Minimised: −[ N_l/N · mean L(x, y) + N_u/N · mean U(x) ] + α · (mean CE + strength · regularizers) + ½ Σw²/N, with ρ
    of the bound's gradient for q(y | x) (`ssvae.objective`). An argument that takes a component takes its name, a dict
    with its name and arguments, such as ``{"name": "m2", "latent": 50}``, or an object.

    Parameters
    ----------
    model : str, dict or Model, default="m1_m2"
        The generative model: "m1", "m2", "m1_m2", "hierarchical", "sbn", "fdarn" or "conditional_sbn"; or "supervised",
        the classifier network alone.
    likelihood : str, dict or Likelihood, default="auto"
        Distribution of x given the decoder's output: "bernoulli", "binomial", "categorical", "discretized_logistic",
        "gaussian", "mixed", "multinomial", "poisson" or "student_t". "auto" is Bernoulli for columns of 0 and
        1, and for grey levels in [0, 1], all k / n for one n, which are resampled to binary values at every step;
        "mixed" where columns are of several kinds or cells are missing (NaN), which it leaves out; else Gaussian.
    preprocessing : str, dict or Preprocessing, default="auto"
        What is done to x first: "columns", "identity", "pca" or "standardize". "auto" is nothing for likelihoods of
        bounded values, standardised columns for others, and "columns" for "mixed": real columns standardised, missing
        cells flagged. The log-Jacobian is part of every bound.
    columns : mapping, default=None
        Kinds of columns of a DataFrame by name, in place of those that are found: "real", "positive", "count",
        "binary", "categorical", "ordinal", "date", "text", "id" or "drop"; a list of values is their rising order.
        With `likelihood` "auto", counts are then Poisson. See `ssvae.readers.column_schema`.
    inference : str, dict or Inference, default="amortized"
        How q(z | x, y) and the bound of log p(x | y) are found: "amortized", "importance_weighted",
        "gradient_refined", "iterative", "importance_refined", "mc_likelihood" or "hmc".
    gradient : str, dict or Gradient, default="auto"
        Gradient estimator of the expectations over z: "score_function", "nvil", "double_control", "vimco", "rws" or
        "wake_sleep"; for continuous z also "pathwise" and "quadrature", for binary z "local_expectation",
        "straight_through", "mean_propagation" and "gumbel_softmax". "auto" is pathwise where z is continuous and
        score_function where it is binary.
    class_gradient : str, dict or Gradient, default="auto"
        Gradient estimator of the expectation over y: "enumeration", the exact sum; "topm", the sum over the most
        probable classes and a draw from the others; "sample", draws alone. "auto" is enumeration up to 32 classes and
        topm beyond.
    regularizers : sequence of str, dict or Regularizer, default=("virtual_adversarial", "mutual_information", \
"neighbours", "propagated_labels")
        Further terms on q(y | x); none is the paper's objective.
    regularizer_strength : float or "auto", default="auto"
        What all regularizers are multiplied by. "auto", where one of them compares neighbours: how well labels that are
        propagated over their graph to each labelled row from the others agree with its own, Cohen's κ less its standard
        error, 0 at least (`ssvae.regularizers.label_propagation`); else 1.
    alpha : float, default=0.1
        Weight α of the cross-entropy and the regularizers: 0.1 is the paper's "0.1 N" with N all rows, 0.1 N / N_l on
        each labelled row of the authors' summed form.
    bound_gradient_weight : float, default=0.005
        How much the gradient of U counts for q(y | x), ρ; 1 is the paper's objective (`ssvae.objective`).
    weight_prior : float, default=1.0
        Precision of the Gaussian prior on the weight matrices; 1 in the paper.
    epochs : int, dict by stage or "auto", default="auto"
        Passes over the unlabelled rows (the labelled ones where there are no others); "auto" is by the number of rows.
    batch_size : int or dict by stage, default=200
        Rows a step of the unlabelled stream.
    labeled_batch_size : int, dict by stage or None, default=100
        Rows a step of the labelled stream; None: as `batch_size`.
    learning_rate : float or dict by stage, default=3e-3
        Adam's rate, or its peak.
    clip_norm : float, default=10.0
        Largest global norm of a gradient; longer ones are scaled down to it.
    schedule : {"cosine", "constant"}, default="cosine"
        Of the learning rate: linear warm-up and then a cosine to zero, or neither.
    early_stopping : dict, default=None
        Ends the first stage when the bound of held-out rows no longer rises, with the best weights: ``{"every": 5,
        "patience": 5}``, in epochs and in checks (`ssvae.callbacks.BoundStopping`); ``"validation_fraction"``, 0.1, of
        the unlabelled rows are then not learnt from. For ``schedule="constant"``.
    labeled_in_unlabeled : bool, default=False
        Whether labelled rows are also seen without their label.
    unlabeled : int, str or None, default=-1
        The value of y that means "no label"; None: every row is labelled.
    strategy : {"auto", "one", "mirrored", "multiworker"} or tf.distribute.Strategy, default="auto"
        Where the replicas of a training step live that share each batch: on one device, on all of this machine, or on
        those of the machines that TF_CONFIG names. "auto": on several machines where TF_CONFIG names them, else on
        every GPU, else on one device. Random numbers, order and sums are the same everywhere
        (`ssvae.distributed.strategy`).
    engine : {"auto", "graph", "xla"}, default="auto"
        What runs the training steps: TensorFlow's graph mode, or XLA, which compiles for seconds and then is quicker.
        "auto": XLA on a GPU, and where the stage is long enough to pay for the compilation.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the factors of matrix products in training; sums, bounds and weights stay float32.
    safe : bool or "auto", default="auto"
        Whether `predict` and `predict_proba` answer by an average of the generative classifier with plain ones
        (logistic regression, forests, kernels; on the columns and on M1's latents), weighted by their loss on labelled
        rows that they did not learn from, so that the answers are never much worse than those of the best of them
        (`ssvae.averaging`); bounds, latents, samples and analogies stay the model's. "auto": where at most 1,000 of at
        most 50,000 rows have a label, the rows are a dense table with columns that are no grey levels and not all 0 and
        1, and `epochs` is "auto".
    random_state : int, RandomState or None, default=None
        Decides the labels' order, weights and noise; None: a new seed for each fit.
    callbacks : sequence of ssvae.callbacks.Callback or keras.callbacks.Callback, default=None
        Called in the course of training: checkpoints, for instance.
    verbose : int, default=0
        Whether a line for each part of the fit shows the time that is left.
    pull : float, default="deprecated"
        The former name of `bound_gradient_weight`.

        .. deprecated:: 0.1
           Give `bound_gradient_weight`; this name will be removed two minor versions later.

    Attributes
    ----------
    classes_ : ndarray [K]
        The classes, sorted.
    model_ : Model
        The trained model, on preprocessed x.
    objective_ : Objective
        What was minimised, with the inference method.
    preprocessing_ : Preprocessing
        The fitted preprocessing.
    likelihood_ : Likelihood
        The likelihood that was chosen.
    history_ : dict of list
        One entry an epoch: stage, epoch, loss, labelled_bound, unlabelled_bound, cross_entropy, seconds (without
        compilation); and held_out_bound with early stopping, NaN where there was no check.
    n_iter_ : int
        Epochs run, all stages together.
    n_features_in_ : int
        D, columns of X in fit.
    feature_names_in_ : ndarray [D]
        Names of the columns of X in fit, where they had any.
    columns_ : tuple of Column
        What the columns of X held in fit, where X was a DataFrame (`ssvae.readers.column_schema`).
    reference_ : ndarray [16, D]
        Some rows of X in fit, on which a saved classifier proves that it predicts what it did.
    collapse_ : str or None
        What the fit warned of if the classifier has collapsed (`ssvae.evaluation.collapse`).
    feature_classifier_ : FeatureClassifier
        The scikit-learn classifier on the latents; only for models without q(y | x), such as M1.
    average_ : SafeAverage or None
        The average that predicts, in the safe mode.
    safe_report_ : dict
        In the safe mode, what cross-validation of the labelled rows says: ``"members"``, a dict with error (%), NLL,
        their 95 % intervals, weight and temperature of each; ``"average"`` and ``"without_unlabelled"``, the average
        and that of members that use no row without label, each with weights from other rows; ``"gain_of_unlabelled"``,
        by how much the second is above the first, with standard errors; ``"rows"``, ``"folds"`` and ``"repeats"``.

    See Also
    --------
    ssvae.load : Load a saved classifier.
    sklearn.semi_supervised.LabelSpreading : Labels spread over the graph of neighbours.
    sklearn.semi_supervised.SelfTrainingClassifier : A classifier that learns from its own predictions.

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
        model: Slot[Model] = "m1_m2",
        *,
        likelihood: Slot[Likelihood] = "auto",
        preprocessing: Slot[Preprocessing] = "auto",
        columns: Mapping[str, object] | None = None,
        inference: Slot[Inference] = "amortized",
        gradient: Slot[Gradient] = "auto",
        class_gradient: Slot[Gradient] = "auto",
        regularizers: Sequence[Slot[Regularizer]] = (
            "virtual_adversarial",
            "mutual_information",
            "neighbours",
            "propagated_labels",
        ),
        regularizer_strength: float | Literal["auto"] = "auto",
        alpha: float = 0.1,
        bound_gradient_weight: float = 0.005,
        weight_prior: float = 1.0,
        epochs: int | Literal["auto"] | Mapping[str, int | Literal["auto"]] = "auto",
        batch_size: int | Mapping[str, int] = 200,
        labeled_batch_size: int | Mapping[str, int] | None = 100,
        learning_rate: float | Mapping[str, float] = 3e-3,
        clip_norm: float = 10.0,
        schedule: Literal["cosine", "constant"] = "cosine",
        early_stopping: Mapping[str, float] | None = None,
        labeled_in_unlabeled: bool = False,
        unlabeled: object = -1,
        strategy: Literal["auto", "one", "mirrored", "multiworker"] | tf.distribute.Strategy = "auto",
        engine: Literal["auto", "graph", "xla"] = "auto",
        precision: Literal["float32", "bfloat16"] = "float32",
        safe: bool | Literal["auto"] = "auto",
        random_state: int | np.random.RandomState | None = None,
        callbacks: Sequence[Callback | keras.callbacks.Callback] | None = None,
        verbose: int = 0,
        pull: float | Literal["deprecated"] = "deprecated",
    ) -> None:
        self.model = model
        self.likelihood = likelihood
        self.preprocessing = preprocessing
        self.columns = columns
        self.inference = inference
        self.gradient = gradient
        self.class_gradient = class_gradient
        self.regularizers = regularizers
        self.regularizer_strength = regularizer_strength
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
        self.safe = safe
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.pull = pull

    def fit(self, X: ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn from rows X with labels y, `unlabeled` where there is none.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows. A path to a .npy, .h5, .parquet, .tfrecord or sparse .npz file, a memory-mapped array or a dataset of
            an open HDF5 file: rows that stay on disk (`ssvae.readers`) but for the labelled ones.
        y : array-like [N]
            Labels: numbers or text.
        sample_weight : array-like [N], default=None
            Weight of each row in its mean; rows of weight 0 are left out.

        Returns
        -------
        SSVAEClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y cannot be learnt from, an argument is not what it may be, or components do not go together.
        """
        if y is None:
            raise ValueError("fit requires y to be passed, but the target y is None: mark unlabelled rows with -1")
        with as_before_on_failure(self):
            x, y, weight, extremes = check_training_rows(self, X, y, sample_weight)
            classes, index = labels.encode(y, self.unlabeled)
            layout = layout_of(self.strategy)  # first: several machines must meet before TensorFlow does anything else
            components, rows = Components.build(self, x, extremes, len(classes), load)
            if isinstance(components.model, LatentFeatures):  # one that there is not is named before training
                latent_classifier.learns_from(components.model.classifier, index)
            dry_run(components.model, components.objective, rows)
            settings = FitSettings.of(self, same_seed(layout, fresh_seed(self.random_state)), layout)
            safe = safe_mode.wanted(self.safe, components, rows, index, settings.training)
            history = fit_stages(components, rows, index, weight, settings)
            average: safe_mode.SafeAverage | None = None
            report: safe_mode.Report = {}
            if safe:
                trained = safe_mode.Trained(components, rows, index, weight, settings, history)
                average, report = safe_mode.SafeAverage.fit(trained)
            self.classes_, self.history_, self.n_iter_ = classes, history, len(history["epoch"])
            self.likelihood_, self.preprocessing_, self.model_, self.objective_ = components
            self.reference_ = reference_rows(x)
            self.average_, self.safe_report_ = average, report
            if isinstance(self.model_, LatentFeatures):
                self.feature_classifier_ = latent_classifier.fit_on(self.model_, rows, index, self.objective_.inference)
            inference = self.objective_.inference
            self.collapse_ = collapse_alarm.sound(self.model_, rows, index, inference, history, classes.tolist())
        return self

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the arguments of the constructor.

        Parameters
        ----------
        deep : bool, default=True
            Whether the arguments of components are listed, too: ``model__latent`` of ``{"name": "m2", "latent": 50}``.

        Returns
        -------
        dict
            Values by name.
        """
        found = super().get_params(deep=False)
        return {**found, **{k: v for name in found for k, v in flat(name, found[name]).items()}} if deep else found

    def set_params(self, **params: object) -> Self:
        """Change arguments of the constructor, or of components: ``model__latent=20``.

        Parameters
        ----------
        **params : object
            Values by name, as in `get_params`. A component that is a name becomes a dict.

        Returns
        -------
        SSVAEClassifier
            The estimator.

        Raises
        ------
        ValueError
            If there is no argument of a name.
        """
        whole, inside = grouped(params)
        super().set_params(**{**whole, **{name: whole.get(name, vars(self).get(name)) for name in inside}})
        for name, changes in inside.items():
            setattr(self, name, changed(name, vars(self)[name], changes))
        return self

    def predict_proba(
        self,
        X: ArrayLike,
        via: Literal["auto", "average", "encoder", "bayes", "bayes_at_mean"] = "auto",
        samples: int = 100,
    ) -> np.ndarray:
        """Return class probabilities.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        via : {"auto", "average", "encoder", "bayes", "bayes_at_mean"}, default="auto"
            "encoder": q(y | x), or of M1 the classifier on its latents. "bayes": p(y) p(x | y) normalised, with
            p(x | y) by importance sampling over all latents. "bayes_at_mean": p(y) p(z1 | y), with z1 the mean of
            q(z1 | x), which is quicker and leaves out how uncertain z1 is; another number than "bayes" for M1+M2 alone.
            "average": that of the safe mode. "auto": "average" where the safe mode was on in fit, else "encoder".
        samples : int, default=100
            Importance samples a class for "bayes" and "bayes_at_mean", at least 1.

        Returns
        -------
        ndarray [N, K]
            Probabilities, columns as in `classes_`.
        """
        check_is_fitted(self)
        x, inference = check_table(self, X), self.objective_.inference
        one_of("via", via, ("auto", "average", "encoder", "bayes", "bayes_at_mean"))
        average = vars(self).get("average_")
        if via == "average" and average is None:
            raise ValueError("via='average' needs the safe mode: fit with safe=True, or give via='encoder'")
        if average is not None and via in ("auto", "average"):
            found = average.probabilities(self.model_, x, inference, self.preprocessing_)
        elif via in ("bayes", "bayes_at_mean"):
            found = self._by_bayes(x, samples, at_mean=via == "bayes_at_mean")
        elif isinstance(self.model_, HasClasses):
            found = prediction.classify(self.model_, x, inference, self.preprocessing_.transform)
        else:
            return self.feature_classifier_.probabilities(self._latents(X))
        found = found.astype(np.float64)
        found /= found.sum(axis=1, keepdims=True)
        return found

    def _by_bayes(self, x: Rows, samples: int, at_mean: bool) -> np.ndarray:
        if not isinstance(self.model_, GenerativeClassifier):
            via = "bayes_at_mean" if at_mean else "bayes"
            raise ValueError(f"via={via!r} needs a model with classes, such as 'm2'; this one has none")
        samples, inference, transform = (
            whole("samples", samples),
            self.objective_.inference,
            self.preprocessing_.transform,
        )
        return prediction.classify_by_bayes(self.model_, x, samples, inference, transform, at_mean=at_mean)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.

        Returns
        -------
        ndarray [N]
            Classes.
        """
        index = self.predict_proba(X).argmax(axis=1)  # first: it says so when there was no fit
        return self.classes_[index]

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the latents of each row.

        They are the posterior mean of z1 for M1 and M1+M2; Σ_y q(y | x) · mean(x, y) for M2.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.

        Returns
        -------
        ndarray [N, Z]
            Latents, float32.
        """
        return self._latents(X)

    def score(self, X: ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the accuracy on the labelled rows.

        Parameters
        ----------
        X : array-like [N, D] or path
            Rows.
        y : array-like [N]
            Labels, `unlabeled` where there is none.
        sample_weight : array-like [N], default=None
            Weight of each row in the mean.

        Returns
        -------
        float
            Share of the labelled rows that are classified right.

        Raises
        ------
        ValueError
            If no row is labelled, or a label was not seen in fit.
        """
        check_is_fitted(self)
        known, y = labels.labelled_rows(y, self.unlabeled, self.classes_)
        weight = None
        if sample_weight is not None:
            check_consistent_length(known, sample_weight)
            weight = np.asarray(sample_weight)[known]
        return super().score(subset(X, known), y, weight)

    def save(self, folder: str | Path, overwrite: bool = False) -> None:
        """Write the classifier to a folder that `ssvae.load` reads.

        Parameters
        ----------
        folder : str or Path
            Gets a manifest in JSON and arrays in safetensors (`ssvae.estimator.persistence`), all or nothing.
        overwrite : bool, default=False
            Whether a folder that holds something is replaced.
        """
        check_is_fitted(self)
        persistence.save(self, folder, overwrite)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the latents.

        Parameters
        ----------
        input_features : object, default=None
            Not used; for scikit-learn's API.

        Returns
        -------
        ndarray [Z]
            The names "z0", "z1" and so on.
        """
        check_is_fitted(self)
        return np.array([f"z{column}" for column in range(self._with_latents().latent_columns)], object)

    def _latents(self, X: ArrayLike) -> np.ndarray:
        """Return what `transform` does, as an array whatever `set_output` asks of that."""
        x = self._rows(X)
        self._with_latents()
        return prediction.over_rows(self.model_, prediction.latents, x, inference=self.objective_.inference)

    def _with_latents(self) -> HasLatents:
        if not isinstance(self.model_, HasLatents):
            raise ValueError("this model has no latents to transform to: fit 'm1', 'm2' or any other than 'supervised'")
        return self.model_

    def _rows(self, X: ArrayLike) -> Rows:
        """Return X checked and preprocessed, [N, D'] float32."""
        check_is_fitted(self)
        return self.preprocessing_.transformed(check_table(self, X))

    def __sklearn_tags__(self) -> Tags:
        """See scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.classifier_tags.poor_score = False
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = auto.is_auto(self.likelihood) and auto.is_auto(self.preprocessing)
        return tags


def load(folder: str | Path) -> SSVAEClassifier:
    """Load a classifier that `SSVAEClassifier.save` wrote.

    Nothing is unpickled. Some training rows are predicted again, and a classifier that does not predict what it did is
    refused (`ssvae.estimator.persistence`).

    Parameters
    ----------
    folder : str or Path
        The folder that was given to `save`.

    Returns
    -------
    SSVAEClassifier
        The fitted classifier.

    Raises
    ------
    ValueError
        If the folder is not a saved classifier, is damaged, comes from a newer version, or predicts otherwise than it
        did.

    See Also
    --------
    SSVAEClassifier.save : Write a classifier to a folder.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ssvae import SSVAEClassifier, load
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> y = np.where(np.arange(40) < 20, X[:, 0] > 0, -1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     SSVAEClassifier(epochs=1, random_state=0).fit(X, y).save(folder)
    ...     load(folder).predict(X[:2]).shape
    (2,)
    """
    return persistence.load(folder, SSVAEClassifier)
