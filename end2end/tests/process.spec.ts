// The process: how it starts, how it refuses to start, how it ends.

import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { Administrator } from '../support/administrator';
import { Keystead } from '../support/keystead';

const test = base.extend<{ keystead: Keystead }>({
  keystead: async ({}, use) => {
    const keystead = await Keystead.prepare();
    await use(keystead);
    await keystead.remove();
  },
});

/** Returns name, mode and hash of every file in the data folder and below it. */
function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
      return `${name} ${(statSync(path).mode & 0o777).toString(8)} ${hash}`;
    });
}

test('it says when it is ready, and ends cleanly when it is told to', async ({ keystead }) => {
  await keystead.start();
  for (const path of ['/healthz', '/readyz']) expect((await fetch(`${keystead.url}${path}`)).status).toBe(200);
  expect(files(keystead.data).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(
    expect.arrayContaining(['keystead.db 600', 'journal/reserve 600', 'root.key 600', 'setup-token 600']),
  );
  expect(keystead.output).not.toContain(keystead.setupToken());
  // Pages for the developers of Keystead are in no release.
  expect((await fetch(`${keystead.url}/gallery`)).status).toBe(404);
  expect(await keystead.stop()).toBe(0);
  await expect(fetch(`${keystead.url}/readyz`)).rejects.toThrow();
  expect(keystead.output).not.toMatch(/ERROR|panicked/);
});

test('with a wrong, a readable or a missing root key it does not start and touches nothing', async ({ keystead }) => {
  await keystead.start();
  await new Administrator(keystead).create();
  await keystead.stop();
  const key = join(keystead.data, 'root.key');
  const good = readFileSync(key, 'utf8');

  const refuses = async (sentence: RegExp) => {
    const before = files(keystead.data);
    const ended = await keystead.run([]);
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.err.trim().split('\n').at(-1)).toMatch(sentence);
    expect(ended.err).not.toContain('panicked');
    expect(files(keystead.data)).toEqual(before);
  };
  await test.step('a root key that others can read', async () => {
    chmodSync(key, 0o644);
    await refuses(/can be read by others \(mode 644\)\. Run: chmod 600/);
    chmodSync(key, 0o600);
  });
  await test.step('the root key of another install', async () => {
    writeFileSync(key, `${Buffer.alloc(32, 7).toString('base64')}\n`);
    await refuses(/root key/);
  });
  await test.step('no root key beside a database', async () => {
    renameSync(key, `${key}.away`);
    await refuses(/There is a database in .* but no root key at/);
    renameSync(`${key}.away`, key);
  });
  await test.step('with its own root key it starts again', async () => {
    writeFileSync(key, good);
    await keystead.start();
    expect(await keystead.stop()).toBe(0);
  });
});

