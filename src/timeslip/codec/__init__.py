"""Values to bytes and back, with identity, aliasing and definitions kept."""
