"""The client that openapi-python-client generates from the document, against Keystead: every operation, one item and batches.

    python generated.py URL API_KEY SCOPE EMPTY_SCOPE

The client is generated in the working directory. SCOPE has an encryption key, EMPTY_SCOPE has none.
"""

import pathlib
import subprocess
import sys

url, api_key, scope, empty_scope = sys.argv[1:]
pathlib.Path("config.yaml").write_text("package_name_override: keystead_client\npost_hooks: []\n")
subprocess.run(
    [sys.executable, "-m", "openapi_python_client", "generate", "--url", f"{url}/api/openapi.json", "--config", "config.yaml"]
    + ["--meta", "none", "--output-path", "keystead_client", "--overwrite", "--fail-on-warning"],
    check=True,
)
sys.path.insert(0, ".")

from keystead_client import AuthenticatedClient  # noqa: E402
from keystead_client.api.keys import keys  # noqa: E402
from keystead_client.api.operations import decrypt, encrypt, reencrypt, rewrap, unwrap, wrap  # noqa: E402
from keystead_client.models import (  # noqa: E402
    Audit,
    CiphertextBatch,
    CiphertextItem,
    CiphertextSingle,
    Context,
    Decrypted,
    DecryptedResults,
    EdekSingle,
    Encrypted,
    EncryptSingle,
    ErrorCode,
    ItemProblem,
    KeyKind,
    KeyStatus,
    ProblemDetails,
    RewrappedKey,
    UnwrappedKey,
    WrappedKey,
    WrapSingle,
)

client = AuthenticatedClient(base_url=url, token=api_key, raise_on_unexpected_status=True)
nobody = AuthenticatedClient(base_url=url, token="kstdAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", raise_on_unexpected_status=True)
place = dict(zip(("environment", "country"), scope.split("/")), client=client)
empty = dict(zip(("environment", "country"), empty_scope.split("/")), client=client)
PLAINTEXT = "YSBzZWNyZXQ="


def context(order):
    made = Context()
    made["order"] = order
    return made


def is_a(value, kind):
    assert isinstance(value, kind), f"{kind.__name__} was expected: {value}"
    return value


def refused(value, code, status):
    problem = is_a(value, ProblemDetails)
    assert (problem.code, problem.status) == (code, status), problem
    assert problem.title and problem.type_ == f"urn:keystead:problem:{code.value}", problem


audit = Audit(requesting_id="end2end", object_id="order 17")
made = is_a(encrypt.sync(**place, body=EncryptSingle(plaintext=PLAINTEXT, context=context("17"), audit=audit)), Encrypted)
opened = is_a(decrypt.sync(**place, body=CiphertextSingle(ciphertext=made.ciphertext, context=context("17"))), Decrypted)
assert (opened.plaintext, opened.version) == (PLAINTEXT, made.version), opened
moved = is_a(reencrypt.sync(**place, body=CiphertextSingle(ciphertext=made.ciphertext, context=context("17"))), Encrypted)
refused(
    decrypt.sync(**place, body=CiphertextSingle(ciphertext=moved.ciphertext, context=context("18"))), ErrorCode.NOT_OPENED, 422
)

items = [CiphertextItem(ciphertext=made.ciphertext, context=context(order)) for order in ("17", "18")]
batch = is_a(decrypt.sync(**place, body=CiphertextBatch(items=items)), DecryptedResults)
assert is_a(batch.results[0], Decrypted).plaintext == PLAINTEXT, batch
refused(is_a(batch.results[1], ItemProblem).problem, ErrorCode.NOT_OPENED, 422)
refused(decrypt.sync(**place, body=CiphertextBatch(items=[])), ErrorCode.BATCH_SIZE, 422)

wrapped = is_a(wrap.sync(**place, body=WrapSingle()), WrappedKey)
for edek in (wrapped.edek, is_a(rewrap.sync(**place, body=EdekSingle(edek=wrapped.edek)), RewrappedKey).edek):
    assert is_a(unwrap.sync(**place, body=EdekSingle(edek=edek)), UnwrappedKey).dek == wrapped.dek

listed = keys.sync(**place)
newest = listed.versions[0]
assert (newest.version, newest.status, newest.key_type) == (made.version, KeyStatus.ACTIVE, KeyKind.MANAGED), newest
assert keys.sync(**place, before=newest.version).versions == listed.versions[1:]

refused(wrap.sync(**empty, body=WrapSingle()), ErrorCode.NO_KEY, 409)
refused(wrap.sync(**{**place, "environment": "nowhere"}, body=WrapSingle()), ErrorCode.NOT_FOUND, 404)
refused(wrap.sync(**{**place, "client": nobody}, body=WrapSingle()), ErrorCode.UNAUTHORISED, 401)
print("openapi-python-client: every operation, a batch with a failed item, five refusals")
