//! Sample data for full, empty and awkward states of pages.

use chrono::{DateTime, Duration, Utc};
use domain::audit::event::{Action, Event, Outcome};
use domain::base::id::SessionId;
use domain::base::pages::Page;
use domain::changes::view::*;
use domain::custody::aws::{KeyArn, decrypt_only_policy};
use domain::custody::health::{Health, HealthState};
use domain::custody::preflight::{Check, FailureCode, Line, Report, Verdict};
use domain::custody::vendor::Vendor;
use domain::custody::view::*;
use domain::keys::key_type::KeyType;
use domain::keys::key_version::Status;
use domain::keys::limits::{DailyLimits, OwnLimits};
use domain::keys::rotation::{RotationPeriod, next_day};
use domain::keys::timeline::*;
use domain::keys::usage::*;
use domain::keys::view::*;
use domain::overview::attention::*;
use domain::overview::calendar::*;
use domain::overview::frame::*;
use domain::overview::grid::*;
use domain::overview::lack::Lack;
use domain::overview::next_steps::NextSteps;
use domain::overview::upkeep::{JournalState, UpkeepView};
use domain::overview::view::*;
use domain::people::view::*;
use domain::scopes::scope::{Country, EnvironmentKind, ScopeName, Slug};
use domain::services::api_key::ApiKeyId;

const NO_UUID: &str = "6a0c3f2e-0000-4000-8000-000000000001";

pub fn now() -> DateTime<Utc> {
    "2026-11-22T18:48:00Z".parse().expect("a time")
}

fn slug(text: &str) -> Slug {
    Slug::try_from(text.to_owned()).expect("a slug")
}

fn country(code: &str) -> Country {
    Country::from_code(code).expect("a country")
}

pub fn scope() -> ScopeName {
    ScopeName { environment: slug("production"), country: country("DE") }
}

pub fn chrome(path: &str) -> Chrome {
    let leaf = |code, lacks| TreeCountry { country: country(code), lacks };
    let tree = |name: &str, kind, countries| TreeEnvironment {
        slug: Slug::proposed(name).expect("a slug"),
        name: name.to_owned(),
        kind,
        countries,
    };
    Chrome {
        next: path.to_owned(),
        unsaved: Unsaved::default(),
        session_end: SessionEnd { seconds_left: 900, is_final: false },
        email: "anna.richter@example.com".to_owned(),
        theme: Theme::System,
        path: path.to_owned(),
        filter: String::new(),
        tree: Tree {
            is_large: false,
            environments: vec![
                tree(
                    "Production",
                    EnvironmentKind::Production,
                    vec![
                        leaf("DE", None),
                        leaf("FR", Some(Lack::Rotate)),
                        leaf("JP", Some(Lack::NoKey)),
                        leaf("GS", Some(Lack::NoKey)),
                    ],
                ),
                tree("Staging", EnvironmentKind::Test, vec![leaf("DE", None), leaf("US", None)]),
                tree("Sandbox Initech", EnvironmentKind::Test, vec![]),
            ],
        },
        flash: None,
        now: now(),
    }
}

/// The last backup was made so many days ago.
pub fn upkeep(days: i64) -> UpkeepView {
    let at = |days| now() - Duration::days(days);
    UpkeepView {
        now: now(),
        created_at: at(100),
        backup_at: Some(at(days)),
        older_than: None,
        unproved: 0,
        ahead: 0,
        clock_off: None,
        free: None,
        journal: JournalState::Works,
        proxy: None,
    }
}

pub fn environments() -> Vec<EnvironmentRow> {
    let row = |name: &str, kind, countries, with_key| EnvironmentRow {
        slug: Slug::proposed(name).expect("a slug"),
        name: name.to_owned(),
        kind,
        countries,
        with_key,
        created_at: now() - Duration::days(40),
        keeps_slug: false,
        is_proved: true,
    };
    vec![
        row("Production", EnvironmentKind::Production, 4, 2),
        row("Staging", EnvironmentKind::Test, 2, 2),
        row("Sandbox Initech", EnvironmentKind::Test, 0, 0),
    ]
}

pub fn countries() -> Vec<CountryRow> {
    let row = |code, active: Option<u32>, days: i64| CountryRow {
        country: country(code),
        active,
        key_type: active.map(|_| KeyType::Managed),
        due_at: active.map(|_| now() + Duration::days(days)),
        key_created_at: active.map(|_| now() - Duration::days(12)),
        health: (code == "FR").then_some(HealthState::Refused),
        lacks: match (code, active) {
            ("FR", _) => Some(Lack::Refused),
            (_, None) => Some(Lack::NoKey),
            _ => None,
        },
        created_at: now() - Duration::days(40),
        is_proved: true,
    };
    vec![row("DE", Some(4), 30), row("FR", Some(1), -1), row("JP", None, 0), row("GS", None, 0)]
}

pub fn attention() -> AttentionView {
    let one = |lack, code, environment: &str| Lacking {
        lack,
        scope: ScopeName { environment: slug("production"), country: country(code) },
        environment_name: environment.to_owned(),
        at: now() - Duration::hours(3),
        code: (lack == Lack::Refused).then(|| FailureCode::stored("DisabledException")),
        supplied: 92,
    };
    AttentionView {
        lacking: vec![
            one(Lack::Refused, "FR", "Production"),
            one(Lack::NoKey, "JP", "Production"),
            one(Lack::LimitNear, "DE", "Production"),
        ],
        counts: vec![(Lack::Refused, 1), (Lack::NoKey, 40), (Lack::LimitNear, 1)],
        ending: EndingKeys {
            count: 1,
            named: vec![EndingKey {
                id: ApiKeyId([1; 6]),
                name: "orders service".to_owned(),
                expires_at: now() + Duration::days(3),
            }],
        },
        ended: EndingKeys {
            count: 1,
            named: vec![EndingKey {
                id: ApiKeyId([1; 6]),
                name: "billing service".to_owned(),
                expires_at: now() - Duration::days(1),
            }],
        },
    }
}

pub fn grid() -> GridView {
    let names: Vec<_> = ["DE", "FR", "JP", "GS"].map(country).into();
    let cells = |with: bool| countries().into_iter().map(|row| with.then_some(row)).collect();
    let row = |name: &str, kind, with| GridRow {
        slug: Slug::proposed(name).expect("a slug"),
        name: name.to_owned(),
        kind,
        is_proved: true,
        cells: cells(with),
    };
    GridView {
        countries: names,
        rows: vec![
            row("Production", EnvironmentKind::Production, true),
            row("Sandbox Initech", EnvironmentKind::Test, false),
        ],
        row_page: Page::of(2, 20, 1),
        column_page: Page::of(4, 60, 1),
        has_environments: true,
    }
}

pub fn no_grid() -> GridView {
    let none = Page::of(0, 20, 1);
    GridView { countries: vec![], rows: vec![], row_page: none, column_page: none, has_environments: false }
}

pub fn calendar() -> CalendarView {
    let month = Month::of(now());
    let day = |(place, day): (usize, chrono::NaiveDate)| {
        let at = |hour| bounds(day).0 + Duration::hours(hour);
        let rotation = Coming::Rotation { scope: scope(), environment_name: "Production".to_owned() };
        let entries = match place % 9 {
            3 => vec![Entry { at: at(9), coming: rotation }],
            7 => vec![
                Entry { at: at(2), coming: rotation },
                Entry {
                    at: at(12),
                    coming: Coming::ApiKeyEnds { id: ApiKeyId([1; 6]), name: "orders service".to_owned() },
                },
                Entry { at: at(13), coming: Coming::Backup { overdue_since: None } },
            ],
            _ => vec![],
        };
        DayView { day, rotations: u32::from(!entries.is_empty()) + u32::from(place == 16) * 37, entries }
    };
    CalendarView::Month { month, days: month.days().into_iter().enumerate().map(day).collect() }
}

pub fn versions() -> Vec<VersionRow> {
    let row = |number, days, period| VersionRow {
        number,
        key_type: KeyType::Managed,
        period: Some(period),
        created_at: now() - Duration::days(days),
        status: if number == 4 { Status::Active } else { Status::Deprecated },
        due_at: (number == 4).then(|| now() + Duration::days(30 - days)),
        created_by: if number == 2 { "Keystead".to_owned() } else { "anna.richter@example.com".to_owned() },
        id: i64::from(number) + 7,
        health: None,
        is_proved: true,
    };
    vec![
        row(4, 0, RotationPeriod::Days30),
        row(3, 33, RotationPeriod::Days30),
        row(2, 63, RotationPeriod::Days60),
        row(1, 120, RotationPeriod::Days360),
    ]
}

pub fn keys(customer_supplied: u32) -> KeysView {
    KeysView {
        scope: scope(),
        alias: "acme-berlin".parse().ok(),
        environment_name: "Production".to_owned(),
        active: versions().into_iter().next(),
        active_use: late_use(),
        versions: versions(),
        usage: vec![usage(); versions().len()],
        page: Page::of(302, 50, 1),
        limits: LimitsView {
            of_type_today: vec![(KeyType::Managed, 1), (KeyType::CustomerHeld(Vendor::Aws), 0)],
            today: 1,
            customer_supplied_used: customer_supplied,
            runs_out_at: Some(now() + Duration::days(1700)),
            active_type: Some(KeyType::Managed),
            next_number: 5,
            ..no_keys().limits
        },
    }
}

pub fn next_steps() -> NextSteps {
    NextSteps {
        scope: scope(),
        has_api_key: true,
        is_used: false,
        has_second_administrator: false,
        has_backup: false,
    }
}

pub fn no_keys() -> KeysView {
    KeysView {
        scope: ScopeName { environment: slug("production"), country: country("JP") },
        alias: None,
        environment_name: "Production".to_owned(),
        active: None,
        active_use: LateUse::default(),
        versions: Vec::new(),
        usage: Vec::new(),
        page: Page::of(0, 50, 1),
        limits: LimitsView {
            daily: DailyLimits::default(),
            own: OwnLimits::default(),
            of_type_today: KeyType::ALL.map(|key_type| (key_type, 0)).into(),
            today: 0,
            resets_at: next_day(now()),
            customer_supplied_used: 0,
            runs_out_at: None,
            active_type: None,
            next_number: 1,
        },
    }
}

pub fn prepared() -> Preview {
    Preview {
        heading: "Add encryption key",
        verb: "Create",
        about: About::Scope { name: scope(), environment_name: "Production".to_owned() },
        effects: vec![
            "Version 4 (Managed) becomes active and rotates every 30 days.".to_owned(),
            "Version 3 becomes Deprecated; it still decrypts.".to_owned(),
            "Remaining today: 0 of 1 Managed, 2 of 3 in total.".to_owned(),
        ],
        warning: Some(
            "This date is in the past. Keystead creates the next version within seconds of this change."
                .to_owned(),
        ),
        report: None,
        policy: None,
    }
}

/// Returns versions whose keys customers hold, in every state of health.
pub fn aws_keys() -> KeysView {
    let code = FailureCode::of_kms("AccessDeniedException");
    let health = |state, code| Some(Health { state, since: now() - Duration::minutes(12), code });
    let states = [
        health(HealthState::Refused, Some(code)),
        health(HealthState::Unreachable, Some(FailureCode::TIMEOUT)),
        health(HealthState::Healthy, None),
    ];
    let mut view = keys(37);
    for (version, health) in view.versions.iter_mut().zip(states) {
        (version.key_type, version.period, version.due_at) = (KeyType::CustomerHeld(Vendor::Aws), None, None);
        version.health = health;
    }
    view.limits.active_type = Some(KeyType::CustomerHeld(Vendor::Aws));
    view.active = view.versions.first().cloned();
    view
}

pub fn report(failed: Option<Check>) -> Report {
    let mut is_past = false;
    let line = |check: Check| {
        let is_failed = Some(check) == failed;
        let verdict = match (is_past, is_failed) {
            (true, _) => Verdict::NotReached,
            (_, true) => Verdict::Failed,
            _ => Verdict::Passed,
        };
        is_past |= is_failed && check.is_positive();
        Line { check, verdict, code: is_failed.then(|| FailureCode::of_kms("AccessDeniedException")) }
    };
    let checks = Check::POSITIVE.into_iter().chain([Check::EncryptDenied, Check::GenerateDenied]);
    Report { lines: checks.map(line).collect(), also: Vec::new() }
}

pub fn aws_key() -> AwsKeyView {
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    AwsKeyView {
        region: "eu-central-1".to_owned(),
        cmk_arn: arn.to_owned(),
        encrypted_key: format!("{}==", "AQIDAHhqT9".repeat(24)),
        access_key_id: "AKIA…MPLE".to_owned(),
        credentials_at: now() - Duration::days(3),
        preflight: report(None),
        preflight_at: now() - Duration::minutes(9),
        probe_at: Some(now() + Duration::seconds(41)),
        policy: KeyArn::parse(arn).map(|arn| decrypt_only_policy(&arn)).unwrap_or_default(),
    }
}

pub fn lease() -> LeaseView {
    let held = HeldView {
        released_at: now() - Duration::seconds(48),
        refresh_at: now() + Duration::seconds(252),
        hold_until: now() + Duration::seconds(3552),
    };
    LeaseView { held: Some(held), trouble: None }
}

pub fn profile() -> ProfileView {
    let session = |is_this, address: &str, agent: &str| SessionRow {
        id: SessionId(NO_UUID.parse().expect("an id")),
        is_this,
        created_at: now() - Duration::hours(3),
        seen_at: now(),
        address: address.to_owned(),
        agent: agent.to_owned(),
    };
    ProfileView {
        email: "anna.richter@example.com".to_owned(),
        created_at: now() - Duration::days(140),
        password_changed_at: now() - Duration::days(40),
        authenticator_since: now() - Duration::days(140),
        recovery_codes_left: 3,
        sessions: vec![
            session(true, "203.0.113.7", "Firefox on Linux"),
            session(false, "2001:db8:85a3::8a2e:370:7334", "Chrome on Windows"),
        ],
    }
}

pub fn events() -> Vec<Event> {
    let event = |sequence, who: &str, action, place: &str, outcome, detail: &str| Event {
        sequence,
        at: now() - Duration::minutes(7 * (50 - sequence)),
        who: who.to_owned(),
        action,
        place: place.to_owned(),
        place_id: String::new(),
        outcome,
        detail: detail.to_owned(),
        address: if who == "Keystead" { String::new() } else { "203.0.113.7".to_owned() },
    };
    let anna = "anna.richter@example.com";
    let (done, refused) = (Outcome::Done, Outcome::Refused);
    vec![
        event(49, anna, Action::KeyCreate, "production/DE", done, "Version 4, Managed, every 30 days"),
        event(48, anna, Action::ConfirmCode, "production/DE", refused, "Wrong or already used code"),
        event(
            47,
            "Keystead",
            Action::KeyRotateAutomatic,
            "production/FR",
            done,
            "Version 2 follows version 1",
        ),
        event(
            46,
            "Keystead",
            Action::KeyRotateDeferred,
            "production/FR",
            refused,
            "Daily limit reached: 1 of 1",
        ),
        event(45, anna, Action::EnvironmentAdd, "sandbox-initech", done, ""),
        event(44, "Not signed in", Action::SignIn, "", refused, "mallory@example.com"),
        event(43, anna, Action::SignIn, "", done, ""),
    ]
}

pub fn recovery_codes() -> Vec<String> {
    (0..10u32)
        .map(|n| format!("k7qf-{:04x}-m2xr-{:04x}-w9tz-h4np", n * 7919 % 65_521, n * 104_729 % 65_521))
        .collect()
}

/// Returns an enrolment whose QR code only looks like one and does not scan.
pub fn enrolment() -> EnrolmentView {
    let size = 45;
    let dark = |x: u32, y: u32| (x * 7 + y * 13 + x * y * 5) % 11 < 5;
    let path = (4..size - 4).flat_map(|y| (4..size - 4).map(move |x| (x, y)));
    EnrolmentView {
        issuer: "Keystead Production".to_owned(),
        account: "anna.richter@example.com (2)".to_owned(),
        replaces: true,
        secret: "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP".to_owned(),
        qr_size: size,
        qr_path: path.filter(|(x, y)| dark(*x, *y)).map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect(),
    }
}

pub fn usage() -> UsageView {
    UsageView {
        issued: 1_234_567,
        seen: 89_012,
        first_used_at: Some(now() - Duration::days(60)),
        last_used_at: Some(now()),
    }
}

/// Three API keys that use a version more and more.
pub fn late_use() -> LateUse {
    let user = |name: &str, id| User::ApiKey { name: name.to_owned(), id: ApiKeyId([id; 6]) };
    let users = [("Orders", 1, 40), ("Billing", 2, 12), ("Archive", 3, 1)];
    let days = (0..60u32).flat_map(|ago| {
        let at = now() - Duration::days(i64::from(ago));
        users.map(|(name, id, pace)| DayCount {
            day: at.date_naive(),
            user: user(name, id),
            issued: u64::from((60 - ago) * pace),
            seen: u64::from((60 - ago) * pace / 3 + ago % 7),
            last_at: at,
        })
    });
    LateUse::of(now().date_naive(), days.collect())
}

pub fn timeline() -> Timeline {
    let moment = |ago, happened, who: &str, detail: &str| Moment {
        at: now() - Duration::minutes(ago),
        happened,
        who: who.to_owned(),
        detail: detail.to_owned(),
    };
    let moments = vec![
        moment(12, Happened::Unhealthy, "Keystead", "healthy → refused (AccessDeniedException)"),
        moment(90, Happened::LastUse, "", ""),
        moment(600, Happened::CredentialsReplaced, "anna.richter@example.com", "AKIA…WXYZ → AKIA…7QRS"),
        moment(900, Happened::CheckPassed, "anna.richter@example.com", "7 of 7 checks passed"),
        moment(1_000, Happened::Created, "anna.richter@example.com", "Add encryption key."),
    ];
    Timeline { moments, is_cut: false }
}

/// Another server that holds the key, and one that has fallen silent.
pub fn others() -> Vec<ServerLease> {
    let other = |server: &str, seen: i64| ServerLease {
        server: server.to_owned(),
        started_at: now() - Duration::days(3),
        seen_at: now() - Duration::seconds(seen),
        lease: lease(),
    };
    vec![other("keystead-1", 2), other("keystead-2", 600)]
}

pub fn environment_limits() -> EnvironmentLimits {
    EnvironmentLimits {
        environment: environments().remove(0),
        own: OwnLimits::default(),
        server: DailyLimits::default(),
    }
}
