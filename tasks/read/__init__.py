"""Reading what is published: rows, conditions on them, two versions side by side. Nothing here writes to a store."""
