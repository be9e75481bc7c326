"""All of Zhuisu in one process tree, with its own PostgreSQL."""
