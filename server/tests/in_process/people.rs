//! People: how they are named on the pages and in their authenticator apps.

use crate::support::House;
use crate::support::common::shown_seed;
use axum::http::StatusCode;
use engine::testing::PASSWORD;

const TYPED: &str = "grete@bücher.example";
const SENT: &str = "grete@xn--bcher-kva.example";

#[tokio::test]
async fn a_domain_with_an_umlaut_signs_in_as_chromium_sends_it_and_is_shown_readable() {
    let house = House::new().await;
    let seed = house.newcomer(TYPED).await;
    let half = house.half_signed_in(SENT).await;
    let code = seed.code(house.test.clock.now());
    let cookie = house.post(&half, "/sign-in/code", &[("code", code.expose())]).await.cookie();
    let cookie = cookie.expect("signed in");
    for path in ["/profile", "/audit", "/audit?who=grete%40b%C3%BCcher.example"] {
        let page = house.get(&cookie, path).await.body;
        assert!(page.contains(TYPED) && !page.contains(SENT), "{path}");
    }
}

#[tokio::test]
async fn a_text_that_is_no_domain_is_refused_in_words_at_set_up_and_unknown_at_sign_in() {
    let house = House::new().await;
    let token = house.test.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
    let long = format!("a@{}.example", "b".repeat(64));
    for email in ["a@b..c", "a@-x.example", &long] {
        let fields = [
            ("token", token.expose()),
            ("email", email),
            ("password", PASSWORD),
            ("password_again", PASSWORD),
        ];
        let refused = house.post("", "/setup", &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("Enter an e-mail address, like name@example.com."), "{email}");
    }
    house.test.administrator().await;
    for email in ["a@b..c", "a@-x.example", &long, "nobody@example.com"] {
        let refused = house.post("", "/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("E-mail or password is wrong."), "{email}");
    }
}

#[tokio::test]
async fn a_new_authenticator_has_a_name_of_its_own_and_the_old_entry_may_go() {
    let house = House::new().await;
    let ada = house.test.administrator().await;
    let cookie = house.sign_in(&ada).await;
    let path = "/profile/authenticator";
    let prepared = house.post(&cookie, path, &[("current_password", PASSWORD)]).await;
    let code = house.test.code(&ada);
    let begun = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
    let page = house.get(&cookie, begun.location()).await.body;
    for said in [
        "ada@example.com (2)",
        "Keystead 127.0.0.1-3000",
        "When its code is confirmed, the old entry no longer works: delete it then.",
    ] {
        assert!(page.contains(said), "{said}");
    }
    let code = shown_seed(&page).code(house.test.clock.now());
    let done = house.post(&cookie, begun.location(), &[("code", code.expose())]).await;
    let profile = house.get(&done.cookie().expect("a new session"), done.location()).await.body;
    let said = "Your new authenticator is set up. The old one no longer works: delete its entry in your app.";
    assert!(profile.contains(said));
}

#[tokio::test]
async fn the_name_of_the_installation_stands_on_every_page_and_in_the_app() {
    let house = House::new().await;
    let token = house.test.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
    let house = house.second(&[("KEYSTEAD_INSTANCE_NAME", " Staging <1> ")]).await;
    let first = house.get("", "/setup").await.body;
    assert!(first.contains("<title>Set up Keystead · Keystead Staging &lt;1&gt;</title>"), "{first}");
    assert_eq!(first.matches("Keystead Staging &lt;1&gt;").count(), 2, "in the title and beside the logo");
    let fields = [
        ("token", token.expose()),
        ("email", "ada@example.com"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
    ];
    let cookie = house.post("", "/setup", &fields).await.cookie().expect("the token was right");
    let page = house.get(&cookie, "/setup/authenticator").await.body;
    assert_eq!(page.matches("Keystead Staging &lt;1&gt;").count(), 3, "and in the app");
    assert!(!page.contains("(2)") && !page.contains("old entry"), "it is the first");
}

#[tokio::test]
async fn the_longest_names_still_have_a_qr_code() {
    let house = House::new().await;
    let token = house.test.portal.people().issue_setup_token(None).await.expect("issued").expect("a token");
    let house = house.second(&[("KEYSTEAD_INSTANCE_NAME", &"\u{1f511}".repeat(40))]).await;
    let email = format!("{}@b.example", "ü".repeat(122));
    let fields =
        [("token", token.expose()), ("email", &email), ("password", PASSWORD), ("password_again", PASSWORD)];
    let cookie = house.post("", "/setup", &fields).await.cookie().expect("the token was right");
    let page = house.get(&cookie, "/setup/authenticator").await;
    assert!(page.status == StatusCode::OK && page.body.contains(&email), "{}", page.status);
}
