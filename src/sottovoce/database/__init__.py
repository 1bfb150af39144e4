"""The registry's database: SQLite by default, PostgreSQL for many machines."""
