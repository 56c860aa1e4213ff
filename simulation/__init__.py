"""A city of actors who walk the platform's real actions on a virtual clock."""
