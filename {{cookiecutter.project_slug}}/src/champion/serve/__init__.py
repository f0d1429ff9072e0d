"""Using the model: one row over HTTP, a table of any size, a notebook."""
