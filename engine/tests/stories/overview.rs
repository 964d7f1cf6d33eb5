//! The overview: what needs attention, the grid, the calendar.

use crate::aws::Customer;
use crate::support::*;
use chrono::{Datelike, TimeDelta};
use domain::base::pages::Page;
use domain::custody::health::HealthState;
use domain::keys::rotation::RotationPeriod;
use domain::overview::attention::AttentionView;
use domain::overview::calendar::{CalendarView, Coming, DayView, Month, month_of};
use domain::overview::grid::{GridRow, GridSearch, GridView, Only, Words};
use domain::overview::lack::Lack;
use domain::overview::upkeep::JournalState;
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use engine::testing::{Person, TestPortal, look, scale};
use std::time::{Duration, Instant};

stories! {
    a_new_portal_needs_nothing,
    what_needs_attention_is_counted_and_named_the_worst_first,
    a_customers_refusal_comes_first,
    few_customer_supplied_versions_left_need_attention,
    a_country_lacks_a_key_until_its_first_version,
    an_api_key_that_ends_soon_needs_attention,
    the_grid_has_every_environment_and_country,
    the_grid_is_filtered_by_words_of_both_names,
    the_grid_shows_only_what_needs_attention,
    a_row_that_keystead_did_not_write_is_marked_in_the_grid,
    the_calendar_has_rotations_and_ends_on_their_days,
    a_month_with_many_rotations_shows_numbers,
    a_portal_of_fifty_thousand_countries_is_overlooked_at_once,
}

async fn attention(t: &TestPortal) -> AttentionView {
    t.portal.overview().attention().await.expect("what needs attention")
}

async fn grid(t: &TestPortal, words: &str, only: Option<Only>) -> GridView {
    let search = GridSearch { words: Words::typed(words), only, rows: 1, columns: 1 };
    t.portal.overview().grid(&search).await.expect("a grid")
}

/// Writes a grid in short: each environment with the countries that it shows.
fn shown(grid: &GridView) -> Vec<String> {
    let row = |row: &GridRow| {
        let cells = row.cells.iter().flatten().map(|cell| cell.country.code());
        format!("{}: {}", row.slug, cells.collect::<Vec<_>>().join(" "))
    };
    grid.rows.iter().map(row).collect()
}

async fn environment(t: &TestPortal, who: &Person, name: &str, kind: EnvironmentKind, of: &[&str]) -> Slug {
    let row = t.portal.scopes().add_environment(&who.session, name, "", kind).await.expect("an environment");
    for country in of {
        t.portal.scopes().add_country(&who.session, &row.slug, country).await.expect("a country");
    }
    row.slug
}

async fn a_new_portal_needs_nothing(t: &TestPortal) {
    assert_eq!(attention(t).await, AttentionView::default());
    let grid = grid(t, "", None).await;
    assert_eq!(
        (grid.rows.len(), grid.has_environments, grid.row_page.label().as_str()),
        (0, false, "0 of 0")
    );
    let upkeep = t.portal.overview().upkeep().await.expect("the upkeep");
    assert_eq!((upkeep.clock_off, upkeep.journal), (None, JournalState::Works));
}

async fn what_needs_attention_is_counted_and_named_the_worst_first(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    for country in ["AT", "BE", "CH", "FR", "GB", "IT", "JP"] {
        scope(t, &ada, country).await;
    }
    environment(t, &ada, "Staging", EnvironmentKind::Test, &["DE", "FR"]).await;
    let now = attention(t).await;
    assert_eq!(now.counts, [(Lack::NoKey, 7)], "countries of a Test environment need no key");
    assert_eq!(now.lacking.len(), 5, "a few are named");
    assert!(now.lacking.iter().all(|one| one.scope.environment.as_str() == "production"));

    t.clock.advance(TimeDelta::days(24));
    assert_eq!(attention(t).await.counts, [(Lack::NoKey, 7), (Lack::DueSoon, 1)]);
    t.clock.advance(TimeDelta::days(6));
    let late = attention(t).await;
    assert_eq!(late.counts, [(Lack::NoKey, 7), (Lack::Rotate, 1)]);
    let last = late.lacking.last().expect("one");
    assert_eq!(
        (last.lack, last.scope.clone(), last.environment_name.as_str()),
        (Lack::Rotate, de, "Production")
    );
}

async fn a_customers_refusal_comes_first(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    look::execute(t.db(), "UPDATE holder SET health = 'refused', health_code = 'DisabledException'")
        .await
        .expect("set");
    let now = attention(t).await;
    assert_eq!(now.counts.first(), Some(&(Lack::Refused, 1)));
    let first = now.lacking.first().expect("one");
    assert_eq!((first.lack, &first.scope), (Lack::Refused, &house.de));
    assert_eq!(first.code.as_ref().map(|code| code.as_str()), Some("DisabledException"));
    let refused = grid(t, "", Some(Only::Lack(Lack::Refused))).await;
    let cell = refused.rows[0].cells[0].as_ref().expect("a cell");
    assert_eq!((cell.health, cell.lacks), (Some(HealthState::Refused), Some(Lack::Refused)));
    for (state, lack) in [("unreachable", Lack::Unreachable), ("damaged", Lack::Damaged)] {
        look::execute(t.db(), &format!("UPDATE holder SET health = '{state}'")).await.expect("set");
        assert_eq!(attention(t).await.counts.first(), Some(&(lack, 1)));
        assert_eq!(grid(t, "", Some(Only::Lack(lack))).await.rows.len(), 1, "{state}");
        assert_eq!(grid(t, "", Some(Only::Lack(Lack::Refused))).await.rows.len(), 0);
    }
}

async fn few_customer_supplied_versions_left_need_attention(t: &TestPortal) {
    let house = Customer::with_key(t.kind()).await;
    let t = &house.t;
    look::execute(t.db(), "UPDATE key_version SET customer_supplied_no = 79").await.expect("set");
    assert_eq!(attention(t).await.count(Lack::LimitNear), 0);
    look::execute(t.db(), "UPDATE key_version SET customer_supplied_no = 80").await.expect("set");
    let now = attention(t).await;
    let one = now.lacking.iter().find(|one| one.lack == Lack::LimitNear).expect("one");
    assert_eq!((now.count(Lack::LimitNear), one.supplied), (1, 80));
    assert_eq!(grid(t, "", Some(Only::Lack(Lack::LimitNear))).await.rows.len(), 1);
}

async fn a_country_lacks_a_key_until_its_first_version(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    let lacks = async || look::number(t.db(), "SELECT lacks_key FROM scope").await;
    assert_eq!((lacks().await, attention(t).await.count(Lack::NoKey)), (1, 1));
    create(t, &ada, &de, RotationPeriod::Days30).await;
    assert_eq!((lacks().await, attention(t).await.count(Lack::NoKey)), (0, 0));
    t.clock.advance(TimeDelta::days(1));
    rotate(t, &ada, &de).await;
    assert_eq!(lacks().await, 0);
    t.portal.scopes().add_country(&ada.session, &de.environment, "FR").await.expect("a country");
    assert_eq!(attention(t).await.count(Lack::NoKey), 1);
    let fr = ScopeName { country: Country::from_code("FR").expect("France"), ..de };
    t.portal.scopes().remove_country(&ada.session, &fr).await.expect("removed");
    assert_eq!(attention(t).await.count(Lack::NoKey), 0);
}

async fn an_api_key_that_ends_soon_needs_attention(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    crate::api_keys::made(t, &ada, "Orders", &["production/DE"]).await;
    let listed = t.portal.services().api_keys(None).await.expect("a list");
    let left = listed.keys[0].expires_at - t.portal.now();
    t.clock.advance(left - TimeDelta::days(14) - TimeDelta::seconds(60));
    assert_eq!(attention(t).await.ending.count, 0);
    t.clock.advance(TimeDelta::seconds(120));
    let now = attention(t).await;
    assert_eq!((now.ending.count, now.ending.named[0].name.as_str()), (1, "Orders"));
    // Nobody misses a key that nobody used; one in use is worse once it has ended, until it is replaced or revoked.
    t.clock.advance(TimeDelta::days(15));
    let ended = attention(t).await;
    assert_eq!((ended.ending.count, ended.ended.count), (0, 0));
    // As if a service used it until then. Its time of creation is the only other one that the database has.
    execute(t.db(), "UPDATE api_key SET last_used_at = created_at").await.expect("long ago");
    assert_eq!(attention(t).await.ended.count, 0);
    execute(t.db(), "UPDATE api_key SET last_used_at = expires_at").await.expect("as if a service used it");
    let ended = attention(t).await;
    assert_eq!((ended.ended.count, ended.ended.named[0].name.as_str()), (1, "Orders"));
    t.clock.advance(TimeDelta::days(14));
    assert_eq!(attention(t).await.ended.count, 0, "long ago");
}

async fn the_grid_has_every_environment_and_country(t: &TestPortal) {
    let ada = t.administrator().await;
    environment(t, &ada, "Alpha", EnvironmentKind::Test, &["US"]).await;
    let de = scope(t, &ada, "DE").await;
    scope(t, &ada, "AT").await;
    create(t, &ada, &de, RotationPeriod::Days60).await;
    t.clock.advance(TimeDelta::days(10));
    let grid = grid(t, "", None).await;
    assert_eq!(shown(&grid), ["production: AT DE", "alpha: US"], "Production comes first");
    let columns: Vec<_> = grid.countries.iter().map(|country| country.code()).collect();
    assert_eq!(columns, ["AT", "DE", "US"], "in the order of people");
    let cell = grid.rows[0].cells[1].as_ref().expect("Germany");
    assert_eq!((cell.active, cell.lacks), (Some(1), None));
    let created_at = cell.key_created_at.expect("a time");
    assert_eq!(cell.due_at, Some(created_at + TimeDelta::days(60)));
    assert_eq!((t.portal.now() - created_at).num_days(), 10);
}

async fn the_grid_is_filtered_by_words_of_both_names(t: &TestPortal) {
    let ada = t.administrator().await;
    environment(t, &ada, "Production", EnvironmentKind::Production, &["DE", "FR"]).await;
    environment(t, &ada, "Development", EnvironmentKind::Test, &["FR", "JP"]).await;
    environment(t, &ada, "Empty", EnvironmentKind::Test, &[]).await;
    for (words, found) in [
        ("prod", vec!["production: FR DE"]),
        ("production/DE", vec!["production: DE"]),
        ("france", vec!["production: FR", "development: FR"]),
        ("nippon", vec!["development: JP"]),
        ("empty", vec!["empty: "]),
        ("prod japan", vec![]),
        ("nothing", vec![]),
    ] {
        assert_eq!(shown(&grid(t, words, None).await), found, "{words}");
    }
}

async fn the_grid_shows_only_what_needs_attention(t: &TestPortal) {
    let ada = t.administrator().await;
    environment(t, &ada, "Production", EnvironmentKind::Production, &["DE", "FR"]).await;
    environment(t, &ada, "Staging", EnvironmentKind::Test, &["DE", "JP"]).await;
    let production = slug("production");
    let de = ScopeName { environment: production, country: Country::from_code("DE").expect("Germany") };
    create(t, &ada, &de, RotationPeriod::Days30).await;
    assert_eq!(shown(&grid(t, "", Some(Only::Attention)).await), ["production: FR"]);
    // The country that needs attention must be the one that is looked for.
    for (words, found) in
        [("germany", vec![]), ("france", vec!["production: FR"]), ("production", vec!["production: FR"])]
    {
        assert_eq!(shown(&grid(t, words, Some(Only::Attention)).await), found, "{words}");
    }
    assert!(grid(t, "%", None).await.rows.is_empty(), "signs alone find nothing");
    t.clock.advance(TimeDelta::days(25));
    assert_eq!(shown(&grid(t, "", Some(Only::Attention)).await), ["production: FR DE"]);
    assert_eq!(shown(&grid(t, "", Some(Only::Lack(Lack::DueSoon))).await), ["production: DE"]);
    assert_eq!(shown(&grid(t, "", Some(Only::Lack(Lack::Rotate))).await), <[String; 0]>::default());
}

async fn a_row_that_keystead_did_not_write_is_marked_in_the_grid(t: &TestPortal) {
    let ada = t.administrator().await;
    scope(t, &ada, "DE").await;
    scope(t, &ada, "FR").await;
    look::execute(t.db(), "UPDATE scope SET country = 'JP' WHERE country = 'DE'").await.expect("changed");
    let grid = grid(t, "", None).await;
    let marks: Vec<_> =
        grid.rows[0].cells.iter().flatten().map(|cell| (cell.country.code(), cell.is_proved)).collect();
    assert_eq!(marks, [("FR", true), ("JP", false)]);
    assert!(grid.rows[0].is_proved);
}

async fn month(t: &TestPortal, month: Month) -> Vec<DayView> {
    match t.portal.overview().month(month).await.expect("a month") {
        CalendarView::Month { days, .. } => days,
        CalendarView::Day { .. } => panic!("a day"),
    }
}

async fn the_calendar_has_rotations_and_ends_on_their_days(t: &TestPortal) {
    let ada = t.administrator().await;
    let de = scope(t, &ada, "DE").await;
    create(t, &ada, &de, RotationPeriod::Days30).await;
    let due = t.portal.keys().list(&de, 1).await.expect("a list").versions[0].due_at.expect("a date");
    let days = month(t, Month::of(due)).await;
    let day = days.iter().find(|day| day.day == due.date_naive()).expect("the day");
    assert_eq!((day.rotations, day.unnamed(), day.entries.len()), (1, 0, 1));
    assert!(matches!(&day.entries[0].coming, Coming::Rotation { scope, .. } if *scope == de));
    let others: u32 = days.iter().filter(|day| day.day != due.date_naive()).map(|day| day.rotations).sum();
    assert_eq!(others, 0);

    let CalendarView::Day { day, page } = t.portal.overview().day(due.date_naive(), 1).await.expect("a day")
    else {
        panic!("a month")
    };
    assert_eq!((day.entries.len(), page), (1, Page::of(1, 100, 1)));

    // A backup is due a week after the installation was made, as long as there was none.
    let upkeep = t.portal.overview().upkeep().await.expect("the upkeep");
    let backup = upkeep.backup_due_at();
    assert_eq!(backup - upkeep.created_at, TimeDelta::days(7));
    let days = month(t, month_of(backup.date_naive())).await;
    let entries = &days[backup.day0() as usize].entries;
    let due = Coming::Backup { overdue_since: None };
    assert!(entries.iter().any(|entry| entry.coming == due && entry.at == backup), "{entries:?}");
    // What is overdue stands on today.
    t.clock.advance(backup - t.portal.now() + TimeDelta::days(40));
    let today = t.portal.now();
    let days = month(t, Month::of(today)).await;
    let late = |day: &DayView| {
        day.entries.iter().any(|entry| entry.coming == Coming::Backup { overdue_since: Some(backup) })
    };
    assert_eq!(
        days.iter().filter(|day| late(day)).map(|day| day.day).collect::<Vec<_>>(),
        [today.date_naive()]
    );
    let past = month(t, month_of(backup.date_naive())).await;
    let has_backup =
        |day: &DayView| day.entries.iter().any(|entry| matches!(entry.coming, Coming::Backup { .. }));
    assert!(!past.iter().any(has_backup));
}

async fn a_month_with_many_rotations_shows_numbers(t: &TestPortal) {
    t.portal.bulk(250, 1, TimeDelta::zero()).await.expect("in bulk");
    let due = t.portal.now() + TimeDelta::days(30);
    let days = month(t, Month::of(due)).await;
    let day = days.iter().find(|day| day.day == due.date_naive()).expect("the day");
    assert_eq!((day.rotations, day.unnamed()), (250, 250));
    let page = async |number| match t.portal.overview().day(due.date_naive(), number).await.expect("a day") {
        CalendarView::Day { day, page } => (day.entries.len(), page.label()),
        CalendarView::Month { .. } => panic!("a month"),
    };
    assert_eq!(page(1).await, (100, "1–100 of 250".to_owned()));
    assert_eq!(page(3).await, (50, "201–250 of 250".to_owned()));
}

async fn a_portal_of_fifty_thousand_countries_is_overlooked_at_once(t: &TestPortal) {
    let scopes = scale(5_000, 49_800);
    t.portal.bulk(scopes, 1, TimeDelta::days(25)).await.expect("in bulk");
    let began = Instant::now();
    let now = attention(t).await;
    let took_attention = began.elapsed();
    assert_eq!(now.count(Lack::DueSoon) as usize, scopes);
    let began = Instant::now();
    let whole = grid(t, "", None).await;
    let took_grid = began.elapsed();
    assert_eq!((whole.rows.len(), whole.countries.len()), (20.min(scopes.div_ceil(250)), 60));
    let began = Instant::now();
    let found = grid(t, "bulk-1 germany", None).await;
    let took_filter = began.elapsed();
    assert!(found.rows.iter().all(|row| row.slug.as_str().starts_with("bulk-1")));
    println!(
        "{scopes} countries: attention {took_attention:?}, grid {took_grid:?}, filtered {took_filter:?}"
    );
    assert!(took_attention + took_grid < Duration::from_secs(1));
}
