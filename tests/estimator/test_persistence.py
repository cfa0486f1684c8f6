"""Saved classifiers: they come back the same, and a damaged or hostile folder is refused before anything runs."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import ssvae
from ssvae import SSVAEClassifier
from ssvae.estimator import latent_classifier, persistence
from ssvae.models.capabilities import HasDensity

RNG = np.random.default_rng(0)
X = np.concatenate([RNG.normal(mean, 0.5, (20, 4)) for mean in (-1, 1)]).astype(np.float32)
NAMES = np.array(["left", "right"])[np.repeat([0, 1], 20)]
Y = np.where(np.arange(40) % 4 == 0, NAMES.astype(object), -1)
M1 = {"name": "m1", "latent": 2, "hidden": [4]}
MODELS = [
    {"name": "m2", "latent": 2, "hidden": [4], "prior": "learned"},
    {"name": "m1_m2", "latent": 3, "hidden": [4], "m1": {"hidden": [4]}, "threshold": 0.0},
    {"name": "supervised", "hidden": [4]},
]


def fitted(model) -> SSVAEClassifier:
    settings = {"epochs": 2, "batch_size": 20, "regularizers": (), "random_state": 0}
    return SSVAEClassifier(model, **settings).fit(X, Y)


def same(loaded, original) -> None:
    assert isinstance(loaded, SSVAEClassifier)
    np.testing.assert_array_equal(loaded.predict_proba(X), original.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), original.predict(X))
    np.testing.assert_array_equal(loaded.classes_, original.classes_)
    assert loaded.classes_.dtype == original.classes_.dtype
    np.testing.assert_equal(loaded.history_, original.history_)
    assert loaded.n_features_in_ == 4
    assert loaded.n_iter_ == original.n_iter_
    if isinstance(original.model_, HasDensity):
        np.testing.assert_array_equal(loaded.transform(X), original.transform(X))
        np.testing.assert_array_equal(loaded.bound(X), original.bound(X))
        np.testing.assert_array_equal(loaded.sample(3, random_state=1), original.sample(3, random_state=1))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
def test_comes_back_the_same(model, tmp_path):
    original = fitted(model)
    original.save(tmp_path / "new" / "saved")
    loaded = ssvae.load(tmp_path / "new" / "saved")
    same(loaded, original)
    assert loaded.get_params()["epochs"] == 2
    assert loaded.score(X, Y) == original.score(X, Y)
    loaded.save(tmp_path / "again")  # and what was loaded can be saved
    same(ssvae.load(tmp_path / "again"), original)


@pytest.fixture(scope="module")
def m1():
    return fitted(M1)


@pytest.mark.parametrize("name", latent_classifier.NAMES)
def test_classifiers_on_features_are_refitted(name, m1, tmp_path):
    slot = {"name": name, "k_best": 5} if name == "self_training" else name
    m1.model_.classifier = slot
    _, index = np.unique(NAMES, return_inverse=True)
    labels = np.where(Y == -1, -1, index)
    seen = latent_classifier.learns_from(slot, labels)
    m1.feature_classifier_ = latent_classifier.fit(slot, m1.transform(X[seen]), labels[seen])
    m1.save(tmp_path / "saved")
    loaded = ssvae.load(tmp_path / "saved")
    same(loaded, m1)
    assert loaded.score(X, NAMES) > 0.9
    assert type(loaded.feature_classifier_.classifier) is type(m1.feature_classifier_.classifier)


@pytest.mark.parametrize("name", latent_classifier.MOST_ITERATIONS)
def test_classifiers_on_features_stop(name):
    most = latent_classifier.MOST_ITERATIONS[name]
    assert 1 <= latent_classifier.make(name, 40).max_iter <= most
    for given in (-1, most + 1):
        with pytest.raises(ValueError, match=f"max_iter of classifier '{name}' must be .*, got {given}"):
            latent_classifier.make(name, 40, max_iter=given)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "m2"
    fitted(MODELS[0]).save(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def refused(folder, words) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        ssvae.load(folder)
    assert str(folder) in str(caught.value)


FILES = (*persistence.FILES, "manifest.json")


@pytest.mark.parametrize("name", FILES)
def test_missing_and_truncated_files_are_refused(folder, name):
    data = (folder / name).read_bytes()
    for part in (data[: len(data) // 2], b""):
        (folder / name).write_bytes(part)
        refused(folder, "damaged")
    (folder / name).unlink()
    refused(folder, "missing|it has no manifest.json")


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits_are_refused(folder, name):
    data = (folder / name).read_bytes()
    for position in np.linspace(0, len(data) - 1, 12).astype(int):
        (folder / name).write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        refused(folder, "damaged|manifest|edited")
    (folder / name).write_bytes(data)
    ssvae.load(folder)


def edit(folder, change, reseal=True) -> None:
    """Change the manifest as someone would who knows about the checksums."""
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    if reseal:
        manifest["sha256"] = {name: persistence._hash((folder / name).read_bytes()) for name in persistence.FILES}
        manifest["sha256"]["manifest.json"] = persistence._seal(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refine(manifest, name="gradient_refined", **settings) -> None:
    manifest["parameters"]["inference"] = {"name": name, **settings}


EDITS = {
    "classes swapped": (lambda m: m["classes"]["values"].reverse(), "classes"),
    "a class more": (lambda m: m["classes"]["values"].append("up"), "damaged|classes"),
    "names of others": (lambda m: m.update(feature_names=["a"]), "damaged.*feature_names"),
    "class too large": (lambda m: m["classes"].update(dtype="<i8", values=[0, 1e300]), "damaged.*OverflowError"),
    "objects as classes": (lambda m: m["classes"].update(dtype="|O"), "damaged"),
    "hidden": (lambda m: m["model"].update(hidden=[5]), "damaged"),
    "activation": (lambda m: m["model"].update(activation="tanh"), "does not predict"),
    "features": (lambda m: m.update(features=5), "expecting 5 features"),
    "schema": (lambda m: m.update(schema=persistence.SCHEMA + 1), "this version reads up to"),
    "schema below 1": (lambda m: m.update(schema=-1), "not the manifest of a saved classifier"),
    "schema no number": (lambda m: m.update(schema=True), "not the manifest of a saved classifier"),
    "versions": (lambda m: m.update(versions=None), "not the manifest of a saved classifier.*versions"),
    "no versions": (lambda m: m.pop("versions"), "not the manifest of a saved classifier.*versions"),
    "history of numbers": (lambda m: m.update(history={"epoch": 1}), "damaged"),
    "classes of 2 GB": (lambda m: m["classes"].update(dtype="S2000000000"), "damaged.*classes"),
    "classes twice": (lambda m: m["classes"].update(values=["left", "left"]), "damaged.*classes"),
    "latent of 9 GiB": (lambda m: m["model"].update(latent=10**9), "damaged.*more than there is"),
    "hidden of 9 GiB": (lambda m: m["model"].update(hidden=[10**9]), "damaged.*more than there is"),
    "steps without end": (lambda m: refine(m, steps=10**9), "steps of GradientRefined must be at most 10,000"),
    "samples without end": (lambda m: refine(m, test_samples=10**9), "test_samples of .* must be at most 100,000"),
    "both in a product": (lambda m: refine(m, steps=5000, test_samples=5000), "evaluate the model 25,000,000 times"),
    "written out": (lambda m: refine(m, "iterative", steps=5000), "steps of Iterative must be at most 1,000"),
    "gradient": (lambda m: m["parameters"].update(gradient={"name": "vimco", "samples": 10**9}), "at most 100,000"),
    "levels": (lambda m: m.update(likelihood={"name": "discretized_logistic", "levels": 10**9}), "at most 65,536"),
    "layers": (lambda m: m["model"].update(hidden=[1] * 10**5), "hidden must be at most 100 layers, got 100,000"),
    "format": (lambda m: m.update(format="zip"), "not the manifest of a saved classifier"),
    "model": (lambda m: m.update(model={"name": "os:system"}), "unknown model 'os:system'"),
    "likelihood": (lambda m: m.update(likelihood={"name": "os:system"}), "unknown likelihood 'os:system'"),
    "preprocessing": (lambda m: m["preprocessing"].update(name="os:system"), "unknown preprocessing 'os:system'"),
    "preprocessing text": (lambda m: m.update(preprocessing="os:system"), "damaged"),
    "inference": (lambda m: m["parameters"].update(inference="os:system"), "unknown inference"),
    "argument": (lambda m: m["model"].update(command="ls"), "unknown argument of model 'm2': 'command'"),
    "parameter": (lambda m: m["parameters"].update(command="ls"), "damaged"),
    "kind of a column": (lambda m: m.update(columns=[{"name": "a", "kind": "os:system"}]), "a column of the schema is"),
    "columns of others": (lambda m: m.update(columns=[{"name": "a", "kind": "real"}]), "damaged.*columns"),
    "average of none": (lambda m: m.update(average=7), "damaged"),
    "history": (lambda m: m.update(history={}), "damaged"),
    "nothing": (lambda m: m.clear(), "not the manifest of a saved classifier"),
}


@pytest.mark.parametrize("case", EDITS)
def test_edited_manifest_is_refused(folder, case):
    change, words = EDITS[case]
    edit(folder, change)
    refused(folder, words)


def test_edit_without_new_checksums_is_refused(folder):
    edit(folder, lambda m: m["parameters"].update(alpha=7.0), reseal=False)
    refused(folder, "manifest.json is damaged|edited")


def test_code_in_the_manifest_is_not_imported(folder, tmp_path, monkeypatch):
    """An activation that names a function of any module, in the form of Keras's own files."""
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')\ndef run(x): return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    evil = {"class_name": "function", "config": "run", "module": "evil", "registered_name": "run"}
    for activation in (evil, {**evil, "class_name": "run", "config": {}}, "evil:run", ["evil"]):
        edit(folder, lambda m, activation=activation: m["model"].update(activation=activation))
        with pytest.raises(ValueError, match=r"damaged"):
            ssvae.load(folder)


def test_other_weights_do_not_predict_what_these_did(folder):
    weights = load_file(folder / "weights.safetensors")
    save_file({name: -weight for name, weight in weights.items()}, folder / "weights.safetensors")
    edit(folder, lambda m: None)
    refused(
        folder, r"does not predict what it did when it was saved: .* differ by .* packages that changed since: none"
    )
    edit(folder, lambda m: m["versions"].update(numpy="0.1"))
    refused(folder, r"'numpy': '0.1 -> ")


def test_every_weight_of_the_density_is_proved(folder):
    """q(y | x) alone does not show what became of the decoder."""
    weights = load_file(folder / "weights.safetensors")
    names = [weight.path for weight in ssvae.load(folder).model_.weights]
    decoder = [str(n) for n, name in enumerate(names) if "decoder" in name]
    assert decoder, names
    for name in decoder:
        save_file({**weights, name: weights[name] + 0.05}, folder / "weights.safetensors")
        edit(folder, lambda m: None)
        refused(
            folder, "does not predict what it did when it was saved: the (bound|reconstruction) of its reference rows"
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(folder, value):
    for file in persistence.FILES:
        arrays = load_file(folder / file)
        name = next(name for name in sorted(arrays, reverse=True) if arrays[name].dtype.kind == "f")
        arrays[name].flat[-1] = value
        (folder / file).rename(folder.parent / file)
        save_file(arrays, folder / file)
        edit(folder, lambda m: None)
        refused(folder, "numbers that are not finite")
        (folder.parent / file).replace(folder / file)


@pytest.mark.parametrize("text", ["", "1", "null", "[]", "[" * 200_000, '{"format": ' * 5000, "\xff", "9" * 5000])
def test_a_manifest_that_is_none_is_refused(folder, text):
    (folder / "manifest.json").write_text(text, "latin-1")
    refused(folder, "not the manifest of a saved classifier, or is damaged")


def test_weights_of_other_shapes_or_names_are_refused(folder):
    weights = load_file(folder / "weights.safetensors")
    for wrong in ({**weights, "0": np.zeros((1, 1), np.float32)}, {f"w{k}": v for k, v in weights.items()}, {}):
        save_file(wrong, folder / "weights.safetensors")
        edit(folder, lambda m: None)
        refused(folder, "damaged")


def test_full_folder_is_not_overwritten_unasked(saved, folder):
    loaded = ssvae.load(saved)
    with pytest.raises(ValueError, match="is not empty: choose another folder, or pass overwrite=True"):
        loaded.save(folder)
    loaded.save(folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    same(ssvae.load(folder), loaded)
    (folder.parent / "empty").mkdir()
    loaded.save(folder.parent / "empty")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["copy", "empty"]


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.tex": "years of work", "src/a.py": "1"},
        {"manifest.json": '{"name": "a web page"}'},
        {"manifest.json": ""},
        {"weights.safetensors": ""},
    ],
)
def test_only_a_saved_classifier_is_overwritten(saved, tmp_path, files):
    home = tmp_path / "home"
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    with pytest.raises(ValueError, match=f"is not replaced, .*{sorted({*files})[0].split('/')[0]}"):
        ssvae.load(saved).save(home, overwrite=True)
    assert {name: (home / name).read_text() for name in files} == files


def test_files_beside_a_saved_classifier_are_not_deleted_with_it(folder):
    loaded = ssvae.load(folder)
    (folder / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match=r"holds files that are not part of a saved classifier: mine.txt"):
        loaded.save(folder, overwrite=True)
    assert (folder / "mine.txt").read_text() == "keep"
    same(ssvae.load(folder), loaded)


def test_the_current_folder_and_a_link_are_saved_to(saved, tmp_path, monkeypatch):
    loaded = ssvae.load(saved)
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to("there")
    monkeypatch.chdir(tmp_path / "here")
    loaded.save(".")
    same(ssvae.load("."), loaded)
    for _ in range(2):
        loaded.save("../link", overwrite=True)
        same(ssvae.load(tmp_path / "there"), loaded)
    assert (tmp_path / "link").is_symlink()


def test_no_file_is_a_pickle(saved):
    for path in saved.iterdir():
        data = path.read_bytes()
        assert path.suffix in (".json", ".safetensors")
        assert not data.startswith(b"\x80")
        assert b"cloudpickle" not in data
        assert b"c__builtin__" not in data


def test_what_no_table_names_is_not_saved(tmp_path):
    class Own:
        pass

    classifier = ssvae.load(_save(tmp_path / "first"))
    classifier.likelihood_ = Own()
    with pytest.raises(ValueError, match="likelihood holds Own, which is not registered"):
        classifier.save(tmp_path / "second")
    assert not (tmp_path / "second").exists()
    for other in (tmp_path / "nothing", tmp_path):
        with pytest.raises(ValueError, match=r"is not a saved classifier: it has no manifest.json"):
            ssvae.load(other)


def _save(folder):
    fitted(MODELS[2]).save(folder)
    return folder
