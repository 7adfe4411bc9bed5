"""Training: losses, schedule and loop."""
