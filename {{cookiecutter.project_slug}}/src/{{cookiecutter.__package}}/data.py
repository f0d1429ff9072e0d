"""How the files of data/raw become one table: one row an example.

A table that is made of two, joined by a column of both::

    from champion.tables.read import read_folder, read_table

    def load(folder: Path) -> pd.DataFrame:
        orders = read_table(folder / "orders.csv")
        customers = read_table(folder / "customers.csv")
        return orders.merge(customers, on="customer_id", how="left", validate="many_to_one")

Here is also the place to drop rows or to compute columns that prediction will know, too.
"""

from pathlib import Path

import pandas as pd

from champion.tables.read import read_folder


def load(folder: Path) -> pd.DataFrame:
    """Read the raw data: all tables of the folder, one below the other."""
    return read_folder(folder)
