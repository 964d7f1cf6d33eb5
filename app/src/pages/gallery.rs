//! Every component in its states, for people and for the browser tests. Debug builds only.

use crate::ui::badge::{Badge, Tone};
use crate::ui::breadcrumb::Breadcrumb;
use crate::ui::button::{Button, ButtonLink, Weight};
use crate::ui::callout::Callout;
use crate::ui::card::Card;
use crate::ui::checkbox::Checkbox;
use crate::ui::code_field::CodeField;
use crate::ui::copy::Copyable;
use crate::ui::empty::Empty;
use crate::ui::facts::{Fact, Facts};
use crate::ui::field::Field;
use crate::ui::flash::FlashMessage;
use crate::ui::form::{Actions, PostForm};
use crate::ui::icon::{Draw, Icon};
use crate::ui::meter::Meter;
use crate::ui::pagination::Pagination;
use crate::ui::radio_cards::{Choice, RadioCards};
use crate::ui::select::Select;
use crate::ui::stepper::Stepper;
use crate::ui::table::{Cell, Table};
use crate::ui::text_area::TextArea;
use crate::ui::theme_switch::ThemeSwitch;
use domain::base::address;
use domain::base::form::Form;
use domain::overview::frame::{Flash, Theme};
use leptos::prelude::*;

#[component]
pub fn GalleryPage() -> impl IntoView {
    let (used, few, all) = ((Tone::Ok, 37), (Tone::Warn, 82), (Tone::Bad, 100));
    let meters =
        [used, few, all].map(|(tone, used)| view! { <Meter label="Versions used" used limit=100 tone /> });
    let crumbs = vec![("production".to_owned(), Some("/".to_owned())), ("Germany".to_owned(), None)];
    view! {
        <main class="gallery">
            <h1>"Gallery"</h1>
            <ThemeSwitch theme=Theme::System next=address::GALLERY.to_owned() />
            <Breadcrumb crumbs />
            <p>{Icon::ALL.map(|icon| view! { <Draw icon /> })}</p>
            <FlashMessage flash=flash("Version 4 is active. Services use it from now on.", false) />
            <FlashMessage flash=flash("Version 4 was checked. Decrypt works: failed (DisabledException).", true) />
            <Card title="Buttons">
                <Actions>
                    <ButtonLink label="Cancel" href=address::GALLERY />
                    <Button label="Settings" />
                    <Button label="Remove" weight=Weight::Danger />
                    <Button label="Create" weight=Weight::Primary />
                </Actions>
            </Card>
            <Card title="States">
                <p>{Tone::ALL.map(|tone| view! { <Badge tone label=tone.word() /> " " })}</p>
                {meters}
                {Tone::ALL
                    .map(|tone| {
                        view! {
                            <Callout tone title="What is true now">
                                <p>"And what follows from it."</p>
                            </Callout>
                        }
                    })}
            </Card>
            <Card title="Steps">
                <Stepper steps=&["Account", "Authenticator", "Recovery codes"] current=1 />
            </Card>
            <Card title="Form">
                <Sample form=Form::new().with("name", "production") />
            </Card>
            <Card title="Refused form">
                <Sample form=refused() />
            </Card>
            <Facts>
                <Fact label="Scope">
                    <Copyable text="production/DE" />
                </Fact>
            </Facts>
            <Table caption="Versions" columns=&["Version", "Status"]>
                <tr>
                    <Cell label="Version">"2"</Cell>
                    <Cell label="Status">
                        <Badge tone=Tone::Ok label="Active" />
                    </Cell>
                </tr>
            </Table>
            <Pagination
                older_label="Older versions"
                older=Some("?before=2".to_owned())
                newest=Some(address::GALLERY.to_owned())
            />
            <Empty title="No environments yet">
                <p>"What this place is for, and the first step."</p>
            </Empty>
        </main>
    }
}

fn flash(message: &str, warns: bool) -> Flash {
    Flash { message: message.to_owned(), warns }
}

fn refused() -> Form {
    let mut form = Form::new().with("name", "–").keeping("password");
    form.refuse("name", "Enter a name.");
    form.refuse("code", "Wrong or already used. Next code in 12 s.");
    form.refuse("country", "Choose a country from the list.");
    form.refuse("blob", "This is not base64. Copy the whole CiphertextBlob, without the quotes.");
    form.refuse("agreed", "Tick the box first.");
    form
}

#[component]
fn Sample(form: Form) -> impl IntoView {
    let choice = |value, label| Choice { value, label, explanation: "One line that explains it." };
    view! {
        <PostForm form>
            <Field name="name" label="Name" hint="The name that people see." />
            <Field name="password" label="Password" kind="password" autocomplete="new-password" />
            <TextArea name="blob" label="Encrypted key" hint="May be wrapped." />
            <Checkbox name="agreed" label="Use it all the same" />
            <Select name="country" label="Country" prompt="Choose a country" options=Vec::new() />
            <RadioCards
                name="kind"
                label="Kind"
                choices=vec![choice("production", "Production"), choice("test", "Test")]
                initial="production"
            />
            <CodeField />
        </PostForm>
    }
}
