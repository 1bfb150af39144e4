"""How the sample calls are made: what is said (`script`), by whom (`voices`), over which line (`line`)."""
