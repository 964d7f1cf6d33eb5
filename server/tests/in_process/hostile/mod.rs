//! Requests that no page of Keystead makes. The expected results come from the rules, not from the
//! code. `KEYSTEAD_SOAK=1` runs the long forms.

mod assignment;
mod codes;
mod hosts;
mod matrix;
mod prepared;
mod redirects;
mod texts;
