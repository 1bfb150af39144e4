"""May we use this recording, and do we want to? (SPEC 4)"""
