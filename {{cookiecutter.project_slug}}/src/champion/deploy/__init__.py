"""From a version of the model to an image, and from that to a cluster."""
