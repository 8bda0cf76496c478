"""Databases: the only place that commits.

`database` is the cold path (pages, accounts, CLI): one `AsyncSession`, one transaction. `hot` is the path of
the token endpoint: statements compiled once, run on the raw driver, writes of one loop tick committed together.
`migrations` brings a database to the present schema, `changes` tells running workers what the CLI has changed.
"""
