"""The saved classifier: a folder of JSON and safetensors that says what it is and proves that it still predicts.

``manifest.json`` holds the schema version, the sha256 of every other file, package versions, the constructor's
arguments, classes and preprocessing; ``weights.safetensors`` the model's weights; ``arrays.safetensors`` what the
preprocessing learnt and, for classifiers on M1's latents, the rows they are refitted on; ``reference.safetensors`` 16
training rows with their probabilities, bounds and reconstructions, which are recomputed at load. Nothing is unpickled,
nothing from a file is executed, no name in a file is imported unless it stands in one of the project's tables, and no
more weights are made than the file holds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypeAlias, TypedDict, TypeVar

import numpy as np
import pandas as pd
import tensorflow as tf

from ssvae import prediction
from ssvae.atomic_files import drafts, folder_beside, whole
from ssvae.backend import eager_guard, random
from ssvae.backend.array_files import pack, unpack
from ssvae.estimator import latent_classifier
from ssvae.estimator.arguments import as_json, described, read, stored
from ssvae.estimator.components import Components
from ssvae.estimator.safe_mode import SafeAverage
from ssvae.estimator.validation import feature_names
from ssvae.gradients import GRADIENTS
from ssvae.inference import INFERENCES
from ssvae.models.capabilities import HasDensity, LatentFeatures
from ssvae.networks.layer import at_most
from ssvae.objective import Objective
from ssvae.preprocessing import PREPROCESSING
from ssvae.readers import column_schema
from ssvae.readers.base import RowsInMemory
from ssvae.settings.checks import Setting, accepts

if TYPE_CHECKING:
    from ssvae.estimator.classifier import SSVAEClassifier

Arrays: TypeAlias = dict[str, np.ndarray]  # those of one file, by name
Classifier = TypeVar("Classifier", bound="SSVAEClassifier")

# 2: `pull` became `bound_gradient_weight`; `clip_norm` and `weight_prior` are stored. 3: the reference rows have bounds
# and reconstructions. 4: the safe mode.
SCHEMA = 4
FILES = ("weights.safetensors", "arrays.safetensors", "reference.safetensors")
MANIFEST = "manifest.json"
FORMAT = "ssvae classifier"
PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "scikit-learn", "numpy")
TOLERANCE = 1e-5  # of a probability
DENSITY_TOLERANCE = 1e-4  # of a bound and of a reconstruction, as part of the largest of them
SPARE = 4  # times as many weights as are stored may be made: some are only made to be replaced
LARGEST_CLASSES = 2**24  # bytes
CLASS_TYPE = re.compile(r"[<>|=]?([iufb][1248]|[US]\d{1,6})")
SHAPE: dict[str, object] = {  # of the manifest
    "versions": dict,
    "parameters": dict,
    "model": dict,
    "likelihood": dict,
    "preprocessing": dict,
    "classes": dict,
    "features": int,
    "feature_names": list[str] | None,
    "history": dict,
    "sha256": dict,
}


# What a damaged file may raise where a classifier is made of it.
DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    NotImplementedError,
)


class SchemaError(ValueError):
    """The folder comes from a newer version."""


class ClassValues(TypedDict):
    """The classes, in their order."""

    dtype: str
    values: list[float | str]


class Manifest(TypedDict):
    """What manifest.json holds."""

    format: str
    schema: int
    versions: dict[str, str]  # of packages
    parameters: dict[str, Setting]  # arguments of the classifier's constructor
    model: dict[str, object]
    likelihood: dict[str, object]
    preprocessing: dict[str, object]
    classes: ClassValues
    features: int
    feature_names: list[str] | None
    columns: NotRequired[list[dict[str, object]] | None]  # what those of a DataFrame held, see `column_schema`
    history: dict[str, list[float | str | None]]
    collapse: NotRequired[str | None]  # what the fit warned of
    average: NotRequired[dict[str, Any]]  # the report of the safe mode; empty without
    sha256: dict[str, str]  # of each file; of this one, of all else that it says


def save(classifier: SSVAEClassifier, folder: str | Path, overwrite: bool) -> None:
    """Write a fitted classifier to a folder, whole or not at all.

    Raises
    ------
    ValueError
        If the folder holds something and `overwrite` is off, or anything but a saved classifier; or a slot holds an
        object that no table names.
    OSError
        If the disk is full or refuses; an older classifier in the folder is unchanged.
    """
    folder = Path(folder)
    _may_be_replaced(folder, overwrite)
    contents = {name: pack(arrays) for name, arrays in _arrays(classifier).items()}
    manifest = _manifest(classifier, {name: _hash(data) for name, data in contents.items()})
    manifest["sha256"]["manifest.json"] = _seal(manifest)
    with folder_beside(folder, last="manifest.json") as draft:
        for name, data in contents.items():
            (draft / name).write_bytes(data)
        (draft / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _may_be_replaced(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it is a saved classifier, alone, that is to be replaced."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give the name of a folder")
    there = sorted({*folder.iterdir()} - {*drafts(folder)}) if folder.is_dir() else []
    if there and not overwrite:
        raise ValueError(f"{folder} exists and is not empty: choose another folder, or pass overwrite=True")
    others = [path.name for path in there if path.name not in (*FILES, MANIFEST) or not path.is_file()]
    if there and not others:
        try:
            known = json.loads((folder / MANIFEST).read_bytes())["format"] == FORMAT
        except (ValueError, OSError, KeyError, TypeError, RecursionError):
            known = False
        others = [] if known else [path.name for path in there]
    if others:
        shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
        raise ValueError(
            f"{folder} is not replaced, for it holds files that are not part of a saved classifier: {shown}. "
            "Choose another folder, or move these files away"
        )


def load(folder: str | Path, kind: Callable[..., Classifier]) -> Classifier:
    """Return the classifier of class `kind` that `save` wrote, after recomputing its reference predictions.

    Raises
    ------
    ValueError
        If the folder is not a saved classifier, is damaged, comes from a newer version, or predicts otherwise than it
        did.
    """
    eager_guard.check()
    folder = whole(folder)
    manifest = _read_manifest(folder)
    contents = {name: _read(folder, name, manifest) for name in FILES}
    try:
        arrays = {name: unpack(data) for name, data in contents.items()}
        classifier = _rebuild(kind(**read(manifest["parameters"])), manifest, arrays)
        reference = arrays["reference.safetensors"]
        difference = np.abs(_probabilities(classifier, reference["x"]) - reference["probabilities"]).max()
        same_classes = np.array_equal(reference["classes"], _text(classifier.classes_))
        others = _other_densities(classifier, reference) if manifest["schema"] > 2 else {}
    except (*DAMAGED, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0] if str(error) else ""
        raise ValueError(
            f"{folder} is a damaged classifier ({type(error).__name__}: {reason}); save it again"
        ) from error
    if not same_classes:
        raise ValueError(f"{folder} was edited: its classes are not those it was saved with; save the classifier again")
    _prove(folder, {"probabilities": difference} if not difference <= TOLERANCE else others, manifest)
    return classifier


def _arrays(classifier: SSVAEClassifier) -> dict[str, Arrays]:
    kept = {f"preprocessing/{name}": array for name, array in classifier.preprocessing_.arrays().items()}
    if isinstance(classifier.model_, LatentFeatures):
        own = classifier.feature_classifier_
        kept |= {"features/rows": own.rows, "features/labels": own.labels}
    if classifier.average_ is not None:
        kept |= {f"average/{name}": array for name, array in classifier.average_.arrays().items()}
    weights = {str(i): weight for i, weight in enumerate(classifier.model_.get_weights())}
    rows: RowsInMemory = classifier.reference_
    probabilities = _probabilities(classifier, rows)
    reference = {"x": np.asarray(rows), "probabilities": probabilities, "classes": _text(classifier.classes_)}
    reference |= _densities(classifier, rows)
    return dict(zip(FILES, (weights, kept, reference), strict=True))


def _probabilities(classifier: SSVAEClassifier, rows: RowsInMemory) -> np.ndarray:
    """Return class probabilities of rows [N, D] under the names of their columns, where the classifier has seen any."""
    names = feature_names(classifier)
    return classifier.predict_proba(rows if names is None else pd.DataFrame(rows, columns=names))


def _densities(classifier: SSVAEClassifier, rows: RowsInMemory) -> Arrays:
    """Return bounds [N] and reconstructions [N, D'] of rows [N, D] by the model's encoder; of no model without density.

    Refinement is left out: its steps would enlarge the rounding of another machine.
    """
    model = classifier.model_
    if not isinstance(model, HasDensity):
        return {}
    plain = Objective(INFERENCES.build("amortized"), GRADIENTS.build("auto"), GRADIENTS.build("auto"))
    x = tf.constant(np.asarray(classifier.preprocessing_.transform(rows)), tf.float32)
    seed = random.seed_tensor(0)
    return {
        "bound": np.asarray(prediction.bound(model, x, seed, plain)),
        "reconstruction": np.asarray(prediction.reconstruction(model, x, seed, plain.inference)),
    }


def _other_densities(classifier: SSVAEClassifier, reference: Arrays) -> dict[str, float]:
    """Return by how much, at most, bounds and reconstructions of the reference rows differ, where that is too much."""
    found, model = _densities(classifier, reference["x"]), classifier.model_
    allowed = len(reference["x"]) // 8 if isinstance(model, HasDensity) and model.binary else 0
    different = {}
    for name, now in found.items():
        before = reference[name]
        if before.shape != now.shape or not np.isfinite(before).all():
            raise KeyError(name)
        differences = np.abs(now - before).reshape(len(now), -1).max(axis=1)
        wrong = ~(differences <= DENSITY_TOLERANCE * np.maximum(1.0, np.abs(before).max()))
        if wrong.sum() > allowed:  # rounding may turn over a binary draw of a row
            different[name] = float(differences.max())
    return different


def _manifest(classifier: SSVAEClassifier, sha256: dict[str, str]) -> Manifest:
    classes, names = classifier.classes_, feature_names(classifier)
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "versions": {package: metadata.version(package) for package in PACKAGES},
        "parameters": {name: as_json(name, value) for name, value in stored(classifier).items()},
        "model": described("model", classifier.model_),
        "likelihood": described("likelihood", classifier.likelihood_),
        "preprocessing": described("preprocessing", classifier.preprocessing_),
        "classes": {"dtype": classes.dtype.str, "values": classes.tolist()},
        "features": int(classifier.n_features_in_),
        "feature_names": None if names is None else [str(name) for name in names],
        "columns": column_schema.as_json(vars(classifier).get("columns_", ())) or None,
        "history": {name: [_known(value) for value in column] for name, column in classifier.history_.items()},
        "collapse": vars(classifier).get("collapse_"),
        "average": classifier.safe_report_,
        "sha256": sha256,
    }


def _read_manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    if not path.is_file():
        raise ValueError(f"{folder} is not a saved classifier: it has no manifest.json")
    try:
        manifest = json.loads(path.read_bytes())
        schema = manifest["schema"]
        if manifest["format"] != FORMAT or type(schema) is not int or schema < 1:
            raise KeyError("format")
        if schema > SCHEMA:
            raise SchemaError(f"{folder} has schema {schema}, this version reads up to {SCHEMA}: upgrade ssvae")
        for name, kind in SHAPE.items():
            if not accepts(kind, manifest[name]):
                raise KeyError(name)
        seal = _seal(manifest)
    except SchemaError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not the manifest of a saved classifier, or is damaged ({error})") from error
    if manifest["sha256"].get("manifest.json") != seal:
        raise ValueError(f"{path} is damaged or was edited (checksum mismatch): save the classifier again")
    return manifest


def _read(folder: Path, name: str, manifest: Manifest) -> bytes:
    path = folder / name
    if not path.is_file():
        raise ValueError(f"{folder} is incomplete: {name} is missing")
    data = path.read_bytes()
    if _hash(data) != manifest["sha256"].get(name):
        raise ValueError(f"{path} is damaged: its sha256 is not the one in manifest.json; save the classifier again")
    return data


def _rebuild(classifier: Classifier, manifest: Manifest, arrays: dict[str, Arrays]) -> Classifier:
    kept, stored = arrays["arrays.safetensors"], arrays["weights.safetensors"]
    missing = {"x"} if "preprocessing/gap" in kept else set()  # what may have missing cells
    for name, array in ((name, array) for each in arrays.values() for name, array in each.items()):
        if array.dtype.kind == "f" and not (np.isfinite(array) | (name in missing) & np.isnan(array)).all():
            raise ValueError(f"numbers that are not finite in {name!r}")
    values, dtype = manifest["classes"]["values"], manifest["classes"]["dtype"]
    if not CLASS_TYPE.fullmatch(dtype) or len(values) < 2 or np.dtype(dtype).itemsize * len(values) > LARGEST_CLASSES:
        raise KeyError("classes")
    classifier.classes_ = np.array(values, dtype)
    if classifier.classes_.shape != np.unique(classifier.classes_).shape:
        raise KeyError("classes")
    classifier.n_features_in_ = manifest["features"]
    if manifest["feature_names"] is not None:
        if len(manifest["feature_names"]) != manifest["features"]:
            raise KeyError("feature_names")
        classifier.feature_names_in_ = np.array(manifest["feature_names"], object)
    if kept_columns := manifest.get("columns"):
        classifier.columns_ = column_schema.from_json(kept_columns)
        if list(column_schema.feature_names(classifier.columns_)) != manifest["feature_names"]:
            raise KeyError("columns")
    slot = dict(manifest["preprocessing"])
    learnt = {name.split("/", 1)[1]: array for name, array in kept.items() if name.startswith("preprocessing/")}
    kind = PREPROCESSING.get(slot.pop("name"))
    classifier.preprocessing_ = kind.from_arrays(learnt, **slot)
    width = classifier.preprocessing_.transform(arrays["reference.safetensors"]["x"]).shape[1]
    with at_most(SPARE * sum(array.size for array in stored.values()) + 2**16):
        parts = Components.rebuild(classifier, manifest["likelihood"], manifest["model"], width, len(values))
    classifier.likelihood_, classifier.model_, classifier.objective_ = parts.likelihood, parts.model, parts.objective
    try:
        classifier.model_.set_weights([stored[str(i)] for i in range(len(stored))])
    except ValueError as error:
        raise KeyError(f"weights: {error}") from error
    if "features/rows" in kept:
        own = [kept[f"features/{name}"] for name in ("rows", "labels")]
        classifier.feature_classifier_ = latent_classifier.fit(classifier.model_.classifier, *own)
    classifier.safe_report_ = manifest.get("average", {})
    if not isinstance(classifier.safe_report_, dict):
        raise KeyError("average")
    learnt = {name.removeprefix("average/"): array for name, array in kept.items() if name.startswith("average/")}
    classifier.average_ = SafeAverage.from_arrays([*classifier.safe_report_["members"]], learnt) if learnt else None
    columns = manifest["history"]
    classifier.history_ = {k: [float("nan") if v is None else v for v in column] for k, column in columns.items()}
    classifier.n_iter_ = len(classifier.history_["epoch"])
    classifier.collapse_ = manifest.get("collapse")
    classifier.reference_ = arrays["reference.safetensors"]["x"]
    return classifier


def _prove(folder: Path, differences: Mapping[str, float], manifest: Manifest) -> None:
    """Refuse a classifier whose reference rows have other probabilities, bounds or reconstructions than they had."""
    for what, difference in differences.items():
        there = manifest["versions"]
        here = {package: metadata.version(package) for package in PACKAGES}
        changed = {
            package: f"{there.get(package)} -> {here[package]}"
            for package in here
            if there.get(package) != here[package]
        }
        raise ValueError(
            f"{folder} does not predict what it did when it was saved: the {what} of its reference rows differ "
            f"by {difference:.2g}; packages that changed since: {changed or 'none'}. The "
            "folder was edited, or a package computes otherwise: fit again, or install the versions in manifest.json"
        )


def _known(value: float | str) -> float | str | None:
    """Return None for NaN, which JSON does not have."""
    return None if value != value else value


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _seal(manifest: Manifest) -> str:
    """Return the sha256 of all that the manifest says, but for this number itself."""
    others = {name: value for name, value in manifest["sha256"].items() if name != "manifest.json"}
    return _hash(json.dumps({**manifest, "sha256": others}, sort_keys=True).encode())


def _text(classes: np.ndarray) -> np.ndarray:
    """Return the classes in their order, as bytes of JSON."""
    return np.frombuffer(json.dumps(classes.tolist()).encode(), np.uint8)
