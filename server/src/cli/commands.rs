//! The commands of the host's command line. They take secrets from standard input or the terminal, never from arguments, and
//! print what must be kept once, on standard output.

use crate::Stop;
use crate::cli::out::{print, say, show};
use crate::cli::{Account, Admin, ApiKey, NewApiKey, Step, TenantSecret};
use crate::run::opening::{self, database_name, open_database, open_or_make_portal};
use crate::settings::Settings;
use domain::base::typed::{is_blank_text, trimmed};
use domain::base::words;
use domain::data::operation::Operation;
use domain::data::tenant_secret::RotationStep;
use domain::scopes::scope::ScopeName;
use domain::services::api_key;
use domain::services::api_key::{ApiKeyId, Reach};
use engine::base::error::StoreError;
use engine::changes::totp::{Enrolment, Seed};
use engine::vault::authority::Counts;
use engine::vault::root_key;
use engine::vault::root_rotation;
use engine::vault::root_rotation::Rotated;
use engine::{Clock, Error, Portal, SecretText};
use std::cell::Cell;
use std::io::{BufRead, IsTerminal, Read, StdinLock, Take};
use std::path::PathBuf;
use std::time::Duration;

pub async fn admin(settings: &Settings, command: Admin) -> Result<(), Stop> {
    match command {
        Admin::Create(account) => create(settings, account).await,
        Admin::ResetTotp { email } => {
            let was_shown = Cell::new(false);
            let reset = async |portal: &Portal| {
                let show = |new: &Enrolment| {
                    show(new.url(&settings.web.issuer())?)?;
                    was_shown.set(true);
                    Ok(())
                };
                portal.administrators().reset_authenticator(&email, show).await
            };
            let reset = at(settings, &email, reset).await;
            reset.map_err(|error| not_made(error, was_shown.get()))?;
            say_issuer(settings);
            say(format!(
                "All sessions of {email} have ended. The old authenticator no longer works; its entry in the app can be deleted."
            ));
            Ok(())
        }
        Admin::ResetPassword(account) => {
            let (email, (password, _)) = (account.email, read_secrets(account.stdin)?);
            at(settings, &email, async |portal| {
                portal.administrators().reset_password(&email, password).await
            })
            .await?;
            say(format!("The password of {email} has been changed. All of their sessions have ended."));
            Ok(())
        }
        Admin::SignOut { email } => {
            at(settings, &email, async |portal| portal.administrators().sign_out_everywhere(&email).await)
                .await?;
            say(format!("All sessions of {email} have ended."));
            Ok(())
        }
        Admin::Disable { email } => {
            let left =
                at(settings, &email, async |portal| portal.administrators().disable(&email).await).await?;
            say(format!("{email} can no longer sign in. All of their sessions have ended."));
            if left == 0 {
                say(format!(
                    "No administrator can sign in now. To undo this, run: keystead admin enable --email {email}"
                ));
            }
            Ok(())
        }
        Admin::Enable { email } => {
            at(settings, &email, async |portal| portal.administrators().enable(&email).await).await?;
            say(format!(
                "{email} can sign in again, with the same password and authenticator app as before."
            ));
            Ok(())
        }
        Admin::Unblock { email } => {
            at(settings, &email, async |portal| portal.administrators().unblock(&email).await).await?;
            say(format!("{email} can try to sign in again without waiting."));
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
    with(open_portal(settings).await?, run).await.map_err(|error| match error {
        Stop::Refused(Error::NotFound) => Stop::new(format!("There is no administrator {email}.")),
        error => error,
    })
}

/// Runs a command on a portal, and closes it. SQLite then copies its log into the database's file.
async fn with<T, E>(portal: Portal, run: impl AsyncFnOnce(&Portal) -> Result<T, E>) -> Result<T, Stop>
where
    Stop: From<E>,
{
    let done = run(&portal).await;
    portal.close().await;
    Ok(done?)
}

/// Says which database a command works on.
pub(super) fn say_where(settings: &Settings) {
    say(format!("Database: {}", database_name(settings)));
}

/// Opens an existing portal, and says where it is.
pub(super) async fn open_portal(settings: &Settings) -> Result<Portal, Stop> {
    let portal = opening::open_portal(settings).await?;
    say_where(settings);
    Ok(portal)
}

/// Returns the sentence for an account or a key that was shown and then not made.
fn not_made(error: Stop, was_shown: bool) -> Stop {
    match &error {
        _ if !was_shown => {}
        Stop::Refused(Error::Store(StoreError::Unsure(_))) => {
            say("What is printed above may work or not. Take it back if it does:");
        }
        _ => say("What is printed above does not work, because it was not stored:"),
    }
    error
}

/// Says what the authenticator app will show: without the server's settings, the command takes the default public URL.
fn say_issuer(settings: &Settings) {
    say(format!(
        "The entry in the authenticator app is called \"{}\" (KEYSTEAD_INSTANCE_NAME, else KEYSTEAD_PUBLIC_URL).",
        settings.web.issuer()
    ));
}

async fn create(settings: &Settings, account: Account) -> Result<(), Stop> {
    let (password, seed) = read_secrets(account.stdin)?;
    let seed = seed.map(|text| Seed::from_base32(&text)).transpose()?;
    let portal = open_or_make_portal(settings).await?;
    say_where(settings);
    let was_shown = Cell::new(false);
    let show = |new: &Enrolment, codes: &[SecretText]| {
        show(new.url(&settings.web.issuer())?)?;
        say("The recovery codes, shown only once:");
        codes.iter().try_for_each(|code| show(code.expose()))?;
        was_shown.set(true);
        Ok(())
    };
    let made =
        async |portal: &Portal| portal.administrators().create(&account.email, password, seed, show).await;
    with(portal, made).await.map_err(|error| not_made(error, was_shown.get()))?;
    say(format!("Administrator {} created.", account.email));
    say_issuer(settings);
    Ok(())
}

/// Maximum number of bytes that are read from standard input: far more than a password and a TOTP secret have.
const LONGEST_INPUT: u64 = 16 << 10;

/// Reads a line; an empty one at the end of the input.
fn read_line(input: &mut Take<StdinLock<'_>>) -> Result<SecretText, Stop> {
    let mut line = String::new();
    let read = input.read_line(&mut line);
    let (is_whole, line) = (line.ends_with('\n'), SecretText::new(line));
    read.map_err(|error| Stop::new(format!("Standard input cannot be read: {error}.")))?;
    if !is_whole && input.limit() == 0 {
        return Err(Stop::new(format!("Standard input is longer than {LONGEST_INPUT} bytes.")));
    }
    Ok(SecretText::new(line.expose().trim_end_matches(['\r', '\n'])))
}

/// Reads a password, and the second line of standard input where there is one.
fn read_secrets(is_stdin: bool) -> Result<(SecretText, Option<SecretText>), Stop> {
    let failed = |error| Stop::new(format!("The password cannot be read: {error}."));
    if is_stdin {
        let mut input = std::io::stdin().lock().take(LONGEST_INPUT);
        let password = read_line(&mut input)?;
        let second = read_line(&mut input)?;
        return Ok((password, Some(second).filter(|line| !is_blank_text(line.expose()))));
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
        ApiKey::List => with(open_portal(settings).await?, list_api_keys).await,
        ApiKey::Revoke { key } => {
            // Without a quote: somebody may have pasted the whole key.
            let id: ApiKeyId = trimmed(&key)
                .parse()
                .map_err(|error| Stop::new(format!("The value of --key is {error}.")))?;
            let revoke = async |portal: &Portal| portal.services().revoke_api_key_on_host(id).await;
            let revoked = with(open_portal(settings).await?, revoke).await.map_err(|error| match error {
                Stop::Refused(Error::NotFound) => Stop::new(format!("There is no API key {key}.")),
                error => error,
            })?;
            say(format!("API key {revoked} revoked. All servers refuse it within a second."));
            Ok(())
        }
    }
}

async fn create_api_key(settings: &Settings, new: NewApiKey) -> Result<(), Stop> {
    let reach: Result<Vec<Reach>, Stop> = new
        .scopes
        .iter()
        .map(|text| trimmed(text).parse().map_err(|error| Stop::new(format!("“{text}” is {error}."))))
        .collect();
    let operations = api_key::from_words(&new.operations).ok_or_else(|| {
        let all = api_key::words(Operation::ALL).replace(',', ", ");
        Stop::new(format!("“{}” is not a list of operations. Valid operations: {all}.", new.operations))
    })?;
    let lifetime =
        trimmed(&new.expires_days).parse().map_err(|error| Stop::new(format!("--expires-days: {error}")))?;
    let (reach, portal) = (reach?, open_portal(settings).await?);
    let was_shown = Cell::new(false);
    let show = |key: &SecretText| {
        show(key.expose())?;
        was_shown.set(true);
        Ok(())
    };
    let make = async |portal: &Portal| {
        portal.services().create_api_key_on_host(&new.name, &reach, operations, lifetime, show).await
    };
    with(portal, make).await.map_err(|error| not_made(error, was_shown.get()))?;
    say(format!(
        "API key {} created. Running servers accept it within a second. The secret is shown only once.",
        new.name
    ));
    Ok(())
}

async fn list_api_keys(portal: &Portal) -> Result<(), Stop> {
    let mut before = None;
    loop {
        let page = portal.services().api_keys(before).await?;
        for key in page.keys {
            let reach: Vec<_> = key.reach.iter().map(ToString::to_string).collect();
            print(format!(
                "{}…\t{}\t{}\t{}\t{}\t{}\t{}",
                key.seen(),
                key.name,
                key.state.word(),
                words::date(key.expires_at),
                key.last_used_at.map_or("never used".to_owned(), words::moment),
                api_key::words(&key.operations),
                reach.join(",")
            ))?;
        }
        before = page.older;
        if before.is_none() {
            return Ok(());
        }
    }
}

/// Servers write their counts of use every five seconds.
const COUNTS_ARE_WRITTEN: Duration = Duration::from_secs(6);

pub async fn tenant_secret(settings: &Settings, command: TenantSecret) -> Result<(), Stop> {
    let TenantSecret::Rotate { scope, step, accept_uses } = command;
    let name: ScopeName = trimmed(&scope)
        .parse()
        .map_err(|_| Stop::new(format!("“{scope}” is not a scope. Write it like production/DE.")))?;
    let step = match step {
        Step::Begin => RotationStep::Begin,
        Step::Finish => RotationStep::Finish,
    };
    let rotate = async |portal: &Portal| {
        if step == RotationStep::Finish {
            say(format!(
                "Waiting {} s, so that every server has written its counts …",
                COUNTS_ARE_WRITTEN.as_secs()
            ));
            tokio::time::sleep(COUNTS_ARE_WRITTEN).await;
        }
        let uses = portal.secrets().of(&name).await?.uses;
        let is_used = step == RotationStep::Finish && uses.count > 0;
        if is_used && !accept_uses {
            return Err(Stop::new(format!(
                "{scope}: services have received keys of the previous secrets: {}. Data still encrypted with these secrets becomes \
                 unreadable when the rotation is finished. Let the services re-encrypt it. To finish anyway, add: --accept-uses",
                uses.text()
            )));
        }
        let accepted = if accept_uses { u64::MAX } else { 0 };
        let count = portal.secrets().rotate_on_host(&name, step, accepted).await?;
        Ok((count, is_used.then_some(uses)))
    };
    let rotated = with(open_portal(settings).await?, rotate).await;
    let (count, uses) = rotated.map_err(|error| match error {
        Stop::Refused(Error::NotFound) => Stop::new(format!("There is no scope {scope}.")),
        error => error,
    })?;
    let counted = |what: &str| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        words::count(count, &format!("{what}tenant secret"), &format!("{what}tenant secrets"))
    };
    match step {
        RotationStep::Begin => say(format!(
            "{scope}: made a new version of {}. Services receive old and new. Let the services re-encrypt their data, then run the \
             same command with: finish",
            counted("")
        )),
        RotationStep::Finish => {
            if let Some(uses) = uses {
                say(format!(
                    "{scope}: services have received keys of the previous secrets: {}.",
                    uses.text()
                ));
            }
            say(format!("{scope}: Keystead no longer serves {}.", counted("previous ")));
        }
    }
    Ok(())
}

pub fn root_key_init(settings: &Settings, file: Option<PathBuf>) -> Result<(), Stop> {
    let path = file.unwrap_or_else(|| settings.root_key.file.clone());
    if let Some(folder) = path.parent() {
        crate::run::opening::make_folder(folder)?;
    }
    root_key::create_first(&path)?;
    say(format!(
        "Root key created at {}. Keep a copy apart from the database: nothing can be decrypted without it.",
        path.display()
    ));
    Ok(())
}

pub async fn root_key_rotate(settings: &Settings) -> Result<(), Stop> {
    if settings.root_key.text.is_some() {
        return Err(Stop::new(
            "The root key comes from KEYSTEAD_ROOT_KEY, which this command cannot change. Move the root key to a file first (KEYSTEAD_ROOT_KEY_FILE).",
        ));
    }
    let file = settings.root_key.file.clone();
    say_where(settings);
    // The database alone: `rotate` finds out which key opens it before it touches the schema.
    let db = open_database(settings).await?;
    let rotated = root_rotation::rotate(&db, &file, &Clock::system()).await;
    // Closed before a failure is reported, so that SQLite leaves no journal beside the database.
    db.close().await;
    let shown = file.display();
    let (rotated, kept) = rotated?;
    match rotated {
        Rotated::Rows(rows) => {
            say(format!("Root key replaced at {shown}; {rows} rows were sealed with the new key."))
        }
        Rotated::Finished => {
            say(format!("An earlier, interrupted rotation is now complete. Its new root key is at {shown}."));
        }
    }
    say(
        "Running servers keep working. Copy the file to every other host before its server restarts, and keep a copy apart.",
    );
    let which = match kept.backup_at {
        Some(at) => format!("Backups made until now need it, also the last one ({}).", words::moment(at)),
        None => "Copies of the database from before now need it.".to_owned(),
    };
    say(format!("The old root key is kept at {}. {which}", kept.file.display()));
    Ok(())
}

/// Says how many rows of an earlier release were signed.
pub(super) fn say_adopted(adopted: &Counts) {
    if adopted.is_empty() {
        return;
    }
    say("These rows give authority. Keystead has signed them as they were, and from now on uses no other:");
    for (kind, rows) in adopted {
        say(format!("  {rows} {}", kind.plural()));
    }
    say("If you do not expect as many, somebody else may have added some. Look at them in the portal.");
}

pub async fn migrate(settings: &Settings) -> Result<(), Stop> {
    let (portal, adopted) = opening::migrate_portal(settings).await?;
    say_where(settings);
    portal.close().await;
    say("The database schema is up to date.");
    say_adopted(&adopted);
    Ok(())
}
