//! The command line.

mod backups;
mod commands;
mod doctor;
mod out;

use crate::Stop;
use crate::run::{serve, telemetry};
use crate::settings::Settings;
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use out::say;
use std::path::PathBuf;
use std::time::Duration;

/// A self-hosted key-management portal: your customers own the keys to their data.
///
/// Settings come from KEYSTEAD_* variables or a TOML file (KEYSTEAD_CONFIG); the README lists them.
#[derive(Parser)]
#[command(name = "keystead", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the portal (the default).
    Serve,
    /// Manage administrators.
    #[command(subcommand)]
    Admin(Admin),
    /// Manage API keys, with which your services authenticate.
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// Manage tenant secrets, from which the keys of deterministic fields and vectors are derived.
    #[command(subcommand)]
    TenantSecret(TenantSecret),
    /// Manage the root key, which protects all other keys.
    #[command(subcommand)]
    RootKey(RootKey),
    /// Update the database schema, then exit.
    Migrate,
    /// Write a backup of the database into one encrypted file, while servers keep running.
    ///
    /// The file opens only with the root key, which is not in it: keep a copy of both, apart from each other.
    Backup {
        /// Path of the new file, or - for standard output.
        file: PathBuf,
    },
    /// Restore a backup into an empty data folder or an empty PostgreSQL database.
    Restore(Restore),
    /// Examine the installation: what is wrong, and what to do about it.
    ///
    /// The status is 0 when nothing needs attention, and 1 otherwise.
    Doctor(Doctor),
}

#[derive(Args)]
pub(crate) struct Restore {
    /// Path of the backup, or - for standard input.
    pub file: PathBuf,
    /// Only check the backup: open every sealed value, verify the journal, count the rows. Changes nothing.
    #[arg(long)]
    pub check: bool,
    /// File of the root key with which the backup was made, if it is another one now.
    #[arg(long)]
    pub root_key_file: Option<PathBuf>,
    /// The data folder from before, if it still exists: its database and its journal tell which versions there were.
    #[arg(long)]
    pub old_data: Option<PathBuf>,
    /// The highest version of a scope that ever existed, like production/DE=7. Can be repeated.
    #[arg(long = "number", value_name = "SCOPE=NUMBER")]
    pub numbers: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Doctor {
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
    /// Accept that the database is older than it was: versions are created again, with numbers above all that are known.
    #[arg(long, conflicts_with = "json")]
    pub accept_older_database: bool,
    /// Correct times of the future, which a clock that was ahead has left in the database. TODAY is the date in UTC, like 2026-12-31:
    /// it confirms that the clock of this host is right now.
    #[arg(long, value_name = "TODAY", conflicts_with_all = ["json", "accept_older_database"])]
    pub correct_times: Option<NaiveDate>,
    /// With --accept-older-database: the highest version of a scope that ever existed, like production/DE=7. Can be repeated.
    #[arg(long = "number", value_name = "SCOPE=NUMBER", requires = "accept_older_database")]
    pub numbers: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Create an administrator. Prints the otpauth URI and the recovery codes.
    Create(Account),
    /// Replace an administrator's authenticator. Prints the new otpauth URI.
    ResetTotp {
        #[arg(long)]
        email: String,
    },
    /// Set a new password for an administrator.
    ResetPassword(Account),
    /// End all sessions of an administrator, and cancel all changes that wait for a verification code.
    SignOut {
        #[arg(long)]
        email: String,
    },
    /// Disable an administrator: end all sessions now and refuse to sign them in.
    Disable {
        #[arg(long)]
        email: String,
    },
    /// Let a disabled administrator sign in again.
    Enable {
        #[arg(long)]
        email: String,
    },
    /// Reset an administrator's count of failed attempts, so that they need not wait to sign in.
    Unblock {
        #[arg(long)]
        email: String,
    },
}

#[derive(Args)]
pub(crate) struct Account {
    #[arg(long)]
    pub email: String,
    /// Read the password from the first line of standard input (and, for `create`, a base32 TOTP
    /// secret from an optional second one) instead of asking on the terminal.
    #[arg(long)]
    pub stdin: bool,
}

#[derive(Subcommand)]
pub(crate) enum ApiKey {
    /// Create an API key. Prints only the key on standard output.
    Create(NewApiKey),
    /// List API keys, newest first: first characters, name, state, expiry, last use, operations, scopes.
    List,
    /// Revoke an API key on all servers.
    Revoke {
        /// First characters of the key (kstd and eight more), or its ID.
        #[arg(long)]
        key: String,
    },
}

#[derive(Args)]
pub(crate) struct NewApiKey {
    /// Name of the service that uses the key. Two active keys may share a name.
    #[arg(long)]
    pub name: String,
    /// Scope where the key works: production/DE, or production/* for a whole environment. Can be repeated.
    #[arg(long = "scope", required = true)]
    pub scopes: Vec<String>,
    /// Operations that the key allows, comma-separated: encrypt, decrypt, reencrypt, wrap, unwrap, rewrap.
    #[arg(long)]
    pub operations: String,
    /// Lifetime of the key: 30, 90, 180 or 365 days.
    #[arg(long, default_value = "365")]
    pub expires_days: String,
}

#[derive(Subcommand)]
pub(crate) enum TenantSecret {
    /// Rotate all tenant secrets of a scope: begin, let the services re-encrypt their data, then finish.
    Rotate {
        /// The scope, for example production/DE.
        #[arg(long)]
        scope: String,
        /// begin: create new secrets and serve both; finish: stop serving the old ones.
        step: Step,
        /// Finish although services have received keys of the previous secrets in the last 30 days.
        #[arg(long)]
        accept_uses: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Step {
    Begin,
    Finish,
}

#[derive(Subcommand)]
enum RootKey {
    /// Create the root key file. Never overwrites an existing file.
    Init {
        /// Path of the file. Default: KEYSTEAD_ROOT_KEY_FILE, or `root.key` in the data folder.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Replace the root key while servers keep running. If the command is interrupted, run it again
    /// to complete the rotation.
    Rotate,
}

/// # Errors
/// The sentence with which the program ends.
pub fn run() -> Result<(), Stop> {
    let cli = Cli::parse();
    let settings = Settings::read()?;
    telemetry::start_logs(&settings)?;
    for unknown in &settings.unknown {
        tracing::warn!("{}", unknown.sentence());
    }
    // Before any file is made, because `harden` also sets the umask.
    let hardened = engine::harden()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::new(format!("Keystead cannot start its threads: {error}.")))?;
    let done = runtime.block_on(async {
        match cli.command {
            None | Some(Command::Serve) => serve::serve(settings, hardened).await,
            Some(Command::Admin(command)) => commands::admin(&settings, command).await,
            Some(Command::ApiKey(command)) => commands::api_key(&settings, command).await,
            Some(Command::TenantSecret(command)) => commands::tenant_secret(&settings, command).await,
            Some(Command::RootKey(RootKey::Init { file })) => commands::root_key_init(&settings, file),
            Some(Command::RootKey(RootKey::Rotate)) => commands::root_key_rotate(&settings).await,
            Some(Command::Migrate) => commands::migrate(&settings).await,
            Some(Command::Backup { file }) => backups::backup(&settings, &file).await,
            Some(Command::Restore(restore)) => backups::restore(&settings, restore).await,
            Some(Command::Doctor(doctor)) => doctor::doctor(&settings, doctor).await,
        }
    });
    // Work on another thread may hang in a write to a pipe that nobody reads.
    runtime.shutdown_timeout(Duration::from_secs(5));
    done
}
