//! Concurrent changes of one key, and the constraints of the database that hold besides the code.

use crate::support::*;
use domain::keys::command::CreateKey;
use domain::keys::limits::DailyLimits;
use domain::keys::rotation::RotationPeriod;
use domain::scopes::scope::ScopeName;
use engine::base::error::ChangesError;
use engine::base::error::KeysError;
use engine::changes::authority::Authorised;
use engine::testing::{Person, TestPortal};
use engine::{Error, Portal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

stories! {
    fifty_creates_at_once_make_no_more_than_three_versions,
    the_schema_refuses_a_second_active_version,
    the_schema_refuses_a_number_twice,
    the_schema_refuses_a_due_date_rotated_twice,
    the_schema_refuses_a_managed_key_without_material,
}

const THREE: DailyLimits = DailyLimits { per_type: 3, per_scope: 3 };

/// Returns `n` confirmed commands that all create the same next version.
async fn many(t: &TestPortal, who: &Person, n: usize, command: CreateKey) -> Vec<Authorised<CreateKey>> {
    let mut proofs = Vec::new();
    for _ in 0..n {
        proofs.push(proof(t, who, &command).await);
    }
    proofs
}

/// Executes all commands at once on two servers; counts how many succeeded, were outdated, or exceeded the limit.
async fn race(servers: &[Portal; 2], proofs: Vec<Authorised<CreateKey>>) -> [usize; 3] {
    let tasks = proofs.into_iter().enumerate().map(|(number, proof)| {
        let portal = servers[number % 2].clone();
        async move { portal.keys().create(proof).await }
    });
    let mut counts = [0; 3];
    for answer in at_once(tasks).await {
        match answer {
            Ok(_) => counts[0] += 1,
            Err(Error::Changes(ChangesError::Outdated(_))) => counts[1] += 1,
            Err(Error::Keys(KeysError::Limit { .. })) => counts[2] += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    counts
}

/// Checks repeatedly that exactly one version is Active, until `stop` is set; returns the number of checks.
fn watch(t: &TestPortal, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<usize> {
    let db = t.db().clone();
    tokio::spawn(async move {
        let mut looks = 0;
        while !stop.load(Ordering::Relaxed) {
            let active = number(&db, "SELECT COUNT(*) FROM key_version WHERE status = 'active'").await;
            assert_eq!(active, 1);
            looks += 1;
        }
        looks
    })
}

async fn fifty_creates_at_once_make_no_more_than_three_versions(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let servers = [t.second_with(THREE).await, t.second_with(THREE).await];
    let plan = async |number: u32| {
        let new = RotationPeriod::Days30;
        let mut command = servers[0].keys().plan_create(&ada.session, &de, new).await.expect("a plan");
        // The limit refuses a plan with a wrong number all the same, as a faulty page might send it.
        command.plan.number = number;
        command.plan.deprecates = number.checked_sub(1).filter(|old| *old > 0);
        command
    };
    assert_eq!(race(&servers, many(t, &ada, 50, plan(1).await).await).await, [1, 49, 0]);
    let stop = Arc::new(AtomicBool::new(false));
    let watching = watch(t, stop.clone());
    assert_eq!(race(&servers, many(t, &ada, 20, plan(2).await).await).await, [1, 19, 0]);
    let third = many(t, &ada, 10, plan(3).await).await;
    let fourth = many(t, &ada, 40, plan(4).await).await;
    let [made, outdated, over] = race(&servers, third.into_iter().chain(fourth).collect()).await;
    assert_eq!((made, outdated + over), (1, 49));
    stop.store(true, Ordering::Relaxed);
    assert!(watching.await.expect("one Active version at every look") > 0);
    assert_eq!(versions(t, &de).await, [(1, "deprecated"), (2, "deprecated"), (3, "active")]);
}

async fn one_version(t: &TestPortal) -> ScopeName {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    de
}

/// Copies version 1 past the engine with some columns changed; returns the database's error in lower case.
async fn copy(t: &TestPortal, number: &str, status: &str, rotated: &str, material: &str) -> String {
    let sql = format!(
        "INSERT INTO key_version (id, scope_id, number, key_type, status, rotation_days, due_at, rotated_for_due, \
         material, created_at, created_by) SELECT id + 1 + {number}, scope_id, {number}, key_type, {status}, rotation_days, due_at, \
         {rotated}, {material}, created_at, created_by FROM key_version WHERE number = 1"
    );
    match execute(t.db(), &sql).await {
        Ok(_) => "nothing".to_owned(),
        Err(error) => {
            let error = error.as_database_error().expect("the database refuses").message().to_owned();
            error.to_lowercase()
        }
    }
}

async fn the_schema_refuses_a_second_active_version(t: &TestPortal) {
    one_version(t).await;
    let said = copy(t, "2", "'active'", "NULL", "material").await;
    assert!(said.contains("unique"), "{said}");
    assert_eq!(copy(t, "2", "'deprecated'", "NULL", "material").await, "nothing");
}

async fn the_schema_refuses_a_number_twice(t: &TestPortal) {
    one_version(t).await;
    let said = copy(t, "1", "'deprecated'", "NULL", "material").await;
    assert!(said.contains("unique"), "{said}");
    let said = copy(t, "0", "'deprecated'", "NULL", "material").await;
    assert!(said.contains("check"), "{said}");
}

async fn the_schema_refuses_a_due_date_rotated_twice(t: &TestPortal) {
    one_version(t).await;
    assert_eq!(copy(t, "2", "'deprecated'", "due_at", "material").await, "nothing");
    let said = copy(t, "3", "'deprecated'", "due_at", "material").await;
    assert!(said.contains("unique"), "{said}");
}

async fn the_schema_refuses_a_managed_key_without_material(t: &TestPortal) {
    one_version(t).await;
    let said = copy(t, "2", "'deprecated'", "NULL", "NULL").await;
    assert!(said.contains("check"), "{said}");
}
