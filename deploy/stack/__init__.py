"""The whole of it on one machine, from packages alone: no container engine, nothing installed beside the environment.

PostgreSQL, Prefect's server on it, a process worker, S3 (SeaweedFS) and doubles of the publishers, on loopback. It is
what the failure drills break (``tests/drills``), and where an operator can learn how that looks before it happens.

Each part is a process of its own in a session of its own, so that Ctrl-C reaches only the one who started them, and all
carry a mark in their environment: what a killed worker leaves behind is no child of anybody, and is found by its mark.
Tried and dropped: a supervisor from a package (supervisord, honcho): none checks health before it starts the next part.
"""
