//! What each account is owed.
