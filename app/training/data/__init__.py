"""Training data: face crops, duplicates and held-out identities."""
