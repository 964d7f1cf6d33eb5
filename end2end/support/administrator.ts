// An administrator: what they know and hold, and how they prove it.

import { codeOf, startOf, stepOf, wrongCode } from './authenticator';
import type { Keystead } from './keystead';

export class Administrator {
  secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
  recoveryCodes: string[] = [];
  private spent = 0;

  constructor(
    private readonly keystead: Keystead,
    public email = 'ada@example.com',
    public password = 'seven quiet otters paint bridges',
  ) {}

  /** A code that was never used. Moves the server's clock on to the next one where that is needed. */
  nextCode(): string {
    const step = Math.max(stepOf(this.keystead.clock.now()), this.spent + 1);
    this.keystead.clock.advanceTo(startOf(step));
    this.spent = step;
    return codeOf(this.secret, step);
  }

  /** The code that was used last. */
  usedCode(): string {
    return codeOf(this.secret, this.spent);
  }

  wrongCode(): string {
    return wrongCode(this.secret, stepOf(this.keystead.clock.now()));
  }

  /** Another secret, from the next authenticator. */
  enrol(secret: string): void {
    this.secret = secret.replace(/\s/g, '');
  }

  /** Made on the host's command line, beside the running server. */
  async create(): Promise<this> {
    const made = await this.keystead.run(
      ['admin', 'create', '--email', this.email, '--stdin'],
      `${this.password}\n${this.secret}\n`,
    );
    if (made.code !== 0) throw new Error(`admin create failed: ${made.err}`);
    this.recoveryCodes = made.out.trim().split('\n').slice(1);
    return this;
  }
}
