"""What is seen while a test runs: Ray, this machine, what a test leaves, and when."""
