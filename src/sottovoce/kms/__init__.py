"""Key services: whatever wraps 32-byte keys under keys it never shows (SPEC 9.2)."""
