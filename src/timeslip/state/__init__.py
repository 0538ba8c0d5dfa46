"""What the session state consists of, and what a run may have changed in it."""
