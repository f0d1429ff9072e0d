"""The pipeline, one file a DVC stage."""
