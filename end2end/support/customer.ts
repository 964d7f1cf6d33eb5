// A customer with a key in the emulator of AWS KMS, and what they do there. `make test` starts the emulator.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const SCRIPT = join(__dirname, '../emulator/customer.py');

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} must say where the emulator of AWS KMS is: make test starts one`);
  return value;
}

function ask(...words: string[]): string {
  return execFileSync(setting('KEYSTEAD_TEST_PYTHON'), [SCRIPT, kmsUrl(), ...words], { encoding: 'utf8' });
}

export function kmsUrl(): string {
  return setting('KEYSTEAD_TEST_KMS_URL');
}

interface AccessKey {
  AccessKey: { AccessKeyId: string; SecretAccessKey: string };
}

export class Customer {
  private constructor(
    readonly user: string,
    readonly dataKey: { CiphertextBlob: string; KeyId: string },
    private access: AccessKey,
  ) {}

  /** With the right to decrypt alone, or (`--broad`) with every right. */
  static create(...options: string[]): Customer {
    const made = JSON.parse(ask('create', ...options));
    return new Customer(made.user, made.dataKey, made.accessKey);
  }

  get arn(): string {
    return this.dataKey.KeyId;
  }

  get accessKeyId(): string {
    return this.access.AccessKey.AccessKeyId;
  }

  get secret(): string {
    return this.access.AccessKey.SecretAccessKey;
  }

  /** The data key in the clear, as base64. */
  plaintext(): string {
    return ask('plaintext', this.dataKey.CiphertextBlob).trim();
  }

  /** What the command line printed for the data key, and what the IAM console saved. */
  outputs(): string {
    const csv = `Access key ID,Secret access key\r\n${this.accessKeyId},${this.secret}\r\n`;
    return `${JSON.stringify(this.dataKey, null, 4)}\n${csv}`;
  }

  disable(): void {
    ask('disable', this.arn);
  }

  enable(): void {
    ask('enable', this.arn);
  }

  /** Another access key; the old one is taken back. */
  renew(): void {
    const old = this.accessKeyId;
    this.access = JSON.parse(ask('access-key', this.user));
    ask('revoke', this.user, old);
  }
}
