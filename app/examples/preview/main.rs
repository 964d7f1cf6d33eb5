//! Renders every page with sample data: `cargo run -p app --features ssr --example preview FOLDER [light|dark]`.
//! The pages load the stylesheet, the font and the script from the same folder.

mod sample;

use app::document::{Document, DocumentProps};
use app::pages::custody::aws_fields::Checked;
use app::pages::*;
use domain::audit::view::{AuditSource, LogView};
use domain::base::form::Form;
use domain::custody::preflight::Check;
use domain::custody::view::LeaseView;
use domain::keys::limits::{DailyLimits, OwnLimits};
use domain::keys::view::EnvironmentLimits;
use domain::overview::attention::AttentionView;
use domain::overview::frame::{Chrome, Theme};
use domain::overview::view::{EnvironmentView, Tree};
use domain::scopes::country_list::CountrySearch;
use domain::scopes::scope::Country;
use hydration_context::SsrSharedContext;
use leptos::prelude::*;
use std::path::Path;
use std::sync::Arc;

struct Preview {
    folder: String,
    theme: Theme,
}

impl Preview {
    /// Writes one page; `islands` has the value that the server sets for the same page.
    fn page<V: IntoView + 'static>(
        &self,
        name: &str,
        islands: bool,
        page: impl FnOnce() -> V + Send + 'static,
    ) {
        let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
        let (title, theme) = (name.to_owned(), self.theme);
        let html = owner.with(|| {
            let children = Box::new(|| page().into_any());
            Document(DocumentProps { title, assets: ".".to_owned(), theme, islands, children }).to_html()
        });
        std::fs::write(Path::new(&self.folder).join(format!("{name}.html")), html).expect("writable folder");
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("usage: preview FOLDER [light|dark]");
    let theme = arguments.next().and_then(|word| Theme::from_word(&word)).unwrap_or_default();
    let preview = Preview { folder, theme };
    outside(&preview);
    environments(&preview);
    keys(&preview);
    person(&preview);
}

fn log_view(lines: Vec<domain::audit::view::LogLine>) -> LogView {
    let older = (!lines.is_empty()).then(|| "/audit?before=41".to_owned());
    LogView { source: AuditSource::Portal, lines, older, newest: None, is_filtered: false, damaged: 0 }
}

fn outside(preview: &Preview) {
    let refused = || {
        let mut form = Form::new().with("email", "anna.richter@example.com").keeping("password");
        form.refuse("token", "This is not the setup token. Copy it again from the terminal.");
        form.refuse("password_again", "The two passwords are not the same.");
        form
    };
    let mut wrong = Form::new();
    wrong.refuse("code", "Wrong or already used. Next code in 12 s.");
    let mut unknown = Form::new().with("email", "anna.richter@example.com");
    unknown.error = Some("E-mail or password is wrong.".to_owned());
    let keys_path = || "/environments/production/DE/keys".to_owned();
    preview.page("setup", false, || view! { <SetupPage form=Form::new() /> });
    preview.page("setup-refused", false, move || view! { <SetupPage form=refused() /> });
    preview.page("setup-expired", false, || view! { <SetupExpiredPage /> });
    preview.page("enrol", true, || {
        view! { <EnrolPage enrolment=sample::enrolment() form=Form::new() purpose=EnrolPurpose::Setup /> }
    });
    preview.page("recovery-codes", true, || {
        view! { <RecoveryCodesPage codes=sample::recovery_codes() email="anna.richter@example.com".to_owned() next="/environments".to_owned() /> }
    });
    preview.page("sign-in", false, move || {
        let notice = Some("Signed out.".to_owned());
        view! { <SignInPage form=Form::new() next=keys_path() notice /> }
    });
    preview.page("sign-in-refused", false, move || {
        view! { <SignInPage form=unknown next=keys_path() notice=None /> }
    });
    preview.page("sign-in-code", true, move || view! { <CodePage form=wrong next=keys_path() /> });
    preview.page("sign-in-recovery", false, move || {
        view! { <RecoveryPage form=Form::new() next=keys_path() /> }
    });
    preview.page("error", false, || {
        view! {
            <ErrorPage
                title="Not found".to_owned()
                message="There is nothing at this address, or you may not see it.".to_owned()
                back="/environments".to_owned()
            />
        }
    });
    preview.page("gallery", true, || view! { <GalleryPage /> });
}

fn environments(preview: &Preview) {
    preview.page("overview", true, || {
        view! { <OverviewPage chrome=sample::chrome("/") attention=sample::attention() upkeep=sample::upkeep(9) grid=sample::grid() steps=None find=String::new() only=None /> }
    });
    preview.page("overview-empty", true, || {
        let chrome = Chrome { tree: Tree::default(), ..sample::chrome("/") };
        view! { <OverviewPage chrome attention=AttentionView::default() upkeep=sample::upkeep(1) grid=sample::no_grid() steps=None find=String::new() only=None /> }
    });
    for (name, is_list) in [("calendar", false), ("calendar-list", true)] {
        preview.page(name, true, move || {
            view! { <CalendarPage chrome=sample::chrome("/calendar") view=sample::calendar() is_list is_unread=false /> }
        });
    }
    preview.page("environments", true, || {
        let chrome = sample::chrome("/environments");
        view! { <EnvironmentsPage chrome rows=sample::environments() form=Form::new() /> }
    });
    preview.page("environments-empty", true, || {
        let chrome = Chrome { tree: Tree::default(), ..sample::chrome("/environments") };
        view! { <EnvironmentsPage chrome rows=Vec::new() form=Form::new() /> }
    });
    preview.page("environment", true, || {
        let chrome = sample::chrome("/environments/production");
        let environment = sample::environments().remove(0);
        let view = EnvironmentView { environment, countries: sample::countries() };
        view! { <EnvironmentPage chrome view limits=Some(sample::environment_limits()) search=CountrySearch::default() new=Country::from_code("JP").ok() form=Form::new() choices=Country::all() /> }
    });
    preview.page("environment-empty", true, || {
        let chrome = sample::chrome("/environments/sandbox-initech");
        let view = EnvironmentView { environment: sample::environments().remove(2), countries: Vec::new() };
        view! { <EnvironmentPage chrome view limits=Some(sample::environment_limits()) search=CountrySearch::default() new=Country::from_code("JP").ok() form=Form::new() choices=Country::all() /> }
    });
    preview.page("environment-rename", true, || {
        let chrome = sample::chrome("/environments/production");
        let environment = sample::environments().remove(0);
        view! { <RenameEnvironmentPage chrome environment form=Form::new() /> }
    });
    preview.page("environment-kind", true, || {
        let chrome = sample::chrome("/environments/production");
        let environment = sample::environments().remove(0);
        view! { <KindPage chrome environment needs_code=true form=Form::new() /> }
    });
    preview.page("environment-limits", true, || {
        let chrome = sample::chrome("/environments/production");
        let environment = sample::environments().remove(0);
        let view =
            EnvironmentLimits { environment, own: OwnLimits::default(), server: DailyLimits::default() };
        view! { <EnvironmentLimitsPage chrome view form=Form::new() /> }
    });
    preview.page("environment-remove", true, || {
        let chrome = sample::chrome("/environments/sandbox-initech");
        let environment = sample::environments().remove(2);
        view! { <RemoveEnvironmentPage chrome environment keys=Vec::new() form=Form::new() /> }
    });
    preview.page("environment-stays", true, || {
        let chrome = sample::chrome("/environments/production");
        let environment = sample::environments().remove(0);
        view! { <RemoveEnvironmentPage chrome environment keys=Vec::new() form=Form::new() /> }
    });
    preview.page("country-remove", true, || {
        let chrome = sample::chrome("/environments/production");
        let (environment, country) = (sample::environments().remove(0), sample::countries().remove(3));
        view! { <RemoveCountryPage chrome environment country keys=vec!["Orders".to_owned()] form=Form::new() /> }
    });
}

fn keys(preview: &Preview) {
    let name = || "Production".to_owned();
    let chrome = |below: &str| sample::chrome(&format!("/environments/production/DE/keys{below}"));
    preview.page("keys", true, move || {
        let flash = "Version 4 is active. Services use it from now on.".to_owned();
        let chrome = Chrome {
            flash: Some(domain::overview::frame::Flash { message: flash, warns: false }),
            ..chrome("")
        };
        view! { <KeysPage chrome view=sample::keys(37) new=Some(4) next_steps=Some(sample::next_steps()) /> }
    });
    preview.page("keys-few-left", true, move || {
        view! { <KeysPage chrome=chrome("") view=sample::keys(86) new=None /> }
    });
    preview.page("keys-empty", true, move || {
        let view = sample::no_keys();
        view! { <KeysPage chrome=sample::chrome("/environments/production/JP/keys") view new=None /> }
    });
    preview.page("key-version", true, move || {
        let version = sample::versions().remove(0);
        let lease = LeaseView { held: None, trouble: None };
        view! { <KeyVersionPage chrome=chrome("/4") scope=sample::scope() environment_name=name() version usage=sample::usage() late=sample::late_use() timeline=sample::timeline() aws=None lease others=Vec::new() /> }
    });
    preview.page("key-version-aws", true, move || {
        let version = sample::aws_keys().versions.remove(0);
        let (aws, lease) = (Some(sample::aws_key()), sample::lease());
        view! { <KeyVersionPage chrome=chrome("/4") scope=sample::scope() environment_name=name() version usage=sample::usage() late=sample::late_use() timeline=sample::timeline() aws lease others=sample::others() /> }
    });
    preview.page("keys-aws", true, move || {
        view! { <KeysPage chrome=chrome("") view=sample::aws_keys() new=None /> }
    });
    preview.page("keys-add-aws", true, move || {
        let form = Form::new().with("key_type", "manual_aws");
        let checked = Checked { report: Some(sample::report(Some(Check::Decrypt))), policy: Some(sample::aws_key().policy), filled: Vec::new() };
        let limits = sample::keys(37).limits;
        view! { <AddKeyPage chrome=chrome("/add") scope=sample::scope() environment_name=name() limits form checked /> }
    });
    preview.page("keys-credentials", true, move || {
        let checked = Checked { report: Some(sample::report(Some(Check::GenerateDenied))), ..Checked::default() };
        let (form, key) = (Form::new().keeping("secret_access_key"), sample::aws_key());
        view! { <ReplaceCredentialsPage chrome=chrome("/4/credentials") scope=sample::scope() environment_name=name() number=4 key form checked /> }
    });
    preview.page("guide-aws", true, move || {
        view! { <AwsGuidePage chrome=sample::chrome("/guides/aws") /> }
    });
    preview.page("keys-add", true, move || {
        let limits = sample::no_keys().limits;
        view! { <AddKeyPage chrome=chrome("/add") scope=sample::scope() environment_name=name() limits form=Form::new() checked=Checked::default() /> }
    });
    preview.page("keys-add-limit", true, move || {
        let limits = sample::keys(0).limits;
        view! { <AddKeyPage chrome=chrome("/add") scope=sample::scope() environment_name=name() limits form=Form::new() checked=Checked::default() /> }
    });
    preview.page("keys-rotate-now", true, move || {
        let (scope, environment_name, active) = (sample::scope(), name(), sample::versions().remove(0));
        let limits = sample::keys(0).limits;
        view! { <RotateKeyPage chrome=chrome("/rotate") scope environment_name active limits form=Form::new() /> }
    });
    preview.page("keys-rotate", true, move || {
        let (scope, environment_name, active) = (sample::scope(), name(), sample::versions().remove(0));
        let limits = sample::no_keys().limits;
        view! { <RotateKeyPage chrome=chrome("/rotate") scope environment_name active limits form=Form::new() /> }
    });
    preview.page("keys-settings", true, move || {
        let (scope, environment_name, active) = (sample::scope(), name(), sample::versions().remove(0));
        view! { <EditKeyPage chrome=chrome("/settings") scope environment_name active form=Form::new() /> }
    });
    preview.page("confirm", true, move || {
        let mut form = Form::new();
        form.refuse("code", "Wrong or already used. Next code in 12 s.");
        view! {
            <ConfirmPage
                chrome=chrome("/add")
                has_parameters=true
                preview=sample::prepared()
                expires_at=sample::now() + chrono::Duration::minutes(5)
                back="/environments/production/DE/keys/add".to_owned()
                form
            />
        }
    });
}

fn person(preview: &Preview) {
    preview.page("profile", true, || {
        view! { <ProfilePage chrome=sample::chrome("/profile") view=sample::profile() /> }
    });
    preview.page("profile-password", true, || {
        view! { <ChangePasswordPage chrome=sample::chrome("/profile/password") form=Form::new() /> }
    });
    preview.page("profile-authenticator", true, || {
        view! { <ReplaceAuthenticatorPage chrome=sample::chrome("/profile/authenticator") form=Form::new() /> }
    });
    preview.page("profile-recovery-codes", true, || {
        view! { <NewRecoveryCodesPage chrome=sample::chrome("/profile/recovery-codes") form=Form::new() /> }
    });
    preview.page("audit", true, || {
        let lines = sample::events().into_iter().map(Into::into).collect();
        view! { <AuditPage chrome=sample::chrome("/audit") view=log_view(lines) form=Form::new() /> }
    });
    preview.page("audit-empty", true, || {
        view! { <AuditPage chrome=sample::chrome("/audit") view=log_view(Vec::new()) form=Form::new() /> }
    });
}
