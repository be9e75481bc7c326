"""Measurements: traces, capture and projection beside what limits them and beside others, on generated factories.

`python -m bench` (or `make bench`) builds the data through the real projector, measures, and writes `results/`.
"""
