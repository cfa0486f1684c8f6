"""`DataError`, raised for data that cannot be read, and the checks that raise it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager

import numpy as np

MOST_SHOWN = 20  # problems of one file


class DataError(ValueError):
    """Data that are missing, damaged or not of the form that was expected."""


@contextmanager
def reading(name: object, trouble: str = "can no longer be read") -> Iterator[None]:
    """Turn any exception of a format's library, which may raise anything for a damaged file, into a `DataError`."""
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name} {trouble}: {error or type(error).__name__}") from error


def check_lengths(name: object, x: Sized, y: Sized) -> None:
    """Raise where rows and labels are not equally many."""
    if len(x) != len(y):
        raise DataError(f"{name} has {len(x)} rows but {len(y)} labels; each row needs one")


class DataErrors(DataError):
    """Several things that are wrong with one file.

    Parameters
    ----------
    name : object
        Of the file.
    each : list of str
    """

    def __init__(self, name: object, each: list[str]) -> None:
        self.each = [text.removeprefix(f"{name}: ") for text in each]
        more = [f"and {len(each) - MOST_SHOWN} more"] if len(each) > MOST_SHOWN else []
        lines = "\n- ".join([*self.each[:MOST_SHOWN], *more])
        super().__init__(
            f"{name}: {self.each[0]}" if len(each) == 1 else f"{name}: {len(each)} things are wrong:\n- {lines}"
        )


class Problems:
    """What is wrong with a file, so that all of it is said at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextmanager
    def one(self) -> Iterator[None]:
        """Keep what a `DataError` raised inside says."""
        try:
            yield
        except DataErrors as errors:
            self.found += errors.each
        except DataError as error:
            self.found.append(str(error))

    def add(self, problems: Iterable[str]) -> None:
        """Add problems."""
        self.found += problems


@contextmanager
def all_problems(name: object) -> Iterator[Problems]:
    """Raise one `DataError` for all problems that were found inside, if there are any."""
    problems = Problems()
    yield problems
    if problems.found:
        raise DataErrors(name, list(dict.fromkeys(problems.found)))
