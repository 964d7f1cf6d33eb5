//! The real program: started on its own folder and port, called over sockets, stopped, killed, cut off.

mod backups;
mod clients;
mod commands;
mod crashes;
mod data_plane;
mod faults;
mod framing;
mod hold_load;
mod logs;
mod openapi;
mod process;
mod proxies;
mod rolling_restart;
mod systemd;
mod two_servers;
mod unusable_database;
