//! People: how they are named on the pages and in their authenticator apps.

use crate::support::common::shown_seed;
use crate::support::{House, furnished};
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
        "Once you confirm its code, the old entry stops working. Delete it then.",
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

#[tokio::test]
async fn new_recovery_codes_wait_in_sight_and_can_be_downloaded_until_they_are_saved() {
    let (house, person, cookie) = furnished().await;
    let (show, file) = ("/profile/recovery-codes/show", "/profile/recovery-codes/file");
    assert_eq!(house.post(&cookie, file, &[]).await.location(), "/profile", "none wait");
    let prepared = house.post(&cookie, "/profile/recovery-codes", &[("current_password", PASSWORD)]).await;
    let code = house.test.code(&person);
    let done = house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
    assert_eq!(done.location(), show);
    let page = house.get(&cookie, show).await.body;
    let codes: Vec<&str> = page.split("<code>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert!(codes.len() == 10 && page.contains("ada@example.com"), "{page}");
    let waits = "You have unsaved recovery codes";
    for path in ["/environments", "/environments/production/DE/keys", "/api-keys", "/profile"] {
        let page = house.get(&cookie, path).await.body;
        assert!(page.contains(waits) && page.contains(&format!("href=\"{show}\"")), "{path}");
        assert!(codes.iter().all(|code| !page.contains(code)), "{path} names none");
    }
    for _ in 0..2 {
        let saved = house.post(&cookie, file, &[]).await;
        assert_eq!(saved.status, StatusCode::OK);
        for (name, value) in [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-disposition", "attachment; filename=\"keystead-recovery-codes.txt\""),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(saved.header(name), value);
        }
        let lines: Vec<&str> = saved.body.split("\r\n").collect();
        assert_eq!(lines[0], "Recovery codes of ada@example.com");
        assert!(codes.iter().all(|code| lines.contains(code)), "{}", saved.body);
    }
    // Another session of the same person has nothing to do with it.
    house.test.next_code();
    let other = house.sign_in(&person).await;
    assert!(!house.get(&other, "/environments").await.body.contains(waits));
    assert_eq!(house.post(&other, file, &[]).await.location(), "/profile");
    house.test.clock.advance(chrono::TimeDelta::minutes(10));
    assert!(house.get(&cookie, "/environments").await.body.contains(waits));
    assert_eq!(house.post(&cookie, show, &[("next", "/environments")]).await.location(), "/environments");
    assert!(!house.get(&cookie, "/environments").await.body.contains(waits));
    assert_eq!(house.post(&cookie, file, &[]).await.location(), "/profile", "they are gone");
}

#[tokio::test]
async fn recovery_codes_that_nobody_saved_are_gone_after_a_quarter_of_an_hour_and_so_is_their_notice() {
    let (house, person, cookie) = furnished().await;
    let prepared = house.post(&cookie, "/profile/recovery-codes", &[("current_password", PASSWORD)]).await;
    let code = house.test.code(&person);
    house.post(&cookie, prepared.location(), &[("code", code.expose())]).await;
    house.test.clock.advance(chrono::TimeDelta::minutes(10));
    let waits = "You have unsaved recovery codes";
    assert!(house.get(&cookie, "/environments").await.body.contains(waits));
    house.test.clock.advance(chrono::TimeDelta::minutes(6));
    assert!(!house.get(&cookie, "/environments").await.body.contains(waits));
    assert_eq!(house.get(&cookie, "/profile/recovery-codes/show").await.location(), "/profile");
}

#[tokio::test]
async fn a_kind_is_changed_at_once_in_an_environment_without_versions() {
    let (house, _, cookie) = furnished().await;
    house.post(&cookie, "/environments", &[("name", "Staging"), ("kind", "production")]).await;
    house.post(&cookie, "/environments/staging", &[("country", "FR")]).await;
    let path = "/environments/staging/kind";
    let page = house.get(&cookie, path).await.body;
    assert!(page.contains("With Test: Keystead will no longer flag 1 country without a key."), "{page}");
    assert!(
        !house.get(&cookie, "/environments/production/kind").await.body.contains(">Change kind</button>")
    );
    for (kind, said) in
        [("", "Choose Production or Test."), ("production", "The kind is Production already.")]
    {
        let refused = house.post(&cookie, path, &[("kind", kind)]).await;
        assert!(refused.status == StatusCode::UNPROCESSABLE_ENTITY && refused.body.contains(said), "{kind}");
    }
    let done = house.post(&cookie, path, &[("kind", "test")]).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/environments/staging"));
    let shown = house.get(&cookie, done.location()).await.body;
    assert!(
        shown.contains("The kind is now Test.") && shown.contains("Test environment · staging"),
        "{shown}"
    );
}
