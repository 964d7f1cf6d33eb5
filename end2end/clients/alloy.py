"""Runs IronCore's Alloy SDK, unchanged, against Keystead: all of its operations for one tenant.

    alloy.py URL API_KEY TENANT OTHER_TENANT NOTE
    alloy.py URL API_KEY TENANT OTHER_TENANT NOTE --rotating   during a rotation of the tenant's secrets

The first run writes encrypted values to the file NOTE. The second run (--rotating) reads them.
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request

import ironcore_alloy as alloy

URL, API_KEY, TENANT, OTHER, NOTE, *OPTIONS = sys.argv[1:]
ABOUT = alloy.AlloyMetadata(TENANT, "end2end", "PII", "10.0.0.1", "order 17", "request 1", {"ticket": "K-1"})
# Alloy sends fields without a value as null.
PLAIN = alloy.AlloyMetadata.new_simple(TENANT)
THERE = alloy.AlloyMetadata.new_simple(OTHER)
DOCUMENT = {"name": b"Ada Lovelace", "born": b"1815"}
FIELD = alloy.PlaintextField(plaintext_field=b"ada@example.com", secret_path="users", derivation_path="email")
VECTOR = alloy.PlaintextVector(
    plaintext_vector=[1.2, -1.23, 3.24, 2.37], secret_path="users", derivation_path="portrait"
)


def post(url, body, headers):
    ask = urllib.request.Request(url, body.encode(), method="POST")
    ask.add_header("Content-Type", headers.content_type)
    ask.add_header("Authorization", headers.authorization)
    try:
        with urllib.request.urlopen(ask, timeout=10) as answer:
            return answer.read().decode(), answer.status
    except urllib.error.HTTPError as refused:
        return refused.read().decode(), refused.code


class Http(alloy.HttpClient):
    async def post_json(self, url, json_body, headers):
        text, status = await asyncio.to_thread(post, url, json_body, headers)
        return alloy.AlloyHttpClientResponse(json_body=text, status_code=status)


def sdk(key=API_KEY, legacy=False):
    return alloy.SaasShield(alloy.SaasShieldConfiguration(URL, key, 1.1, Http(), legacy, True))


async def code(work):
    """Returns the error code with which Alloy fails."""
    try:
        await work
    except alloy.AlloyError.TspError as error:
        return error.tsp_code
    raise AssertionError("the call was not refused")


def near(one, other):
    return all(abs(a - b) < 0.01 for a, b in zip(one, other, strict=True))


async def documents(standard, about):
    encrypted = await standard.encrypt(DOCUMENT, about)
    assert await standard.decrypt(encrypted, about) == DOCUMENT
    existing = alloy.PlaintextDocumentWithEdek(edek=encrypted.edek, document={"more": b"text"})
    more = await standard.encrypt_with_existing_edek(existing, about)
    assert await standard.decrypt(more, about) == {"more": b"text"}
    return encrypted


async def batches(standard):
    encrypted = await standard.encrypt_batch({"a": DOCUMENT, "b": DOCUMENT}, ABOUT)
    assert not encrypted.failures and set(encrypted.successes) == {"a", "b"}
    decrypted = await standard.decrypt_batch(encrypted.successes, ABOUT)
    assert not decrypted.failures and decrypted.successes["b"] == DOCUMENT


async def rekey(standard, encrypted):
    for tenant, about in [(OTHER, THERE), (None, ABOUT)]:
        moved = await standard.rekey_edeks({"a": encrypted.edek}, ABOUT, tenant)
        assert not moved.failures, moved.failures
        document = alloy.EncryptedDocument(edek=moved.successes["a"], document=encrypted.document)
        assert await standard.decrypt(document, about) == DOCUMENT


def prefix(standard, encrypted):
    """Checks that the id of a version finds the EDEKs of that version, because they begin with it."""
    version = int.from_bytes(encrypted.edek[:4], "big")
    assert version >= 1 and encrypted.edek.startswith(standard.get_searchable_edek_prefix(version))


async def attached(own):
    encrypted = await own.encrypt(b"a whole file", ABOUT)
    assert await own.decrypt(encrypted, ABOUT) == b"a whole file"
    moved = await own.rekey_documents({"a": encrypted}, ABOUT, OTHER)
    assert not moved.failures, moved.failures
    assert await own.decrypt(moved.successes["a"], THERE) == b"a whole file"


async def fields(own):
    encrypted = await own.encrypt(FIELD, ABOUT)
    assert (await own.encrypt(FIELD, PLAIN)).encrypted_field == encrypted.encrypted_field
    assert (await own.decrypt(encrypted, ABOUT)).plaintext_field == FIELD.plaintext_field
    queries = await own.generate_query_field_values({"mail": FIELD}, ABOUT)
    assert [found.encrypted_field for found in queries["mail"]] == [encrypted.encrypted_field]
    assert (await own.encrypt(FIELD, THERE)).encrypted_field != encrypted.encrypted_field
    moved = await own.rotate_fields({"mail": encrypted}, ABOUT, OTHER)
    assert not moved.failures, moved.failures
    assert (await own.decrypt(moved.successes["mail"], THERE)).plaintext_field == FIELD.plaintext_field
    return encrypted


async def vectors(own):
    encrypted = await own.encrypt(VECTOR, ABOUT)
    decrypted = await own.decrypt(encrypted, ABOUT)
    assert near(decrypted.plaintext_vector, VECTOR.plaintext_vector)
    queries = await own.generate_query_vectors({"face": VECTOR}, ABOUT)
    assert len(queries["face"]) == 1
    return encrypted


async def events(standard):
    login = alloy.SecurityEvent.USER(alloy.UserEvent.LOGIN)
    await standard.log_security_event(login, ABOUT, 1_795_348_800_000)
    await standard.log_security_event(login, PLAIN, None)
    await standard.log_security_event(login, alloy.AlloyMetadata.new_simple("nobody"), None)


async def refusals(standard):
    assert await code(standard.encrypt(DOCUMENT, alloy.AlloyMetadata.new_simple("nobody"))) == 201
    assert await code(standard.encrypt(DOCUMENT, alloy.AlloyMetadata.new_simple("production/JP"))) == 201
    assert await code(sdk("A" * 44).standard().encrypt(DOCUMENT, ABOUT)) == 101


async def cycle():
    shield = sdk()
    standard = shield.standard()
    encrypted = await documents(standard, ABOUT)
    await documents(standard, PLAIN)
    await documents(sdk(legacy=True).standard(), ABOUT)
    await batches(standard)
    await rekey(standard, encrypted)
    prefix(standard, encrypted)
    await attached(shield.standard_attached())
    field = await fields(shield.deterministic())
    vector = await vectors(shield.vector())
    await events(standard)
    await refusals(standard)
    with open(NOTE, "w") as note:
        kept = {"field": field.encrypted_field.hex(), "vector": vector.encrypted_vector}
        json.dump({**kept, "paired": vector.paired_icl_info.hex()}, note)
    print(f"ironcore-alloy: {TENANT}: documents, batches, rekey, attached, fields, vectors, events, refusals")


async def rotating():
    with open(NOTE) as note:
        kept = json.load(note)
    own = sdk().deterministic()
    old = alloy.EncryptedField(
        encrypted_field=bytes.fromhex(kept["field"]), secret_path="users", derivation_path="email"
    )
    assert old.encrypted_field.startswith(await own.get_in_rotation_prefix("users", "email", ABOUT))
    assert (await own.decrypt(old, ABOUT)).plaintext_field == FIELD.plaintext_field
    queries = (await own.generate_query_field_values({"mail": FIELD}, ABOUT))["mail"]
    assert len(queries) == 2 and old.encrypted_field in [query.encrypted_field for query in queries]
    moved = await own.rotate_fields({"mail": old}, ABOUT, None)
    assert not moved.failures and moved.successes["mail"].encrypted_field != old.encrypted_field
    assert (await own.encrypt(FIELD, ABOUT)).encrypted_field == moved.successes["mail"].encrypted_field
    vectors_own = sdk().vector()
    vector = alloy.EncryptedVector(
        encrypted_vector=kept["vector"],
        secret_path="users",
        derivation_path="portrait",
        paired_icl_info=bytes.fromhex(kept["paired"]),
    )
    moved = await vectors_own.rotate_vectors({"face": vector}, ABOUT, None)
    assert not moved.failures, moved.failures
    opened = await vectors_own.decrypt(moved.successes["face"], ABOUT)
    assert near(opened.plaintext_vector, VECTOR.plaintext_vector)
    print(f"ironcore-alloy: {TENANT}: fields and vectors moved while the secrets rotate")


asyncio.run(rotating() if "--rotating" in OPTIONS else cycle())
