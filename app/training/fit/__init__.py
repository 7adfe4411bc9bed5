"""Training of the network: losses, student model, batches and the training run."""
