"""What GitHub needs: the workflows that gate and tag."""
