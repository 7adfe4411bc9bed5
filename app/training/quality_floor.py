"""Provisional."""

from app.quality import QualityFloor


def choose(crops, places, embed, tick):
    return QualityFloor(8.0, 30.0)
