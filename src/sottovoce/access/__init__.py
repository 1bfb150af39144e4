"""Who may touch what (SPEC 13): principals and roles, sign-in, grants, the watch over reads, reviews.

    sign-in (machine account, token, OIDC)  →  principal  →  roles      what may this principal do at all
    grant (Biscuit, an hour at most)        →  prefix, purpose, counts  which of it, how much, until when
    gate                                    →  counted, watched, in the ledger, and only then handed out

Everything is refused that nothing permits. Whoever is refused learns no more than that.
"""
