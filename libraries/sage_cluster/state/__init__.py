"""The files that the managers keep beside a configuration file: where they lie, how they are locked and written."""
