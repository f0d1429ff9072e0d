"""The steps of the workflows: `champion ci STEP`. Everything that they decide is here."""
