"""Is this machine fit for a lab, and if not, the exact fix."""
