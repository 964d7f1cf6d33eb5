//! The overview, the calendar, and the list of an environment's countries.

use crate::support::{Answer, House, furnished};
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use engine::testing::{look, scale};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Returns the text of a page without its tags.
fn text(answer: &Answer) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in answer.body.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_overview_says_what_needs_attention_and_leads_to_where_it_is_mended() {
    let (house, _, cookie) = furnished().await;
    let calm = house.get(&cookie, "/").await;
    assert!(text(&calm).contains("Nothing needs attention."), "{}", text(&calm));
    house.post(&cookie, "/environments/production", &[("country", "JP")]).await;
    look::execute(house.test.db(), "UPDATE holder SET health = 'refused', health_code = 'DisabledException'")
        .await
        .expect("refused");
    let page = house.get(&cookie, "/").await;
    let words = text(&page);
    assert!(words.contains("Needs attention (2)"), "{words}");
    let refused = words.find("Austria · Production").expect("the refused key");
    let no_key = words.find("Japan · Production").expect("the country without a key");
    assert!(refused < no_key, "the worst first");
    assert!(words.contains("Services cannot decrypt. The CMK is disabled."), "{words}");
    for path in ["AT", "JP"].map(|country| format!("href=\"/environments/production/{country}/keys\"")) {
        assert!(page.body.contains(&path), "{path}");
    }
    assert!(words.contains("refused · 13 h old"), "the grid says it too: {words}");
    assert!(words.contains("in 29 d"), "and when the next rotation is: {words}");
}

#[tokio::test]
async fn what_an_operator_looks_after_is_said_on_top_and_explained_below() {
    let (house, person, _) = furnished().await;
    house.test.clock.advance(TimeDelta::days(8));
    let cookie = house.sign_in(&person).await;
    let page = house.get(&cookie, "/").await;
    let words = text(&page);
    assert!(words.contains("due Backup None was ever made."), "{words}");
    assert!(page.body.contains("href=\"#installation\"") && page.body.contains("id=\"installation\""));
    assert!(words.contains("A backup is due"), "{words}");
}

#[tokio::test]
async fn a_visitor_who_is_not_signed_in_sees_nothing_of_it() {
    let (house, ..) = furnished().await;
    assert_eq!(house.get("", "/").await.location(), "/sign-in");
    // Whoever must sign in first comes back to what was asked for.
    let asked = house.get("", "/?find=production&show=attention").await;
    assert_eq!(asked.location(), "/sign-in?next=%2F%3Ffind%3Dproduction%26show%3Dattention");
    assert_eq!(house.get("", "/").await.location(), "/sign-in");
    assert!(
        house.get("", "/calendar?day=2026-12-01").await.location().starts_with("/sign-in?next=%2Fcalendar")
    );
}

#[tokio::test]
async fn the_grid_keeps_its_filter_and_takes_nothing_else_from_an_address() {
    let (house, _, cookie) = furnished().await;
    for country in ["JP", "FR"] {
        house.post(&cookie, "/environments/production", &[("country", country)]).await;
    }
    let found = house.get(&cookie, "/?find=production%2Ffrance").await;
    let grid = &found.body[found.body.find("class=\"grid\"").expect("a grid")..];
    assert!(
        grid.contains("/production/FR/keys")
            && !grid[..grid.find("</table>").expect("its end")].contains("/production/JP/keys")
    );
    assert!(found.body.contains("value=\"production/france\""), "the filter stays");
    let only = text(&house.get(&cookie, "/?show=no-key").await);
    assert!(only.contains("no key") && !only.contains("v1 Managed"), "{only}");
    let none = text(&house.get(&cookie, "/?find=atlantis").await);
    assert!(none.contains("No environment or country matches this filter."), "{none}");
    for query in [
        "?show=everything",
        "?rows=0&columns=99999999",
        "?find=%00",
        "?rows=-1",
        "?show=no-key-in-test",
        "?find=%3Cscript%3E",
    ] {
        let answer = house.get(&cookie, &format!("/{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert!(!answer.body.contains("<script>"), "{query}");
    }
    let long = house.get(&cookie, &format!("/?find={}", "x".repeat(5_000))).await;
    assert!(long.body.contains(&format!("value=\"{}\"", "x".repeat(60))), "a filter is bounded");
}

#[tokio::test]
async fn the_calendar_shows_a_month_a_list_and_a_day() {
    let (house, _, cookie) = furnished().await;
    let due = house.test.portal.now() + TimeDelta::days(29);
    let month = due.format("%Y-%m").to_string();
    let table = house.get(&cookie, &format!("/calendar?month={month}")).await;
    assert!(text(&table).contains("Rotation : Germany · Production"), "{}", text(&table));
    let list = house.get(&cookie, &format!("/calendar?month={month}&view=list")).await;
    assert!(text(&list).contains("Germany · Production Rotation"), "{}", text(&list));
    for bad in ["?month=2026-13", "?day=2026-02-30", "?month=", "?day=x&page=-1", "?month=9999-12"] {
        let answer = house.get(&cookie, &format!("/calendar{bad}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{bad}");
        assert!(text(&answer).contains("Calendar"), "{bad}");
    }
    let empty = house.get(&cookie, "/calendar?day=2030-01-01").await;
    assert!(
        text(&empty).contains("Tuesday, 1 January 2030")
            && text(&empty).contains("Nothing comes on this day.")
    );
}

#[tokio::test]
async fn the_countries_of_an_environment_are_filtered_sorted_and_paged() {
    let (house, _, cookie) = furnished().await;
    house.test.portal.bulk(120, 0, TimeDelta::zero()).await.expect("in bulk");
    let page = async |query: &str| house.get(&cookie, &format!("/environments/bulk-0{query}")).await;
    let rows = |answer: &Answer| answer.body.matches("data-label=\"Country\"").count();
    let first = page("").await;
    assert_eq!(rows(&first), 50);
    assert!(text(&first).contains("Countries 1–50 of 120"), "{}", text(&first));
    let last = page("?page=3").await;
    assert_eq!(rows(&last), 20);
    assert!(last.body.contains("aria-sort=\"ascending\""));
    let found = page("?find=island&sort=country&order=descending").await;
    assert!(found.body.contains("value=\"island\"") && found.body.contains("aria-sort=\"descending\""));
    assert!(text(&page("?find=atlantis").await).contains("No country matches this filter."));
    let of_production = house.get(&cookie, "/environments/production?without_key=yes").await;
    assert_eq!(rows(&of_production), 0, "both have keys");
    for bad in ["?sort=mac", "?order=up", "?page=0", "?new=QQ", "?find=%00"] {
        assert_eq!(page(bad).await.status, StatusCode::OK, "{bad}");
    }
}

#[tokio::test]
async fn a_country_that_was_added_is_followed_by_its_next_step() {
    let (house, _, cookie) = furnished().await;
    let added = house.post(&cookie, "/environments/production", &[("country", "FR")]).await;
    assert_eq!(added.location(), "/environments/production?new=FR");
    let page = house.get(&cookie, added.location()).await;
    assert!(text(&page).contains("France added."), "{}", text(&page));
    assert!(text(&page).contains("Next: a key for France"), "{}", text(&page));
    assert!(page.body.contains("href=\"/environments/production/FR/keys/add\""));
    let of_germany = house.get(&cookie, "/environments/production?new=DE").await;
    assert!(!text(&of_germany).contains("Next: a key"), "Germany has one");
}

#[tokio::test]
async fn only_pages_without_secrets_are_compressed() {
    let (house, _, cookie) = furnished().await;
    for (path, is_compressed) in [
        ("/", true),
        ("/environments/production", true),
        ("/calendar", true),
        ("/environments/production/DE/keys", false),
        ("/profile", false),
        ("/api-keys", false),
        ("/sign-in", false),
    ] {
        let ask = house.ask(Method::GET, path).cookie(&cookie).header("accept-encoding", "gzip");
        let answer = ask.send().await;
        assert_eq!(answer.headers.contains_key("content-encoding"), is_compressed, "{path}");
        let plain = house.get(&cookie, path).await;
        assert!(!plain.headers.contains_key("content-encoding"), "{path}");
    }
}

/// A page of the grid is 20 environments by 60 countries, whatever the size of the portal. Its time is that of the processor, so that
/// a busy machine does not count.
#[tokio::test]
async fn a_page_of_the_grid_is_light_in_a_large_portal() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let scopes = scale(5_000, 49_800);
    house.test.portal.bulk(scopes, 1, TimeDelta::days(1)).await.expect("in bulk");
    let cookie = house.sign_in(&person).await;
    let ask = async || {
        let ask = house.ask(Method::GET, "/").cookie(&cookie).header("accept-encoding", "gzip");
        ask.send().await.length
    };
    let bytes = ask().await;
    let used = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
    };
    let (before, times) = (used(), 20);
    for _ in 0..times {
        ask().await;
    }
    let took = (used() - before) / times;
    println!("overview of {scopes} countries: {bytes} bytes, {took:?} of a processor");
    assert!(bytes <= 60_000, "{bytes} bytes");
    assert!(took <= Duration::from_millis(150), "{took:?}");
}
