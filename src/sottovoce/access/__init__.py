"""Who may touch what: principals, roles, grants, the broker, the watch over bulk access, review (SPEC 13)."""
