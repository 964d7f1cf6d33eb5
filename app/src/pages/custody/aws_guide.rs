//! "Prepare your AWS account": the customer's steps before a key is registered.

use crate::frame::layout::Frame;
use crate::frame::page_head::PageHead;
use crate::pages::custody::data_flow::{DataFlow, Flow};
use crate::ui::badge::Tone;
use crate::ui::callout::Callout;
use crate::ui::copy::Copyable;
use domain::custody::aws::{KeyArn, decrypt_only_policy};
use domain::overview::frame::Chrome;
use leptos::prelude::*;

/// A placeholder for the reader's own ARN, as in AWS's documentation.
const EXAMPLE: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

const CREATE_USER: &str = "aws iam create-user --user-name keystead
aws iam put-user-policy --user-name keystead \\
    --policy-name KeysteadDecryptOnly --policy-document file://policy.json
aws iam create-access-key --user-name keystead";

#[component]
pub fn AwsGuidePage(chrome: Chrome) -> impl IntoView {
    let policy = KeyArn::parse(EXAMPLE).map(|arn| decrypt_only_policy(&arn)).unwrap_or_default();
    let crumbs = vec![("Prepare your AWS account".to_owned(), None)];
    view! {
        <Frame chrome crumbs>
            <PageHead
                heading="Prepare your AWS account"
                about="For whoever owns the key: Keystead gets the right to decrypt with it, and nothing else."
            />
            <article class="guide">
                <Section title="1. Create a customer managed key">
                    <p>
                        "In the AWS console, open Key Management Service in the region where the key shall live and choose "
                        <b>"Create key"</b> ": symmetric, for encrypting and decrypting, with key material from KMS. Give it an alias and a description, then copy its ARN from the key's page."
                    </p>
                    <Copyable text="aws kms create-key --description 'Data of our vendor'" />
                </Section>
                <Section title="2. Create a policy that may only decrypt">
                    <p>
                        "In IAM, create a policy: service " <b>"KMS"</b> ", action " <b>"Decrypt"</b>
                        ", and as its resource this one key. The form offers the same text ready-made as soon as you have entered the ARN there and pressed Next."
                    </p>
                    <Copyable text=policy />
                </Section>
                <Section title="3. Create a user with this policy">
                    <p>
                        "In IAM, create a user without console access, attach the policy to it and nothing else, and create an access key for it. Keep the CSV file, or the output of the last command: it is shown once."
                    </p>
                    <Copyable text=CREATE_USER />
                </Section>
                <Section title="4. Generate the data key">
                    <p>
                        "Do this with another identity, one that Keystead never gets: it needs GenerateDataKeyWithoutPlaintext. That operation answers with the data key encrypted under your key only, so its plaintext has never been on your machine. Keep the whole output; the form wants its "
                        <b>"CiphertextBlob"</b> "."
                    </p>
                    <Copyable text=format!(
                        "aws kms generate-data-key-without-plaintext --key-spec AES_256 --key-id {EXAMPLE}",
                    ) />
                </Section>
                <Section title="5. Register it">
                    <p>
                        "Open Encryption keys of the environment and country, choose Add encryption key and the type Manual: AWS. Have these at hand, or paste the outputs of steps 3 and 4 whole:"
                    </p>
                    <ul>
                        <li>"Region"</li>
                        <li>"Encrypted key"</li>
                        <li>"Customer managed key (CMK) ARN"</li>
                        <li>"IAM access key ID"</li>
                        <li>"IAM secret key"</li>
                    </ul>
                    <p>
                        "Keystead checks all of it against your KMS before it accepts it, also that the credentials may not encrypt."
                    </p>
                </Section>
                <Section title="What happens to your data">
                    <div class="data-flows">
                        <DataFlow flow=Flow::Write />
                        <DataFlow flow=Flow::Read />
                    </div>
                </Section>
                <Section title="When you want it to stop">
                    <p>
                        "Disable the key, schedule its deletion, take the policy from the user or deactivate the access key. Keystead asks your KMS every minute, unless whoever runs it has set another time: as soon as it hears a refusal it wipes the data key from memory, and nothing is decrypted any more. The page of the version shows that clock."
                    </p>
                    <Callout tone=Tone::Warn>
                        <p>
                            "If your KMS cannot be reached at all, that is no refusal: the data key is used from memory for at most 60 minutes after the last answer, unless whoever runs Keystead has set another time."
                        </p>
                    </Callout>
                </Section>
            </article>
        </Frame>
    }
}

#[component]
pub(crate) fn Section(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <section>
            <h2>{title}</h2>
            {children()}
        </section>
    }
    .into_any()
}
