"""Keys and sealing: every stored object is encrypted under a key that can be destroyed (SPEC 9).

    provider key (file ring, KMS, HSM)          context {app, tenant, epoch}
      └ epoch key, one a tenant and month       wrapped in the key store
          └ recording key, one a recording      wrapped in the key store, and nowhere else
              └ object: Cobblestone-256         context {v, tenant, rid, kind, rev[, channel][, shard]}

`vault.Vault` is the door; the rest of this room is behind it.
"""
