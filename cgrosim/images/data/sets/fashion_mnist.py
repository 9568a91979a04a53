"""Fashion-MNIST."""

from cgrosim.images.data.sources import idx_source

SOURCE = idx_source("fashion-mnist")
