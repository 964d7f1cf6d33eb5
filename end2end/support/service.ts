// Requests of the vendor's services: without cookies, and from no page.

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

/** Sends a request to the native API. */
export function ask(keystead: Keystead, key: string, scope: string, operation: string, body: unknown): Promise<Answer> {
  return post(`${keystead.url}/api/v1/scopes/${scope}/${operation}`, `ApiKey ${key}`, body);
}

/** Asks the API for IronCore's clients for the keys of a deterministic field; returns for each key whether it is current. */
export async function derive(keystead: Keystead, key: string, tenantId: string): Promise<boolean[]> {
  const asked = { iclFields: { requestingId: 'billing' }, paths: { users: ['email'] }, derivationType: 'sha512' };
  const body = { tenantId, secretType: 'deterministic', ...asked };
  const answer = await post(`${keystead.url}/api/1/key/derive-with-secret-path`, `cmk ${key}`, body);
  const derived = answer.body['derivedKeys'] as Record<string, Record<string, { current: boolean }[]>> | undefined;
  return derived?.['users']?.['email']?.map(({ current }) => current) ?? [];
}

// Replaces jq, of which the commands use only the access to one field.
const JQ = `jq() { node -pe 'JSON.parse(fs.readFileSync(0))'"$2"; }`;

/** Runs commands in a shell one after the other, with the key as input where a command reads it; returns their answers. */
export async function run(commands: readonly string[], key: string): Promise<unknown[]> {
  const typed = commands.map((command) => (command.startsWith('read ') ? `${command} <<< "$KEY"` : command));
  const script = ['set -eu', JQ, ...typed.map((command) => `${command}; echo`)].join('\n');
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { env: { ...process.env, KEY: key } });
  const answers = stdout.split('\n').filter((line) => line !== '');
  return answers.map((answer) => JSON.parse(answer) as unknown);
}
