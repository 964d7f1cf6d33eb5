//! The server in this process: the router without a socket, and a clock that stands still. All these tests are one program,
//! because each test program links the whole server.

mod addresses;
mod alias;
mod api;
mod api_keys;
mod asvs;
mod audit_page;
mod aws_forms;
mod coverage;
mod damaged;
mod doors;
mod front_door;
mod guessing;
mod hostile;
mod limits;
mod mistakes;
mod overview;
mod pages;
mod people;
mod races;
mod sessions;
mod snapshot;
mod support;
mod tenant_secrets;
mod tsp;
mod versions;
