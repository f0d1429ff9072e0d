"""Whom the model serves worse: parts of the holdout, parity between them, the weakest of all."""
