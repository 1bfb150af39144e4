"""Templates for what runs outside us: files to review and apply; nothing is sent anywhere."""
