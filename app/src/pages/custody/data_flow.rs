//! A drawing of the flow of data through the portal and the customer's KMS, narrow enough for a phone.

use leptos::prelude::*;

/// The direction of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Write,
    Read,
}

impl Flow {
    fn id(self) -> &'static str {
        match self {
            Self::Write => "flow-write",
            Self::Read => "flow-read",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Write => "Writing data",
            Self::Read => "Reading data",
        }
    }

    /// Returns the steps for the list beside the drawing.
    fn steps(self) -> [&'static str; 5] {
        match self {
            Self::Write => [
                "Your application sends data to the vendor's service.",
                "The service calls Keystead, which stores the encrypted data key.",
                "Keystead asks your AWS KMS to decrypt the data key, using the IAM credentials.",
                "The data key encrypts the data. Keystead holds the data key in memory only, for a limited time.",
                "The service stores the encrypted data.",
            ],
            Self::Read => [
                "Your application requests data from the vendor's service.",
                "The service sends the encrypted data to Keystead, which stores the encrypted data key.",
                "Keystead asks your AWS KMS to decrypt the data key, using the IAM credentials.",
                "The data key decrypts the data. Keystead holds the data key in memory only, for a limited time.",
                "The service returns the data to your application.",
            ],
        }
    }

    /// Returns the arrows: the number, the start and the end, and the position of the number.
    fn arrows(self) -> [(Option<u8>, [i32; 4], [i32; 2]); 6] {
        let last = match self {
            Self::Write => (Some(5), [160, 140, 218, 140], [189, 124]),
            Self::Read => (Some(5), [125, 120, 125, 52], [143, 86]),
        };
        let data = match self {
            Self::Write => (None, [60, 52, 60, 118], [0, 0]),
            Self::Read => (Some(2), [220, 140, 162, 140], [191, 124]),
        };
        [
            (Some(1), [60, 50, 60, 118], [42, 86]),
            (Some(2), [60, 160, 60, 228], [42, 196]),
            (Some(3), [160, 256, 218, 256], [189, 240]),
            (Some(4), [125, 230, 125, 162], [143, 196]),
            last,
            data,
        ]
    }
}

/// Draws a box with one or two lines of text.
fn place(x: i32, y: i32, width: i32, lines: &[&'static str]) -> impl IntoView + use<> {
    let (middle, first) = (x + width / 2, if lines.len() > 1 { y + 18 } else { y + 25 });
    let text = lines.iter().zip([first, first + 16]).map(|(line, y)| {
        view! {
            <text x=middle y=y text-anchor="middle">
                {*line}
            </text>
        }
    });
    view! {
        <rect x=x y=y width=width height="40" rx="6" />
        {text.collect_view()}
    }
}

#[component]
pub fn DataFlow(flow: Flow) -> impl IntoView {
    let id = flow.id();
    let head = format!("url(#{id}-head)");
    let arrow = |(number, [x1, y1, x2, y2], [x, y]): (Option<u8>, [i32; 4], [i32; 2])| {
        view! {
            <line x1=x1 y1=y1 x2=x2 y2=y2 marker-end=head.clone() />
            {number
                .map(|number| {
                    view! {
                        <circle cx=x cy=y r="10" />
                        <text class="data-flow-number" x=x y=y + 4 text-anchor="middle">
                            {number}
                        </text>
                    }
                })}
        }
    };
    let steps = flow.steps().map(|step| view! { <li>{step}</li> }).collect_view();
    view! {
        <figure class="data-flow">
            <figcaption>{flow.title()}</figcaption>
            <svg viewBox="0 0 340 300" role="img" aria-labelledby=format!("{id}-title {id}-steps")>
                <title id=format!("{id}-title")>{flow.title()}</title>
                <defs>
                    <marker
                        id=format!("{id}-head")
                        viewBox="0 0 8 8"
                        refX="7"
                        refY="4"
                        markerWidth="7"
                        markerHeight="7"
                        orient="auto"
                    >
                        <path d="M0 0 8 4 0 8z" />
                    </marker>
                </defs>
                {place(10, 10, 150, &["Application"])}
                {place(10, 120, 150, &["Vendor's service"])}
                {place(220, 120, 110, &["Encrypted", "data"])}
                {place(10, 230, 150, &["Keystead"])}
                {place(220, 230, 110, &["Your", "AWS KMS"])}
                {flow.arrows().map(arrow).collect_view()}
            </svg>
            <ol id=format!("{id}-steps")>{steps}</ol>
        </figure>
    }
    .into_any()
}
