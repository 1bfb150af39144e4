"""Where recordings come from: found first without their sound, fetched later one at a time."""
