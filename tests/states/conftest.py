"""What tests of states that nobody plans share."""
