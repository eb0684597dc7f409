"""What a customer's IdP would send, invented: for the demo and for tests."""
