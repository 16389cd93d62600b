"""What the managers do on nodes over SSH, one or many at once."""
