//! A database that cannot be used: the program says what failed, where, and what to do, and never quotes the password.

use crate::process::{Home, on_postgres, postgres};
use engine::testing::DatabaseKind;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

const SECRET: &str = "hunter2hunter2";

/// How the fake server of PostgreSQL answers.
#[derive(Clone, Copy)]
enum Answers {
    Never,
    /// Refuses a connection with this SQLSTATE.
    Refuses(&'static str),
    /// Says that it offers no TLS, and then waits.
    WithoutTls,
    /// Says that it offers TLS, and sends something else.
    Garbage,
    AsWeb,
    Closes,
}

/// Starts a fake server; returns its port.
async fn fake(how: Answers) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, how));
        }
    });
    port
}

async fn answer(mut stream: TcpStream, how: Answers) -> std::io::Result<()> {
    let mut taken = [0; 1024];
    // The request for TLS.
    stream.read_exact(&mut taken[..8]).await?;
    match how {
        Answers::Never => std::future::pending().await,
        Answers::Closes => return Ok(()),
        Answers::AsWeb => return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
        Answers::Garbage => stream.write_all(b"S").await?,
        Answers::WithoutTls | Answers::Refuses(_) => stream.write_all(b"N").await?,
    }
    let _ = stream.read(&mut taken).await?;
    match how {
        Answers::Refuses(code) => {
            let fields = format!("SFATAL\0VFATAL\0C{code}\0Mrefused\0\0");
            let length = u32::try_from(fields.len() + 4).expect("short").to_be_bytes();
            stream.write_all(&[b"E", &length[..], fields.as_bytes()].concat()).await
        }
        _ => stream.write_all(&[b'x'; 100]).await,
    }
}

/// Runs a command that needs the database, and returns the one line that it says.
async fn said(home: &Home) -> String {
    let output = home.host(&["migrate"], "").await;
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(output.stdout.is_empty() && text.lines().count() == 1, "one line: {text}");
    assert!(!text.contains(SECRET), "{text}");
    text.trim_end().to_owned()
}

async fn is_told(url: &str, expected: &str) {
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.make_root_key();
    home.set("KEYSTEAD_DATABASE_URL", url);
    assert_eq!(said(&home).await, format!("keystead: The database cannot be used: {expected}."), "{url}");
}

#[tokio::test]
async fn a_postgres_that_cannot_be_used_is_named_with_the_cause_and_a_remedy() {
    use Answers::{AsWeb, Closes, Garbage, Never, Refuses, WithoutTls};
    let start = "Start PostgreSQL there, or correct the host and the port in KEYSTEAD_DATABASE_URL";
    let mut cases = vec![
        (format!("postgres://k:{SECRET}@127.0.0.1:1/k"), format!("connection refused at 127.0.0.1:1. {start}")),
        (
            format!("postgres://k:{SECRET}@nothing.invalid/k"),
            "the host name nothing.invalid is not known. Correct the host in KEYSTEAD_DATABASE_URL, or the DNS".to_owned(),
        ),
        (
            format!("postgres://k:{SECRET}@localhost/k?host=/nothing"),
            format!("there is no socket at /nothing/.s.PGSQL.5432. {start}"),
        ),
    ];
    for (how, parameters, expected) in [
        (Never, "", "no answer from {at}. Check that PostgreSQL runs there and that no firewall is between".to_owned()),
        (Closes, "", format!("{{at}} does not answer as PostgreSQL does. {start}")),
        (AsWeb, "", format!("{{at}} does not answer as PostgreSQL does. {start}")),
        (
            WithoutTls,
            "?sslmode=require",
            "the server at {at} offers no TLS. Set up TLS in postgresql.conf (ssl = on): Keystead uses no connection to \
             another machine without it"
                .to_owned(),
        ),
        (
            Garbage,
            "?sslmode=require",
            "TLS with {at} failed: received corrupt message of type InvalidContentType. Check the server's certificate, and set \
             sslrootcert in KEYSTEAD_DATABASE_URL to the authority that issued it"
                .to_owned(),
        ),
        (
            Refuses("28P01"),
            "",
            "PostgreSQL at {at} refused the password. Correct the user and the password in KEYSTEAD_DATABASE_URL".to_owned(),
        ),
        (
            Refuses("53300"),
            "",
            "PostgreSQL at {at} has no connection left. Raise max_connections in postgresql.conf, or end other clients"
                .to_owned(),
        ),
        (
            Refuses("57P03"),
            "",
            "PostgreSQL at {at} is starting, stopping or recovering. Try again when it accepts connections".to_owned(),
        ),
    ] {
        let at = format!("127.0.0.1:{}", fake(how).await);
        cases.push((format!("postgres://k:{SECRET}@{at}/k{parameters}"), expected.replace("{at}", &at)));
    }
    // Most cases wait for a database that may still be starting.
    futures_util::future::join_all(cases.iter().map(|(url, expected)| is_told(url, expected))).await;
}

#[tokio::test]
async fn an_unknown_database_is_told() {
    let mut url: Url = postgres();
    url.set_path("no_such_database");
    let mut home = Home::new(DatabaseKind::Sqlite).await;
    home.make_root_key();
    home.set("KEYSTEAD_DATABASE_URL", url.as_str());
    let said = said(&home).await;
    assert!(
        said.contains("The database cannot be used: there is no database no_such_database at "),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_with_the_cause_and_a_remedy() {
    let folder: fn(&Path) = |file| {
        std::fs::remove_file(file).expect("removed");
        std::fs::create_dir(file).expect("a folder");
    };
    let garbage: fn(&Path) = |file| std::fs::write(file, "not SQLite".repeat(1000)).expect("written");
    let cut: fn(&Path) = |file| {
        let bytes = std::fs::metadata(file).expect("a file").len();
        std::fs::File::options().write(true).open(file).expect("a file").set_len(bytes / 2).expect("cut");
    };
    for (spoil, expected) in [
        (folder, "is a folder. Move it away, or set KEYSTEAD_DATA_DIR to the right folder"),
        (
            garbage,
            "is not an SQLite database. Set KEYSTEAD_DATA_DIR to the right folder, or restore a backup",
        ),
        (cut, "is damaged. Restore a backup"),
    ] {
        let home = Home::new(DatabaseKind::Sqlite).await;
        assert!(home.host(&["migrate"], "").await.status.success());
        let file = home.data().join("keystead.db");
        spoil(&file);
        let shown = file.display();
        assert_eq!(said(&home).await, format!("keystead: The database cannot be used: {shown} {expected}."));
    }
}

/// A database whose schema `public` is closed, as PostgreSQL makes it since version 15, and an account without rights on it.
struct Closed {
    home: Home,
    /// The database, as a superuser.
    admin: Url,
    account: String,
    /// The database, as the account.
    url: Url,
}

impl Closed {
    async fn new() -> Self {
        let mut home = Home::new(DatabaseKind::Postgres).await;
        let admin = home.database().clone();
        let account = format!("Account of{}", admin.path().replace('/', " "));
        on_postgres(&admin, "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
        on_postgres(&admin, &format!("CREATE ROLE \"{account}\" LOGIN PASSWORD '{SECRET}'")).await;
        let mut url = admin.clone();
        url.set_username(&account).expect("a name");
        url.set_password(Some(SECRET)).expect("a password");
        home.set("KEYSTEAD_DATABASE_URL", url.as_str());
        Self { home, admin, account, url }
    }

    /// Runs the SQL that a message names, between these words.
    async fn obey(&self, said: &str, begin: &str, end: &str) {
        let (_, rest) = said.split_once(begin).expect(said);
        let (sql, _) = rest.split_once(end).expect(said);
        on_postgres(&self.admin, sql).await;
    }

    async fn end(self) {
        on_postgres(&self.admin, &format!("DROP OWNED BY \"{}\"", self.account)).await;
        on_postgres(&self.admin, &format!("DROP ROLE \"{}\"", self.account)).await;
        self.home.end().await;
    }
}

#[tokio::test]
async fn a_missing_right_is_named_with_the_sql_that_grants_it() {
    let closed = Closed::new().await;
    let (account, database) = (format!("\"{}\"", closed.account), closed.admin.path()[1..].to_owned());
    let told = said(&closed.home).await;
    let what = format!(
        "the account {account} has no right to create tables in the schema public of the database {database}."
    );
    assert!(told.contains(&what) && told.contains("Since version 15"), "{told}");
    closed.obey(&told, "Run ", " in this database").await;
    assert!(closed.home.host(&["migrate"], "").await.status.success(), "it is granted");
    closed.end().await;
}

#[tokio::test]
async fn a_schema_that_may_not_even_be_used_is_named() {
    let closed = Closed::new().await;
    on_postgres(&closed.admin, "REVOKE USAGE ON SCHEMA public FROM PUBLIC").await;
    let told = said(&closed.home).await;
    assert!(told.contains("no right to create tables in the schema public"), "{told}");
    closed.obey(&told, "Run ", " in this database").await;
    assert!(closed.home.host(&["migrate"], "").await.status.success(), "it is granted");
    closed.end().await;
}

#[tokio::test]
async fn tables_of_another_account_are_named_with_their_owner() {
    let mut closed = Closed::new().await;
    closed.home.set("KEYSTEAD_DATABASE_URL", closed.admin.as_str());
    assert!(closed.home.host(&["migrate"], "").await.status.success(), "the superuser owns the tables");
    closed.home.set("KEYSTEAD_DATABASE_URL", closed.url.as_str());
    let told = said(&closed.home).await;
    assert!(told.contains("may not use Keystead's tables") && told.contains("they belong to "), "{told}");
    on_postgres(&closed.admin, &format!("ALTER ROLE \"{}\" NOINHERIT", closed.account)).await;
    closed.obey(&told, "let a superuser run ", " which gives").await;
    let told = said(&closed.home).await;
    closed.obey(&told, "let a superuser run ", " which lets").await;
    assert!(closed.home.host(&["migrate"], "").await.status.success(), "it has the owner's rights");
    closed.end().await;
}

#[tokio::test]
async fn a_search_path_without_a_schema_is_told() {
    let closed = Closed::new().await;
    let (account, admin) = (&closed.account, &closed.admin);
    on_postgres(admin, &format!("GRANT CREATE ON SCHEMA public TO \"{account}\"")).await;
    on_postgres(admin, &format!("ALTER ROLE \"{account}\" SET search_path = \"$user\", \"Nope\"")).await;
    let told = said(&closed.home).await;
    assert!(told.contains("no schema of the search_path of the account"), "{told}");
    closed.obey(&told, "or run ", " as a superuser").await;
    assert!(closed.home.host(&["migrate"], "").await.status.success(), "there is one now");
    closed.end().await;
}

#[tokio::test]
async fn a_database_that_may_only_be_read_is_told() {
    let closed = Closed::new().await;
    let account = &closed.account;
    on_postgres(&closed.admin, &format!("GRANT CREATE ON SCHEMA public TO \"{account}\"")).await;
    on_postgres(&closed.admin, &format!("ALTER ROLE \"{account}\" SET default_transaction_read_only = on"))
        .await;
    let told = said(&closed.home).await;
    assert!(
        told.contains("does not let the database")
            && told.contains("is a standby, or default_transaction_read_only is on"),
        "{told}"
    );
    closed.end().await;
}
