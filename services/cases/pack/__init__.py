"""The offline pack of a recall: everything that is needed when systems are down, in one archive."""
