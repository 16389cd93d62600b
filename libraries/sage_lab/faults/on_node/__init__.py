"""What runs on a node to break and mend it: standard library only, sent there by the lab's own path."""
