"""The views: their tables, and the only code that writes them."""
