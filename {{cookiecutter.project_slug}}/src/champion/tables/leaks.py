"""Does one feature alone predict the target? Then it may be the answer in another dress."""

import numpy as np
import pandas as pd

SAMPLE = 20_000  # rows looked at, at most
ENOUGH = 200  # rows below which chance alone predicts
BINS = 64
SURE = 0.98  # AUC, or R² for numbers


def leaks(df: pd.DataFrame, features: list[str], target: str, numeric: bool) -> dict[str, float]:
    """Features that alone predict the target, with how well (AUC or R²).

    Each feature is cut into bins or categories; the target's mean in a bin of one half of the
    sample predicts the other half.
    """
    rows = np.flatnonzero(df[target].notna().to_numpy())
    random = np.random.default_rng(0)
    if len(rows) > SAMPLE:
        rows = np.sort(random.choice(rows, SAMPLE, replace=False))
    if len(rows) < ENOUGH:
        return {}
    sample = df.take(rows)
    answers = outcomes(sample[target], numeric)
    half = random.permutation(len(rows)) % 2
    found = {}
    for name in features:
        score = predictive(codes(sample[name]), answers, half, numeric)
        if score >= SURE:
            found[name] = score
    return found


def outcomes(target: pd.Series, numeric: bool) -> np.ndarray:
    """Shape (rows, 1) of numbers, or (rows, classes) of 0 and 1; one column for two classes."""
    if numeric:
        return target.to_numpy("float64").reshape(-1, 1)
    classes, names = pd.factorize(target)
    hot = np.eye(len(names))[classes]
    return hot[:, :1] if len(names) == 2 else hot


def codes(column: pd.Series) -> np.ndarray:
    """A bin or category a row; missing values are one of their own."""
    if column.dtype.kind in "fiuM":
        values = column.astype("int64").to_numpy() if column.dtype.kind == "M" else column
        values = np.asarray(values, float)
        held = values[~np.isnan(values)]
        edges = np.unique(np.quantile(held, np.linspace(0, 1, BINS + 1))) if len(held) else held
        return np.where(np.isnan(values), -1, np.searchsorted(edges, values)) + 1
    return pd.factorize(column)[0] + 1


def predictive(groups: np.ndarray, answers: np.ndarray, half: np.ndarray, numeric: bool) -> float:
    """How well the mean of a row's group in the other half predicts it."""
    size = int(groups.max()) + 1
    predicted = np.empty_like(answers)
    for side in (0, 1):
        learn, apply = half != side, half == side
        count = np.bincount(groups[learn], minlength=size)
        for j in range(answers.shape[1]):
            overall = answers[learn, j].mean()
            total = np.bincount(groups[learn], answers[learn, j], minlength=size)
            predicted[apply, j] = ((total + overall) / (count + 1))[groups[apply]]
    if numeric:
        spread = np.sum((answers - answers.mean()) ** 2)
        return float(1 - np.sum((answers - predicted) ** 2) / spread) if spread else 0.0
    scores = [auc(predicted[:, j], answers[:, j]) for j in range(answers.shape[1])]
    return float(np.mean(scores))


def auc(score: np.ndarray, answer: np.ndarray) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney, 1947)."""
    positive = answer == 1
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return 0.5
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))
