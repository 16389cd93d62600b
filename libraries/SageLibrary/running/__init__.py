"""Running suites for people: progress on the console, a plan beforehand, failed tests once more."""
