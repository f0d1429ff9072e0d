"""Why this model, on which data, who let it through, and has anything been tampered with since?"""
