"""Real images: small convolutional networks, trained with and without attacks on our own kernels."""
