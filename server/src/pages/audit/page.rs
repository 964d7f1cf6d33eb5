//! The page of the audit log.

use super::search::{Search, Sought};
use crate::App;
use crate::pages::form_status;
use crate::web::failure::Failure;
use crate::web::page::{Page, chrome};
use crate::web::redirect::query_value;
use crate::web::visitor::SignedIn;
use app::pages::AuditPage;
use axum::extract::State;
use axum::response::Response;
use domain::audit::event::Event;
use domain::audit::view::{AuditSource, LogLine, LogView, only_ambiguous};
use domain::base::number;
use engine::base::email;
use engine::{Error, Portal};
use leptos::prelude::*;

pub async fn show(State(app): State<App>, who: SignedIn) -> Result<Response, Failure> {
    let sought = Sought::of_query(&who.visitor.query);
    let (search, form) = sought.read();
    let place = query_value(&who.visitor.query, "before");
    let view = match (form.is_refused(), search.source) {
        (true, _) => LogView {
            source: search.source,
            lines: vec![],
            older: None,
            newest: None,
            is_filtered: true,
            damaged: 0,
        },
        (false, AuditSource::Portal) => of_portal(app.portal(), &sought, &search, place).await?,
        (false, AuditSource::Data) => of_data(app.portal(), &sought, &search, place).await?,
    };
    let chrome = chrome(&app, &who).await?;
    let page = Page::framed(&who, "Audit log").status(form_status(&form));
    Ok(page.show(&app, move || view! { <AuditPage chrome view form /> }))
}

async fn of_portal(
    portal: &Portal,
    sought: &Sought,
    search: &Search,
    place: Option<String>,
) -> Result<LogView, Error> {
    let before = place.and_then(|text| number::plain(&text));
    let view = portal.audit().search_log(&search.audit(), before).await?;
    Ok(LogView {
        source: search.source,
        lines: told_apart(portal, view.events.into_iter().map(|event| LogLine::from(readable(event))))
            .await?,
        older: view.older.map(|sequence| sought.address(Some(("before", &sequence.to_string())))),
        newest: view.is_older_page.then(|| sought.address(None)),
        is_filtered: search.is_filtered(),
        damaged: 0,
    })
}

async fn told_apart(portal: &Portal, lines: impl Iterator<Item = LogLine>) -> Result<Vec<LogLine>, Error> {
    let mut lines: Vec<_> = lines.collect();
    only_ambiguous(&mut lines, &portal.scopes().reused_slugs().await?);
    Ok(lines)
}

/// Returns a line as people read it. Commands about an administrator have the e-mail as their detail.
fn readable(event: Event) -> Event {
    Event { who: email::shown(&event.who), detail: email::shown(&event.detail), ..event }
}

async fn of_data(
    portal: &Portal,
    sought: &Sought,
    search: &Search,
    place: Option<String>,
) -> Result<LogView, Error> {
    let is_older_page = place.is_some();
    let page = portal.audit().search_journal(&search.journal(place)).await?;
    Ok(LogView {
        source: search.source,
        lines: told_apart(portal, page.events.into_iter().map(Into::into)).await?,
        older: page.next.map(|cursor| sought.address(Some(("before", &cursor)))),
        newest: is_older_page.then(|| sought.address(None)),
        is_filtered: search.is_filtered(),
        damaged: page.damaged,
    })
}
