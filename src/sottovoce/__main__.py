"""`python -m sottovoce` is the command line."""

from sottovoce.cli.main import main

main()
