//! `kill -9` at random moments, with real servers on both databases: every acknowledged change is
//! there, no change is half done, and the next start is ready within five seconds.

use crate::process::common::{on_both, random, shown_seed};
use crate::process::{Home, Keystead, PASSWORD, Raw, RawAnswer, code};
use engine::changes::totp::Seed;
use engine::store::Db;
use engine::testing::look::{self, broken, count, number};
use engine::testing::{DatabaseKind, scale};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const READY_WITHIN: Duration = Duration::from_secs(5);

/// Returns a random moment of a span.
fn moment(of: Duration) -> Duration {
    of.mul_f64(random(1_000_000) as f64 / 1e6)
}

/// Statistics of the starts after a crash.
#[derive(Default)]
struct Starts {
    slowest: Duration,
    count: u32,
}

impl Starts {
    async fn again(&mut self, server: &mut Keystead) {
        let took = server.start_again().await;
        assert!(took < READY_WITHIN, "the start took {took:?}");
        self.slowest = self.slowest.max(took);
        self.count += 1;
    }
}

/// An administrator with an environment, a country and a key that no other worker changes.
#[derive(Clone)]
struct Worker {
    number: u32,
    seed: Arc<Seed>,
    cookie: String,
}

/// Contents of a worker's environment: number of countries, number of versions, period of its first key.
type State = [i64; 3];

impl Worker {
    fn email(number: u32) -> String {
        format!("worker{number}@example.com")
    }

    fn environment(&self) -> String {
        format!("/environments/worker-{}", self.number)
    }

    fn keys(&self) -> String {
        format!("{}/DE/keys", self.environment())
    }

    async fn state(&self, db: &Db) -> State {
        let of =
            format!("environment_id = (SELECT id FROM environment WHERE slug = 'worker-{}')", self.number);
        let scopes = format!("SELECT id FROM scope WHERE {of}");
        [
            count(db, &format!("SELECT COUNT(*) FROM scope WHERE {of}")).await,
            count(db, &format!("SELECT COUNT(*) FROM key_version WHERE scope_id IN ({scopes})")).await,
            count(
                db,
                &format!(
                    "SELECT COALESCE(SUM(rotation_days), 0) FROM key_version WHERE status = 'active' \
                AND scope_id IN ({scopes} AND country = 'DE')"
                ),
            )
            .await,
        ]
    }

    /// Prepares a change of a key and confirms it with a code. Returns whether it was acknowledged.
    async fn change(&self, port: u16, path: &str, form: &str) -> bool {
        let Some(prepared) = Raw::try_post(port, path, &self.cookie, form).await else { return false };
        assert_eq!(prepared.status, 303, "{path}: {}", prepared.text);
        let address = prepared.header("location").expect("a prepared change").to_owned();
        let form = format!("code={}", code(&self.seed));
        let Some(done) = Raw::try_post(port, &address, &self.cookie, &form).await else { return false };
        assert_eq!(done.status, 303, "{address}: {}", done.text);
        true
    }

    /// Does the work of a round; returns the states that are possible, from the last acknowledged one on.
    async fn work(self, port: u16, round: u32, before: State) -> (Self, Vec<State>) {
        let [countries, versions, days] = before;
        match (round + self.number) % 3 {
            0 => {
                let country = domain::scopes::scope::Country::all()[countries as usize].code();
                let added = [countries + 1, versions, days];
                let made = [countries + 1, versions + 1, days];
                let form = format!("country={country}");
                let is_added = Raw::try_post(port, &self.environment(), &self.cookie, &form).await;
                if is_added.is_none_or(|answer| answer.status != 303) {
                    return (self, vec![before, added]);
                }
                let path = format!("{}/{country}/keys/add", self.environment());
                let is_made = self.change(port, &path, "key_type=managed&rotation_days=180").await;
                (self, if is_made { vec![made] } else { vec![added, made] })
            }
            1 => {
                let after = [countries, versions + 1, 30];
                let is_made = self.change(port, &format!("{}/rotate", self.keys()), "rotation_days=30").await;
                (self, if is_made { vec![after] } else { vec![before, after] })
            }
            _ => {
                let other = if days == 60 { 360 } else { 60 };
                let after = [countries, versions, other];
                let path = format!("{}/settings", self.keys());
                let is_made = self.change(port, &path, &format!("rotation_days={other}")).await;
                (self, if is_made { vec![after] } else { vec![before, after] })
            }
        }
    }
}

/// Starts a server with some administrators, each with an environment, Germany in it, and a key there.
async fn at_work(kind: DatabaseKind, workers: u32) -> (Keystead, Vec<Worker>) {
    let mut home = Home::new(kind).await;
    home.set("KEYSTEAD_DAILY_LIMIT_PER_TYPE", "10000");
    home.set("KEYSTEAD_DAILY_LIMIT_PER_SCOPE", "10000");
    let server = Keystead::on(home).await;
    let mut all = Vec::new();
    for number in 1..=workers {
        let seed = server.home.administrator(&Worker::email(number)).await;
        let cookie = server.sign_in_as(&Worker::email(number), &seed).await;
        let worker = Worker { number, seed: Arc::new(seed), cookie };
        let form = format!("name=Worker+{number}&kind=test");
        Raw::post(server.port, "/environments", &worker.cookie, &form).await;
        Raw::post(server.port, &worker.environment(), &worker.cookie, "country=DE").await;
        all.push(worker);
    }
    forget_codes(&server.home).await;
    for worker in &all {
        let path = format!("{}/add", worker.keys());
        assert!(worker.change(server.port, &path, "key_type=managed&rotation_days=30").await);
    }
    (server, all)
}

/// Forgets used codes: each works once, and the tests do not wait half a minute for the next.
async fn forget_codes(home: &Home) {
    let db = home.db().await;
    look::execute(&db, "DELETE FROM spent_step").await.expect("forgotten");
    db.close().await;
}

async fn check_whole(db: &Db) {
    assert_eq!(broken(db).await, [""; 0]);
}

async fn killed_while_keys_are_made_rotated_and_edited(kind: DatabaseKind) {
    let (mut server, mut workers) = at_work(kind, 6).await;
    let (mut starts, mut acknowledged, mut possible, mut happened) = (Starts::default(), 0, 0, 0);
    let mut usual = Duration::ZERO;
    for round in 0..=scale(10, 300) {
        // The server rotates due keys by itself, at its start and until it is killed, so the state is read anew.
        let db = server.home.db().await;
        let mut states = Vec::new();
        for worker in &workers {
            states.push(worker.state(&db).await);
        }
        look::execute(&db, "DELETE FROM spent_step").await.expect("forgotten");
        // Keystead counts a try before it compares the code, so a try that a kill interrupted stays counted.
        look::execute(&db, "DELETE FROM throttle").await.expect("forgotten");
        db.close().await;
        let began = Instant::now();
        let mut running = JoinSet::new();
        for (worker, state) in workers.drain(..).zip(&states) {
            running.spawn(worker.work(server.port, round, *state));
        }
        // The first round runs to its end and measures how long one takes.
        if round > 0 {
            tokio::time::sleep(moment(usual)).await;
            server.kill().await;
        }
        let mut ended = Vec::new();
        while let Some(worker) = running.join_next().await {
            ended.push(worker.expect("the worker's answers were right"));
        }
        if round == 0 {
            usual = began.elapsed().mul_f64(1.3);
            server.kill().await;
        }
        ended.sort_by_key(|(worker, _)| worker.number);
        starts.again(&mut server).await;
        let db = server.home.db().await;
        check_whole(&db).await;
        for (worker, allowed) in ended {
            let state = worker.state(&db).await;
            assert!(
                allowed.contains(&state),
                "worker {} has {state:?}, not one of {allowed:?}",
                worker.number
            );
            acknowledged += u32::from(allowed.len() == 1);
            possible += u32::from(allowed.len() > 1);
            happened += u32::from(allowed.len() > 1 && allowed.last() == Some(&state));
            workers.push(worker);
        }
        db.close().await;
    }
    assert!(possible > 0 && acknowledged > 0, "the moments are spread");
    println!(
        "figure: kill -9 while keys are made, rotated and edited, {kind:?}: {} kills; {acknowledged} changes acknowledged, all there; \
         {possible} without an answer, {happened} of them whole, the others not at all; slowest start {:?}",
        starts.count, starts.slowest
    );
    server.kill().await;
    server.home.end().await;
}

/// Automatic rotation has no acknowledgement: each due date must have led to one version in the end.
async fn killed_while_keys_rotate_by_themselves(kind: DatabaseKind) {
    let (mut server, workers) = at_work(kind, 12).await;
    let (mut starts, mut due) = (Starts::default(), 0);
    let first = i64::try_from(workers.len()).expect("a number");
    for _ in 0..scale(6, 100) {
        server.kill().await;
        let db = server.home.db().await;
        let made = look::execute(
            &db,
            "UPDATE key_version SET due_at = created_at WHERE status = 'active' AND due_at > created_at",
        );
        due += i64::try_from(made.await.expect("due")).expect("a number");
        db.close().await;
        server.launch();
        tokio::time::sleep(moment(Duration::from_millis(400))).await;
        server.kill().await;
        starts.again(&mut server).await;
        let db = server.home.db().await;
        check_whole(&db).await;
        let began = Instant::now();
        while number(&db, "SELECT COUNT(*) FROM key_version").await < first + due {
            assert!(began.elapsed() < Duration::from_secs(10), "what is due is rotated");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        check_whole(&db).await;
        assert_eq!(number(&db, "SELECT COUNT(*) FROM key_version").await, first + due);
        db.close().await;
    }
    println!(
        "figure: kill -9 while keys rotate by themselves, {kind:?}: {} kills, {due} due dates, each rotated once; slowest start {:?}",
        starts.count, starts.slowest
    );
    server.kill().await;
    server.home.end().await;
}

/// Goes through the set-up as a browser does. Returns whether the last step was acknowledged.
async fn set_up(port: u16, token: &str) -> bool {
    let form = format!(
        "token={token}&email=ada%40example.com&password={0}&password_again={0}",
        PASSWORD.replace(' ', "+")
    );
    let Some(chosen) = Raw::try_post(port, "/setup", "", &form).await else { return false };
    let cookie = chosen.cookie().unwrap_or_else(|| panic!("the token was right: {}", chosen.text));
    let Some(page) = Raw::try_get(port, "/setup/authenticator", &cookie).await else { return false };
    let form = format!("code={}", code(&shown_seed(&page.text)));
    let done = Raw::try_post(port, "/setup/authenticator", &cookie, &form).await;
    done.is_some_and(|answer| location(&answer) == "/profile/recovery-codes/show")
}

fn location(answer: &RawAnswer) -> &str {
    answer.header("location").unwrap_or_default()
}

async fn token(server: &Keystead) -> String {
    let file = server.home.data().join("setup-token");
    std::fs::read_to_string(file).expect("the setup token's file").trim().to_owned()
}

async fn killed_while_it_is_set_up(kind: DatabaseKind) {
    let (mut starts, mut acknowledged, mut usual) = (Starts::default(), 0, Duration::ZERO);
    for round in 0..=scale(5, 100) {
        let mut server = Keystead::on(Home::new(kind).await).await;
        let (began, port, text) = (Instant::now(), server.port, token(&server).await);
        let setting_up = tokio::spawn(async move { set_up(port, &text).await });
        let is_done = if round == 0 {
            let is_done = setting_up.await.expect("the answers were right");
            usual = began.elapsed().mul_f64(1.3);
            assert!(is_done, "undisturbed, it is set up");
            server.kill().await;
            is_done
        } else {
            tokio::time::sleep(moment(usual)).await;
            server.kill().await;
            setting_up.await.expect("the answers were right")
        };
        starts.again(&mut server).await;
        let db = server.home.db().await;
        check_whole(&db).await;
        match number(&db, "SELECT COUNT(*) FROM administrator").await {
            0 => {
                assert!(!is_done, "what was acknowledged is there");
                let text = token(&server).await;
                assert!(set_up(port, &text).await, "it can be set up");
            }
            1 => {
                acknowledged += u32::from(is_done);
                assert_eq!(Raw::get(port, "/setup", "").await.status, 404);
                let half = Raw::sign_in(port, "ada@example.com", PASSWORD).await;
                assert_eq!(location(&half), "/sign-in/code", "the administrator can sign in");
            }
            other => panic!("{other} administrators"),
        }
        check_whole(&db).await;
        db.close().await;
        server.kill().await;
        server.home.end().await;
    }
    println!(
        "figure: kill -9 during set-up, {kind:?}: {} kills, {acknowledged} acknowledged; slowest start {:?}",
        starts.count, starts.slowest
    );
}

async fn killed_while_the_root_key_is_rotated(kind: DatabaseKind) {
    const ROTATED: &str =
        "SELECT COUNT(*) FROM audit_event WHERE action = 'root_key.rotate' AND outcome = 'done'";
    let (mut server, mut workers) = at_work(kind, 1).await;
    let worker = workers.remove(0);
    let (mut starts, mut acknowledged) = (Starts::default(), 0);
    let began = Instant::now();
    assert!(server.home.host(&["root-key", "rotate"], "").await.status.success());
    let usual = began.elapsed().mul_f64(1.3);
    let mut rotated = 1;
    for round in 0..scale(8, 100) {
        let mut command = server.home.command();
        let mut rotating = command
            .args(["root-key", "rotate"])
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it runs");
        tokio::time::sleep(moment(usual)).await;
        let _ = rotating.start_kill();
        if round % 2 == 0 {
            server.kill().await;
        }
        let is_done = rotating.wait().await.expect("it ends").success();
        if round % 2 == 1 {
            server.kill().await;
        }
        starts.again(&mut server).await;
        let db = server.home.db().await;
        check_whole(&db).await;
        let now = number(&db, ROTATED).await;
        assert!(
            (rotated + i64::from(is_done)..=rotated + 1).contains(&now),
            "{rotated} rotations, then {now}"
        );
        rotated = now;
        acknowledged += u32::from(is_done);
        look::execute(&db, "DELETE FROM spent_step").await.expect("forgotten");
        look::execute(&db, "DELETE FROM throttle").await.expect("forgotten");
        db.close().await;
        // The seed opens, and new material is sealed.
        assert!(worker.change(server.port, &format!("{}/rotate", worker.keys()), "rotation_days=30").await);
    }
    assert!(server.home.host(&["root-key", "rotate"], "").await.status.success(), "it goes on afterwards");
    println!(
        "figure: kill -9 during root-key rotation, {kind:?}: {} kills of command and server, {acknowledged} acknowledged, {rotated} committed; \
         slowest start {:?}",
        starts.count, starts.slowest
    );
    server.kill().await;
    server.home.end().await;
}

on_both! {
    killed_while_keys_are_made_rotated_and_edited,
    killed_while_keys_rotate_by_themselves,
    killed_while_it_is_set_up,
    killed_while_the_root_key_is_rotated,
}
