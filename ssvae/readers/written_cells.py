"""The cells of a table as its file has them, to write answers beside them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ssvae.readers.tables import read_frame
from ssvae.readers.text_tables import ENCODING, SEPARATORS, layout_of


def written_cells(path: Path, columns: Collection[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a .csv, .tsv or .parquet file, every cell as text.

    Of a text file the cells are those that are written there, "007" and "1.50" and all; of a Parquet file numbers are
    written so that they are read as they were, and an empty cell is empty text.

    Parameters
    ----------
    path : Path
        A file that `readers.tables.read_frame` can read.
    columns : collection of str, default=()
        Names of columns that the file may have, where it could be separated by more than one sign.
    """
    if path.suffix.lower() not in SEPARATORS:
        frame = read_frame(path)
        text = frame.astype(object).where(frame.notna(), "")
        return list(frame.columns), [[str(cell) for cell in row] for row in text.itertuples(index=False)]
    layout = layout_of(path, columns)
    width = len(layout.header)
    frame = pd.read_csv(
        path,
        sep=layout.separator,
        encoding=ENCODING,
        header=None,
        names=range(width + layout.surplus),
        index_col=False,
        dtype=str,
        na_filter=False,
        skipinitialspace=True,
    )
    rows = frame.iloc[:, :width].to_numpy().tolist()
    return rows[0], rows[1:]
