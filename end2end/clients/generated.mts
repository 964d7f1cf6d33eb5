// openapi-fetch with the types that openapi-typescript generates from the document, against Keystead: every operation, one item
// and batches. The compiler checks this file against the types before it runs.
//
//     node generated.mjs URL API_KEY SCOPE EMPTY_SCOPE
//
// SCOPE has an encryption key, EMPTY_SCOPE has none.

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from './keystead.d.ts';

type Schemas = components['schemas'];
type Problem = Schemas['ProblemDetails'];

const [url = '', key = '', scope = '', emptyScope = ''] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `ApiKey ${key}` } });

function at(scope: string) {
  const [environment = '', country = ''] = scope.split('/');
  return { path: { environment, country } };
}
const params = at(scope);

/** Returns the answer to one item; the type of the answer also has the form of a batch's. */
function one<T extends object>(answer: { data?: T; error?: Problem }): Exclude<T, { results: unknown }> {
  assert.equal(answer.error, undefined);
  assert.ok(answer.data && !('results' in answer.data));
  return answer.data as Exclude<T, { results: unknown }>;
}

function refused(problem: Problem | undefined, code: Schemas['ErrorCode'], status: number) {
  assert.deepEqual([problem?.code, problem?.status], [code, status]);
}

const context = { order: '17' };
const plaintext = 'YSBzZWNyZXQ=';
const made = one(
  await client.POST('/api/v1/scopes/{environment}/{country}/encrypt', {
    params,
    body: { plaintext, context, audit: { requesting_id: 'end2end', custom: { ticket: 'K-1' } } },
  }),
);
const moved = one(
  await client.POST('/api/v1/scopes/{environment}/{country}/reencrypt', { params, body: { ciphertext: made.ciphertext, context } }),
);
const opened = one(
  await client.POST('/api/v1/scopes/{environment}/{country}/decrypt', { params, body: { ciphertext: moved.ciphertext, context } }),
);
assert.deepEqual(opened, { plaintext, version: made.version });

const batch = await client.POST('/api/v1/scopes/{environment}/{country}/decrypt', {
  params,
  body: { items: [{ ciphertext: made.ciphertext, context }, { ciphertext: made.ciphertext }] },
});
assert.ok(batch.data && 'results' in batch.data);
const [first, second] = batch.data.results;
assert.ok(first && 'plaintext' in first && first.plaintext === plaintext);
assert.ok(second && 'problem' in second);
refused(second.problem, 'not_opened', 422);

const wrapped = one(await client.POST('/api/v1/scopes/{environment}/{country}/wrap', { params, body: {} }));
const rewrapped = one(
  await client.POST('/api/v1/scopes/{environment}/{country}/rewrap', { params, body: { edek: wrapped.edek } }),
);
for (const { edek } of [wrapped, rewrapped]) {
  const { dek } = one(await client.POST('/api/v1/scopes/{environment}/{country}/unwrap', { params, body: { edek } }));
  assert.equal(dek, wrapped.dek);
}

const listed = await client.GET('/api/v1/scopes/{environment}/{country}/keys', { params: { ...params, query: { before: 1000 } } });
const newest = listed.data?.versions[0];
assert.deepEqual([newest?.version, newest?.status, newest?.key_type], [made.version, 'active', 'managed']);

const none = await client.POST('/api/v1/scopes/{environment}/{country}/wrap', { params: at(emptyScope), body: {} });
refused(none.error, 'no_key', 409);
const stranger = await client.POST('/api/v1/scopes/{environment}/{country}/wrap', {
  params,
  headers: { Authorization: 'ApiKey kstdAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' },
  body: {},
});
refused(stranger.error, 'unauthorised', 401);
console.log('openapi-typescript: every operation, a batch with a failed item, three refusals');
