//! The forms of a customer's key over HTTP: fields are typed or pasted, kept or refused, and secrets are never shown again.

use crate::support::{AWS_FORM, Answer, CREDENTIALS, House, KEYS_ADD, OTHER_CREDENTIALS, furnished};
use axum::http::StatusCode;
use engine::testing::Person;
use engine::testing::kms::{ACCESS_KEY_ID, ARN, DATA_KEY, Decrypts, Forbids, SECRET, other_data_key};

const KEYS: &str = "/environments/production/AT/keys";

/// Returns the form with some fields changed.
fn form<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let other = |(name, _): &(&str, &str)| changes.iter().find(|(changed, _)| changed == name).copied();
    let mut fields: Vec<_> = AWS_FORM.iter().map(|field| other(field).unwrap_or(*field)).collect();
    fields.extend(changes.iter().filter(|(name, _)| AWS_FORM.iter().all(|(known, _)| known != name)));
    fields
}

fn must_not_show_secrets(answer: &Answer) {
    let whole = format!("{:?} {}", answer.headers, answer.body);
    for (_, secret) in [("", SECRET), OTHER_CREDENTIALS[1]] {
        assert!(!whole.contains(secret), "a secret in an answer");
    }
}

async fn confirm(house: &House, person: &Person, cookie: &str, change: &str) -> Answer {
    let code = house.test.code(person);
    let done = house.post(cookie, change, &[("code", code.expose())]).await;
    house.test.next_code();
    done
}

#[tokio::test]
async fn each_mistake_is_said_beside_its_field_and_nothing_is_asked_of_kms() {
    let (house, _, cookie) = furnished().await;
    house.kms().forget_calls();
    let bare_key = "A".repeat(43) + "=";
    for (changes, sentence) in [
        (
            &[("access_key_id", SECRET), ("secret_access_key", ACCESS_KEY_ID)][..],
            "The two fields are swapped.",
        ),
        (
            &[("region", "eu-west-3")],
            "The ARN is for the region eu-central-1, but the region field says eu-west-3.",
        ),
        (&[("cmk_arn", "arn:aws:kms:eu-central-1:111122223333:alias/x")], "This is an alias."),
        (&[("encrypted_key", "not base64!")], "This is not base64."),
        (&[("encrypted_key", "AQICAHh5")], "This is too short for a KMS ciphertext"),
        (&[("encrypted_key", &bare_key)], "This is an unencrypted key of 32 bytes."),
        (&[("region", "x@127.0.0.1:9/#")], "This is not an AWS region."),
        (&[("region", "eu-central-1\r\nHost: x")], "This is not an AWS region."),
        (&[("region", "eu-central-１")], "This is not an AWS region."),
        (&[("cmk_arn", &ARN.replace("eu-central-1", "x@127.0.0.1"))], "The region in this ARN is not valid."),
        (
            &[("cmk_arn", &ARN.replace("111122223333", "11112222333３"))],
            "The account in this ARN is not 12 digits.",
        ),
        (&[("access_key_id", "ASIAIOSFODNN7EXAMPLE")], "These are temporary credentials"),
        (&[("secret_access_key", "short")], "A secret key has 40 characters"),
        (&[("key_type", "manual")], "Choose a key type."),
    ] {
        let answer = house.post(&cookie, KEYS_ADD, &form(changes)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{changes:?}");
        assert!(answer.body.contains(sentence), "{changes:?} without “{sentence}”");
        assert_eq!(
            answer.body.matches(" autofocus").count(),
            1,
            "{changes:?}: the first refused field has the focus"
        );
        must_not_show_secrets(&answer);
        assert!(!answer.body.contains(&bare_key), "what may be a plaintext key is not shown again");
    }
    assert!(house.kms().calls().is_empty(), "no connection was made");
}

#[tokio::test]
async fn an_unknown_region_is_a_warning_and_no_refusal() {
    let (house, _, cookie) = furnished().await;
    let arn = ARN.replace("eu-central-1", "eu-southwest-9");
    let prepared =
        house.post(&cookie, KEYS_ADD, &form(&[("region", "eu-southwest-9"), ("cmk_arn", &arn)])).await;
    assert_eq!(prepared.status, StatusCode::SEE_OTHER);
    let shown = house.get(&cookie, prepared.location()).await;
    assert!(shown.body.contains("Keystead does not recognise the region eu-southwest-9."));
    let said = format!("Keystead sends its calls to {}.", house.kms().url());
    assert!(shown.body.contains(&said), "where the operator has them go: {said}");
}

#[tokio::test]
async fn the_review_shows_every_line_and_the_secret_never_comes_back() {
    let (house, person, cookie) = furnished().await;
    let prepared = house.post(&cookie, KEYS_ADD, &AWS_FORM).await;
    let shown = house.get(&cookie, prepared.location()).await;
    for words in [
        "Version 2 (Manual: AWS) becomes active and does not rotate automatically.",
        "Version 1 becomes Deprecated; it still decrypts.",
        "Remaining after this: 99 of 100 customer-supplied versions (lifetime limit).",
        "The answer names this CMK",
        "GenerateDataKey is denied",
        "AKIA…MPLE",
    ] {
        assert!(shown.body.contains(words), "{words}");
    }
    must_not_show_secrets(&shown);
    assert!(!shown.body.contains(ACCESS_KEY_ID), "the id is masked");
    assert!(shown.body.contains("KeysteadDecryptOnly"), "the policy for this key");
    let back = house.get(&cookie, &prepared.location().replace("?change=", "?back=")).await;
    assert!(
        back.body.contains(DATA_KEY) && back.body.contains("placeholder=\"••••••\""),
        "as it was filled in"
    );
    must_not_show_secrets(&back);
    let again = house.post(&cookie, KEYS_ADD, &form(&[("secret_access_key", "")])).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "the secret that was kept is used: {}", again.body);
    let done = confirm(&house, &person, &cookie, again.location()).await;
    assert_eq!(done.location(), "/environments/production/DE/keys?new=2");
    let list = house.get(&cookie, "/environments/production/DE/keys").await;
    assert!(!list.body.contains("Next rotation"), "the schedule of the managed version has ended");
    let fresh = house.get(&cookie, KEYS_ADD).await;
    assert!(!fresh.body.contains("placeholder=\"••••••\""), "what has served is forgotten");
    for page in [
        "/environments/production/DE/keys",
        "/environments/production/DE/keys/2",
        "/environments/production/DE/keys/2/credentials",
        "/environments/production/DE/keys/add",
        "/audit",
        "/environments",
    ] {
        let shown = house.get(&cookie, page).await;
        assert_eq!(shown.status, StatusCode::OK, "{page}");
        must_not_show_secrets(&shown);
    }
}

#[tokio::test]
async fn a_kept_secret_serves_its_own_address_only() {
    let (house, _, cookie) = furnished().await;
    house.kms().fails(400, "AccessDeniedException");
    let refused = house.post(&cookie, KEYS_ADD, &AWS_FORM).await;
    assert!(
        refused.body.contains("placeholder=\"••••••\"") && refused.body.contains("AccessDeniedException")
    );
    assert!(refused.body.contains("KeysteadDecryptOnly"), "the policy is at hand where it is needed");
    let elsewhere = house.get(&cookie, CREDENTIALS).await;
    assert!(!elsewhere.body.contains("placeholder=\"••••••\""));
    let answer = house.post(&cookie, CREDENTIALS, &[OTHER_CREDENTIALS[0]]).await;
    assert!(answer.body.contains("Enter the IAM secret key."), "it is not taken from another form");
    let eve = house.newcomer("eve@example.com").await;
    let eve = house.sign_in_as("eve@example.com", &eve).await;
    let answer = house.post(&eve, KEYS_ADD, &form(&[("secret_access_key", "")])).await;
    assert!(answer.body.contains("Enter the IAM secret key."), "nor from another person");
}

#[tokio::test]
async fn what_is_pasted_fills_the_fields_without_script_too() {
    let (house, _, cookie) = furnished().await;
    let pasted = format!(
        "{{\"CyphertextBlob\": \"{DATA_KEY}\", \"KeyId\": \"{ARN}\"}}\n[x]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET}\n"
    );
    let fields = [("key_type", "manual_aws"), ("paste", &pasted), ("fill", "yes")];
    let filled = house.post(&cookie, KEYS_ADD, &fields).await;
    assert_eq!(filled.status, StatusCode::OK);
    for words in [
        DATA_KEY,
        ARN,
        "value=\"eu-central-1\"",
        ACCESS_KEY_ID,
        "placeholder=\"••••••\"",
        "Review these fields",
        "KeysteadDecryptOnly",
    ] {
        assert!(filled.body.contains(words), "{words}");
    }
    must_not_show_secrets(&filled);
    // The outputs are pasted and submitted in one step.
    let at_once = house.post(&cookie, KEYS_ADD, &fields[..2]).await;
    assert!(at_once.location().contains("?change="), "{}", at_once.body);
    let nothing = house
        .post(&cookie, KEYS_ADD, &[("key_type", "manual_aws"), ("paste", "hello"), ("fill", "yes")])
        .await;
    assert!(nothing.body.contains("Nothing here was recognised."));
    let plain = pasted.replace("\"KeyId\"", "\"Plaintext\": \"c2VjcmV0\", \"KeyId\"");
    let plain = house
        .post(&cookie, KEYS_ADD, &[("key_type", "manual_aws"), ("paste", &plain), ("fill", "yes")])
        .await;
    assert!(plain.body.contains("This contains the plaintext of the data key"));
    must_not_show_secrets(&plain);
}

#[tokio::test]
async fn credentials_that_may_do_more_need_a_tick() {
    let (house, person, cookie) = furnished().await;
    for (how, words) in
        [(Forbids::WouldDo, "may do more than decrypt"), (Forbids::Does, "Could not be determined")]
    {
        house.kms().forbids(how);
        let warned = house.post(&cookie, CREDENTIALS, &OTHER_CREDENTIALS).await;
        assert_eq!(warned.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(warned.body.contains(words) && warned.body.contains("name=\"accepts_more\""), "{how:?}");
    }
    let ticked = [&OTHER_CREDENTIALS[..], &[("accepts_more", "yes")]].concat();
    let prepared = house.post(&cookie, CREDENTIALS, &ticked).await;
    let shown = house.get(&cookie, prepared.location()).await;
    assert!(shown.body.contains("You have accepted this"));
    let done = confirm(&house, &person, &cookie, prepared.location()).await;
    assert_eq!(done.location(), format!("{KEYS}/1"));
    let page = house.get(&cookie, done.location()).await;
    assert!(page.body.contains("Version 1 now uses the credentials AKIA…MPLE."));
    assert!(!house.get(&cookie, KEYS).await.body.contains("keys/2\""), "no new version");
}

#[tokio::test]
async fn what_nobody_sees_around_a_value_is_taken_off_or_named() {
    let (house, _, cookie) = furnished().await;
    for blank in ["\t", "\u{a0}", "\u{200b}", "\u{feff}", "\u{2028}"] {
        let around: Vec<(&str, String)> = AWS_FORM
            .iter()
            .map(|(name, value)| match *name {
                "key_type" => (*name, (*value).to_owned()),
                _ => (*name, format!("{blank}{value} {blank}")),
            })
            .collect();
        let around: Vec<_> = around.iter().map(|(name, value)| (*name, value.as_str())).collect();
        house.kms().forget_calls();
        let prepared = house.post(&cookie, KEYS_ADD, &around).await;
        assert!(prepared.location().contains("?change="), "{blank:?}: {}", prepared.body);
        let calls = house.kms().calls();
        assert!(calls[0].authorization.contains(&format!("={ACCESS_KEY_ID}/")), "{blank:?}");
        // The secret that is kept for the form is the one without them.
        let again = house.post(&cookie, KEYS_ADD, &form(&[("secret_access_key", blank)])).await;
        assert!(again.location().contains("?change="), "{blank:?}: {}", again.body);
    }
    for (field, value) in &AWS_FORM[1..] {
        if *field == "encrypted_key" {
            continue;
        }
        let hidden = format!("{}\u{a0}{}", &value[..4], &value[4..]);
        let refused = house.post(&cookie, KEYS_ADD, &form(&[(field, &hidden)])).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let said = "Character 5 is a no-break space (U+00A0). Remove it.";
        assert!(refused.body.contains(said), "{field}: {}", refused.body);
        must_not_show_secrets(&refused);
        let seen = refused.body.replace('\u{a0}', "");
        assert!(!seen.contains(SECRET), "{field}: nor with the character in it");
    }
    let wrapped = DATA_KEY.replace('x', "x\u{a0}\u{200b}");
    let prepared = house.post(&cookie, KEYS_ADD, &form(&[("encrypted_key", &wrapped)])).await;
    assert!(prepared.location().contains("?change="), "{}", prepared.body);
}

#[tokio::test]
async fn a_refusal_of_kms_names_every_likely_cause() {
    let (house, _, cookie) = furnished().await;
    for (code, causes) in [
        ("InvalidCiphertextException", &["--encryption-context", "damaged or was created elsewhere"][..]),
        ("UnrecognizedClientException", &["mistyped, deactivated or deleted", "made a moment ago"]),
    ] {
        house.kms().fails(400, code);
        let refused = house.post(&cookie, KEYS_ADD, &AWS_FORM).await;
        let places: Vec<_> = causes.iter().map(|cause| refused.body.find(cause)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{code}: {}", refused.body);
    }
    let guide = house.get(&cookie, "/guides/aws").await.body;
    assert!(guide.contains("--encryption-context") && guide.contains("InvalidCiphertextException"));
    // A key that IAM learns of a moment later: the person does not see the first no.
    house.kms().next([Decrypts::Error(400, "UnrecognizedClientException", String::new())]);
    house.kms().decrypts(Decrypts::Well);
    let prepared = house.post(&cookie, KEYS_ADD, &AWS_FORM).await;
    assert!(prepared.location().contains("?change="), "{}", prepared.body);
}

#[tokio::test]
async fn a_key_that_is_registered_again_is_named_before_the_code() {
    let (house, person, cookie) = furnished().await;
    // The furnished house has it as version 1 of production/AT.
    let theirs = other_data_key(1, 0).to_base64();
    let anew = other_data_key(1, 7).to_base64();
    for blob in [&theirs, &anew] {
        let here =
            house.post(&cookie, &KEYS_ADD.replace("/DE/", "/AT/"), &form(&[("encrypted_key", blob)])).await;
        assert_eq!(here.status, StatusCode::UNPROCESSABLE_ENTITY);
        let said =
            "This is the key of version 1: nothing changes. To replace version 1, generate a new data key";
        assert!(here.body.contains(said), "{}", here.body);
        assert!(
            here.body
                .contains("id=\"encrypted-key-error\" class=\"field-error\">This is the key of version 1"),
            "beside its field: {}",
            here.body
        );
        let there = house.post(&cookie, KEYS_ADD, &form(&[("encrypted_key", blob)])).await;
        assert_eq!(there.status, StatusCode::UNPROCESSABLE_ENTITY);
        for words in ["It is the key of version 1 of production/AT.", "name=\"accepts_same\""] {
            assert!(there.body.contains(words), "{words}: {}", there.body);
        }
        assert!(!there.body.contains("name=\"accepts_more\""), "there is nothing else to accept");
        must_not_show_secrets(&there);
    }
    house.kms().forbids(Forbids::WouldDo);
    let both = house.post(&cookie, KEYS_ADD, &form(&[("encrypted_key", &theirs)])).await;
    assert!(both.body.contains("name=\"accepts_more\"") && both.body.contains("name=\"accepts_same\""));
    house.kms().forbids(Forbids::Denied);
    let ticked = form(&[("encrypted_key", &theirs), ("accepts_same", "yes")]);
    let prepared = house.post(&cookie, KEYS_ADD, &ticked).await;
    let shown = house.get(&cookie, prepared.location()).await;
    assert!(
        shown.body.contains("This is also the key of version 1 of production/AT. You have accepted this.")
    );
    let done = confirm(&house, &person, &cookie, prepared.location()).await;
    assert_eq!(done.location(), "/environments/production/DE/keys?new=2");
}

#[tokio::test]
async fn check_now_shows_what_it_found_and_a_refusal_is_seen_everywhere() {
    let (house, _, cookie) = furnished().await;
    let check = format!("{KEYS}/1/check");
    let list = house.get(&cookie, KEYS).await;
    assert!(list.body.contains(&check) && list.body.contains("Healthy"));
    house.kms().fails(400, "DisabledException");
    let checked = house.post(&cookie, &check, &[]).await;
    assert_eq!(checked.location(), format!("{KEYS}/1"));
    let page = house.get(&cookie, checked.location()).await;
    for words in [
        "Decrypt works: failed (DisabledException)",
        "The CMK is disabled.",
        "Refused",
        "Cannot encrypt or decrypt while the customer's KMS refuses.",
        "Decryption is not possible",
    ] {
        assert!(page.body.contains(words), "{words}");
    }
    let environment = house.get(&cookie, "/environments/production").await;
    assert!(environment.body.contains("refused"), "and so does the table of countries");
    assert!(house.get(&cookie, "/environments").await.body.contains("refused: 1"), "and the start page");
    for path in [KEYS, "/environments"] {
        let shown = house.get(&cookie, path).await;
        assert!(shown.body.contains("refused"), "{path}: the sidebar says so");
    }
    let of_managed = house.post(&cookie, "/environments/production/DE/keys/1/check", &[]).await;
    assert_eq!(of_managed.status, StatusCode::NOT_FOUND);
    let of_nothing = house.post(&cookie, &format!("{KEYS}/9/check"), &[]).await;
    assert_eq!(of_nothing.status, StatusCode::NOT_FOUND);
    assert_eq!(
        house.get(&cookie, "/environments/production/DE/keys/1/credentials").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_page_of_a_version_shows_what_is_in_memory_and_the_clock() {
    let (house, _, cookie) = furnished().await;
    let page = format!("{KEYS}/1");
    let before = house.get(&cookie, &page).await;
    assert!(
        before.body.contains("Not in memory") && before.body.contains("Decryption would stop immediately.")
    );
    let key = house.test.portal.lease_key(&crate::support::scope("AT"), 1).await.expect("a key");
    house.test.portal.custody().with_material(key, 1, 1, |_| ()).await.expect("released");
    house.test.clock.advance(chrono::TimeDelta::seconds(48));
    // Runs the probe, which is due because the version is half a day old; the page then counts down to the next one.
    house.test.portal.custody().probe_due().await.expect("probed");
    house.test.clock.advance(chrono::TimeDelta::seconds(5));
    let held = house.get(&cookie, &page).await;
    for words in
        ["In memory", "53 s", "If the customer revoked access now", "data-left=\"55\"", "data-left=\"3547\""]
    {
        assert!(held.body.contains(words), "{words}");
    }
    house.kms().fails(400, "DisabledException");
    house.post(&cookie, &format!("{page}/check"), &[]).await;
    let wiped = house.get(&cookie, &page).await;
    assert!(wiped.body.contains("Not in memory") && wiped.body.contains("Last failure"));
    assert!(wiped.body.contains("Decryption is not possible until"));
    assert!(!wiped.body.contains("revoked access now"), "it is no question any more");
}

#[tokio::test]
async fn the_page_of_a_managed_version_speaks_of_no_kms() {
    let (house, _, cookie) = furnished().await;
    let (page, scope) = ("/environments/production/DE/keys/1", crate::support::scope("DE"));
    let before = house.get(&cookie, page).await;
    assert!(before.body.contains("Not in memory") && before.body.contains("loaded from the database"));
    let key = house.test.portal.lease_key(&scope, 1).await.expect("a key");
    house.test.portal.custody().with_material(key, 1, 1, |_| ()).await.expect("opened");
    let held = house.get(&cookie, page).await;
    assert!(held.body.contains("In memory") && held.body.contains("If the database could not be reached"));
    for shown in [before, held] {
        assert!(!shown.body.contains("KMS"), "{}", shown.body);
    }
}

#[tokio::test]
async fn too_many_checks_are_refused_in_words() {
    let house = House::new().await;
    let person = house.test.administrator().await;
    let cookie = house.sign_in(&person).await;
    house.post(&cookie, "/environments", &[("name", "Production"), ("kind", "production")]).await;
    house.post(&cookie, "/environments/production", &[("country", "DE")]).await;
    // A region whose host is in no DNS: this house has no KMS to ask.
    let mut last = None;
    for _ in 0..11 {
        let arn = ARN.replace("eu-central-1", "eu-nowhere-9");
        let fields = form(&[("region", "eu-nowhere-9"), ("cmk_arn", &arn)]);
        last = Some(house.post(&cookie, KEYS_ADD, &fields).await);
    }
    let last = last.expect("answers");
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.body.contains("Too many checks in a short time."));
    must_not_show_secrets(&last);
}

#[tokio::test]
async fn the_guide_is_there_for_everybody_signed_in() {
    let (house, _, cookie) = furnished().await;
    let guide = house.get(&cookie, "/guides/aws").await;
    assert_eq!(guide.status, StatusCode::OK);
    for words in [
        "generate-data-key-without-plaintext",
        "KeysteadDecryptOnly",
        "role=\"img\"",
        "Writing data",
        "Reading data",
    ] {
        assert!(guide.body.contains(words), "{words}");
    }
}

#[tokio::test]
async fn a_secret_that_is_pasted_beside_other_words_is_not_shown_in_another_field() {
    let (house, _, cookie) = furnished().await;
    for pasted in [
        format!("AWS_ACCESS_KEY_ID={ACCESS_KEY_ID} AWS_SECRET_ACCESS_KEY={SECRET} aws kms list-keys"),
        format!("export AWS_ACCESS_KEY_ID={ACCESS_KEY_ID}; export AWS_SECRET_ACCESS_KEY={SECRET}"),
        format!("set AWS_ACCESS_KEY_ID={ACCESS_KEY_ID} && set AWS_SECRET_ACCESS_KEY={SECRET}"),
    ] {
        for path in [KEYS_ADD, CREDENTIALS] {
            let mut fields = vec![("paste", pasted.as_str()), ("fill", "yes")];
            fields.extend((path == KEYS_ADD).then_some(("key_type", "manual_aws")));
            let filled = house.post(&cookie, path, &fields).await;
            assert_eq!(filled.status, StatusCode::OK, "{path}");
            assert!(filled.body.contains(&format!("value=\"{ACCESS_KEY_ID}\"")), "{path}: the id alone");
            must_not_show_secrets(&filled);
        }
    }
}

#[tokio::test]
async fn a_secret_in_the_wrong_field_does_not_come_back_and_the_field_says_why() {
    let (house, _, cookie) = furnished().await;
    house.kms().forget_calls();
    let hex = "0b7fd7ddbac6eef27907413567cad8c810e2883dc8a7534067a82ee1142fc1e6";
    let plain = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
    for (field, typed) in [
        ("region", SECRET.to_owned()),
        ("cmk_arn", SECRET.to_owned()),
        ("encrypted_key", SECRET.to_owned()),
        ("access_key_id", SECRET.to_owned()),
        ("access_key_id", format!("\"{SECRET}\"")),
        ("access_key_id", format!("{SECRET},")),
        ("access_key_id", format!("{ACCESS_KEY_ID}:{SECRET}")),
        ("access_key_id", format!("aws_secret_access_key = {SECRET}")),
        (
            "encrypted_key",
            format!("[x]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET}"),
        ),
        ("encrypted_key", format!("Access key ID,Secret access key\n{ACCESS_KEY_ID},{SECRET}")),
        ("encrypted_key", format!("{}\n{SECRET}", DATA_KEY.trim_end_matches('='))),
        ("encrypted_key", hex.to_owned()),
        ("encrypted_key", format!("{{\"Plaintext\": \"{plain}\"}}")),
        ("encrypted_key", plain.to_owned()),
        ("cmk_arn", format!("{ARN} {hex}")),
        ("region", plain.to_owned()),
    ] {
        // Another field is wrong too, so that the form is shown again without a request to KMS.
        let answer =
            house.post(&cookie, KEYS_ADD, &form(&[(field, &typed), ("secret_access_key", "x")])).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field} {typed}");
        must_not_show_secrets(&answer);
        assert!(!answer.body.contains(hex) && !answer.body.contains(plain), "{field} {typed}");
        assert!(answer.body.contains("The value is not shown again"), "{field} {typed}");
        // With the other key type chosen, Keystead neither checks nor shows the fields typed before.
        let managed = form(&[(field, &typed), ("key_type", "managed"), ("rotation_days", "1")]);
        let answer = house.post(&cookie, KEYS_ADD, &managed).await;
        must_not_show_secrets(&answer);
        assert!(!answer.body.contains(hex) && !answer.body.contains(plain), "{field} {typed}");
    }
    let answer = house.post(&cookie, CREDENTIALS, &[("access_key_id", SECRET)]).await;
    must_not_show_secrets(&answer);
    assert!(answer.body.contains("The value is not shown again"));
    assert!(house.kms().calls().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn what_is_mistyped_and_no_secret_is_shown_again() {
    let (house, _, cookie) = furnished().await;
    for (field, typed) in [
        ("region", "eu central 1"),
        ("cmk_arn", "arn:aws:kms:eu-central-1:111122223333:alias/customer"),
        ("access_key_id", "AKIAIOSFODNN7EXAMPLe"),
    ] {
        let answer = house.post(&cookie, KEYS_ADD, &form(&[(field, typed)])).await;
        assert!(answer.body.contains(&format!("value=\"{typed}\"")), "{field}");
        assert!(!answer.body.contains("The value is not shown again"), "{field}");
        assert!(answer.body.contains(DATA_KEY), "the others stay as well");
    }
}

#[tokio::test]
async fn a_secret_that_is_pasted_under_a_wrong_name_is_shown_in_no_field() {
    let (house, _, cookie) = furnished().await;
    for pasted in [
        format!("AWS_ACCESS_KEY_ID={ACCESS_KEY_ID}:{SECRET}"),
        format!("aws_access_key_id={ACCESS_KEY_ID}aws_secret_access_key={SECRET}"),
        format!("aws_access_key_id={ACCESS_KEY_ID}\\naws_secret_access_key={SECRET}\\n"),
        format!("KeyId: {SECRET}"),
        format!("region={SECRET}"),
        format!("{}\n{SECRET}", DATA_KEY.trim_end_matches('=')),
        format!("{{\"AccessKeyId\":\"{SECRET}\",\"SecretAccessKey\":\"{ACCESS_KEY_ID}\"}}"),
        format!(
            "User name,Password,Access key ID,Secret access key,Console login link\nbob,{ACCESS_KEY_ID},{SECRET},https://x\n"
        ),
    ] {
        for path in [KEYS_ADD, CREDENTIALS] {
            for fill in ["yes", ""] {
                let mut fields = vec![("paste", pasted.as_str()), ("fill", fill)];
                fields.extend((path == KEYS_ADD).then_some(("key_type", "manual_aws")));
                let answer = house.post(&cookie, path, &fields).await;
                assert!(
                    matches!(answer.status, StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY),
                    "{pasted}"
                );
                must_not_show_secrets(&answer);
            }
        }
    }
}

#[tokio::test]
async fn the_policy_is_offered_as_soon_as_the_arn_is_known() {
    let (house, _, cookie) = furnished().await;
    let fields = [("key_type", "manual_aws"), ("cmk_arn", ARN), ("region", "eu-central-1")];
    let typed = house.post(&cookie, KEYS_ADD, &fields).await;
    assert_eq!(typed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        typed.body.contains("KeysteadDecryptOnly") && typed.body.contains("Enter the IAM access key ID.")
    );
    let none = house.post(&cookie, KEYS_ADD, &form(&[("cmk_arn", "arn:aws:kms")])).await;
    assert!(!none.body.contains("KeysteadDecryptOnly"));
}

#[tokio::test]
async fn a_limit_of_a_type_is_said_where_that_type_is_chosen() {
    let (house, person, cookie) = furnished().await;
    let prepared = house.post(&cookie, KEYS_ADD, &AWS_FORM).await;
    confirm(&house, &person, &cookie, prepared.location()).await;
    let page = house.get(&cookie, KEYS_ADD).await;
    let (before, _) =
        page.body.split_once("The daily limit of Manual: AWS versions is reached").expect("it is said");
    let (_, around) = before.rsplit_once("<div class=\"for-").expect("in a part of one type");
    assert!(around.starts_with("manual-aws\""), "{around}");
}
