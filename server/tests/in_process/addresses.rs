//! Addresses that people type, cut or copy from elsewhere lead to the page that they mean.

use crate::support::{House, address, furnished};
use axum::http::{Method, StatusCode, Uri};
use domain::base::address::{HOME, PREFIXES};
use server::{PAGES, Who};

/// Returns other spellings of an address.
fn spellings(address: &str) -> Vec<String> {
    let capitals = address.replace("/production", "/Production");
    let small = address.replace("/DE", "/de").replace("/AT", "/at");
    let mut all = vec![
        format!("{address}/"),
        format!("{address}//"),
        format!("/{address}"),
        address.replace('/', "//"),
        address.to_uppercase(),
        format!("{}/", small.replace("/production", "/PRODUCTION")),
        capitals,
        small,
    ];
    all.retain(|spelling| spelling != address);
    all
}

fn pages() -> impl Iterator<Item = String> {
    let pages = PAGES.iter().filter(|row| row.methods.contains(&Method::GET) && row.path != HOME);
    pages.map(|row| address(row.path))
}

#[tokio::test]
async fn every_page_is_found_under_other_spellings_of_its_address() {
    let (house, _, cookie) = furnished().await;
    for page in pages() {
        for spelling in spellings(&page) {
            let answer = house.get(&cookie, &format!("{spelling}?before=7&x=%2F%2Fevil")).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{spelling}");
            assert_eq!(answer.location(), format!("{page}?before=7&x=%2F%2Fevil"), "{spelling}");
            let head = house.ask(Method::HEAD, &spelling).cookie(&cookie).send().await;
            assert_eq!((head.status, head.location()), (StatusCode::SEE_OTHER, &*page), "HEAD {spelling}");
            let posted = house.post(&cookie, &spelling, &[]).await;
            assert_ne!(posted.location(), page, "POST {spelling}");
        }
    }
}

#[tokio::test]
async fn every_prefix_of_an_address_leads_to_a_page() {
    let (house, _, cookie) = furnished().await;
    for row in PAGES.iter().filter(|row| row.who != Who::Setup) {
        let page = address(row.path);
        for (end, _) in page.match_indices('/').skip(1) {
            let answer = house.get(&cookie, &page[..end]).await;
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{}", &page[..end]);
        }
    }
    for (prefix, page) in PREFIXES {
        let (prefix, page) = (address(prefix), address(page));
        for spelling in [&prefix, &format!("{prefix}/"), &prefix.replace("/DE", "/de")] {
            assert_eq!(house.get(&cookie, spelling).await.location(), page, "{spelling}");
        }
        assert_eq!(house.get(&cookie, &page).await.status, StatusCode::OK, "{page}");
    }
}

#[tokio::test]
async fn a_stranger_does_not_learn_what_exists() {
    let (house, _, cookie) = furnished().await;
    for page in pages().filter(|page| page.contains("/production")) {
        let elsewhere = |text: &str| text.replace("production", "nowhere").replace("Production", "Nowhere");
        for spelling in spellings(&page).into_iter().filter(|spelling| !spelling.contains("PRODUCTION")) {
            let there = house.get("", &spelling).await;
            let nowhere = house.get("", &elsewhere(&spelling)).await;
            assert_eq!(there.status, nowhere.status, "{spelling}");
            assert_eq!(elsewhere(there.location()), nowhere.location(), "{spelling}");
            assert_eq!(there.status, StatusCode::SEE_OTHER, "{spelling}");
        }
    }
    let nowhere = house.get(&cookie, "/environments/Nowhere/de").await;
    assert_eq!(nowhere.location(), "/environments/nowhere/DE/keys");
    assert_eq!(house.get(&cookie, nowhere.location()).await.status, StatusCode::NOT_FOUND, "and no further");
}

#[tokio::test]
async fn no_other_address_leads_anywhere() {
    let (house, _, cookie) = furnished().await;
    for path in [
        "//evil.example/audit",
        "//evil.example/",
        "/%5Caudit",
        "/%2Faudit",
        "/%2F%2Fevil.example",
        "/audit%2F",
        "/environments/%50roduction",
        "/environments/production/XX",
        "/environments/production/DEU",
        "/environments/production/DE/keys/0x1",
        "/environments/production/DE/more",
        "/.//audit",
        "/audit/..",
        "/audit;x",
        "/nothing/",
    ] {
        let Ok(uri) = path.parse::<Uri>() else { continue };
        for cookie in ["", &cookie] {
            let answer = house.get(cookie, &uri.to_string()).await;
            let leads = answer.location();
            assert!(leads.is_empty() || leads.starts_with("/sign-in"), "{path} leads to {leads}");
        }
    }
}

#[tokio::test]
async fn the_icon_is_found_where_browsers_look_for_it() {
    let house = House::new().await;
    let answer = house.get("", "/favicon.ico").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let icon = house.get("", answer.location()).await;
    assert_eq!((icon.status, icon.header("content-type")), (StatusCode::OK, "image/svg+xml; charset=utf-8"));
}
