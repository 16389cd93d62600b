"""Containers by Docker Compose."""
