"""Calibration of thresholds."""
