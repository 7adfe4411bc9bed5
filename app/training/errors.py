"""Errors of training and evaluation."""


class TrainingError(ValueError):
    """Data, checkpoint or run cannot be used; the message is a sentence that says what to do."""
