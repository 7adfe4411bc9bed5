"""Recognition: the network, its model card, scoring, decision and comparison."""
