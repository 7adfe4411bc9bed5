"""Evaluation of the shipped network and gallery: metrics and report."""
