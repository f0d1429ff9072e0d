"""Which columns look as if they were about a person."""

import re

import pandas as pd

WORDS = {
    "email", "mail", "phone", "telephone", "telefon", "mobile", "cellphone", "fax", "ssn", "passport",
    "iban", "surname", "lastname", "firstname", "fullname", "username", "nickname", "dob", "birthdate",
    "birthday", "birth", "address", "street", "licence", "license", "ip", "nin", "vorname", "nachname",
    "adresse", "geburtsdatum",
}  # fmt: skip
PAIRS = [
    {"first", "name"}, {"last", "name"}, {"full", "name"}, {"family", "name"}, {"given", "name"},
    {"middle", "name"}, {"user", "name"}, {"customer", "name"}, {"patient", "name"},
    {"person", "name"}, {"client", "name"}, {"employee", "name"}, {"social", "security"},
    {"credit", "card"}, {"card", "number"}, {"national", "id"}, {"tax", "id"},
]  # fmt: skip
PATTERNS = {
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "social security numbers": r"^\d{3}-\d{2}-\d{4}$",
    "phone numbers": r"^(\+|00)\d[\d ()/.-]{6,18}$|^\(\d{2,5}\)[\d /.-]{5,14}$|^\d{3}[ .-]\d{3}[ .-]\d{4}$",
    "bank accounts": r"^[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,4})?$",
    "network addresses": r"^(\d{1,3}\.){3}\d{1,3}$",
}
HEAD = 500
MANY = 20  # distinct values above which a name such as `street` is taken at its word


def looks_personal(name: str, values: pd.Series, rows: int) -> str:
    """Why a column looks personal, or an empty string.

    Parameters
    ----------
    values : its distinct values, none missing.
    rows : how many rows have one.
    """
    if isinstance(values.dtype, pd.StringDtype):
        head = values.iloc[:: max(1, len(values) // HEAD)].str.strip()
        for what, pattern in PATTERNS.items():
            if len(head) and head.str.match(pattern).mean() >= 0.5:
                return f"holds {what}"
    if len(values) <= MANY and len(values) <= rows / 2:
        return ""
    parts = set(tokens(name))
    named = bool(parts & WORDS) or any(pair <= parts for pair in PAIRS)
    alone = tokens(name) == ["name"] and len(values) > rows / 2
    return "its name says so" if named or alone else ""


def tokens(name: str) -> list[str]:
    """customerEmail2, customer_email and "Customer E-Mail" give customer and email."""
    name = re.sub(r"(?i)e-mail", "email", name)
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return [part.lower() for part in re.findall(r"[^\W\d_]+", spaced)]
