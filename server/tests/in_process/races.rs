//! Concurrent requests for the same thing, over HTTP, on both databases.

use crate::support::common::{on_both, shown_seed};
use crate::support::{Answer, House, KEYS_ADD};
use axum::http::StatusCode;
use domain::keys::limits::DailyLimits;
use engine::changes::totp::Seed;
use engine::testing::look::{self, count, number};
use engine::testing::{DatabaseKind, PASSWORD, TestPortal, scale};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;

const CLIENTS: usize = 50;

on_both! {
    fifty_clients_make_three_versions,
    one_code_confirms_once,
    one_code_signs_in_once,
    two_set_ups_make_one_administrator,
}

async fn all<T: 'static>(mut tasks: JoinSet<T>) -> Vec<T> {
    let mut done = Vec::new();
    while let Some(task) = tasks.join_next().await {
        done.push(task.expect("a task ends"));
    }
    done
}

/// Opens two servers of one portal with an administrator and an environment with two countries.
async fn two(kind: DatabaseKind, daily: DailyLimits) -> ([Arc<House>; 2], String, Seed) {
    let house = House::of(TestPortal::with(kind, daily).await, &[]);
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    house.post(&cookie, "/environments", &[("name", "Production"), ("kind", "production")]).await;
    for country in ["DE", "FR"] {
        let added = house.post(&cookie, "/environments/production", &[("country", country)]).await;
        assert_eq!(added.status, StatusCode::SEE_OTHER);
    }
    let other = house.second(&[]).await;
    ([Arc::new(house), Arc::new(other)], cookie, person.seed)
}

async fn end(houses: [Arc<House>; 2]) {
    for house in houses {
        Arc::into_inner(house).expect("nobody uses it any more").end().await;
    }
}

/// Creates versions until a limit refuses one; returns the number of versions created.
async fn make_versions(house: Arc<House>, email: String, cookie: String, seed: Seed) -> usize {
    let mut made = 0;
    loop {
        let new = [("key_type", "managed"), ("rotation_days", "30")];
        let prepared = house.post(&cookie, KEYS_ADD, &new).await;
        if is_over_limit(&prepared) {
            return made;
        }
        assert_eq!(prepared.status, StatusCode::SEE_OTHER, "{}", prepared.body);
        // The used code is forgotten, so that the test does not wait for the next one.
        let sql = format!(
            "DELETE FROM spent_step WHERE user_id = (SELECT id FROM administrator WHERE email = '{email}')"
        );
        look::execute(house.test.db(), &sql).await.expect("forgotten");
        let code = seed.code(house.test.clock.now());
        let answer = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
        match answer.status {
            StatusCode::SEE_OTHER => made += 1,
            // Another client was faster, so the preview is outdated.
            StatusCode::CONFLICT => {}
            _ if is_over_limit(&answer) => return made,
            other => panic!("{other}: {}", answer.body),
        }
    }
}

fn is_over_limit(answer: &Answer) -> bool {
    answer.status == StatusCode::UNPROCESSABLE_ENTITY && answer.body.contains("Daily limit reached: 3 of 3")
}

async fn fifty_clients_make_three_versions(kind: DatabaseKind) {
    for _ in 0..scale(1, 20) {
        let (houses, _, _) = two(kind, DailyLimits { per_type: 3, per_scope: 3 }).await;
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let email = format!("client{number}@example.com");
            let seed = houses[0].newcomer(&email).await;
            let half = houses[0].half_signed_in(&email).await;
            let code = seed.code(houses[0].test.clock.now());
            let signed_in = houses[0].post(&half, "/sign-in/code", &[("code", code.expose())]).await;
            clients.push((email, signed_in.cookie().expect("the code was right"), seed));
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let (watched, over) = (houses[0].clone(), is_over.clone());
        let watching = tokio::spawn(async move {
            let (mut looks, mut expected) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                let sql = "SELECT COUNT(*) FROM key_version WHERE status = 'active'";
                let active = number(watched.test.db(), sql).await;
                assert!((expected..=1).contains(&active), "{active} Active versions");
                expected = active;
                looks += 1;
            }
            looks
        });
        let began = Instant::now();
        let mut running = JoinSet::new();
        for (number, (email, cookie, seed)) in clients.into_iter().enumerate() {
            running.spawn(make_versions(houses[number % 2].clone(), email, cookie, seed));
        }
        let made: usize = all(running).await.into_iter().sum();
        let took = began.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let looks = watching.await.expect("one Active version at every look");
        assert_eq!(made, 3);
        let db = houses[0].test.db();
        assert_eq!(count(db, "SELECT COUNT(*) FROM key_version").await, 3);
        assert_eq!(look::broken(db).await, [""; 0], "numbers without gaps, one Active");
        assert!(looks > 0);
        println!(
            "figure: {CLIENTS} clients over HTTP, {kind:?}: exactly 3 versions in {took:?}; {looks} looks, never two Active"
        );
        end(houses).await;
    }
}

/// Prepares a change of the rotation period of one country's key.
async fn prepare_edit(house: &House, cookie: &str, country: &str, days: &str) -> String {
    let path = format!("/environments/production/{country}/keys/settings");
    let prepared = house.post(cookie, &path, &[("rotation_days", days)]).await;
    assert_eq!(prepared.status, StatusCode::SEE_OTHER, "{}", prepared.body);
    prepared.location().to_owned()
}

/// Returns the address to which this client sends its request. Half of the clients send equal requests, which all get the answer of
/// the first; each of the others sends one that differs.
fn one_of_many(address: &str, number: usize) -> String {
    if (number / 4).is_multiple_of(2) { address.to_owned() } else { format!("{address}&client={number}") }
}

async fn one_code_confirms_once(kind: DatabaseKind) {
    let (houses, cookie, seed) = two(kind, DailyLimits::default()).await;
    let clock = houses[0].test.clock.clone();
    for country in ["DE", "FR"] {
        let new = [("key_type", "managed"), ("rotation_days", "30")];
        let prepared = houses[0].post(&cookie, &KEYS_ADD.replace("DE", country), &new).await;
        let code = seed.code(clock.now());
        let made = houses[0].post(&cookie, prepared.location(), &[("code", code.expose())]).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.body);
        houses[0].test.next_code();
    }
    let (rounds, began) = (scale(12, 1_000), Instant::now());
    let mut cookie = cookie;
    let (mut germany, mut france) = (30, 30);
    for round in 0..rounds {
        if round % 100 == 99 {
            // A session expires after some rounds.
            cookie = houses[0].sign_in_as("ada@example.com", &seed).await;
        }
        // The same change many times, and two different ones, all with the same code.
        let other = |days: u32| if days == 30 { "60" } else { "30" };
        let changes = [
            prepare_edit(&houses[0], &cookie, "DE", other(germany)).await,
            prepare_edit(&houses[1], &cookie, "FR", other(france)).await,
        ];
        let code = Arc::new(seed.code(clock.now()));
        let mut running = JoinSet::new();
        for number in 0..CLIENTS {
            let (house, code) = (houses[number % 2].clone(), code.clone());
            let (cookie, change) = (cookie.clone(), one_of_many(&changes[number / 2 % 2], number));
            running.spawn(async move {
                let answer = house.post(&cookie, &change, &[("code", code.expose())]).await;
                (change, answer)
            });
        }
        let mut done = all(running).await;
        done.retain(|(_, answer)| answer.status == StatusCode::SEE_OTHER);
        let requests: BTreeSet<_> = done.iter().map(|(change, _)| change).collect();
        assert_eq!(requests.len(), 1, "round {round}: {requests:?}");
        let is_germany = done[0].1.location().contains("/DE/");
        *(if is_germany { &mut germany } else { &mut france }) =
            if is_germany { 90 - germany } else { 90 - france };
        for (country, days) in [("DE", germany), ("FR", france)] {
            let sql = format!(
                "SELECT rotation_days FROM key_version WHERE status = 'active' AND scope_id = \
                               (SELECT id FROM scope WHERE country = '{country}')"
            );
            assert_eq!(count(houses[0].test.db(), &sql).await, i64::from(days), "{country} in round {round}");
        }
        houses[0].test.forgive("ada@example.com").await;
        houses[0].test.next_code();
    }
    println!(
        "figure: one code in {CLIENTS} simultaneous confirmations on two servers, {kind:?}: once in each of {rounds} rounds, in {:?}",
        began.elapsed()
    );
    end(houses).await;
}

async fn one_code_signs_in_once(kind: DatabaseKind) {
    let (houses, _, seed) = two(kind, DailyLimits::default()).await;
    let (rounds, began) = (scale(12, 200), Instant::now());
    for round in 0..rounds {
        let half = houses[0].half_signed_in("ada@example.com").await;
        let code = Arc::new(seed.code(houses[0].test.clock.now()));
        let mut running = JoinSet::new();
        for number in 0..CLIENTS {
            let (house, code, half) = (houses[number % 2].clone(), code.clone(), half.clone());
            let path = one_of_many("/sign-in/code?next=/", number);
            running.spawn(async move {
                let answer = house.post(&half, &path, &[("code", code.expose())]).await;
                (path, answer.cookie())
            });
        }
        let mut done = all(running).await;
        done.retain(|(_, cookie)| cookie.is_some());
        let (requests, sessions): (BTreeSet<_>, BTreeSet<_>) = done.into_iter().unzip();
        assert_eq!((requests.len(), sessions.len()), (1, 1), "round {round}: {requests:?}");
        let cookie = sessions.into_iter().flatten().next().expect("one session");
        assert_eq!(houses[1].get(&cookie, "/environments").await.status, StatusCode::OK);
        houses[0].test.forgive("ada@example.com").await;
        houses[0].test.next_code();
    }
    println!(
        "figure: one code in {CLIENTS} simultaneous sign-ins on two servers, {kind:?}: once in each of {rounds} rounds, in {:?}",
        began.elapsed()
    );
    end(houses).await;
}

/// Goes through the set-up to its last step; returns the cookie and the seed.
async fn almost_set_up(house: &House, token: &str, email: &str) -> (String, Seed) {
    let fields = [("token", token), ("email", email), ("password", PASSWORD), ("password_again", PASSWORD)];
    let chosen = house.post("", "/setup", &fields).await;
    let cookie = chosen.cookie().expect("the token was right");
    let page = house.get(&cookie, "/setup/authenticator").await;
    (cookie, shown_seed(&page.body))
}

async fn two_set_ups_make_one_administrator(kind: DatabaseKind) {
    let (rounds, began) = (scale(5, 100), Instant::now());
    for _ in 0..rounds {
        let house = House::of(TestPortal::new(kind).await, &[]);
        let other = house.second(&[]).await;
        let token =
            house.test.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
        let houses = [Arc::new(house), Arc::new(other)];
        let mut running = JoinSet::new();
        for number in 0..8 {
            let (house, token) = (houses[number % 2].clone(), token.expose().to_owned());
            running.spawn(async move {
                let (cookie, seed) =
                    almost_set_up(&house, &token, &format!("admin{number}@example.com")).await;
                (house, cookie, seed)
            });
        }
        let ready = all(running).await;
        let mut running = JoinSet::new();
        for (house, cookie, seed) in ready {
            running.spawn(async move {
                let code = seed.code(house.test.clock.now());
                house.post(&cookie, "/setup/authenticator", &[("code", code.expose())]).await
            });
        }
        let answers = all(running).await;
        let done =
            answers.iter().filter(|answer| answer.location() == "/profile/recovery-codes/show").count();
        assert_eq!(done, 1);
        let db = houses[0].test.db();
        assert_eq!(number(db, "SELECT COUNT(*) FROM administrator").await, 1);
        assert_eq!(look::broken(db).await, [""; 0]);
        end(houses).await;
    }
    println!(
        "figure: eight set-ups at once on two servers, {kind:?}: one administrator in each of {rounds} rounds, in {:?}",
        began.elapsed()
    );
}
