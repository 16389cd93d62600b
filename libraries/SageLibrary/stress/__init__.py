"""Many operations, many callers, many hours: a model of what should be true, and a judge of what must not grow."""
