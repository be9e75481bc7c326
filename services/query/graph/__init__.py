"""The record of one tenant as arrays: traces of up to millions of items without a statement an item.

A `Graph` is built from the views at one position and never changed. What newer events touched, and whatever the plain
rules of `plain.py` do not cover, is asked of the domain instead (`tracing.py`): an index that is old, or that does not
know a kind of event, makes answers slower, never wrong. Tests hold its answers against the domain's.
"""
