"""The same questions over the same rows, asked of other software. Each returns the columns of our answers."""
