"""Routes that change cases, one file a group."""
