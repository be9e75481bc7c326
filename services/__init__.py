"""The edges of Zhuisu: each room is one process role, or one thing several roles share."""
