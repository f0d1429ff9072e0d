"""What the columns of the data may hold. `make setup` writes this file from the data."""

import pandera.pandas as pa

schema = pa.DataFrameSchema({})
