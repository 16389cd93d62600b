"""What tests share, by noun of the field. A test imports from here, never from another test."""
