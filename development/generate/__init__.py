"""Writes what is generated and never edited: reference pages, `.env.example`, `CONFORMANCE.md`.

`python -m development.generate` writes, `--check` compares and fails where a file is not what it would write.
"""
