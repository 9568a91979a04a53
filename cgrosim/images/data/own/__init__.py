"""Images of one's own: an .npz file, or a folder with one folder a class."""
