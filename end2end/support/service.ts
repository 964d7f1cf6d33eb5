// What the vendor's services do: they have no cookies and come from no page.

import type { Keystead } from './keystead';

export const base64 = (text: string): string => Buffer.from(text).toString('base64');

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function post(address: string, authorization: string, body: unknown): Promise<Answer> {
  const headers = { authorization, 'content-type': 'application/json' };
  const answer = await fetch(address, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

/** At the native door. */
export function ask(keystead: Keystead, key: string, scope: string, operation: string, body: unknown): Promise<Answer> {
  return post(`${keystead.url}/api/v1/scopes/${scope}/${operation}`, `ApiKey ${key}`, body);
}

/** At the door of IronCore's clients: a key for a deterministic field; of each answer, whether it is current. */
export async function derive(keystead: Keystead, key: string, tenantId: string): Promise<boolean[]> {
  const asked = { iclFields: { requestingId: 'billing' }, paths: { users: ['email'] }, derivationType: 'sha512' };
  const body = { tenantId, secretType: 'deterministic', ...asked };
  const answer = await post(`${keystead.url}/api/1/key/derive-with-secret-path`, `cmk ${key}`, body);
  const derived = answer.body['derivedKeys'] as Record<string, Record<string, { current: boolean }[]>> | undefined;
  return derived?.['users']?.['email']?.map(({ current }) => current) ?? [];
}
