"""Own files: arrays, tables and folders of images, whole and damaged."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from ssvae.readers.errors import DataError
from ssvae.readers.read import read_features, read_table

X = np.arange(40, dtype=np.float64).reshape(10, 4)
Y = np.array([0, 1] * 5)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


class TestArrays:
    def test_given_test_rows_are_kept(self, tmp_path):
        data = read_table(save(tmp_path / "a.npz", x=X, y=Y, x_test=X[:2], y_test=Y[:2]))
        assert data.x.dtype == np.float32
        assert (len(data.x), len(data.x_test)) == (10, 2)
        assert data.y.dtype == np.int64

    def test_test_rows_are_held_out_of_labelled_ones_by_the_seed(self, tmp_path):
        y = np.array([0, 1, -1, -1, 0, 1, 0, 1, 0, 1])
        path = save(tmp_path / "a.npz", x=X, y=y)
        data = read_table(path, test=0.25)
        assert sorted(data.y_test) == [0, 1]
        assert (data.y == -1).sum() == 2
        assert np.array_equal(data.x_test, read_table(path, test=0.25).x_test)
        assert read_table(path, test=0).x_test is None
        assert len(read_table(path, test=3).x_test) == 3

    def test_images_of_bytes_are_scaled_and_flattened(self, tmp_path):
        images = np.full((3, 4, 5), 255, np.uint8)
        data = read_table(save(tmp_path / "a.npz", x=images))
        assert data.image_shape == (4, 5)
        assert data.x.shape == (3, 20)
        assert data.x.max() == 1
        assert data.y.tolist() == [-1] * 3

    def test_strings_stay_strings(self, tmp_path):
        data = read_table(save(tmp_path / "a.npz", x=X, y=np.array(["cat", "dog"] * 5)), test=0)
        assert data.y[:2].tolist() == ["cat", "dog"]

    @pytest.mark.parametrize(
        ("arrays", "words"),
        [
            ({"z": X}, "no array 'x'"),
            ({"x": X, "y": Y[:3]}, "10 rows but 3 labels"),
            ({"x": np.where(X == 9, np.inf, X), "y": Y}, "row 2, column 1"),
            ({"x": np.where(X == 9, 1e300, X), "y": Y}, "row 2, column 1"),
            ({"x": X[:0]}, "are needed"),
            ({"x": X.astype(str)}, "are needed"),
            ({"x": X, "y": Y + 0.5}, "label 0.5 is not a class"),
            ({"x": X, "x_test": X[:, :2]}, "2 features, x has 4"),
            ({"x": X, "y": np.array([0, "a"] * 5, dtype=object)}, "whole numbers or as strings"),
        ],
    )
    def test_errors(self, tmp_path, arrays, words):
        with pytest.raises(DataError, match=words):
            read_table(save(tmp_path / "a.npz", **arrays))


def write_whole(path):
    """Write a small file that can be read, of the form that its name says."""
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npz":
        save(path, x=X)
    elif path.suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="parquet files need pyarrow")
        import pandas as pd

        pd.DataFrame(X).rename(columns=str).to_parquet(path)
    elif path.suffix == ".png":
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)).save(path)
    else:
        path.write_text("a,b\n1,2\n3,44444444".replace(",", "\t" if path.suffix == ".tsv" else ","))


@pytest.mark.parametrize("name", ["a.npz", "a.csv", "a.tsv", "a.parquet", "c/a.png"])
@pytest.mark.parametrize(
    "damage", [lambda raw: b"", lambda raw: raw[: len(raw) // 2], lambda raw: b"\xff\xfe\x80" * 20]
)
def test_damaged_files(tmp_path, name, damage):
    path = tmp_path / name
    write_whole(path)
    whole = tmp_path if name.startswith("c/") else path
    assert len(read_table(whole, test=0).x)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="a\\."):
        read_table(whole)


def test_missing_file_and_unknown_form(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "a.xls").write_bytes(b"1")
    with pytest.raises(DataError, match="a folder of images"):
        read_features(tmp_path / "a.xls")


class TestImageFolder:
    @staticmethod
    def write(folder, mode="L", size=(5, 4), suffix="png", name="0"):
        folder.mkdir(parents=True, exist_ok=True)
        colour = 255 if mode == "L" else (255, 0, 51)
        Image.new(mode, size, colour).save(folder / f"{name}.{suffix}")

    def test_folders_are_classes(self, tmp_path):
        for label in ("cat", "dog", "unlabeled"):
            for name in "ab":
                self.write(tmp_path / "pets" / label, name=name)
        data = read_table(tmp_path / "pets", test=0)
        assert data.name == "pets"
        assert data.y.tolist() == ["cat", "cat", "dog", "dog", -1, -1]
        assert data.image_shape == (4, 5)
        assert data.x.shape == (6, 20)
        assert data.x.min() == 1

    def test_colour_wins(self, tmp_path):
        self.write(tmp_path / "a")
        self.write(tmp_path / "b", mode="RGB", suffix="jpg")
        data = read_table(tmp_path, test=0)
        assert data.image_shape == (4, 5, 3)
        np.testing.assert_allclose(data.x[1].reshape(4, 5, 3)[0, 0], [1, 0, 0.2], atol=0.02)
        assert read_features(tmp_path / "a", image_shape=(4, 5, 3)).shape == (1, 60)
        assert read_features(tmp_path / "a").shape == (1, 20)

    def test_errors(self, tmp_path):
        with pytest.raises(DataError, match="no sub-folders"):
            read_table(tmp_path)
        (tmp_path / "a").mkdir()
        with pytest.raises(DataError, match="holds no images"):
            read_table(tmp_path)
        self.write(tmp_path / "a")
        self.write(tmp_path / "a", size=(4, 5), name="odd")
        with pytest.raises(DataError, match=r"odd\.png is 5 x 4 pixels, expected 4 x 5"):
            read_table(tmp_path)
        Image.new("I;16", (5, 4)).save(tmp_path / "a" / "odd.png")
        with pytest.raises(DataError, match=r"odd\.png .*8-bit"):
            read_table(tmp_path)


class TestOtherFiles:
    """An HDF5 file may point at other files, of which it then gives the bytes."""

    @pytest.fixture(params=["raw", "link", "link to a link", "virtual", "labels"])
    def pointing(self, request, tmp_path):
        h5py = pytest.importorskip("h5py")
        (tmp_path / "secret").write_bytes(bytes(range(40)))
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["x"], file["y"] = X, Y
            file["again"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            if request.param == "raw":
                file.create_dataset("x", (10, 4), "u1", external=[(str(tmp_path / "secret"), 0, 40)])
            elif request.param == "virtual":
                layout = h5py.VirtualLayout((10, 4), "f8")
                layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (10, 4))
                file.create_virtual_dataset("x", layout)
            elif request.param == "labels":
                file["x"], file["y"] = X, h5py.ExternalLink(str(tmp_path / "other.h5"), "/y")
            else:
                file["x"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x" if request.param == "link" else "/again")
        return tmp_path / "a.h5"

    def test_they_are_read_where_that_is_allowed(self, pointing):
        with pytest.raises(DataError, match=r"another file.*dataset\.external=true"):
            read_table(pointing, test=0)
        assert read_table(pointing, test=0, external=True).x[2, 1] == 9
        assert read_features(pointing, external=True)[2:3][0, 1] == 9


def test_members_that_nobody_asked_for_are_not_unpacked(tmp_path):
    path = save(tmp_path / "a.npz", x=X, y=Y)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.npy", b"this cannot be unpacked as an array")
    assert len(read_table(path, test=0).x) == len(read_features(path)) == 10


class TestTransparentImages:
    """What is transparent shows a white ground, in grey and in colour."""

    @pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L"])
    def test_a_glyph_is_seen(self, tmp_path, mode):
        (tmp_path / "a").mkdir()
        shape = np.array([[1, 0, 0], [0, 1, 0]], np.uint8)
        if mode in ("P", "L"):  # one of its colours is the transparent one
            image = Image.fromarray((1 - shape) * 7).convert("L" if mode == "L" else "RGB")
            image = image.quantize() if mode == "P" else image
            clear = image.getpixel((1, 0))
            image.save(tmp_path / "a" / "0.png", transparency=clear)
        else:
            alpha = Image.fromarray(shape * 255)
            glyph = Image.new("L", alpha.size, 0)
            Image.merge(mode, [glyph] * (len(mode) - 1) + [alpha]).save(tmp_path / "a" / "0.png")
        x = read_table(tmp_path, test=0).x.reshape(2, 3, -1)
        assert (x == (1 - shape)[:, :, None]).all()
        assert (read_features(tmp_path / "a").reshape(x.shape) == x).all()

    @pytest.mark.parametrize("everywhere", [False, True])
    def test_nothing_to_see_is_refused(self, tmp_path, everywhere):
        white = np.full((4, 4, 4), 255, np.uint8)
        white[0, 0, 3] = 0
        if everywhere:
            white[:, :, :3], white[:, :, 3] = np.arange(48).reshape(4, 4, 3), 0
        (tmp_path / "a").mkdir()
        Image.fromarray(white).save(tmp_path / "a" / "0.png")
        with pytest.raises(DataError, match="white on a transparent ground"):
            read_table(tmp_path)

    def test_images_lie_as_a_viewer_shows_them(self, tmp_path):
        upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
        for number, turned in {3: upright[::-1, ::-1], 6: np.rot90(upright), 1: upright}.items():
            exif = Image.Exif()
            exif[0x112] = number
            (tmp_path / "a").mkdir(exist_ok=True)
            Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "a" / f"{number}.png", exif=exif)
        found = read_table(tmp_path, test=0)
        assert found.image_shape == (2, 3)
        assert (found.x * 255 == upright.ravel()).all()

    def test_images_that_are_not_read_are_counted(self, tmp_path):
        (tmp_path / "a").mkdir()
        for name in ("a/0.png", "a/1.gif", "a/2.bmp", "beside.png"):
            Image.new("L", (2, 2)).save(tmp_path / name)
        with pytest.warns(UserWarning, match="are not read") as warned:
            assert len(read_table(tmp_path, test=0).x) == 1
        assert "1 images beside the classes are not read, such as 'beside.png'" in str(warned[0].message)
        assert "2 images of other formats are not read, such as '1.gif'" in str(warned[1].message)

    def test_links_that_are_not_followed_are_said(self, tmp_path):
        (tmp_path / "set" / "a").mkdir(parents=True)
        Image.new("L", (2, 2)).save(tmp_path / "set" / "a" / "0.png")
        for name, to in (("a/1.png", "gone.png"), ("a/more", tmp_path), ("b", "gone")):
            (tmp_path / "set" / name).symlink_to(to)
        with pytest.warns(UserWarning, match="are not followed") as warned:
            assert len(read_table(tmp_path / "set", test=0).x) == 1
        assert [str(one.message).split(": ")[1] for one in warned] == [
            "1 links are not followed, such as 'b' to nothing",
            "2 links are not followed, such as '1.png' to nothing",
        ]

    @pytest.mark.parametrize("form", ["PNG", "GIF", "TIFF"])
    def test_animations_are_refused(self, tmp_path, form):
        """The name may say .png of a file in another format; a photo with a preview behind it is one picture."""
        first, second = (Image.new("L", (2, 2), grey) for grey in (0, 255))
        first.save(tmp_path / "0.png", form, save_all=True, append_images=[second])
        with pytest.raises(DataError, match=r"0\.png holds several pictures"):
            read_features(tmp_path)
        (tmp_path / "0.png").unlink()
        first.save(tmp_path / "0.jpg", "MPO", save_all=True, append_images=[second])
        assert read_features(tmp_path).tolist() == [[0, 0, 0, 0]]

    def test_hidden_files_and_folders_hold_no_images(self, tmp_path):
        for folder in ("a", "a/.thumbnails", "b", ".git", "__MACOSX/a"):
            (tmp_path / folder).mkdir(parents=True)
            Image.new("L", (2, 2)).save(tmp_path / folder / "0.png")
            (tmp_path / folder / "._0.png").write_bytes(b"of a Mac")
        assert read_table(tmp_path, test=0).y.tolist() == ["a", "b"]
        assert len(read_features(tmp_path)) == 2
