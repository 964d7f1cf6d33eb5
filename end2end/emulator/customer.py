"""Acts as a customer in the KMS emulator: creates keys and users, revokes permissions and restores them.

    customer.py URL create [--broad]             create a CMK, a user and a data key; print them as JSON
                                                 (the user may only decrypt; with --broad, do everything)
    customer.py URL disable|enable|delete|restore ARN    change the state of the CMK
    customer.py URL forbid|allow USER ARN        remove or restore the user's policy
    customer.py URL revoke USER ACCESS_KEY_ID    delete the user's access key
    customer.py URL access-key USER              create another access key; print it as JSON
    customer.py URL context-key ARN              generate a data key with an encryption context; print its blob in base64
    customer.py URL plaintext BLOB               decrypt the data key and print it in base64
                                                 (tests check that it appears nowhere else)
"""

import base64
import json
import sys
import uuid

import botocore.session

REGION = "eu-central-1"


def client(url, service):
    # The emulator's own account creates the customers' credentials.
    return botocore.session.Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def policy(arn, action):
    statement = {"Sid": "KeysteadDecryptOnly", "Effect": "Allow", "Action": action, "Resource": arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def put_policy(iam, user, arn, action="kms:Decrypt"):
    iam.put_user_policy(UserName=user, PolicyName="KeysteadDecryptOnly", PolicyDocument=policy(arn, action))


def access_key(iam, user):
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {name: key[name] for name in ("UserName", "AccessKeyId", "Status", "SecretAccessKey")}


def create(url, broad):
    kms, iam = client(url, "kms"), client(url, "iam")
    arn = kms.create_key(Description="Data of our vendor")["KeyMetadata"]["Arn"]
    user = f"keystead-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=user)
    if broad:
        put_policy(iam, user, "*", "kms:*")
    else:
        put_policy(iam, user, arn)
    made = kms.generate_data_key_without_plaintext(KeyId=arn, KeySpec="AES_256")
    blob = base64.b64encode(made["CiphertextBlob"]).decode()
    return {
        "user": user,
        "dataKey": {"CiphertextBlob": blob, "KeyId": arn},
        "accessKey": {"AccessKey": access_key(iam, user)},
    }


def main(url, verb, *rest):
    kms, iam = client(url, "kms"), client(url, "iam")
    match (verb, rest):
        case ("create", options):
            print(json.dumps(create(url, "--broad" in options), indent=4))
        case ("context-key", (arn,)):
            made = kms.generate_data_key_without_plaintext(
                KeyId=arn, KeySpec="AES_256", EncryptionContext={"app": "ours"}
            )
            print(base64.b64encode(made["CiphertextBlob"]).decode())
        case ("disable", (arn,)):
            kms.disable_key(KeyId=arn)
        case ("enable", (arn,)):
            kms.enable_key(KeyId=arn)
        case ("delete", (arn,)):
            kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
        case ("restore", (arn,)):
            kms.cancel_key_deletion(KeyId=arn)
            kms.enable_key(KeyId=arn)
        case ("forbid", (user, _)):
            iam.delete_user_policy(UserName=user, PolicyName="KeysteadDecryptOnly")
        case ("allow", (user, arn)):
            put_policy(iam, user, arn)
        case ("revoke", (user, key)):
            iam.delete_access_key(UserName=user, AccessKeyId=key)
        case ("access-key", (user,)):
            print(json.dumps({"AccessKey": access_key(iam, user)}, indent=4))
        case ("plaintext", (blob,)):
            print(base64.b64encode(kms.decrypt(CiphertextBlob=base64.b64decode(blob))["Plaintext"]).decode())
        case _:
            sys.exit(__doc__)


main(*sys.argv[1:])
