//! Tests of Keystead's behaviour, written as stories; each runs on SQLite and on PostgreSQL.
//!
//! A story is an async function that is given a fresh portal; `stories!` at the head of a file
//! lists those in it. PostgreSQL is found through `KEYSTEAD_TEST_POSTGRES_URL`; without it the
//! stories fail, they are never skipped.

#[macro_use]
mod support;

mod aliases;
mod api_keys;
mod architecture;
mod audit;
mod authority;
mod aws;
mod aws_keys;
mod backups;
mod changes;
mod clock_ahead;
mod closed_lists;
mod conflicts;
mod data;
mod doubts;
mod failing_steps;
mod host;
mod journal;
mod journal_killed;
mod keys;
mod keys_race;
mod leases;
mod limits;
mod lockout;
mod moved_seals;
mod names;
mod next_steps;
mod overview;
mod previews;
mod profile;
mod release_before;
mod root_rotation;
mod rotation;
mod same_key;
mod scopes;
mod sessions;
mod setup;
mod sign_in;
mod sign_in_codes;
mod storage;
mod storage_seals;
mod tenant_secrets;
mod texts;
mod timeline;
mod tsp;
