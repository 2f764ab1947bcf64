"""`clinops` and `python -m clinops`: where every command of the command line begins."""

from clinops import lasting

with lasting.imports():
    from clinops.cli import main

if __name__ == "__main__":
    main()
