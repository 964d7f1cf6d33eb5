//! The commands of the host's command line. They take secrets from standard input or the terminal, never from arguments, and
//! print what must be kept once, on standard output.

use crate::Stop;
use crate::cli::{Account, Admin, ApiKey, NewApiKey, Step, TenantSecret};
use crate::run::opening::{open_database, open_portal};
use crate::settings::Settings;
use domain::base::words;
use domain::data::operation::Operation;
use domain::data::tenant_secret::RotationStep;
use domain::scopes::scope::ScopeName;
use domain::services::api_key;
use domain::services::api_key::{ApiKeyId, Reach};
use engine::changes::totp::Seed;
use engine::vault::root_key;
use engine::vault::root_rotation;
use engine::vault::root_rotation::Rotated;
use engine::{Clock, Error, Portal, SecretText};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

pub async fn admin(settings: &Settings, command: Admin) -> Result<(), Stop> {
    match command {
        Admin::Create(account) => create(settings, account).await,
        Admin::ResetTotp { email } => {
            let seed = at(settings, &email, async |portal| {
                portal.administrators().reset_authenticator(&email).await
            })
            .await?;
            println!("{}", seed.url(&email)?);
            eprintln!("All sessions of {email} have ended. The old authenticator no longer works.");
            Ok(())
        }
        Admin::ResetPassword(account) => {
            let (email, (password, _)) = (account.email, read_secrets(account.stdin)?);
            at(settings, &email, async |portal| {
                portal.administrators().reset_password(&email, password).await
            })
            .await?;
            eprintln!("The password of {email} has been changed. All of their sessions have ended.");
            Ok(())
        }
        Admin::SignOut { email } => {
            at(settings, &email, async |portal| portal.administrators().sign_out_everywhere(&email).await)
                .await?;
            eprintln!("All sessions of {email} have ended.");
            Ok(())
        }
        Admin::Disable { email } => {
            let left =
                at(settings, &email, async |portal| portal.administrators().disable(&email).await).await?;
            eprintln!("{email} can no longer sign in. All of their sessions have ended.");
            if left == 0 {
                eprintln!(
                    "No administrator can sign in now. To undo this, run: keystead admin enable --email {email}"
                );
            }
            Ok(())
        }
        Admin::Enable { email } => {
            at(settings, &email, async |portal| portal.administrators().enable(&email).await).await?;
            eprintln!("{email} can sign in again, with the same password and authenticator app as before.");
            Ok(())
        }
        Admin::Unblock { email } => {
            at(settings, &email, async |portal| portal.administrators().unblock(&email).await).await?;
            eprintln!("{email} can try to sign in again without waiting.");
            Ok(())
        }
    }
}

/// Runs a command on an administrator, who must exist.
async fn at<T>(
    settings: &Settings,
    email: &str,
    run: impl AsyncFnOnce(&Portal) -> Result<T, Error>,
) -> Result<T, Stop> {
    let portal = open_portal(settings).await?;
    run(&portal).await.map_err(|error| match error {
        Error::NotFound => Stop::new(format!("There is no administrator {email}.")),
        error => error.into(),
    })
}

async fn create(settings: &Settings, account: Account) -> Result<(), Stop> {
    let (password, seed) = read_secrets(account.stdin)?;
    let seed = seed.map(|text| Seed::from_base32(&text)).transpose()?;
    let portal = open_portal(settings).await?;
    let (seed, codes) = portal.administrators().create(&account.email, password, seed).await?;
    println!("{}", seed.url(&account.email)?);
    eprintln!("Administrator {} created. Recovery codes, shown only once:", account.email);
    for code in codes {
        println!("{}", code.expose());
    }
    Ok(())
}

/// Reads a password, and the second line of standard input where there is one.
fn read_secrets(is_stdin: bool) -> Result<(SecretText, Option<SecretText>), Stop> {
    let failed = |error| Stop::new(format!("The password cannot be read: {error}."));
    if is_stdin {
        let mut lines = std::io::stdin().lock().lines();
        let password = lines.next().transpose().map_err(failed)?.unwrap_or_default();
        let second = lines.next().transpose().map_err(failed)?.filter(|line| !line.trim().is_empty());
        return Ok((SecretText::new(password), second.map(SecretText::new)));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Stop::new(
            "There is no terminal on which to ask for the password. Use --stdin and pass the password on standard input.",
        ));
    }
    let password = SecretText::new(rpassword::prompt_password("Password: ").map_err(failed)?);
    let again = SecretText::new(rpassword::prompt_password("Repeat password: ").map_err(failed)?);
    if password.same_as(&again) {
        Ok((password, None))
    } else {
        Err(Stop::new("The two passwords are not the same."))
    }
}

pub async fn api_key(settings: &Settings, command: ApiKey) -> Result<(), Stop> {
    match command {
        ApiKey::Create(new) => create_api_key(settings, new).await,
        ApiKey::List => list_api_keys(settings).await,
        ApiKey::Revoke { key } => {
            let id: ApiKeyId = key.parse().map_err(|error| Stop::new(format!("“{key}” is {error}.")))?;
            let portal = open_portal(settings).await?;
            let revoked =
                portal.services().revoke_api_key_on_host(id).await.map_err(|error| match error {
                    Error::NotFound => Stop::new(format!("There is no API key {key}.")),
                    error => error.into(),
                })?;
            eprintln!("API key {revoked} revoked. All servers refuse it within a second.");
            Ok(())
        }
    }
}

async fn create_api_key(settings: &Settings, new: NewApiKey) -> Result<(), Stop> {
    let reach: Result<Vec<Reach>, Stop> = new
        .scopes
        .iter()
        .map(|text| text.parse().map_err(|error| Stop::new(format!("“{text}” is {error}."))))
        .collect();
    let operations = api_key::from_words(&new.operations).ok_or_else(|| {
        let all = api_key::words(Operation::ALL).replace(',', ", ");
        Stop::new(format!("“{}” is not a list of operations. Valid operations: {all}.", new.operations))
    })?;
    let lifetime = new.expires_days.parse().map_err(|error| Stop::new(format!("--expires-days: {error}")))?;
    let (reach, portal) = (reach?, open_portal(settings).await?);
    let key = portal.services().create_api_key_on_host(&new.name, &reach, operations, lifetime).await?;
    println!("{}", key.expose());
    eprintln!("API key {} created. It works now. The secret is shown only once.", new.name);
    Ok(())
}

async fn list_api_keys(settings: &Settings) -> Result<(), Stop> {
    let portal = open_portal(settings).await?;
    let mut before = None;
    loop {
        let page = portal.services().api_keys(before).await?;
        for key in page.keys {
            let reach: Vec<_> = key.reach.iter().map(ToString::to_string).collect();
            println!(
                "{}…\t{}\t{}\t{}\t{}\t{}\t{}",
                key.seen(),
                key.name,
                key.state.word(),
                words::date(key.expires_at),
                key.last_used_at.map_or("never used".to_owned(), words::moment),
                api_key::words(&key.operations),
                reach.join(",")
            );
        }
        before = page.older;
        if before.is_none() {
            return Ok(());
        }
    }
}

pub async fn tenant_secret(settings: &Settings, command: TenantSecret) -> Result<(), Stop> {
    let TenantSecret::Rotate { scope, step } = command;
    let name: ScopeName = scope
        .parse()
        .map_err(|_| Stop::new(format!("“{scope}” is not a scope. Write it like production/DE.")))?;
    let step = match step {
        Step::Begin => RotationStep::Begin,
        Step::Finish => RotationStep::Finish,
    };
    let portal = open_portal(settings).await?;
    let rotated = portal.secrets().rotate_on_host(&name, step).await;
    let count = rotated.map_err(|error| match error {
        Error::NotFound => Stop::new(format!("There is no scope {scope}.")),
        error => error.into(),
    })?;
    match step {
        RotationStep::Begin => eprintln!(
            "{scope}: {count} tenant secrets have a new current version. Services receive old and new. Let the services \
             re-encrypt their data, then run the same command with: finish"
        ),
        RotationStep::Finish => eprintln!("{scope}: {count} previous tenant secrets are no longer served."),
    }
    Ok(())
}

pub fn root_key_init(settings: &Settings, file: Option<PathBuf>) -> Result<(), Stop> {
    let path = file.unwrap_or_else(|| settings.root_key.file.clone());
    if let Some(folder) = path.parent() {
        crate::run::opening::make_folder(folder)?;
    }
    root_key::create(&path)?;
    eprintln!(
        "Root key created at {}. Keep a copy apart from the database: nothing can be decrypted without it.",
        path.display()
    );
    Ok(())
}

pub async fn root_key_rotate(settings: &Settings) -> Result<(), Stop> {
    if settings.root_key.text.is_some() {
        return Err(Stop::new(
            "The root key comes from KEYSTEAD_ROOT_KEY, which this command cannot change. Move the root key to a file first (KEYSTEAD_ROOT_KEY_FILE).",
        ));
    }
    let file = settings.root_key.file.clone();
    // The database alone: `rotate` finds out which key opens it before it touches the schema.
    let db = open_database(settings).await?;
    let rotated = root_rotation::rotate(&db, &file, &Clock::system()).await;
    // Closed before a failure is reported, so that SQLite leaves no journal beside the database.
    db.close().await;
    let shown = file.display();
    match rotated? {
        Rotated::Rows(rows) => {
            eprintln!("Root key replaced at {shown}; {rows} rows were sealed with the new key.")
        }
        Rotated::Finished => {
            eprintln!("An earlier, interrupted rotation is now complete. Its new root key is at {shown}.");
        }
    }
    eprintln!(
        "Running servers keep working. Copy the file to every other host before its server restarts, and keep a copy apart.\n\
         Earlier backups of the database open only with the old root key."
    );
    Ok(())
}

pub async fn migrate(settings: &Settings) -> Result<(), Stop> {
    open_portal(settings).await?;
    eprintln!("The database schema is up to date.");
    Ok(())
}
