"""Folders of images, a sub-folder per class: ``folder/<class>/*.png`` or ``*.jpg``, grey or colour, of one size."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from ssvae.readers.errors import DataError
from ssvae.readers.pixels import scaled_bytes

SUFFIXES = (".png", ".jpg", ".jpeg")
LYING = (5, 6, 7, 8)  # orientations by EXIF in which height and width change places
WHITE = (255, 255, 255, 255)
PHOTO = "MPO"  # a JPEG file of cameras, whose further pictures are previews or depths of the first
OTHERS = (".gif", ".bmp", ".tif", ".tiff", ".webp")  # images that are not read
UNLABELED = ("unlabeled", "unlabelled")  # the sub-folder whose images have no label, in letters of any case
GREY, COLOUR = ("1", "L", "LA"), ("P", "RGB", "RGBA", "CMYK", "YCbCr")  # Pillow's modes of 8 bits or fewer


def list_classes(folder: Path) -> tuple[list[Path], np.ndarray]:
    """Return the images of a folder of class folders, and the names of these [N], None for those without a label.

    Classes and, inside them, files come in the order of their names.

    Parameters
    ----------
    folder : Path
        The folder of class folders; images in the one called ``unlabeled`` have no label.

    Raises
    ------
    DataError
        If there are no class folders or no images.
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not _hidden(path, folder))
    if not classes:
        raise DataError(
            f"{folder} has no sub-folders; put the images of each class in {folder}/<class>/, or give a table of files "
            "and labels as labels_file (--labels-file)"
        )
    _warn_of_unread(
        folder, (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES), "beside the classes"
    )
    _warn_of_links(folder, (path for path in folder.iterdir() if not path.exists()))
    paths, names = [], []
    for path in classes:
        images = list_images(path)
        paths += images
        names += [None if path.name.lower() in UNLABELED else _name(path)] * len(images)
    return paths, np.array(names, dtype=object)


def list_images(folder: Path) -> list[Path]:
    """Return every image in a folder and below it, sorted; what systems hide there (`._0.png`) is not one.

    Raises
    ------
    DataError
        If there is none.
    """
    named = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not _hidden(path, folder))
    paths = sorted(path for path in named if path.is_file())
    _warn_of_links(folder, (path for path in folder.rglob("*") if not path.is_file()))
    if not paths:
        raise DataError(f"{folder} holds no images; files that end in {list(SUFFIXES)} are read")
    _warn_of_unread(folder, (path for path in folder.rglob("*") if path.suffix.lower() in OTHERS), "of other formats")
    return paths


def _warn_of_unread(folder: Path, paths: Iterable[Path], what: str) -> None:
    """Warn of images that are not read."""
    found = sorted(path for path in paths if not _hidden(path, folder) and path.is_file())
    if found:
        warnings.warn(f"{folder}: {len(found)} images {what} are not read, such as {found[0].name!r}", stacklevel=3)


def _warn_of_links(folder: Path, paths: Iterable[Path]) -> None:
    """Warn of those of the paths that are links, to folders or to nothing, which are not followed."""
    found = sorted(path for path in paths if path.is_symlink() and not _hidden(path, folder))
    if found:
        to = "a folder" if found[0].exists() else "nothing"
        shown = str(found[0].relative_to(folder))
        warnings.warn(f"{folder}: {len(found)} links are not followed, such as {shown!r} to {to}", stacklevel=3)


def _name(folder: Path) -> str:
    """Return the name of a folder as UTF-8: where the locale says ASCII, Python escapes what goes beyond it."""
    try:
        return os.fsencode(folder.name).decode()
    except UnicodeDecodeError:
        return folder.name


def _hidden(path: Path, folder: Path) -> bool:
    """Say whether a file or a folder on the way to it is hidden, or is what macOS puts beside the files of archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts)


def read_images(paths: Sequence[Path], shape: tuple[int, ...] | None = None) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return images as float32 [N, D] in [0, 1], and their shape (height, width) or (height, width, 3).

    Parameters
    ----------
    paths : sequence of Path
        The files. If one of them is in colour, all are read as colour; what is transparent shows a white ground.
    shape : tuple of int, optional
        The shape to read them as; default is that of the first.

    Raises
    ------
    DataError
        If a file is damaged, is an animation, has more than 8 bits per channel, is of another size than the first (or
        `shape`), or shows nothing on a white ground.
    """
    headers = [_header(path) for path in paths]
    height, width = shape[:2] if shape else headers[0][0]
    colour = len(shape) == 3 if shape else any(mode in COLOUR for _, mode in headers)
    for path, (size, _) in zip(paths, headers, strict=True):
        if size != (height, width):
            raise DataError(
                f"{path} is {size[0]} x {size[1]} pixels, expected {height} x {width} (height x width); "
                "bring all images to one size"
            )
    pixels = np.stack([_pixels(path, "RGB" if colour else "L") for path in paths])
    return scaled_bytes(pixels), pixels.shape[1:]


def _header(path: Path) -> tuple[tuple[int, int], str]:
    """Return (height, width) and Pillow's mode without decoding the pixels."""
    try:
        with Image.open(path) as image:
            size, mode = (image.height, image.width), image.mode
            lies = image.getexif().get(ExifTags.Base.Orientation) in LYING
            moves = image.format != PHOTO and _has_second(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as an image: {error}") from error
    if mode not in GREY + COLOUR:
        raise DataError(f"{path} has pixels of mode {mode!r}; 8-bit grey or colour is read, convert it")
    if moves:
        raise DataError(f"{path} holds several pictures, an animation for instance; save the one that counts by itself")
    return size[::-1] if lies else size, mode


def _has_second(image: Image.Image) -> bool:
    """Say whether a file holds more than one picture, by going to the second."""
    try:
        image.seek(1)
    except EOFError:
        return False
    return True


def _pixels(path: Path, mode: str) -> np.ndarray:
    """Return the bytes of an image, [H, W] or [H, W, 3]."""
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
            clear = image.convert("RGBA") if image.has_transparency_data else None
            if clear is None or (np.asarray(clear.getchannel("A")) == 255).all():
                return np.asarray(image.convert(mode), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path} is damaged or truncated: {error}") from error
    shown = Image.alpha_composite(Image.new("RGBA", clear.size, WHITE), clear)
    pixels = np.asarray(shown.convert(mode), dtype=np.uint8)
    if (pixels == 255).all() and np.ptp(np.asarray(clear), axis=(0, 1)).any():
        raise DataError(
            f"{path} is white on a transparent ground, or transparent, so that nothing of it is seen: give it a ground"
        )
    return pixels
