"""Calibration of thresholds, margin and quality floor."""
