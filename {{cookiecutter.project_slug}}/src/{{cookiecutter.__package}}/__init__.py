"""This project's own code: its data, its schema, its model."""
