"""The ground floor: small, slow to change, and importing no room."""
