"""Settings of one server, and how they are read from options and environment."""
