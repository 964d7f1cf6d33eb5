//! The options of a connection to PostgreSQL, from the address that the operator has set.

use crate::Stop;
use engine::base::files;
use engine::store::{PgConnectOptions, PgSslMode};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use url::{Host, Url};

/// Maximum length of a file with certificates: that of a whole system has about 200 KiB.
const LONGEST: u64 = 4 << 20;

/// Returns the options of a connection. To another machine it is encrypted, and the server's name is verified.
pub fn options(url: &Url) -> Result<PgConnectOptions, Stop> {
    check_files(url)?;
    let options = PgConnectOptions::from_str(url.as_str())
        // Without the driver's words: they may quote a part of the address.
        .map_err(|_| {
            Stop::new(
                "The setting KEYSTEAD_DATABASE_URL cannot be used: a parameter after the ? is not valid.",
            )
        })?;
    // The driver takes the brackets of an IPv6 address for a part of its name.
    let options = match url.host() {
        Some(Host::Ipv6(ip)) if options.get_host() == format!("[{ip}]") => options.host(&ip.to_string()),
        _ => options,
    };
    // The options decide, not the URL's host: `?host=` replaces it.
    if options.get_socket().is_some() || is_loopback_name(options.get_host()) {
        return Ok(options);
    }
    // Without sslmode sqlx assumes `prefer`, which the operator has not chosen.
    let says_how = url.query_pairs().any(|(name, _)| name == "sslmode" || name == "ssl-mode");
    if says_how && !matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
        return Err(Stop::new(
            "The sslmode in KEYSTEAD_DATABASE_URL does not fully verify the database server, so others could intercept \
             the connection. Remove sslmode, or set it to verify-full. To use your own certificate authority, set sslrootcert.",
        ));
    }
    Ok(options.ssl_mode(PgSslMode::VerifyFull))
}

/// Checks the files that the driver reads, each as a whole: those that the address or a variable of PostgreSQL names, and the file
/// of passwords. A named pipe or a device would stop it for ever.
fn check_files(url: &Url) -> Result<(), Stop> {
    const PARAMETERS: [&str; 7] =
        ["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];
    const VARIABLES: [&str; 4] = ["PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGPASSFILE"];
    let in_address = url.query_pairs().filter(|(name, _)| PARAMETERS.contains(&name.as_ref()));
    let in_address = in_address.map(|(name, file)| (name.into_owned(), PathBuf::from(&*file)));
    let variables = VARIABLES
        .iter()
        .filter_map(|name| std::env::var_os(name).map(|file| ((*name).to_owned(), PathBuf::from(file))));
    let passwords = std::env::home_dir().map(|home| ("~/.pgpass".to_owned(), home.join(".pgpass")));
    for (name, file) in in_address.chain(variables).chain(passwords) {
        let is_optional = matches!(name.as_str(), "PGPASSFILE" | "~/.pgpass");
        match files::read(&file, LONGEST) {
            Ok(_) => {}
            // The driver goes on without a file of passwords that it cannot open. Systemd may hide the home folder.
            Err(error)
                if is_optional && !matches!(error.kind(), ErrorKind::Other | ErrorKind::FileTooLarge) => {}
            // Without the value: somebody may have written a key in the place of its file.
            Err(error) => {
                return Err(Stop::new(format!(
                    "For the connection to PostgreSQL, {name} must name a file that can be read: {error}."
                )));
            }
        }
    }
    Ok(())
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.starts_with('/') || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{PgConnectOptions, PgSslMode, Stop};

    fn options(url: &str) -> Result<PgConnectOptions, Stop> {
        super::options(&url.parse().expect("a URL"))
    }

    #[test]
    fn off_this_machine_the_servers_name_is_proved() {
        for url in [
            "postgres://keystead@db.example.com/keystead",
            "postgres://keystead@db.example.com/keystead?sslmode=verify-full",
            "postgres://keystead@203.0.113.7/keystead?application_name=verify-full",
            "postgres://keystead@localhost/keystead?host=db.example.com",
        ] {
            let options = options(url).expect("it is used");
            assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), "{url}");
        }
    }

    #[test]
    fn what_others_could_listen_to_is_refused() {
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            for url in [
                format!("postgres://keystead@db.example.com/keystead?sslmode={mode}"),
                format!("postgres://keystead@db.example.com/keystead?ssl-mode={mode}"),
                format!(
                    "postgres://keystead@db.example.com/keystead?sslmode={mode}&application_name=verify-full"
                ),
            ] {
                let said = options(&url).err().map(|stop| stop.to_string()).unwrap_or_default();
                assert!(said.contains("sslmode"), "{url}: {said}");
            }
        }
    }

    #[test]
    fn files_for_tls_are_regular_and_short() {
        for name in ["sslrootcert", "ssl-ca", "sslcert", "ssl-key"] {
            for (file, why) in [
                ("/dev/zero", "not a regular file"),
                ("/nothing", "No such file"),
                ("-----BEGIN%20PRIVATE%20KEY-----hunter2", "No such file"),
                ("Bag%20Attributes%0Ahunter2", "No such file"),
            ] {
                let url = format!("postgres://keystead:hunter2@db.example.com/keystead?{name}={file}");
                let said = options(&url).err().map(|stop| stop.to_string()).unwrap_or_default();
                assert!(
                    said.contains(name) && said.contains(why) && !said.contains("hunter2"),
                    "{url}: {said}"
                );
            }
        }
    }

    #[test]
    fn an_ipv6_address_has_no_brackets_for_the_driver() {
        for (url, host) in [
            ("postgres://keystead@[::1]:5432/keystead", "::1"),
            ("postgres://keystead@[2001:db8::5]/keystead", "2001:db8::5"),
            ("postgres://keystead@[::1]/keystead?host=db.example.com", "db.example.com"),
        ] {
            assert_eq!(options(url).expect("it is used").get_host(), host);
        }
        let own = options("postgres://keystead@[::1]/keystead").expect("it is used");
        assert!(!matches!(own.get_ssl_mode(), PgSslMode::VerifyFull), "this machine");
    }

    #[test]
    fn on_this_machine_nothing_is_asked_for() {
        for url in [
            "postgres://keystead@localhost/keystead",
            "postgres://keystead@127.0.0.1/keystead",
            "postgres://keystead@localhost/keystead?host=/run/postgresql",
        ] {
            assert!(options(url).is_ok(), "{url}");
        }
    }
}
