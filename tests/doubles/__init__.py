"""Programs that stand in for others; each says what it leaves out."""
