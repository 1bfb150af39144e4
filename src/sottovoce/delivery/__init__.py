"""Handing sealed recordings to destinations, each once, with a receipt (SPEC 10).

    Sealed ─ packing ─ Parcel ─ deliverer ─ Destination ─ Confirmed ─ Receipt
      vault    profile            book         bucket, https, sftp       ledger, lineage

Only `Sealed` comes in, and only `packing` opens it: there is no other way to a `Parcel`. What leaves is named by opaque
ids that differ for each destination.
"""
