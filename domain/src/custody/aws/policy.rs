//! The least-privilege policy for an IAM user.

use crate::custody::aws::KeyArn;

/// Returns an IAM policy that allows Decrypt with this key and nothing else.
pub fn decrypt_only_policy(arn: &KeyArn) -> String {
    format!(
        r#"{{
  "Version": "2012-10-17",
  "Statement": [
    {{
      "Sid": "KeysteadDecryptOnly",
      "Effect": "Allow",
      "Action": "kms:Decrypt",
      "Resource": "{arn}"
    }}
  ]
}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_allows_one_action_with_one_key() {
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let text = decrypt_only_policy(&KeyArn::parse(arn).expect("an ARN"));
        let policy: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let statement = &policy["Statement"][0];
        assert_eq!((&statement["Action"], &statement["Resource"]), (&"kms:Decrypt".into(), &arn.into()));
    }
}
