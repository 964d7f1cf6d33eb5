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
                about="For the owner of the key. Keystead receives permission to decrypt with this key, and no other permission."
            />
            <article class="guide">
                <Section title="1. Create a customer managed key">
                    <p>
                        "In the AWS console, open Key Management Service in the region where you want the key, and choose "
                        <b>"Create key"</b> ". Select a symmetric key for encrypting and decrypting, with key material from KMS. Give the key an alias and a description, then copy the ARN from the key's page."
                    </p>
                    <Copyable text="aws kms create-key --description 'Data of our vendor'" />
                </Section>
                <Section title="2. Create a policy that allows only Decrypt">
                    <p>
                        "In IAM, create a policy with service " <b>"KMS"</b> ", action " <b>"Decrypt"</b>
                        ", and this key as the only resource. After you enter the ARN in the form and choose Next, the form shows this policy for your key."
                    </p>
                    <Copyable text=policy />
                </Section>
                <Section title="3. Create a user with this policy">
                    <p>
                        "In IAM, create a user without console access. Attach only this policy to the user, then create an access key for it. Keep the CSV file or the output of the last command: AWS shows the secret key only once. A new access key can take some seconds to work everywhere in AWS. Keystead tries again automatically."
                    </p>
                    <Copyable text=CREATE_USER />
                </Section>
                <Section title="4. Generate the data key">
                    <p>
                        "Use a different identity for this step, and never give its credentials to Keystead. It needs permission for GenerateDataKeyWithoutPlaintext. AWS returns only the encrypted data key, so the plaintext never reaches your machine. Keep the whole output: the form asks for its "
                        <b>"CiphertextBlob"</b> "."
                    </p>
                    <p>
                        "Do not add " <code>"--encryption-context"</code>
                        ". Keystead sends no encryption context, so your KMS would refuse to decrypt the data key. It answers the same (InvalidCiphertextException) when the CiphertextBlob was not copied whole."
                    </p>
                    <Copyable text=format!(
                        "aws kms generate-data-key-without-plaintext --key-spec AES_256 --key-id {EXAMPLE}",
                    ) />
                </Section>
                <Section title="5. Register it">
                    <p>
                        "Open Encryption keys for the environment and country, choose Add encryption key, then the key type Manual: AWS. Enter these values, or paste the complete outputs of steps 3 and 4:"
                    </p>
                    <ul>
                        <li>"Region"</li>
                        <li>"Encrypted key"</li>
                        <li>"Customer managed key (CMK) ARN"</li>
                        <li>"IAM access key ID"</li>
                        <li>"IAM secret key"</li>
                    </ul>
                    <p>
                        "Keystead checks these values against your KMS before it accepts the key. It also checks that the credentials cannot encrypt."
                    </p>
                </Section>
                <Section title="What happens to your data">
                    <div class="data-flows">
                        <DataFlow flow=Flow::Write />
                        <DataFlow flow=Flow::Read />
                    </div>
                </Section>
                <Section title="How to revoke access">
                    <p>
                        "Disable the key, schedule its deletion, detach the policy from the user, or deactivate the access key. Keystead checks with your KMS every minute, unless the operator of Keystead has set another interval. When your KMS refuses, Keystead wipes the data key from memory and decrypts nothing more. If your KMS says that it does not know the access key, or denies access, Keystead first stops using the data key and asks again within a second, because AWS needs a moment to learn of a change everywhere. The version's page shows how long decryption would remain possible."
                    </p>
                    <Callout tone=Tone::Warn>
                        <p>
                            "Keystead does not treat an unreachable KMS as a refusal. It keeps using the data key from memory for at most 60 minutes after the last successful answer, unless the operator of Keystead has set another limit."
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
