// What the vendor's services do: they have no cookies and come from no page.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
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

// Of jq the commands use the name of one field.
const JQ = `jq() { node -pe 'JSON.parse(fs.readFileSync(0))'"$2"; }`;

/** Pastes commands into a shell one after the other, with the key typed where it is asked for; what they answer. */
export async function run(commands: readonly string[], key: string): Promise<unknown[]> {
  const typed = commands.map((command) => (command.startsWith('read ') ? `${command} <<< "$KEY"` : command));
  const script = ['set -eu', JQ, ...typed.map((command) => `${command}; echo`)].join('\n');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { env: { ...process.env, KEY: key } });
  const answers = stdout.split('\n').filter((line) => line !== '');
  return answers.map((answer) => JSON.parse(answer) as unknown);
}
