"""One module a group of measurements. Each yields rows of the table."""
