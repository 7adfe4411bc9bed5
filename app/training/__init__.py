"""How the network is made and measured: tiles, augmentation, losses, the loop, calibration, evaluation."""
