"""Release: anchors, weights and model card."""
