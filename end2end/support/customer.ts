// A customer with a key in the emulator of AWS KMS, and their actions there. `make test` starts the emulator.

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

  /** Creates a customer whose user may only decrypt, or (`--broad`) do everything. */
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

  /** Returns the data key in the clear, as base64. */
  plaintext(): string {
    return ask('plaintext', this.dataKey.CiphertextBlob).trim();
  }

  /** Returns the output of the AWS command line for the data key, and the CSV file of the IAM console. */
  outputs(): string {
    const csv = `Access key ID,Secret access key\r\n${this.accessKeyId},${this.secret}\r\n`;
    return `${JSON.stringify(this.dataKey, null, 4)}\n${csv}`;
  }

  /** Generates a data key as no customer should: with an encryption context. Returns its blob. */
  contextKey(): string {
    return ask('context-key', this.arn).trim();
  }

  disable(): void {
    ask('disable', this.arn);
  }

  enable(): void {
    ask('enable', this.arn);
  }

  /** Creates another access key and revokes the old one. */
  renew(): void {
    const old = this.accessKeyId;
    this.access = JSON.parse(ask('access-key', this.user));
    ask('revoke', this.user, old);
  }
}
