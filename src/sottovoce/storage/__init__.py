"""Where ciphertext lies: a folder, memory, and object storage of any cloud (SPEC 9.4)."""
