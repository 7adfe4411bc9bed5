"""Data augmentation of face crops."""
