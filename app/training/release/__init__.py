"""Release of a network: weights, model card, gallery and portraits."""
