"""`make bench`: how fast both services are, beside what could be reached at all and beside a peer, in one run.

    machine    what the kernel says: CPU time and memory of process trees, the processor
    load       wrk and its scripts; requests are written beforehand, so that wrk only sends them
    bare       the bounds: a loop that signs, servers that only sign or only verify
    peers      other projects that can be run here
    seed       rows for a measurement, written with the services' own models
    servers    the services as real processes, on SQLite and PostgreSQL
    cases      what is measured; each gives rows
    report     the tables, the targets, bench/results/

Figures of one run are comparable with each other, since candidates take turns; figures of two runs are not.
"""
