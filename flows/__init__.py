"""The story of a release, one function a stage. Read these first."""
