"""One file per library whose objects plain pickling gets wrong, slow or not at all."""
