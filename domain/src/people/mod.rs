//! Administrators.

pub mod command;
pub mod password;
pub mod view;

/// Maximum number of characters of an e-mail address (RFC 5321, 4.5.3.1.3: a path has at most 256 octets, two of which are its
/// angle brackets).
pub const EMAIL_LONGEST: usize = 254;
