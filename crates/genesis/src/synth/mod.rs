//! Made-up snapshots and what is owed in them.
