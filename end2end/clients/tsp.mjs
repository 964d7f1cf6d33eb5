// IronCore's client for Node.js, unchanged, against Keystead: its whole cycle for one tenant.
//
//     node tsp.mjs URL API_KEY TENANT OTHER_TENANT

import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import tsc from '@ironcorelabs/tenant-security-nodejs';

const [url, apiKey, tenant, otherTenant] = process.argv.slice(2);
const { TenantSecurityClient, DocumentMetadata, EventMetadata, FieldMetadata } = tsc;
const codes = tsc.TenantSecurityErrorCode;

const client = new TenantSecurityClient(url, apiKey);
const metadata = new DocumentMetadata(tenant, 'end2end', 'PII', '10.0.0.1', 'order 17', 'request 1', { ticket: 'K-1' });
const there = new DocumentMetadata(otherTenant, 'end2end');
const document = { name: Buffer.from('Ada Lovelace'), born: Buffer.from('1815') };

/** Returns the code of the error with which the client fails. */
async function code(promise) {
  const error = await promise.then(() => assert.fail('it was not refused'), (refused) => refused);
  assert.ok(error instanceof tsc.TenantSecurityException, `${error}`);
  return error.errorCode;
}

async function documents() {
  const encrypted = await client.encryptDocument(document, metadata);
  assert.ok(client.isCiphertext(encrypted.encryptedDocument.name));
  const decrypted = await client.decryptDocument(encrypted, metadata);
  assert.deepEqual(decrypted.plaintextDocument, document);
  const again = await client.encryptDocumentWithExistingKey(decrypted, metadata);
  assert.deepEqual((await client.decryptDocument(again, metadata)).plaintextDocument, document);
  return encrypted;
}

async function batches() {
  const encrypted = await client.encryptDocumentBatch({ a: document, b: document }, metadata);
  assert.ok(encrypted.hasSuccesses && !encrypted.hasFailures);
  const broken = { ...encrypted.successes.b, edek: Buffer.from('rubbish').toString('base64') };
  const decrypted = await client.decryptDocumentBatch({ a: encrypted.successes.a, b: broken }, metadata);
  assert.deepEqual(decrypted.successes.a.plaintextDocument, document);
  assert.equal(decrypted.failures.b.errorCode, codes.INVALID_PROVIDED_EDEK);
}

async function streams() {
  const chunks = (into) => new Writable({ write: (chunk, _, done) => (into.push(chunk), done()) });
  const source = (bytes) => new PassThrough().end(bytes);
  const [sealed, opened] = [[], []];
  const { edek } = await client.encryptStream(source(Buffer.from('longer than a block of the cipher')), chunks(sealed), metadata);
  await client.decryptStream(edek, source(Buffer.concat(sealed)), chunks(opened), metadata);
  assert.equal(Buffer.concat(opened).toString(), 'longer than a block of the cipher');
}

/** Rekeys a data key to another tenant, and to this tenant's newest version. */
async function rekey(encrypted) {
  const moved = { ...encrypted, edek: await client.rekeyEdek(encrypted.edek, otherTenant, metadata) };
  assert.deepEqual((await client.decryptDocument(moved, there)).plaintextDocument, document);
  assert.equal(await code(client.decryptDocument(moved, metadata)), codes.KMS_UNWRAP_FAILED);
  const same = { ...encrypted, edek: await client.rekeyEdek(encrypted.edek, tenant, metadata) };
  assert.notEqual(same.edek, encrypted.edek);
  assert.deepEqual((await client.decryptDocument(same, metadata)).plaintextDocument, document);
}

async function fields() {
  const own = client.deterministicClient;
  const about = new FieldMetadata(tenant, 'end2end');
  const field = { plaintextField: Buffer.from('ada@example.com'), derivationPath: 'email', secretPath: 'users' };
  const encrypted = await own.encryptField(field, about);
  assert.deepEqual(await own.encryptField(field, about), encrypted);
  assert.deepEqual((await own.decryptField(encrypted, about)).plaintextField, field.plaintextField);
  const terms = await own.generateSearchTerms(field, about);
  assert.deepEqual(terms[0].encryptedField, encrypted.encryptedField);
  const batch = await own.encryptFieldBatch({ one: field, two: { ...field, derivationPath: 'name' } }, about);
  assert.deepEqual(batch.successes.one.encryptedField, encrypted.encryptedField);
  assert.notDeepEqual(batch.successes.two.encryptedField, encrypted.encryptedField);
  const elsewhere = await own.encryptField(field, new FieldMetadata(otherTenant, 'end2end'));
  assert.notDeepEqual(elsewhere.encryptedField, encrypted.encryptedField);
}

async function events() {
  const about = new EventMetadata(tenant, 'end2end', 'PII', Date.parse('2026-11-22T12:00:00Z'), '10.0.0.1');
  await client.logSecurityEvent(tsc.UserEvent.LOGIN, about);
  await client.logSecurityEvent(tsc.PeriodicEvent.CREATE_BACKUP, about);
  await client.logSecurityEvent(new tsc.CustomSecurityEvent('TEA_BREAK'), about);
  await client.logSecurityEvent(tsc.UserEvent.LOGIN, new EventMetadata('nobody', 'end2end'));
}

async function refusals() {
  const nobody = new DocumentMetadata('nobody', 'end2end');
  const unknown = codes.UNKNOWN_TENANT_OR_NO_ACTIVE_KMS_CONFIGURATIONS;
  assert.equal(await code(client.encryptDocument(document, nobody)), unknown);
  const forbidden = new DocumentMetadata('production/JP', 'end2end');
  assert.equal(await code(client.encryptDocument(document, forbidden)), unknown);
  const stranger = new TenantSecurityClient(url, Buffer.alloc(33).toString('base64'));
  assert.equal(await code(stranger.encryptDocument(document, metadata)), codes.UNAUTHORIZED_REQUEST);
  const much = new DocumentMetadata(tenant, 'end2end', 'x'.repeat(2000));
  assert.equal(await code(client.encryptDocument(document, much)), codes.INVALID_REQUEST_BODY);
}

const encrypted = await documents();
await batches();
await streams();
await rekey(encrypted);
await fields();
await events();
await refusals();
console.log(`tenant-security-nodejs: ${tenant}: documents, batches, streams, rekey, fields, events, refusals`);
