//! The command line.

mod commands;

use crate::Stop;
use crate::run::{serve, telemetry};
use crate::settings::Settings;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    /// Administrators, by the operator's hand.
    #[command(subcommand)]
    Admin(Admin),
    /// API keys: what the vendor's services come in with.
    #[command(subcommand)]
    ApiKey(ApiKey),
    /// The secrets that the keys of deterministic fields and vectors are derived from.
    #[command(subcommand)]
    TenantSecret(TenantSecret),
    /// The key that seals everything else.
    #[command(subcommand)]
    RootKey(RootKey),
    /// Bring the database's schema up to date and end.
    Migrate,
}

#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Make an administrator; prints the otpauth address and the recovery codes.
    Create(Account),
    /// Give an administrator a new authenticator; prints the otpauth address.
    ResetTotp {
        #[arg(long)]
        email: String,
    },
    /// Give an administrator a new password.
    ResetPassword(Account),
    /// End every session of an administrator, and every change that waits for its code.
    SignOut {
        #[arg(long)]
        email: String,
    },
    /// Keep an administrator from signing in, and end every session at once.
    Disable {
        #[arg(long)]
        email: String,
    },
    /// Let a disabled administrator sign in again.
    Enable {
        #[arg(long)]
        email: String,
    },
    /// Forget the wrong tries counted for an administrator's name: no more waiting.
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
    /// Make an API key; prints it, alone, on standard output.
    Create(NewApiKey),
    /// List API keys, newest first: how each begins, its name, state, expiry, last use, operations, scopes.
    List,
    /// End an API key on every server.
    Revoke {
        /// How the key begins (kstd and eight characters), or its id.
        #[arg(long)]
        key: String,
    },
}

#[derive(Args)]
pub(crate) struct NewApiKey {
    /// The service that uses it; two keys of one name may live at a time.
    #[arg(long)]
    pub name: String,
    /// Where it may be used: production/DE, or production/* for a whole environment. Repeats.
    #[arg(long = "scope", required = true)]
    pub scopes: Vec<String>,
    /// Operations that it may use, comma-separated: encrypt, decrypt, reencrypt, wrap, unwrap, rewrap.
    #[arg(long)]
    pub operations: String,
    /// How long it lives: 30, 90, 180 or 365 days.
    #[arg(long, default_value = "365")]
    pub expires_days: String,
}

#[derive(Subcommand)]
pub(crate) enum TenantSecret {
    /// Rotate every secret of a scope: begin, let the services move their data, finish.
    Rotate {
        /// Which: production/DE.
        #[arg(long)]
        scope: String,
        /// begin: new secrets, the old ones still answered; finish: the old ones no more.
        step: Step,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Step {
    Begin,
    Finish,
}

#[derive(Subcommand)]
enum RootKey {
    /// Make the root key's file; never overwrites one.
    Init {
        /// Where; default: KEYSTEAD_ROOT_KEY_FILE, else `root.key` in the data folder.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Make a new root key in the place of the old one, beside running servers. Killed at any
    /// moment, it goes on when it is run again.
    Rotate,
}

/// # Errors
/// The sentence with which the program ends.
pub fn run() -> Result<(), Stop> {
    let cli = Cli::parse();
    let settings = Settings::read()?;
    telemetry::start_logs(&settings)?;
    let hardened = engine::harden()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::new(format!("The program cannot start its threads: {error}.")))?;
    runtime.block_on(async {
        match cli.command {
            None | Some(Command::Serve) => serve::serve(settings, hardened).await,
            Some(Command::Admin(command)) => commands::admin(&settings, command).await,
            Some(Command::ApiKey(command)) => commands::api_key(&settings, command).await,
            Some(Command::TenantSecret(command)) => commands::tenant_secret(&settings, command).await,
            Some(Command::RootKey(RootKey::Init { file })) => commands::root_key_init(&settings, file),
            Some(Command::RootKey(RootKey::Rotate)) => commands::root_key_rotate(&settings).await,
            Some(Command::Migrate) => commands::migrate(&settings).await,
        }
    })
}
