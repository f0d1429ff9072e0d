"""GitHub's workflows executed on this machine: see `runner.py`; what is not real is in `stand_ins.py`."""
