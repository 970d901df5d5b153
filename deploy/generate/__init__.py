"""Files, and regions of files, that follow from the contracts: deployments, service accounts, tables of datasets.

``make generate`` writes them. They are kept in git because Prefect, kubectl and people read them without Python.
"""
