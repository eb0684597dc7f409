"""`rollcall doctor`: examines an installation, changes nothing, and says what to do."""
