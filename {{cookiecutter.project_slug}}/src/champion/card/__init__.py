"""The model card: what the model is for, on which data, how good it is and who said so.

Mitchell et al., "Model Cards for Model Reporting" (2019), with the header that the Hugging Face Hub
reads. The pipeline writes it; promotion writes it anew, with what only the ledger knows. What nobody
stated or measured is said to be so.
"""
