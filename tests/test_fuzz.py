"""Made rows, labels, settings and damaged files: each gives a result or an error in our own words, and soon.

SSVAE_FUZZ=2000 python -m pytest -n 0 tests/test_fuzz.py    # that many cases in all; the suite takes a few
"""

import faulthandler
import inspect
import io
import json
import linecache
import os
import shutil
import time
import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ssvae
from ssvae import SSVAEClassifier
from ssvae.datasets import load
from ssvae.estimator import persistence
from ssvae.estimator.arguments import TABLES
from ssvae.experiments import folder_claim, run, run_folder
from ssvae.label_vector import known_labels
from ssvae.readers.read import read_table
from ssvae.settings import files, schema
from ssvae.settings.checks import SettingsSource
from ssvae.training.checkpoint import Checkpoint

CASES = int(os.environ.get("SSVAE_FUZZ", "40"))
SECONDS = 60.0  # of the processor, a case
HUNG = 900.0  # seconds of the clock, on a busy machine
OURS = (ValueError, TypeError, OSError, FloatingPointError)
HERE = str(Path(ssvae.__file__).parent)
X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = np.array([0, 1] * 3 + [-1] * 6)


def cases(share: float):
    """Return the settings of a test that takes this share of all cases."""
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    same = "SSVAE_FUZZ" not in os.environ  # the suite looks at the same few every time
    count = max(1, round(share * CASES))
    return settings(max_examples=count, derandomize=same, deadline=None, database=None, suppress_health_check=slow)


def outcome(work):
    """Return what the work gives, or None after an error that says in our words what is wrong."""
    found, refused, begun = None, None, time.process_time()
    faulthandler.dump_traceback_later(HUNG, exit=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = work()
        except OURS as error:
            refused = error
    faulthandler.cancel_dump_traceback_later()
    assert time.process_time() - begun < SECONDS
    assert refused is None or _raised_on_purpose(refused), f"{type(refused).__name__} from elsewhere: {refused}"
    return found


def _raised_on_purpose(error: BaseException) -> bool:
    """Say whether the error comes from a `raise` of ours, or from scikit-learn's checks of X and y."""
    frame = error.__traceback__
    files = []
    while frame is not None:
        files.append((frame.tb_frame.f_code.co_filename, frame.tb_lineno))
        frame = frame.tb_next
    name, line = files[-1]
    if any("sklearn/utils/" in file for file, _ in files) and "/keras/" not in name:
        return True
    return name.startswith(HERE) and linecache.getline(name, line).lstrip().startswith("raise")


def classifier(**arguments) -> SSVAEClassifier:
    small = {"model": {"name": "supervised", "hidden": [4]}, "epochs": 1, "batch_size": 6, "regularizers": ()}
    return SSVAEClassifier(**{**small, "engine": "graph", "random_state": 0, **arguments})


numbers = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 1e-45, 1e30, 1e300, np.nan, np.inf, -np.inf]),
    st.floats(-3, 3, width=32),
)


small = st.floats(-3, 3, width=32)
CELLS = [small, small, small, st.floats(0, 1, width=32), st.integers(-3, 300), st.booleans(), numbers]
CELLS += [st.one_of(numbers, st.none(), st.text(max_size=2)), st.complex_numbers(max_magnitude=2)]


@st.composite
def tables(draw):
    """Return rows in one of the forms that users have them in."""
    kind = draw(st.sampled_from(CELLS))
    rows, columns = draw(st.integers(0, 8)), draw(st.integers(0, 3))
    values = [[draw(kind) for _ in range(columns)] for _ in range(rows)]
    forms = {
        "list": lambda: values,
        "array": lambda: np.array(values),
        "objects": lambda: np.array(values, object),
        "frame": lambda: pd.DataFrame(values),
        "sparse": lambda: scipy.sparse.csr_matrix(np.array(values, np.float64)),
        "flat": lambda: np.array(values).ravel(),
        "deep": lambda: np.array(values)[None],
        "text": lambda: str(values),
    }
    form = draw(st.sampled_from(["list", "array", "array", "frame", "objects", "sparse", "flat", "deep", "text"]))
    try:
        return forms[form](), rows
    except (ValueError, TypeError):
        return values, rows


labels = st.one_of(
    st.integers(-1, 2), st.sampled_from([-1, "a", "b", None, np.nan, 1.5, True, np.inf, -1.0, "", "-1", b"a", [1]])
)


@cases(0.15)
@given(rows=tables(), data=st.data())
def test_rows_and_labels(rows, data):
    x, count = rows
    kind = data.draw(
        st.sampled_from([st.integers(-1, 1), st.integers(-1, 1), st.sampled_from(["a", "b", "-1"]), labels])
    )
    length = data.draw(st.sampled_from([count] * 5 + [count + 1]))
    y = data.draw(st.lists(kind, min_size=length, max_size=length))
    weight = data.draw(st.sampled_from([None, None, np.ones(count), np.zeros(count), np.full(count, np.nan), "heavy"]))
    fitted = outcome(lambda: classifier().fit(x, y, weight))
    if fitted is not None:
        found = fitted.predict_proba(x)
        assert found.shape == (count, len(fitted.classes_))
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)


ODD = [None, -1, 0, 1, 2, 3, 0.5, -0.5, 1e30, np.nan, np.inf, "", "auto", "x", True, (), [], [1], [2, 0], {}]
odd = st.sampled_from([*ODD, {"name": "x"}, {"m1": 1}, np.float32(0.5), np.array([0.5, 0.5]), object()])


@st.composite
def pieces(draw, slot):
    """Return a piece of a table with an odd argument or two."""
    table = TABLES[slot]
    name = draw(st.sampled_from(table.names()))
    parameters = [key for key in inspect.signature(table.get(name)).parameters if key != "seed"]
    small = {key: value for key, value in {"latent": 2, "hidden": [4]}.items() if key in parameters}
    chosen = draw(st.lists(st.sampled_from(parameters), max_size=2, unique=True)) if parameters else []
    return {"name": name, **small, **{key: draw(odd) for key in chosen}}


def _settings():
    slots = {slot: pieces(slot) for slot in TABLES if slot != "regularizers"}
    slots["regularizers"] = st.lists(pieces("regularizers"), max_size=1)
    others = [name for name in inspect.signature(SSVAEClassifier).parameters if name not in ("callbacks", "verbose")]
    values = {name: st.one_of(slots[name], slots[name], odd) if name in slots else odd for name in others}
    values |= {"engine": st.sampled_from(["graph", "graph", "grahp", None, 1])}
    names = st.sampled_from([*others, *list(TABLES) * 4])
    return st.lists(names, min_size=1, max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: values[name] for name in names})
    )


@cases(0.3)
@given(arguments=_settings())
def test_constructor_arguments(arguments):
    if isinstance(arguments.get("epochs"), str):
        arguments["epochs"] = 1  # "auto" means what it says, and would take its time
    fitted = outcome(lambda: classifier(**arguments).fit(X, Y))
    if fitted is not None:
        assert np.isfinite(fitted.predict_proba(X)).all()


def damaged(data: bytes, draw) -> bytes:
    """Return bytes with one or two damages."""
    for _ in range(draw(st.integers(1, 2))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 50)))
        other = draw(
            st.one_of(st.binary(max_size=8), st.sampled_from([b"\0" * 40, b'"', b"[", b"9" * 30, b"nan", b",,"]))
        )
        data = draw(st.sampled_from([data[:start], data[:start] + other + data[end:]]))
    return data


def replaced(value, draw):
    """Return a JSON value with one part of it replaced."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        keys = sorted(value) if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        changed = dict(value) if isinstance(value, dict) else list(value)
        changed[key] = replaced(value[key], draw)
        return changed
    return draw(st.sampled_from([None, -1, 0, 1, 5, 1.5, 1e300, "", "x", [], [1], {}, True, "|O", {"name": "x"}]))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "model"
    classifier(model={"name": "m2", "latent": 2, "hidden": [4]}).fit(X, Y).save(folder)
    return folder


@cases(0.15)
@given(data=st.data())
def test_damaged_models(saved, tmp_path, data):
    folder = shutil.copytree(saved, tmp_path / "model", dirs_exist_ok=True)
    name = data.draw(st.sampled_from(["manifest.json", "manifest.json", *persistence.FILES]))
    if data.draw(st.booleans()):
        (folder / name).write_bytes(damaged((folder / name).read_bytes(), data.draw))
    else:  # by someone who knows of the checksums
        manifest = json.loads((folder / "manifest.json").read_text())
        if name == "manifest.json":
            manifest = replaced(manifest, data.draw)
        else:
            (folder / name).write_bytes(damaged((folder / name).read_bytes(), data.draw))
        if isinstance(manifest, dict):
            manifest["sha256"] = {name: persistence._hash((folder / name).read_bytes()) for name in persistence.FILES}
            manifest["sha256"]["manifest.json"] = persistence._seal(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))
    loaded = outcome(lambda: ssvae.load(folder))
    if loaded is not None:
        assert np.isfinite(loaded.predict_proba(X)).all()


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    classifier(callbacks=[Checkpoint(folder)]).fit(X, Y)
    return (folder / "state.safetensors").read_bytes()


@cases(0.1)
@given(data=st.data())
def test_damaged_checkpoints(state, tmp_path, data):
    changed = damaged(state, data.draw)
    (tmp_path / "state.safetensors").write_bytes(changed)
    fitted = outcome(lambda: classifier(callbacks=[Checkpoint(tmp_path)]).fit(X, Y))
    assert (fitted is not None) == (changed == state)


CSV = b"width,length,kind\n1.5,2,a\n0.5,3,b\n1.0,2.5,\n2.0,1,a\n0.1,3,b\n1.1,2,a\n0.7,1,b\n"


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, x=X, y=Y)
    return file.getvalue()


@cases(0.1)
@given(data=st.data())
def test_damaged_tables(tmp_path, data):
    suffix, content = data.draw(st.sampled_from([(".csv", CSV), (".tsv", CSV.replace(b",", b"\t")), (".npz", _npz())]))
    path = tmp_path / f"table{suffix}"
    path.write_bytes(damaged(content, data.draw))
    found = outcome(lambda: load.load_dataset(data=path, target=None if suffix == ".npz" else "kind"))
    if found is not None:
        assert found.x.ndim == 2
        assert not np.isinf(found.x).any()  # an empty cell is NaN


def arrow():
    return pytest.importorskip("pyarrow")


WORDS = ["ant", "bee", "Unknown", "None", "NA", "1", "01", " ", "", "-1"]
CONTAINERS = [
    *(list, tuple, pd.Series, pd.Categorical, pd.Index, lambda y: np.array(y, object)),
    *(lambda y, kind=kind: pd.Series(y, dtype=kind) for kind in ("object", "string", "category")),
    lambda y: pd.DataFrame({"y": y}),
    lambda y: arrow().array(y),
    lambda y: arrow().chunked_array([y, []], type=arrow().string()),
    lambda y: pd.Series(arrow().array(y, arrow().string()).dictionary_encode().to_pandas()),
    lambda y: pd.Series(y, dtype=pd.ArrowDtype(arrow().string())),
    lambda y: np.ma.masked_array(["hidden" if v is None else v for v in y], mask=[v is None for v in y]),
]


@cases(0.1)
@given(
    y=st.lists(st.sampled_from([*WORDS, None]), min_size=1, max_size=9),
    container=st.sampled_from(CONTAINERS),
    unlabeled=st.sampled_from([-1, "Unknown", "ant", -2]),
)
def test_labels_are_the_same_in_every_container(y, container, unlabeled):
    labels, known = known_labels(container(y), unlabeled)
    expected = [v is not None and bool(v.strip()) and v != str(unlabeled) for v in y]
    assert known.tolist() == expected
    assert labels.tolist() == [v for v, has in zip(y, expected, strict=True) if has]


@cases(0.1)
@given(
    labels=st.lists(
        st.sampled_from(["0", "1", "2", "01", "NA", "None", "nan", "?", "=a", "-1", "", "a b"]), min_size=1
    ),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    ending=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
    surplus=st.sampled_from([0, 0, 1, 3]),
    blank=st.sampled_from(["", " "]),
    quotes=st.booleans(),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_odd_tables(tmp_path, labels, separator, decimal, ending, mark, surplus, blank, quotes, suffix):
    quotes |= decimal == separator
    cell = (lambda text: f'"{text}"') if quotes else str
    rows = [["a", "b", "kind"], *([f"{n}.5", str(n), label + blank] for n, label in enumerate(labels))]
    lines = [separator.join(cell(text.replace(".", decimal)) for text in row) + separator * surplus for row in rows]
    lines[0] = lines[0][: len(lines[0]) - surplus]
    path = tmp_path / f"table{suffix}"
    path.write_text(mark + ending.join([*lines, ""]), encoding="utf-8", newline="")
    found = outcome(lambda: read_table(path, "kind", test=0, decimal=decimal, set_aside=False))
    if len({*labels} - {"", "-1"}) == 1:
        assert found is None  # one class only
        return
    assert found is not None
    assert found.x.tolist() == [[n + 0.5, n] for n in range(len(labels))]
    whole = all(label in ("0", "1", "2", "-1", "") for label in labels)
    assert found.y.tolist() == [-1 if label == "" else int(label) if whole else label for label in labels]


ODD_CELLS = [
    "1,5",
    "1 234",
    "12%",
    "2020-01-01",
    "inf",
    "1e400",
    "0x10",
    "1_0",
    "\uff11",
    "NA",
    "?",
    "",
    "kg",
    "$5",
    "\0",
]


@cases(0.05)
@given(
    cells=st.lists(st.sampled_from([*ODD_CELLS, "1", "2.5", "-3"]), min_size=2, max_size=5),
    encoding=st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]),
    lines=st.sampled_from(["", "# made by hand\n", "\n\n", "sep=,\n"]),
    header=st.sampled_from(["a,kind", "a,kind", "a,a,kind", ",kind", "kind", '"a,kind']),
)
def test_odd_cells(tmp_path, cells, encoding, lines, header):
    """What is read has a feature for each number, or for each word that is no number in disguise."""
    many = header.count(",")
    rows = [",".join([f'"{cell}"'] * many + ["ab"[n % 2]]) for n, cell in enumerate(cells)]
    text = lines + "\n".join([header, *rows, ""])
    (tmp_path / "table.csv").write_bytes(text.encode(encoding, errors="replace"))
    found = outcome(lambda: load.load_dataset(data=tmp_path / "table.csv", target="kind", test=0))
    if found is not None:
        assert not np.isinf(found.x).any()
        assert {"NA", "", "?"} & {*cells} or not np.isnan(found.x).any()
        assert found.y.tolist() == ["ab"[n % 2] for n in range(len(cells))]
        words = {"kg", "?", *(["\uff11"] if encoding == "latin-1" else [])}  # Latin-1 writes it as "?"
        if not words & {*cells}:  # no number becomes a column of 0 and 1
            assert not any("=" in name for name in found.feature_names), found.feature_names


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """Return the settings and the folder of a run that keeps its checkpoint."""
    folder = tmp_path_factory.mktemp("fuzz")
    np.savez(folder / "own.npz", x=X, y=np.where(Y < 0, 1, Y))
    small = {"model": {"name": "supervised", "hidden": [4]}, "epochs": 1, "regularizers": [], "engine": "graph"}
    config = {"dataset": {"data": str(folder / "own.npz"), "labels": 4, "test": 2}, "classifier": small, "seed": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ssvae.plots.run_figures.draw_all", lambda *_: {})
        run.run(config, folder / "run")
    return run_folder.absolute(schema.resolve(SettingsSource("", config))), folder / "run"


@cases(0.1)
@given(data=st.data())
def test_damaged_run_folders(finished_run, tmp_path, data):
    config, folder = finished_run
    copy = shutil.copytree(folder, tmp_path / "run", dirs_exist_ok=True)
    files = sorted(path.relative_to(copy) for path in copy.rglob("*") if path.is_file())
    for _ in range(data.draw(st.integers(1, 2))):
        path = copy / data.draw(st.sampled_from(files))
        if path.is_file() and data.draw(st.booleans()):
            path.write_bytes(damaged(path.read_bytes(), data.draw))
        elif path.is_file():
            path.unlink()
    loaded = outcome(lambda: run_folder.open_run(copy).classifier)
    if loaded is not None:
        assert loaded.predict_proba(X).shape == (12, 2)
    outcome(lambda: folder_claim.claim(copy, config, resume=data.draw(st.booleans())))
    outcome(lambda: folder_claim.claim(copy, config, overwrite=True))
    shutil.rmtree(copy)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """Return the bytes of a file of every form whose rows stay on disk."""
    folder = tmp_path_factory.mktemp("fuzz")
    np.save(folder / "x.npy", X)
    scipy.sparse.save_npz(folder / "x.npz", scipy.sparse.csr_array(X), compressed=False)
    pd.DataFrame(X, columns=[*"abc"]).assign(kind=[*"ab" * 6]).to_parquet(folder / "x.parquet", row_group_size=5)
    for name, chunks in (("x.h5", (5, 3)), ("x.hdf5", None)):
        with h5py.File(folder / name, "w") as file:
            file.create_dataset("x", data=X, chunks=chunks, compression="gzip" if chunks else None)
            file["y"] = Y
    with tf.io.TFRecordWriter(str(folder / "x.tfrecord")) as writer:
        for row in X:
            feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=row))}
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@cases(0.1)
@given(data=st.data())
def test_damaged_files_of_rows_on_disk(on_disk, tmp_path, data):
    name = data.draw(st.sampled_from(sorted(on_disk)))
    (tmp_path / name).write_bytes(damaged(on_disk[name], data.draw))
    target = "kind" if name == "x.parquet" else None
    found = outcome(
        lambda: np.asarray(load.load_dataset(data=tmp_path / name, target=target, stream=True, test=0).x[:])
    )
    if found is not None:
        assert found.ndim == 2


YAML = b"""seed: 3
dataset: {name: digits, labels: 100, valid: 50}
classifier:
  model: {name: m1_m2, latent: 16, m1: {hidden: [300, 300]}, m2: {latent: 10}}
  inference: {name: amortized, kl_warm_up: 0.1}
  epochs: {m1: 4, m2: 3}
  learning_rate: 2.0e-3
"""


@cases(0.1)
@given(data=st.data())
def test_damaged_settings(tmp_path, data):
    path = tmp_path / "own.yaml"
    path.write_bytes(damaged(YAML, data.draw))
    assignment = data.draw(
        st.sampled_from(["classifier.alpha=0.2", "a=1", "classifier=1", "=", "seed=[", "dataset.labels={}"])
    )

    def resolved():
        given = [files.load(path), *([files.assignment(assignment)] if data.draw(st.booleans()) else [])]
        return schema.resolve(*given)

    found = outcome(resolved)
    if found is not None:
        assert schema.resolve(SettingsSource("again", found)) == found
