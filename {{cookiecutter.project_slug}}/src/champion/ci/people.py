"""Who let a commit into the default branch."""

from typing import Any

from champion.ci.api import Api


def people(api: Api, commit: str, base: str) -> list[dict[str, Any]]:
    """Who approved and who merged the pull request that a commit came by, as GitHub has it.

    Returns
    -------
    By, what (approved or merged) and pull (its number) of each; none of a commit that was pushed.
    """
    found: list[dict[str, Any]] = []
    for pull in api.pages(f"commits/{commit}/pulls"):
        if not pull.get("merged_at") or pull["base"]["ref"] != base:
            continue
        number = int(pull["number"])
        latest = {it["user"]["login"]: it["state"] for it in api.pages(f"pulls/{number}/reviews")
                  if it.get("user") and it["state"] != "COMMENTED"}  # fmt: skip
        found += [{"by": login, "what": "approved", "pull": number}
                  for login, state in latest.items() if state == "APPROVED"]  # fmt: skip
        merged = (api.get(f"pulls/{number}").get("merged_by") or {}).get("login")
        found.append({"by": merged, "what": "merged", "pull": number})
    return found
