"""Standard and adversarial training of networks on images."""
