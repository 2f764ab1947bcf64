"""`python -m clinops`: what the git hooks call."""

from clinops.cli import main

if __name__ == "__main__":
    main()
