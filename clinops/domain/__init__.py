"""The domain: pure values and rules, one noun per file, in pipeline order. No I/O."""
