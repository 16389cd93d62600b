"""Side-by-side measurements of the managers and the lab: `python -m benchmarks`."""
