"""What runs on a node: standard library only, sent there over SSH, so that nothing needs to be installed first."""
