//! The real program: started on a folder and a port of its own, spoken to over sockets, stopped, killed, cut off.

mod clients;
mod commands;
mod crashes;
mod data_plane;
mod faults;
mod hold_load;
mod logs;
mod openapi;
mod process;
mod two_servers;
