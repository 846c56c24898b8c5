//! Attempts, counted by GCRA rows.
