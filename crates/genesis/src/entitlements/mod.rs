//! What is owed, as accounts of the L2 genesis.
