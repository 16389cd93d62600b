"""Containers by runc on this machine, in a sealed network of their own."""
